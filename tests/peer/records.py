"""Records: their form, what proves them, what wins: `docs/PROTOCOL.md` from "Records" on. No sockets, no files."""

import struct
import unicodedata

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from proto import Contact, Refused, check_map, digest, pack, sign, unpack, verify

NEVER = (1 << 48) - 1
TOLERANCE = 5 * 60 * 1000
DAY = 24 * 3600 * 1000
LIFE = {5: 90 * DAY, 6: 365 * DAY, 9: 365 * DAY, 11: 60 * DAY, 12: 365 * DAY, 14: 600_000, 15: 3_600_000}
CONTEXT = {
    1: "account", 2: "bundle", 3: "device", 4: "retirement", 5: "profile", 6: "heads", 7: "post", 8: "tombstone",
    9: "edge", 11: "watermark", 12: "private", 13: "mention", 14: "presence", 15: "interest",
}
ACCOUNT, BUNDLE, DEVICE, RETIREMENT, PROFILE, HEADS, POST, TOMBSTONE, EDGE = range(1, 10)
WATERMARK, PRIVATE, MENTION, PRESENCE, INTEREST, DIRECTORY = range(11, 17)

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
        "w": "u64?", "c": "list?",
    },
    POST: {
        "A": "bytes32", "D": "bytes32", "Q": "u64", "H": "u64", "P": "bytes32?", "T": "text", "L": "u64", "r": "map?",
    },
    TOMBSTONE: {
        "A": "bytes32", "D": "bytes32", "H": "u64", "X": "bytes32", "Q": "u64", "P": "bytes32", "E": "u64",
    },
    EDGE: {"A": "bytes32", "D": "bytes32", "B": "bytes32", "H": "u64", "F": "bool", "T": "u64"},
    PROFILE: {"A": "bytes32", "D": "bytes32", "H": "u64", "N": "text", "B": "text"},
    WATERMARK: {
        "A": "bytes32", "D": "bytes32", "H": "u64", "B": "bytes32", "X": "bytes32", "R": "u64", "N": "u64",
        "P": "bytes32?",
    },
    PRIVATE: {"A": "bytes32", "D": "bytes32", "H": "u64", "E": "bytes32", "C": "bin"},
    MENTION: {"A": "bytes32", "D": "bytes32", "H": "u64", "B": "bytes32", "P": "bytes32", "Q": "u64", "E": "u64"},
    DIRECTORY: {"U": "text", "A": "bytes32", "F": "list"},
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
        signatures = {PRESENCE: 2, INTEREST: 2, DIRECTORY: 0}.get(self.kind, 1)
        self.signed = data[: len(data) - 64 * signatures]
        if len(data) < 2 + 64 * signatures:
            raise Refused("short")
        self.body = unpack(self.signed[2:], FIELDS[self.kind])
        self.hash = digest(self.signed)
        if not is_allowed(self.kind, self.body, self.signed[2:]):
            raise Refused("value")

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
        if kind == MENTION:
            return body["E"]
        return min((body["H"] >> 16) + LIFE[kind], NEVER) if kind in LIFE else NEVER

    def admit(self, now: int, most: int) -> None:
        if len(self.data) > most:
            raise Refused("too_large")
        if self.body.get("H", 0) >> 16 > now + TOLERANCE:
            raise Refused("future")
        if self.ends() <= now:
            raise Refused("expired")


def has_controls(text: str, besides: str = "") -> bool:
    return any(unicodedata.category(c) == "Cc" and c not in besides for c in text)


def fits(text: str, characters: int, size: int) -> bool:
    return unicodedata.is_normalized("NFC", text) and len(text) <= characters and len(text.encode()) <= size


def ascend(low: int, ranges: list, high: int) -> bool:
    """Whether ranges lie above a number, ascending and apart, and end at another one."""
    for first, last in ranges:
        if not low < first <= last:
            return False
        low = last
    return low <= high


def is_allowed(kind: int, b: dict, body: bytes) -> bool:
    """What the types of fields do not say."""
    wall = b.get("H", 0) >> 16
    if kind == ACCOUNT:
        return (b["S"] == 0) == ("A" not in b) == ("P" not in b)
    if kind == BUNDLE:
        return len(b["X"]["t"]) == 80 and len(b["X"]["s"]) == 16 and len(b["X"]["n"]) == 24
    if kind == RETIREMENT:
        return (b["Q"] == 0) == ("P" not in b)
    if kind == PROFILE:
        fine = fits(b["N"], 40, 96) and fits(b["B"], 160, 200)
        return fine and not has_controls(b["N"]) and not has_controls(b["B"], "\n")
    if kind == HEADS:
        ranges, early, why = b.get("C", []), b.get("c", []), b.get("w")
        fine = (b["Q"] == 0) == ("P" not in b) and b["F"] <= b["Q"] and len(ranges) <= 16 and len(early) <= 8
        told = why > 0 and (not early or ascend(why - 1, early, b["Q"])) if why is not None else not early
        return fine and told and ascend(b["F"], ranges, b["Q"])
    if kind == POST:
        life = 10_000 <= b["L"] <= 2_592_000_000
        text = fits(b["T"], 500, 2000) and b["T"].strip() != "" and not has_controls(b["T"], "\n")
        return b["Q"] > 0 and (b["Q"] == 1) == ("P" not in b) and life and text
    if kind == TOMBSTONE:
        return b["Q"] > 0 and b["E"] <= wall + 30 * DAY + 600_000
    if kind == EDGE:
        return b["A"] != b["B"] and b["T"] <= wall
    if kind == WATERMARK:
        return b["A"] != b["B"] and b["N"] <= b["R"] and b["R"] > 0 and (b["N"] > 0 or "P" not in b)
    if kind == PRIVATE:
        return len(b["C"]) > 40
    if kind == MENTION:
        return b["A"] != b["B"] and b["Q"] > 0 and b["E"] <= wall + 30 * DAY
    if kind == INTEREST:
        return b["A"] != b["B"]
    if kind == DIRECTORY:
        finals = [{"K": f["K"], "T": f["T"], "S": f["S"]} for f in b["F"]]
        keys = [f["K"] for f in finals]
        one_spelling = pack({"U": b["U"], "A": b["A"], "F": finals}) == body
        return one_spelling and 1 <= len(keys) <= 32 and keys == sorted(set(keys))
    return True


