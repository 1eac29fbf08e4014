"""Hashes, places, signatures, maps, contacts, sealed things, the network document: `docs/PROTOCOL.md` without records and sockets."""

import ipaddress
import struct
import time
import tomllib

import msgpack
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

class Refused(Exception):
    """A record, contact or frame that is not what it has to be; the text says why."""


def digest(data: bytes) -> bytes:
    return blake3(data).digest()


def place(label: str, *parts: bytes) -> bytes:
    """H(label, parts…)."""
    hasher = blake3(derive_key_context="timeline 1 key")
    for part in (label.encode(), *parts):
        hasher.update(struct.pack("<I", len(part)) + part)
    return hasher.digest()


def home(account: bytes) -> bytes:
    return place("home", account)


def page(name: str, owner: bytes, other: bytes, depth: int) -> bytes:
    """The page of a list at some depth to which the records of the other party belong."""
    if depth == 0:
        return home(owner)
    first = int.from_bytes(digest(other)[:2], "big")
    return place(name, owner, format(first, "016b")[:depth].encode())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# Keys and signatures


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def message(context: str, network: bytes, data: bytes) -> bytes:
    return bytes([len(context)]) + context.encode() + network + data


def sign(key: Ed25519PrivateKey, context: str, network: bytes, data: bytes) -> bytes:
    return key.sign(message(context, network, data))


# Points of small order, by their y coordinate: a key or an R among them is refused.
P = 2**255 - 19
_ROOT = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {0, 1, P - 1, _ROOT, P - _ROOT, P, P + 1}


def is_small(point: bytes) -> bool:
    return int.from_bytes(point, "little") & ((1 << 255) - 1) in SMALL_ORDER


def verify(key: bytes, context: str, network: bytes, data: bytes, signature: bytes) -> bool:
    if len(key) != 32 or len(signature) != 64 or is_small(key) or is_small(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message(context, network, data))
    except (InvalidSignature, ValueError):
        return False
    return True


# MessagePack


def pack(body: dict) -> bytes:
    return msgpack.packb(body, use_bin_type=True)


def _fields(pairs):
    out = {}
    for key, value in pairs:
        if not isinstance(key, str) or key in out:
            raise Refused("malformed")
        out[key] = value
    return out


def _check_depth(value, left: int = 15) -> None:
    if isinstance(value, (dict, list)):
        if left == 0:
            raise Refused("malformed")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def unpack(data: bytes, known: dict, closed=False) -> dict:
    """Reads a map. `known` names each key with its type, and a `?` behind the type of a field that may be absent.

    Closed maps (True) have no unknown field; with None any field is let through.
    """
    try:
        body = msgpack.unpackb(data, raw=False, object_pairs_hook=_fields, strict_map_key=False)
    except Refused:
        raise
    except Exception as error:
        raise Refused("trailing" if isinstance(error, msgpack.ExtraData) else "malformed") from error
    _check_depth(body)
    return body if closed is None else check_map(body, known, closed)


TYPES = {
    "u64": lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 1 << 64,
    "bytes32": lambda v: isinstance(v, bytes) and len(v) == 32,
    "bin": lambda v: isinstance(v, bytes),
    "text": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "list": lambda v: isinstance(v, list),
    "map": lambda v: isinstance(v, dict),
}


def check_map(body, known: dict, closed=False) -> dict:
    if not isinstance(body, dict):
        raise Refused("malformed")
    for key in body:
        if key not in known and (closed or "A" <= key[:1] <= "Z"):
            raise Refused("malformed" if closed else "unknown_critical_field")
    for key, kind in known.items():
        if key in body and not TYPES[kind.rstrip("?")](body[key]):
            raise Refused("malformed")
        if key not in body and not kind.endswith("?"):
            raise Refused("malformed")
    return body


# Contacts


def make_contact(key: Ed25519PrivateKey, network: bytes, addresses: list, seq: int) -> bytes:
    data = pack({"K": public(key), "Q": seq, "L": addresses})
    return data + sign(key, "timeline 1 contact", network, data)


