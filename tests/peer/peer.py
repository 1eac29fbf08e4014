"""A small client of the network, which follows `docs/PROTOCOL.md`: "A minimal client, step by step".

Joins with an invitation, then reads one command a line from standard input and answers each with one line of JSON:

    {"do": "register", "name": "carol", "password": "…"}    {"do": "follow", "name": "alice"}
    {"do": "post", "text": "…"}    {"do": "interested"}    {"do": "read", "name": "alice"}    {"do": "stop"}

A post that somebody brings is a line of its own, {"delivered": …}. It stores nothing for others.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import proto
from net import (
    CHECK_ONLINE, CLAIM, DELIVER, FIND_NODE, GET, GET_NETWORK, HEARTBEAT, HELLO, PING, PUT, Failed, Net, done, error,
)
from proto import Contact, Ed25519PrivateKey, Network, Refused, home, now_ms, place, public
from records import (
    ACCOUNT, BUNDLE, DEVICE, EDGE, HEADS, INTEREST, POST, PRESENCE, TOMBSTONE, Chain, Proofs, Record, countersigned,
)

STORED, KNOWN, NEED_PROOF, SPLIT, NOT_FOLLOWED = 0, 1, 3, 10, 18
STATUS = {"need_proof": 3, "not_certified": 4, "expired": 7, "future": 8, "too_large": 9, "revoked": 16}
ACKNOWLEDGED = (0, 1, 2, 19)
FEED = [1, 3, 4, 6, 7]
HOLDERS = 3


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


class Peer:
    def __init__(self, folder: Path, invite: str, bind: str):
        self.folder = folder
        self.state = {"hlc": 0, "seq": 0, "version": 0, "last": None}
        self.node_key = self.kept_key("node")
        self.network_id, self.bootpeers = proto.read_invite(invite)
        self.net = Net(self.node_key, self.network_id, bind)
        self.known = {}
        self.account = self.device = self.chain = self.cert = None
        self.followed, self.posts, self.gone = {}, {}, set()

    # What is kept

    def kept_key(self, name: str) -> Ed25519PrivateKey:
        path = self.folder / f"{name}.key"
        if not path.exists():
            path.write_bytes(os.urandom(32))
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())

    def keep(self) -> None:
        path = self.folder / "state.json"
        path.with_suffix(".new").write_text(json.dumps(self.state))
        path.with_suffix(".new").replace(path)

    def stamp(self) -> int:
        self.state["hlc"] = max(now_ms() << 16, self.state["hlc"] + 1)
        return self.state["hlc"]

    # 1. Join

    async def join(self) -> None:
        await self.net.listen(self.answer)
        document = None
        for node, host, port in self.bootpeers:
            try:
                document = (await self.net.ask(node, [(host, port)], GET_NETWORK, {}))["D"]
                break
            except Failed as failed:
                print(f"bootpeer: {failed}", file=sys.stderr)
        if document is None or proto.digest(document) != self.network_id:
            raise Failed("no bootpeer has the network document")
        self.network = Network(document)
        self.proofs = Proofs(self.network)
        await self.find(self.net.node)

    def hear(self, blobs) -> list:
        out = []
        for blob in blobs[: self.network.k]:
            try:
                contact = Contact(blob, self.network_id)
            except Refused:
                continue
            if contact.node == self.net.node:
                continue
            held = self.known.get(contact.node)
            if held is None or held.seq < contact.seq:
                self.known[contact.node] = contact
            out.append(contact.node)
        return out

    def addresses(self, node: bytes) -> list:
        contact = self.known.get(node)
        return contact.addresses if contact else [(h, p) for n, h, p in self.bootpeers if n == node]

    async def ask(self, node: bytes, number: int, body: dict) -> dict:
        return await self.net.ask(node, self.addresses(node), number, body)

    # 3. Find, put, read

    async def find(self, key: bytes) -> list:
        """The nodes nearest to a key that answer, the nearest first, at most k."""
        distance = lambda node: int.from_bytes(node, "big") ^ int.from_bytes(key, "big")  # noqa: E731
        heard = set(self.known) | {node for node, _, _ in self.bootpeers}
        answered, failed = set(), set()
        for _ in range(40):
            near = prefer(sorted(heard - failed, key=distance), self.known, self.network.k)
            next_ones = [node for node in near if node not in answered][:10]
            if not next_ones:
                break
            asked = await asyncio.gather(*(self.closer(node, key) for node in next_ones))
            for node, named in zip(next_ones, asked):
                (failed if named is None else answered).add(node)
                heard.update(named or [])
        return prefer(sorted(answered, key=distance), self.known, self.network.k)

    async def closer(self, node: bytes, key: bytes):
        try:
            return self.hear((await self.ask(node, FIND_NODE, {"K": key}))["c"])
        except Failed:
            return None

    def anchors(self) -> list:
        return [proto.digest(key) for key in self.network.registrars]

    async def put(self, key: bytes, records: list, proofs: list) -> dict:
        """Puts records at a key until they are published; returns how many took them."""
        replicas = await self.find(key)
        targets = replicas + [node for node in self.anchors() if node not in replicas]
        outcomes = await asyncio.gather(*(self.put_at(node, key, records, proofs) for node in targets))
        took = {node for node, statuses in zip(targets, outcomes) if statuses and all(map(is_fine, statuses))}
        count = len(took.intersection(replicas))
        if count < len(replicas) // 2 + 1 or not took.intersection(self.anchors()):
            raise Failed(f"not published: {[s for s in outcomes]}")
        return {"acked": count, "wanted": len(replicas)}

    async def put_at(self, node: bytes, key: bytes, records: list, proofs: list):
        try:
            statuses = (await self.ask(node, PUT, {"K": key, "R": records}))["S"]
            if NEED_PROOF in statuses:
                statuses = (await self.ask(node, PUT, {"K": key, "R": records, "p": proofs}))["S"]
            return statuses
        except Failed as failed:
            print(f"put: {failed}", file=sys.stderr)
            return None

    async def read(self, key: bytes, sections: list) -> list:
        """Reads records at a key from the nearest 7 and an anchor; nothing of it is verified yet but the chains."""
        near = (await self.find(key))[:7]
        holders = near + [node for node in self.anchors()[:1] if node not in near]
        pages = await asyncio.gather(*(self.read_at(node, key, sections) for node in holders))
        records = {data: None for page in pages for data in page}
        self.proofs.learn(records)
        return list(records)

    async def read_at(self, node: bytes, key: bytes, sections: list) -> list:
        out, after = [], None
        bits = sum(1 << section for section in sections)
        for _ in range(40):
            body = {"K": key, "S": bits, "l": 500} | ({"a": after} if after else {})
            try:
                got = await self.ask(node, GET, body)
            except Failed:
                break
            out += got["r"]
            self.proofs.learn(got.get("p", []))
            place_of = lambda c: (c["S"], c["L"], c["H"])  # noqa: E731
            following = got.get("n")
            if following is None or (after and place_of(following) <= place_of(after)):
                break
            after = following
        return out

    def verified(self, blobs, kinds) -> list:
        """Records of some kinds that hold, each once."""
        out = {}
        for data in blobs:
            if data[:1] == b"\x01" and data[1] in kinds:
                try:
                    record = Record(data)
                    record.admit(now_ms(), self.limit(record.kind))
                    self.proofs.judge(record)
                    out[record.hash] = record
                except Refused as refused:
                    print(f"record: {refused}", file=sys.stderr)
        return list(out.values())

    def limit(self, kind: int) -> int:
        return self.network.limits[{POST: "post_bytes", DEVICE: "account_bytes"}.get(kind, "other_bytes")]

    async def chain_of(self, name: str) -> Chain:
        for data in await self.read(place("name", name.encode()), [1]):
            chain = Chain(data)
            chain.verify(self.network)
            if chain.name == name:
                return self.proofs.chains[chain.account]
        raise Failed(f"nobody is called {name}")

    # 4. Register

    async def register(self, name: str, password: str) -> dict:
        root, settings, device = self.kept_key("root"), os.urandom(32), self.kept_key("device")
        salt, nonce = os.urandom(16), os.urandom(24)
        cost = {"memory_kib": 8192 if self.network.test else 262144, "passes": 1 if self.network.test else 3, "lanes": 1}
        key = proto.password_key(password, salt, cost["memory_kib"], cost["passes"], 1)
        bound = proto.bundle_associated(self.network_id, public(root), 0, name)
        sealed = proto.seal(key, nonce, root.private_bytes_raw() + settings, bound)
        inside = {"c": cost, "s": salt, "n": nonce, "t": sealed}
        bundle = self.make(BUNDLE, {"U": name, "S": 0, "K": public(root), "X": inside}, root)
        genesis = self.make(ACCOUNT, {"U": name, "S": 0, "K": public(root), "B": bundle.hash}, root)
        self.keep()
        finals = await self.claim(genesis)
        chain = Chain(Chain.spell([(genesis.data, finals)]))
        chain.verify(self.network)
        body = {"A": chain.account, "D": public(device), "S": 0, "H": self.stamp()}
        cert = self.make(DEVICE, body, root)
        self.proofs.learn([chain.data, cert.data])
        await self.put(place("name", name.encode()), [chain.data], [])
        await self.put(home(chain.account), [chain.data, cert.data], [])
        await self.put(place("bundle", name.encode()), [bundle.data], [chain.data])
        entry = b"\x01\x10" + proto.pack({"U": name, "A": chain.account, "F": proto.unpack(
            chain.data[2:], {"L": "list"})["L"][0]["F"]})
        for end in range(len(name) + 1):
            await self.put(place("users", name[:end].encode()), [entry], [])
        self.account, self.device, self.chain, self.cert = chain.account, device, chain, cert
        asyncio.ensure_future(self.stay_online())
        return {"account": chain.account.hex(), "device": public(device).hex()}

    def make(self, kind: int, body: dict, key: Ed25519PrivateKey, node=None) -> Record:
        return Record.make(kind, body, key, self.network_id, node)

    async def claim(self, genesis: Record) -> list:
        finals = []
        for registrar in self.network.registrars:
            try:
                answer = await self.ask(proto.digest(registrar), CLAIM, {"R": genesis.data})
            except Failed as failed:
                if failed.code in (7, 8):
                    raise
                continue
            final = answer["F"]
            if answer.get("o") is not None:
                raise Failed("the name is taken")
            name = genesis.body["U"]
            if final["K"] == registrar and self.network.final_holds(final, name, genesis.hash, 0, genesis.hash):
                finals.append(final)
            if len(finals) == self.network.quorum:
                return finals
        raise Failed("too few registrars signed")

    # 5. Be online

    async def stay_online(self) -> None:
        holders, due = [], 0.0
        clock = asyncio.get_running_loop()
        while True:
            if clock.time() >= due:
                holders, due = await self.show(True), clock.time() + 300
                for author in list(self.followed):
                    await self.interest(author, True)
            beats = [self.beat(node) for node in holders]
            if not all(await asyncio.gather(*beats)):
                due = 0.0
            await asyncio.sleep(20)

    async def beat(self, node: bytes) -> bool:
        try:
            return (await self.ask(node, HEARTBEAT, {"A": self.account, "D": public(self.device)}))["K"]
        except Failed:
            return False

    async def show(self, online: bool) -> list:
        body = {"A": self.account, "D": public(self.device), "Q": now_ms(), "H": self.stamp(), "O": online}
        record = self.make(PRESENCE, body | {"C": self.net.contact}, self.device, self.node_key)
        return await self.hold(home(self.account), record)

    async def interest(self, author: bytes, online: bool) -> list:
        body = {"A": self.account, "D": public(self.device), "B": author, "Q": now_ms(), "H": self.stamp()}
        record = self.make(INTEREST, body | {"O": online, "C": self.net.contact}, self.device, self.node_key)
        return await self.hold(home(author), record)

    async def hold(self, key: bytes, record: Record) -> list:
        nearest = (await self.find(key))[:HOLDERS]
        proofs = [self.chain.data, self.cert.data]
        said = await asyncio.gather(*(self.put_at(node, key, [record.data], proofs) for node in nearest))
        return [node for node, statuses in zip(nearest, said) if statuses == [STORED]]

    # 6. Follow

    async def follow(self, name: str) -> dict:
        author = (await self.chain_of(name)).account
        stamp = self.stamp()
        body = {"A": self.account, "D": public(self.device), "B": author, "H": stamp, "F": True, "T": stamp >> 16}
        edge = self.make(EDGE, body, self.device)
        proofs = [self.chain.data, self.cert.data]
        self.followed[author] = name
        await self.put(home(self.account), [edge.data], proofs)
        await self.put(home(author), [edge.data], proofs)
        held = await self.interest(author, True)
        return {"account": author.hex(), "held": len(held)}

    # 7. Post

    async def post(self, text: str) -> dict:
        state = self.state
        state["seq"], state["version"] = state["seq"] + 1, state["version"] + 1
        last = bytes.fromhex(state["last"]) if state["last"] else None
        body = {
            "A": self.account, "D": public(self.device), "Q": state["seq"], "H": self.stamp(), "P": last, "T": text,
            "L": 604_800_000,
        }
        post = self.make(POST, body, self.device)
        state["last"] = post.hash.hex()
        heads = self.make(HEADS, {
            "A": self.account, "D": public(self.device), "V": state["version"], "H": self.stamp(), "Q": state["seq"],
            "P": post.hash, "F": 0,
        }, self.device)
        self.keep()
        proofs = [self.chain.data, self.cert.data]
        published = await self.put(home(self.account), [post.data, heads.data], proofs)
        return {"id": post.hash.hex(), "delivered": await self.deliver(post.data, proofs)} | published

    async def interested(self) -> list:
        """Where followers, and other devices of the account, want to have its posts."""
        found = self.verified(await self.read(home(self.account), [14, 15]), (PRESENCE, INTEREST))
        newest = {}
        for record in sorted(found, key=lambda r: r.body["Q"]):
            newest[(record.kind, record.body["A"], record.body["D"])] = record
        contacts = {}
        for record in newest.values():
            contact = countersigned(record, self.network_id) if record.body["O"] else None
            if contact is not None and contact.node != self.net.node:
                contacts[contact.node] = contact
        return list(contacts.values())

    async def deliver(self, post: bytes, proofs: list) -> int:
        took = await asyncio.gather(*(self.bring(contact, post, proofs) for contact in await self.interested()))
        return sum(took)

    async def bring(self, contact: Contact, post: bytes, proofs: list) -> bool:
        try:
            ask = lambda body: self.net.ask(contact.node, contact.addresses, DELIVER, body)  # noqa: E731
            status = (await ask({"R": post}))["S"]
            if status == NEED_PROOF:
                status = (await ask({"R": post, "p": proofs}))["S"]
            return status in ACKNOWLEDGED
        except Failed:
            return False

    # 2 and 8. Serve, receive

    async def answer(self, node: bytes, frame: bytes) -> bytes:
        number = frame[0] if frame else 0
        try:
            if number == HELLO:
                known = {"v": "u64?", "N": "bytes32", "C": "bin", "T": "u64", "s": "text?", "f": "u64?"}
                try:
                    self.net.check_hello(node, proto.unpack(frame[1:], known))
                except Refused:
                    return error(3)
                return done(self.net.hello())
            if number == PING:
                proto.unpack(frame[1:], {})
                return done({"T": now_ms()})
            if number == DELIVER:
                body = proto.unpack(frame[1:], {"R": "bin", "p": "list?"})
                return done({"S": self.take(body["R"], body.get("p", []))})
            if number == CHECK_ONLINE:
                body = proto.unpack(frame[1:], {"A": "list", "h": "bool?"})
                return done({"S": [self.standing(account, body.get("h", False)) for account in body["A"]]})
        except Refused as refused:
            return error(2 if str(refused) == "unknown_critical_field" else 1)
        return error(2 if frame else 1)

    def standing(self, account: bytes, here: bool) -> dict:
        own = account == self.account
        return {"s": 2 if own else (1 if here else 0), "t": 0}

    def take(self, data: bytes, proofs: list) -> int:
        try:
            record = Record(data)
            if record.kind not in (POST, TOMBSTONE):
                return 5
            if record.body["A"] not in self.followed:
                return NOT_FOLLOWED
            record.admit(now_ms(), self.limit(record.kind))
            self.proofs.learn(proofs)
            self.proofs.judge(record)
        except Refused as refused:
            return STATUS.get(str(refused), 5)
        if record.kind == TOMBSTONE:
            self.gone.add(record.body["P"])
            say({"deleted": record.body["P"].hex()})
            return STORED
        if record.hash in self.posts or record.hash in self.gone:
            return KNOWN
        self.posts[record.hash] = record
        author = self.followed[record.body["A"]]
        say({"delivered": {"id": record.hash.hex(), "author": author, "text": record.body["T"]}})
        return STORED

    # 9. Read a feed

    async def read_posts(self, name: str) -> dict:
        author = (await self.chain_of(name)).account
        found = self.verified(await self.read(home(author), FEED), (POST, TOMBSTONE, HEADS))
        gone = {r.body["P"] for r in found if r.kind == TOMBSTONE}
        floors, ranges = {}, {}
        for heads in sorted((r for r in found if r.kind == HEADS), key=lambda r: r.body["V"]):
            device = heads.body["D"]
            floors[device] = max(floors.get(device, 0), heads.body["F"])
            ranges[device] = heads.body.get("C", [])
        collected = lambda b: b["Q"] <= floors.get(b["D"], 0) or any(  # noqa: E731
            first <= b["Q"] <= last for first, last in ranges.get(b["D"], [])
        )
        posts = [r for r in found if r.kind == POST and r.hash not in gone and not collected(r.body)]
        posts.sort(key=lambda r: (r.body["H"], r.body["D"], r.body["Q"]))
        return {"posts": [{"id": r.hash.hex(), "text": r.body["T"]} for r in posts]}

    async def stop(self) -> dict:
        if self.account is not None:
            await self.show(False)
            for author in self.followed:
                await self.interest(author, False)
        return {"stopped": True}

    async def do(self, command: dict) -> dict:
        what = command["do"]
        if what == "register":
            return await self.register(command["name"], command["password"])
        if what == "follow":
            return await self.follow(command["name"])
        if what == "post":
            return await self.post(command["text"])
        if what == "interested":
            return {"interested": len(await self.interested())}
        if what == "read":
            return await self.read_posts(command["name"])
        return await self.stop()


def is_fine(status: int) -> bool:
    return status in ACKNOWLEDGED


def prefer(nodes: list, known: dict, most: int) -> list:
    """Chooses as replica sets are chosen: no third of one prefix while others are left."""
    taken, first, later = {}, [], []
    for node in nodes:
        address = known[node].addresses[0][0] if node in known else None
        if address is None or address.is_private or address.is_loopback or address.is_link_local:
            first.append(node)
            continue
        block = address.packed[: 3 if address.version == 4 else 6]
        taken[block] = taken.get(block, 0) + 1
        (first if taken[block] <= 2 else later).append(node)
    chosen = set((first + later)[:most])
    return [node for node in nodes if node in chosen]


async def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--dir", type=Path, required=True)
    arguments.add_argument("--bind", default="127.0.0.1")
    arguments.add_argument("invite")
    given = arguments.parse_args()
    peer = Peer(given.dir, given.invite, given.bind)
    await peer.join()
    say({"joined": peer.network_id.hex(), "node": peer.net.node.hex(), "known": len(peer.known)})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        try:
            say(await peer.do(command))
        except (Failed, Refused) as failed:
            say({"error": str(failed)})
        if command["do"] == "stop":
            break
    await peer.net.close()


if __name__ == "__main__":
    asyncio.run(main())