# Merging


def slot(record, section: int) -> bytes:
    """What a record competes for; a chain has the empty slot."""
    if isinstance(record, Chain):
        return b""
    b, kind = record.body, record.kind
    if kind in (BUNDLE, PROFILE):
        return b""
    if kind == EDGE:
        return b["B"] if section == 9 else b["A"]
    if kind in (POST, TOMBSTONE):
        return b["D" if kind == POST else "X"] + struct.pack(">Q", b["Q"])
    both = {WATERMARK: ("A", "X"), MENTION: ("A", "P"), INTEREST: ("A", "D"), PRIVATE: ("E",), DIRECTORY: ("A",)}
    return b"".join(b[key] for key in both.get(kind, ("D",)))


def merge(records: list) -> list:
    """Of records of one slot, those that are kept."""
    records = list({r.hash: r for r in records}.values())
    if records and getattr(records[0], "kind", ACCOUNT) in (POST, TOMBSTONE):
        places = {}
        for r in records:
            of, rank = (r.body["P"], (1, r.body["H"], r.hash)) if r.kind == TOMBSTONE else (r.hash, (0, 0, r.hash))
            places[of] = max(places.get(of, ((-1,), None)), (rank, r), key=lambda p: p[0])
        return [places[of][1] for of in sorted(places, reverse=True)[:2]]
    kept = {}
    for rank in range(3):
        ranked = [(ranks(r)[rank], r) for r in records if rank < len(ranks(r))]
        if ranked:
            best = max(ranked, key=lambda pair: pair[0])[1]
            kept[best.hash] = best
    return list(kept.values())


def ranks(r) -> list:
    if isinstance(r, Chain):
        return [(r.last["S"], r.hash)]
    b, kind = r.body, r.kind
    if kind == HEADS:
        return [(b["V"], r.hash), (b["Q"], b["V"], r.hash), (b["F"], b["V"], r.hash)]
    keys = {
        BUNDLE: ("S",), DEVICE: ("S", "H"), WATERMARK: ("N", "R"), PRESENCE: ("Q",), INTEREST: ("Q",), DIRECTORY: (),
    }
    return [(*(b[key] for key in keys.get(kind, ("H",))), r.hash)]


# Accounts


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
        self.last, self.hash = self.links[-1][0].body, self.links[-1][0].hash
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
        if kind == BUNDLE:
            return self._judge_bundle(record)
        if kind == DIRECTORY:
            holds = all(self.network.final_holds(f, body["U"], body["A"], 0, body["A"]) for f in body["F"])
            if not holds or len(body["F"]) < self.network.quorum:
                raise Refused("not_certified")
            return
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
        if kind == DEVICE:
            self._learn(record.data)
            if not self.counts(account, device):
                raise Refused("revoked")
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
        if kind in (PRESENCE, INTEREST) and countersigned(record, self.network.id) is None:
            raise Refused("signature")

    def _judge_bundle(self, record: Record) -> None:
        body = record.body
        chain = next((c for c in self.chains.values() if c.name == body["U"]), None)
        if chain is None or body["S"] >= len(chain.links):
            raise Refused("need_proof")
        states = (chain.links[body["S"]][0].body, chain.last)
        if any(state["B"] != record.hash or state["K"] != body["K"] for state in states):
            raise Refused("other_bundle")
        if not record.signed_by(body["K"], self.network.id):
            raise Refused("signature")


def is_after(record: Record, retired: dict) -> bool:
    body = record.body
    if record.kind in (POST, HEADS):
        return body["Q"] > retired["Q"] and body["H"] > retired["H"]
    return body["H"] >> 16 > (retired["H"] >> 16) + TOLERANCE


def countersigned(record: Record, network: bytes):
    """The contact in a presence or interest record, if its node agreed."""
    contact = Contact(record.body["C"], network)
    context = f"timeline 1 {CONTEXT[record.kind]} node"
    return contact if verify(contact.key, context, network, record.data[:-64], record.data[-64:]) else None
