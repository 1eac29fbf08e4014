"""What is signed, hashed and merged: `docs/PROTOCOL.md` without the network. No sockets, no files."""

import struct
import time
import unicodedata

import msgpack
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NEVER = (1 << 48) - 1
TOLERANCE = 5 * 60 * 1000
DAY = 24 * 3600 * 1000
LIFE = {5: 90 * DAY, 6: 365 * DAY, 9: 365 * DAY, 11: 60 * DAY, 12: 365 * DAY, 14: 600_000, 15: 3_600_000}
CONTEXT = {
    1: "account", 2: "bundle", 3: "device", 4: "retirement", 5: "profile", 6: "heads", 7: "post", 8: "tombstone",
    9: "edge", 11: "watermark", 12: "private", 13: "mention", 14: "presence", 15: "interest",
}
ACCOUNT, BUNDLE, DEVICE, RETIREMENT, HEADS, POST, TOMBSTONE, EDGE, PRESENCE, INTEREST, DIRECTORY = (
    1, 2, 3, 4, 6, 7, 8, 9, 14, 15, 16,
)


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


def unpack(data: bytes, known: dict, closed: bool = False) -> dict:
    """Reads a map. `known` names each key with its type, and a `?` behind the type of a field that may be absent."""
    try:
        body = msgpack.unpackb(data, raw=False, object_pairs_hook=_fields, strict_map_key=False)
    except Refused:
        raise
    except Exception as error:
        raise Refused("trailing" if isinstance(error, msgpack.ExtraData) else "malformed") from error
    _check_depth(body)
    return check_map(body, known, closed)


TYPES = {
    "u64": lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 1 << 64,
    "bytes32": lambda v: isinstance(v, bytes) and len(v) == 32,
    "bin": lambda v: isinstance(v, bytes),
    "text": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "list": lambda v: isinstance(v, list),
    "map": lambda v: isinstance(v, dict),
}


def check_map(body, known: dict, closed: bool = False) -> dict:
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


# Records

FIELDS = {
    ACCOUNT: {
        "U": "text", "S": "u64", "A": "bytes32?", "P": "bytes32?", "K": "bytes32", "R": "bytes32?", "V": "list?",
        "E": "list?", "B": "bytes32",
    },
    BUNDLE: {"U": "text", "S": "u64", "K": "bytes32", "X": "map"},
    DEVICE: {"A": "bytes32", "D": "bytes32", "S": "u64", "H": "u64"},
    RETIREMENT: {"A": "bytes32", "D": "bytes32", "Q": "u64", "P": "bytes32?", "H": "u64", "S": "u64?"},
    HEADS: {
        "A": "bytes32", "D": "bytes32", "V": "u64", "H": "u64", "Q": "u64", "P": "bytes32?", "F": "u64", "C": "list?",
    },
    POST: {
        "A": "bytes32", "D": "bytes32", "Q": "u64", "H": "u64", "P": "bytes32?", "T": "text", "L": "u64", "r": "map?",
    },
    TOMBSTONE: {
        "A": "bytes32", "D": "bytes32", "H": "u64", "X": "bytes32", "Q": "u64", "P": "bytes32", "E": "u64",
    },
    EDGE: {"A": "bytes32", "D": "bytes32", "B": "bytes32", "H": "u64", "F": "bool", "T": "u64"},
    PRESENCE: {"A": "bytes32", "D": "bytes32", "Q": "u64", "H": "u64", "O": "bool", "C": "bin"},
    INTEREST: {"A": "bytes32", "D": "bytes32", "B": "bytes32", "Q": "u64", "H": "u64", "O": "bool", "C": "bin"},
}


