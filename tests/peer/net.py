"""Connections and frames: QUIC with the node's key on both sides, one request a stream. Knows nothing of records."""

import asyncio
import base64
import datetime
import ipaddress
import ssl
from contextlib import AsyncExitStack

import proto
from aioquic import tls
from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import HandshakeCompleted, StreamDataReceived
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HELLO, PING, FIND_NODE, GET, PUT, DELIVER, CLAIM, _NAME_STATUS, GET_NETWORK, HEARTBEAT, CHECK_ONLINE = range(1, 12)
MOST = 256 * 1024
# A request that is not answered within this is given up.
PATIENCE = 6.0

_init = tls.Context.__init__


def _both_sides_prove(self, *args, **kwargs):
    """The library asks clients for certificates in its own tests only; here every client has one."""
    _init(self, *args, **kwargs)
    self._signature_algorithms = [tls.SignatureAlgorithm.ED25519]
    if not self._is_client:
        self._request_client_certificate = True


tls.Context.__init__ = _both_sides_prove


class Failed(Exception):
    """No answer: the peer is not there, or said no (then `code` is a number)."""

    def __init__(self, what, code=None):
        super().__init__(what)
        self.code = code


def certificate(key: Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a peer")])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start.replace(year=2120))
    return builder.sign(key, None)


def server_name(node: bytes) -> str:
    return base64.b32encode(node).decode().rstrip("=").lower() + ".node.invalid"


def peer_key(protocol):
    """The key that the other side of a connection proved, if any."""
    cert = protocol._quic.tls._peer_certificate
    key = cert.public_key() if cert is not None else None
    if not isinstance(key, Ed25519PublicKey) or proto.is_small(key.public_bytes_raw()):
        return None
    return key.public_bytes_raw()


class Guest(QuicConnectionProtocol):
    """A connection that somebody else dialled."""

    def __init__(self, *args, answer=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.answer, self.node, self.greeted, self.parts = answer, None, False, {}

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            key = peer_key(self)
            if key is None:
                return self.close(1)
            self.node = proto.digest(key)
        elif isinstance(event, StreamDataReceived) and self.node is not None:
            data = self.parts.setdefault(event.stream_id, bytearray())
            data += event.data
            if len(data) > MOST:
                self._quic.reset_stream(event.stream_id, 2)
                del self.parts[event.stream_id]
            elif event.end_stream:
                asyncio.ensure_future(self.respond(event.stream_id, bytes(self.parts.pop(event.stream_id))))

    async def respond(self, stream, frame):
        if not self.greeted and frame[:1] != bytes([HELLO]):
            return self.close(2)
        answer = await self.answer(self.node, frame)
        self._quic.send_stream_data(stream, answer, end_stream=True)
        self.transmit()
        if frame[:1] == bytes([HELLO]):
            self.greeted = answer[:1] == b"\0"
            if not self.greeted:
                self.close(1)


class Net:
    """One node on the network."""

    def __init__(self, key: Ed25519PrivateKey, network: bytes, bind: str):
        self.key, self.network, self.bind = key, network, bind
        self.node = proto.digest(proto.public(key))
        self.cert = certificate(key)
        self.links, self.turns, self.stack = {}, {}, AsyncExitStack()
        self.contact, self.port = None, None

    def configuration(self, is_client: bool, node: bytes = None) -> QuicConfiguration:
        config = QuicConfiguration(is_client=is_client, alpn_protocols=[proto.alpn(self.network)], idle_timeout=30.0)
        config.certificate, config.private_key = self.cert, self.key
        config.verify_mode = ssl.CERT_NONE
        config.server_name = server_name(node) if node else None
        return config

    async def listen(self, answer):
        def guest(*args, **kwargs):
            return Guest(*args, answer=answer, **kwargs)

        config = self.configuration(False)
        self.server = await serve(self.bind, 0, configuration=config, create_protocol=guest)
        self.port = self.server._transport.get_extra_info("sockname")[1]
        address = ipaddress.ip_address(self.bind).packed + self.port.to_bytes(2, "big")
        self.contact = proto.make_contact(self.key, self.network, [address], proto.now_ms())

    def hello(self) -> dict:
        return {"v": 0, "N": self.network, "C": self.contact, "T": proto.now_ms(), "s": "peer.py", "f": 0}

    def check_hello(self, node: bytes, body: dict) -> proto.Contact:
        """Raises unless the greeting is of this network and of the node that the handshake proved."""
        contact = proto.Contact(body["C"], self.network) if body["N"] == self.network else None
        if contact is None or contact.node != node:
            raise proto.Refused("another network, or another node")
        return contact

    async def link(self, node: bytes, addresses):
        async with self.turns.setdefault(node, asyncio.Lock()):
            held = self.links.get(node)
            if held is not None and not held._closed.is_set():
                return held
            for host, port in addresses:
                try:
                    opening = connect(str(host), port, configuration=self.configuration(True, node))
                    protocol = await asyncio.wait_for(self.stack.enter_async_context(opening), 2.0)
                except (ConnectionError, OSError, asyncio.TimeoutError):
                    continue
                key = peer_key(protocol)
                if key is None or proto.digest(key) != node:
                    protocol.close(1)
                    raise Failed("another node is there")
                body = open_answer(await exchange(protocol, bytes([HELLO]) + proto.pack(self.hello())))
                self.check_hello(node, body)
                self.links[node] = protocol
                return protocol
        raise Failed("not reached")

    async def ask(self, node: bytes, addresses, number: int, body: dict) -> dict:
        """Sends a request and returns the answer."""
        try:
            protocol = await self.link(node, addresses)
            return open_answer(await exchange(protocol, bytes([number]) + proto.pack(body)))
        except (ConnectionError, OSError, asyncio.TimeoutError, proto.Refused, KeyError) as error:
            held = self.links.pop(node, None)
            if held is not None:
                held.close(5)
            raise Failed(repr(error)) from error

    async def close(self):
        self.server.close()
        for link in self.links.values():
            link.close(0)
        try:
            await asyncio.wait_for(self.stack.aclose(), 2.0)
        except asyncio.TimeoutError:
            pass


async def exchange(protocol, frame: bytes) -> bytes:
    reader, writer = await protocol.create_stream()
    writer.write(frame)
    writer.write_eof()
    return await asyncio.wait_for(reader.read(), PATIENCE)


def open_answer(frame: bytes) -> dict:
    body = proto.msgpack.unpackb(frame[1:], raw=False) if len(frame) > 1 else None
    if frame[:1] == b"\0" and isinstance(body, dict):
        return body
    if frame[:1] == b"\1" and isinstance(body, dict):
        raise Failed(body.get("r", "refused"), body["C"])
    raise proto.Refused("malformed")


def done(body: dict) -> bytes:
    return b"\0" + proto.pack(body)


def error(code: int) -> bytes:
    return b"\1" + proto.pack({"C": code})