class Contact:
    """A node's own word about where it is."""

    def __init__(self, data: bytes, network: bytes):
        if not 64 <= len(data) <= 512:
            raise Refused("too_large" if len(data) > 512 else "short")
        body = unpack(data[:-64], {"K": "bytes32", "Q": "u64", "L": "list"})
        if not 1 <= len(body["L"]) <= 6:
            raise Refused("value")
        if not verify(body["K"], "timeline 1 contact", network, data[:-64], data[-64:]):
            raise Refused("signature")
        self.data, self.node, self.seq = data, digest(body["K"]), body["Q"]
        self.key = body["K"]
        self.addresses = [read_address(a) for a in body["L"]]


def read_address(data) -> tuple:
    if not isinstance(data, bytes) or len(data) not in (6, 18):
        raise Refused("value")
    ip, port = ipaddress.ip_address(data[:-2]), int.from_bytes(data[-2:], "big")
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if port == 0 or ip.is_unspecified or ip.is_multicast:
        raise Refused("value")
    return (ip, port)


# What is sealed


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            value = state[z] ^ state[x]
            state[z] = ((value << turn) | (value >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def _cipher(key: bytes, nonce: bytes):
    return ChaCha20Poly1305(_hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def seal(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    cipher, short = _cipher(key, nonce)
    return cipher.encrypt(short, plain, associated)


def unseal(key: bytes, nonce: bytes, sealed: bytes, associated: bytes):
    cipher, short = _cipher(key, nonce)
    try:
        return cipher.decrypt(short, sealed, associated)
    except InvalidTag:
        return None


def password_key(password: str, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    return hash_secret_raw(password.encode(), salt, passes, memory_kib, lanes, 32, Type.ID, 0x13)


def bundle_associated(network: bytes, root: bytes, seq: int, username: str) -> bytes:
    return network + root + struct.pack("<Q", seq) + username.encode()


def entry_tag(settings: bytes, kind: int, subject: bytes) -> bytes:
    key = blake3(settings, derive_key_context="timeline 1 tag").digest()
    return blake3(bytes([kind]) + subject, key=key).digest()


def entry_key(settings: bytes) -> bytes:
    return blake3(settings, derive_key_context="timeline 1 private").digest()


# The network


def final_text(epoch: int, username: str, account: bytes, seq: int, record: bytes, at: int) -> bytes:
    return pack({"E": epoch, "U": username, "A": account, "Q": seq, "H": record, "T": at})


def quorum(n: int) -> int:
    return (n + (n - 1) // 3) // 2 + 1 if n else 1


class Network:
    """A network document."""

    def __init__(self, document: bytes):
        text = tomllib.loads(document.decode())
        self.document, self.id = document, digest(document)
        self.epoch, self.test, self.k = text["epoch"], text.get("test", False), text.get("k", 20)
        self.limits = {"post_bytes": 4096, "account_bytes": 2048, "other_bytes": 512} | text.get("limits", {})
        keys = [bytes.fromhex(r["key"]) for r in text.get("registrar", [])]
        self.registrars = sorted(keys, key=digest)
        self.quorum = quorum(len(keys))

    def final_holds(self, final: dict, username: str, account: bytes, seq: int, record: bytes) -> bool:
        text = final_text(self.epoch, username, account, seq, record, final["T"])
        key = final["K"]
        return key in self.registrars and verify(key, "timeline 1 final", self.id, text, final["S"])


def alpn(network: bytes) -> str:
    return f"timeline/1/{network.hex()[:16]}"


def read_invite(line: str):
    """Returns the NetworkId and (NodeId, host, port) of each bootpeer."""
    kind, _, rest = line.strip().partition(":")
    network, slash, names = rest.partition("/")
    if kind != "timeline" or not slash or len(network) != 64 or network != network.lower():
        raise Refused("no invitation")
    out = []
    for name in names.split(","):
        node, _, address = name.partition("@")
        host, colon, port = address.rpartition(":")
        bare = ":" in host and not host.startswith("[")
        if len(node) != 64 or not host or not colon or bare or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise Refused("no invitation")
        out.append((bytes.fromhex(node), host.strip("[]"), int(port)))
    return bytes.fromhex(network), out