class Record:
    """A record of the common form; a chain is a `Chain`."""

    def __init__(self, data: bytes):
        if len(data) < 2:
            raise Refused("short")
        if data[0] != 1:
            raise Refused("unknown_suite")
        self.data, self.kind = data, data[1]
        if self.kind not in FIELDS:
            raise Refused("unknown_kind")
        signatures = 2 if self.kind in (PRESENCE, INTEREST) else 1
        self.signed = data[: len(data) - 64 * signatures]
        if len(data) < 2 + 64 * signatures:
            raise Refused("short")
        self.body = unpack(self.signed[2:], FIELDS[self.kind])
        self.hash = digest(self.signed)
        if self.kind == POST:
            check_post(self.body)

    @classmethod
    def make(cls, kind: int, body: dict, key: Ed25519PrivateKey, network: bytes, node=None) -> "Record":
        data = bytes([1, kind]) + pack({k: v for k, v in body.items() if v is not None})
        data += sign(key, f"timeline 1 {CONTEXT[kind]}", network, data)
        if node is not None:
            data += sign(node, f"timeline 1 {CONTEXT[kind]} node", network, data)
        return cls(data)

    def signed_by(self, key: bytes, network: bytes) -> bool:
        signature = self.data[len(self.signed) : len(self.signed) + 64]
        return verify(key, f"timeline 1 {CONTEXT[self.kind]}", network, self.signed, signature)

    def ends(self) -> int:
        body, kind = self.body, self.kind
        if kind == POST:
            return min((body["H"] >> 16) + body["L"], NEVER)
        if kind == TOMBSTONE:
            return min(body["E"] + 600_000, NEVER)
        return min((body["H"] >> 16) + LIFE[kind], NEVER) if kind in LIFE else NEVER

    def admit(self, now: int, most: int) -> None:
        if len(self.data) > most:
            raise Refused("too_large")
        if self.body.get("H", 0) >> 16 > now + TOLERANCE:
            raise Refused("future")
        if self.ends() <= now:
            raise Refused("expired")


def check_post(body: dict) -> None:
    text = body["T"]
    fine = (
        body["Q"] > 0
        and (body["Q"] == 1) == ("P" not in body)
        and 10_000 <= body["L"] <= 2_592_000_000
        and unicodedata.is_normalized("NFC", text)
        and text.strip() != ""
        and len(text) <= 500
        and len(text.encode()) <= 2000
        and all(unicodedata.category(c) != "Cc" or c == "\n" for c in text)
    )
    if not fine:
        raise Refused("value")


# Accounts


def final_text(epoch: int, username: str, account: bytes, seq: int, record: bytes, at: int) -> bytes:
    return pack({"E": epoch, "U": username, "A": account, "Q": seq, "H": record, "T": at})


