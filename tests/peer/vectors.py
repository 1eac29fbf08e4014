"""Reads every vector of `tests/vectors/` with the code of this client: what the document says is what the bytes say."""

import itertools
import json
import re
import sys
import unicodedata
from pathlib import Path

import net
import proto
import records
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from proto import Contact, Network, Refused
from records import Chain, Proofs, Record

LIMITS = {"bundle_bytes": 8192, "private_bytes": 16384, "other_bytes": 512, "post_bytes": 4096, "account_bytes": 2048}
OF_KIND = {2: "bundle_bytes", 3: "account_bytes", 7: "post_bytes", 12: "private_bytes", 16: "account_bytes"}


def plain(value):
    """Bytes as hex digits, all else as it is."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(v) for v in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def unhex(vector, key):
    return bytes.fromhex(vector[key])


def expect(vector, found, wanted):
    if found != wanted:
        raise AssertionError(f"{vector['name']}: {found!r} and not {wanted!r}")


def network(v, _):
    if "quorum" not in v:
        if v["id"] is not None:
            expect(v, proto.digest(v["document"].encode()).hex(), v["id"])
        return
    read = Network(v["document"].encode())
    keys = [key.hex() for key in read.registrars]
    expect(v, (read.id.hex(), proto.alpn(read.id), keys), (v["id"], v["alpn"], v["registrars"]))
    expect(v, read.quorum, v["quorum"])


def place(v, _):
    expect(v, proto.place(v["label"], *map(bytes.fromhex, v["parts"])).hex(), v["key"])


def node(v, _):
    public = proto.public(Ed25519PrivateKey.from_private_bytes(unhex(v, "secret")))
    expect(v, (public.hex(), proto.digest(public).hex()), (v["public"], v["id"]))


def contact(v, all_):
    try:
        read = Contact(unhex(v, "bytes"), all_.network.id)
        found = ("valid", read.key.hex(), read.node.hex(), read.seq)
    except Refused as refused:
        return expect(v, str(refused), v["verdict"])
    expect(v, found, (v["verdict"], v["fields"]["key"], v["fields"]["node"], v["fields"]["seq"]))


def final(v, all_):
    record = Record(unhex(v, "record"))
    text = proto.final_text(1, record.body["U"], unhex(v, "account"), 0, record.hash, v["time"])
    expect(v, text.hex(), v["text"])
    signed = {"K": unhex(v, "registrar"), "T": v["time"], "S": unhex(v, "signature")}
    held = all_.network.final_holds(signed, record.body["U"], unhex(v, "account"), 0, record.hash)
    expect(v, held, True)


def record(v, all_):
    proofs = Proofs(all_.network)
    proofs.learn([unhex(all_.named[name], "bytes") for name in v["proofs"]])
    data = unhex(v, "bytes")
    try:
        if data[:2] == b"\1\1":
            read = Chain(data)
            read.verify(all_.network)
        else:
            read = Record(data)
            expect(v, (read.hash.hex(), len(read.signed)), (v["hash"], v["signed_bytes"]))
            read.admit(v["now"], LIMITS[OF_KIND.get(read.kind, "other_bytes")])
            proofs.judge(read)
        expect(v, read.hash.hex(), v["hash"])
        verdict = "valid"
    except Refused as refused:
        verdict = str(refused)
    # The order of finding out that it is short or cannot be read is nobody's business.
    expect(v, verdict.replace("short", "malformed"), v["verdict"].replace("short", "malformed"))


def request(v, _):
    data = unhex(v, "frame")
    expect(v, (data[0], plain(proto.unpack(data[1:], {}, closed=None))), (v["number"], v["fields"]))


def answer(v, _):
    data = unhex(v, "frame")
    expect(v, (data[0], plain(proto.unpack(data[1:], {}, closed=None))), (0, v["fields"]))


def error(v, _):
    try:
        net.open_answer(unhex(v, "frame"))
    except net.Failed as failed:
        return expect(v, failed.code, v["code"])
    raise AssertionError(v["name"])


def refused(v, _):
    data = unhex(v, "frame")
    fields = {3: {"K": "bytes32"}, 8: {"U": "text"}}
    if v["side"] == "answer":
        known, fine = ({"C": "u64", "r": "text?"} if data[:1] == b"\1" else {"T": "u64"}), data[:1] in (b"\0", b"\1")
    else:
        known, fine = fields.get(data[0] if data else 0), bool(data)
        if data and known is None:
            return expect(v, 2, v["code"])
    try:
        if not fine:
            raise Refused("malformed")
        proto.unpack(data[1:], known)
    except Refused as why:
        code = 2 if str(why) == "unknown_critical_field" else 1
        return expect(v, code, code if v["code"] is None else v["code"])
    raise AssertionError(v["name"])


def certificate(v, _):
    try:
        key = x509.load_der_x509_certificate(unhex(v, "der")).public_key()
        raw = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None
        raw = None if raw is None or proto.is_small(raw) else raw
    except ValueError:
        raw = None
    expect(v, raw and raw.hex(), v["key"])
    expect(v, raw and proto.digest(raw).hex(), v["node"])


def alpn(v, _):
    expect(v, proto.alpn(unhex(v, "network")), v["alpn"])


def server_name(v, _):
    expect(v, net.server_name(unhex(v, "node")), v["server_name"])


def invite(v, _):
    try:
        id_, names = proto.read_invite(v["line"])
    except Refused:
        return expect(v, None, v["fields"])
    expect(v, id_.hex(), v["fields"]["network"])
    addresses = [(n.hex(), f"[{h}]:{p}" if ":" in h else f"{h}:{p}") for n, h, p in names]
    expect(v, addresses, [(b["node"], b["address"]) for b in v["fields"]["bootpeers"]])


def page(v, _):
    expect(v, proto.page(v["list"], unhex(v, "owner"), unhex(v, "other"), v["depth"]).hex(), v["key"])


def users(v, _):
    expect(v, proto.place("users", v["prefix"].encode()).hex(), v["key"])


def name_in_text(v, _):
    def marked(mark):
        words = re.finditer(mark + r"(\w+)", v["text"])
        alone = lambda m: m.start() == 0 or not re.match(r"[\w/" + mark + "]", v["text"][m.start() - 1])  # noqa: E731
        return list(dict.fromkeys(m.group(1) for m in words if alone(m)))

    names = [n for n in marked("@") if re.fullmatch(r"[a-z0-9_]{3,20}", n)]
    tags = [unicodedata.normalize("NFC", t).lower() for t in marked("#") if len(t) <= 50 and not t.isnumeric()]
    expect(v, (names[:20], list(dict.fromkeys(tags))[:20]), (v["names"], v["tags"]))


def entry(v, _):
    settings = unhex(v, "settings_key")
    tag = proto.entry_tag(settings, v["kind"], unhex(v, "subject"))
    expect(v, tag.hex(), v["tag"])
    key, bound = proto.entry_key(settings), unhex(v, "account") + tag
    sealed = proto.seal(key, unhex(v, "nonce"), unhex(v, "map"), bound)
    expect(v, (v["nonce"] + sealed.hex(), bound.hex()), (v["sealed"], v["associated"]))
    expect(v, proto.unseal(key, unhex(v, "nonce"), sealed, bound).hex(), v["map"])
    expect(v, proto.unseal(key, unhex(v, "nonce"), sealed, bound[::-1]), None)


def bundle(v, all_):
    body = Record(unhex(v, "record")).body
    key = proto.password_key(v["password"], unhex(v, "salt"), v["memory_kib"], v["passes"], v["lanes"])
    bound = proto.bundle_associated(all_.network.id, body["K"], body["S"], body["U"])
    expect(v, (key.hex(), bound.hex()), (v["key"], v["associated"]))
    secrets = proto.unseal(key, body["X"]["n"], body["X"]["t"], bound)
    expect(v, (secrets[:32].hex(), secrets[32:].hex()), (v["root_seed"], v["settings_key"]))
    expect(v, proto.public(Ed25519PrivateKey.from_private_bytes(secrets[:32])), body["K"])


def merge(v, _):
    read = [Chain(data) if data[:2] == b"\1\1" else Record(data) for data in map(bytes.fromhex, v["records"])]
    wanted = sorted(read[i].hash for i in v["kept"])
    for one in read:
        expect(v, records.slot(one, v["section"]).hex(), v["slot"])
    for order in itertools.permutations(read):
        held = []
        for one in order:
            held = records.merge([*held, one])
        expect(v, sorted(r.hash for r in held), wanted)


class All:
    def __init__(self, folder: Path):
        self.vectors = [v for name in ("records", "requests") for v in json.loads((folder / f"{name}.json").read_text())]
        self.named = {v["name"]: v for v in self.vectors}
        self.network = Network(self.named["network"]["document"].encode())


def main() -> None:
    all_ = All(Path(sys.argv[1]))
    wrong = 0
    for vector in all_.vectors:
        try:
            globals()[vector["type"]](vector, all_)
        except (AssertionError, Refused, KeyError) as error_:
            print(f"{vector['name']}: {error_!r}", file=sys.stderr)
            wrong += 1
    print(json.dumps({"vectors": len(all_.vectors), "wrong": wrong}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