def quorum(n: int) -> int:
    return (n + (n - 1) // 3) // 2 + 1 if n else 1


class Chain:
    """An account's states with their certificates."""

    def __init__(self, data: bytes):
        if data[:2] != b"\x01\x01":
            raise Refused("unknown_kind")
        body = unpack(data[2:], {"L": "list"}, closed=True)
        if not 1 <= len(body["L"]) <= 100:
            raise Refused("value")
        for link in body["L"]:
            check_map(link, {"R": "bin", "F": "list"}, closed=True)
            for final in link["F"]:
                check_map(final, {"K": "bytes32", "T": "u64", "S": "bin"}, closed=True)
        self.data = data
        self.links = [(Record(link["R"]), link["F"]) for link in body["L"]]
        again = [(record.data, finals) for record, finals in self.links]
        if Chain.spell(again) != data:
            raise Refused("value")
        self.account = self.links[0][0].hash
        self.last = self.links[-1][0].body
        self.name = self.last["U"]

    @staticmethod
    def spell(links) -> bytes:
        """The one spelling of a chain."""
        plain = [
            {"R": record, "F": [{"K": f["K"], "T": f["T"], "S": f["S"]} for f in sorted(finals, key=lambda f: f["K"])]}
            for record, finals in links
        ]
        return b"\x01\x01" + pack({"L": plain})

    def verify(self, network) -> None:
        before = None
        for seq, (record, finals) in enumerate(self.links):
            body = record.body
            if len(record.data) > network.limits["account_bytes"]:
                raise Refused("too_large")
            if body["S"] != seq or (seq == 0) != ("A" not in body) or (seq == 0) != ("P" not in body):
                raise Refused("chain_broken")
            signers = [body["K"]]
            if before is not None:
                if body["U"] != before.body["U"] or body["A"] != self.account or body["P"] != before.hash:
                    raise Refused("chain_broken")
                signers = [before.body["K"]] + ([before.body["R"]] if "R" in before.body else [])
            if not any(record.signed_by(key, network.id) for key in signers):
                raise Refused("chain_broken")
            keys = [final["K"] for final in finals]
            holds = all(network.final_holds(f, body["U"], self.account, seq, record.hash) for f in finals)
            if len(keys) < network.quorum or keys != sorted(set(keys)) or not holds:
                raise Refused("not_certified")
            before = record


class Proofs:
    """Accounts and devices that were proved."""

    def __init__(self, network):
        self.network, self.chains, self.devices, self.retired = network, {}, {}, {}

    def learn(self, blobs) -> None:
        """Takes chains first, then certificates and retirements; what does not hold is passed over."""
        for kinds in ((ACCOUNT,), (DEVICE,), (RETIREMENT,)):
            for data in blobs:
                if data[:1] == b"\x01" and data[1] in kinds:
                    try:
                        self._learn(data)
                    except Refused:
                        pass

    def _learn(self, data: bytes) -> None:
        if data[1] == ACCOUNT:
            chain = Chain(data)
            chain.verify(self.network)
            known = self.chains.get(chain.account)
            if known is None or len(known.links) < len(chain.links):
                self.chains[chain.account] = chain
            return
        record = Record(data)
        if record.kind == RETIREMENT:
            self.judge(record)
            self.retired[(record.body["A"], record.body["D"])] = record
            return
        body = record.body
        chain = self.chains.get(body["A"])
        if chain is None or body["S"] >= len(chain.links):
            raise Refused("need_proof")
        if not record.signed_by(chain.links[body["S"]][0].body["K"], self.network.id):
            raise Refused("signature")
        known = self.devices.get((body["A"], body["D"]))
        rank = lambda r: (r.body["S"], r.body["H"], r.hash)  # noqa: E731
        if known is None or rank(known) < rank(record):
            self.devices[(body["A"], body["D"])] = record

    def counts(self, account: bytes, device: bytes) -> bool:
        cert, chain = self.devices[(account, device)], self.chains[account]
        states = [record.body for record, _ in chain.links[cert.body["S"] :]]
        pairs = zip(states, states[1:])
        return all(a["K"] == b["K"] or device in b.get("E", []) for a, b in pairs)

    def judge(self, record: Record) -> None:
        """Raises unless the record is signed by whom it has to be signed by."""
        body, kind = record.body, record.kind
        account, device = body["A"], body["D"]
        chain = self.chains.get(account)
        if chain is None:
            raise Refused("need_proof")
        if kind == RETIREMENT and "S" in body:
            if body["S"] >= len(chain.links):
                raise Refused("need_proof")
            root = chain.links[body["S"]][0].body["K"]
            if root != chain.last["K"]:
                raise Refused("revoked")
            if not record.signed_by(root, self.network.id):
                raise Refused("signature")
            return
        if (account, device) not in self.devices:
            raise Refused("need_proof")
        retired = self.retired.get((account, device))
        if not self.counts(account, device) or (retired is not None and is_after(record, retired.body)):
            raise Refused("revoked")
        for state, _ in chain.links:
            for revoked in state.body.get("V", []):
                if revoked["D"] != device:
                    continue
                late = kind != POST or body["Q"] > revoked["Q"]
                if late or (body["Q"] == revoked["Q"] and record.hash != revoked["P"]):
                    raise Refused("revoked")
        if not record.signed_by(device, self.network.id):
            raise Refused("signature")


def is_after(record: Record, retired: dict) -> bool:
    body = record.body
    if record.kind in (POST, HEADS):
        return body["Q"] > retired["Q"] and body["H"] > retired["H"]
    return body["H"] >> 16 > (retired["H"] >> 16) + TOLERANCE


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
    import ipaddress

    if not isinstance(data, bytes) or len(data) not in (6, 18):
        raise Refused("value")
    ip, port = ipaddress.ip_address(data[:-2]), int.from_bytes(data[-2:], "big")
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if port == 0 or ip.is_unspecified or ip.is_multicast:
        raise Refused("value")
    return (ip, port)


def countersigned(record: Record, network: bytes):
    """The contact in a presence or interest record, if its node agreed."""
    contact = Contact(record.body["C"], network)
    context = f"timeline 1 {CONTEXT[record.kind]} node"
    return contact if verify(contact.key, context, network, record.data[:-64], record.data[-64:]) else None


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


class Network:
    """A network document."""

    def __init__(self, document: bytes):
        import tomllib

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
