//! The socket and the QUIC settings of a node.
//!
//! Binds, and bounds what quinn keeps for each connection; knows nothing of requests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    AsyncUdpSocket, ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, IdleTimeout, Runtime,
    ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use zeroize::Zeroizing;

use super::limits::NetLimits;
use super::plain::Plain;
use super::tls;
use crate::keys::{CertificateError, NodeCertificate};

/// What the kernel keeps of datagrams while the arbiter is busy: some milliseconds at full speed.
const SOCKET_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// The round trip assumed before one was measured. Three of them pass before a lost first packet is repeated, which
/// must fit the time for dialling several times.
const FIRST_RTT: Duration = Duration::from_millis(100);

/// Messages whose bytes a connection buffers in each direction; the full number of streams shares them.
const WINDOW_MESSAGES: usize = 4;

/// First datagrams held while nobody looked at them yet; the accepting task takes them at once.
const WAITING_INCOMING: usize = 256;

/// Bytes held of datagrams that follow the first one, in all.
const WAITING_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of a connection id; long enough that ids of two runs do not meet.
const CONNECTION_ID_BYTES: usize = 8;

/// Why a node cannot listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("another program listens on {0}")]
    PortInUse(SocketAddr),
    /// The system does not give the socket.
    #[error("cannot listen on {address}: {cause}")]
    Socket {
        /// Where the node was to listen.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The node key gives no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The TLS settings were refused: a bug of ours.
    #[error("the TLS settings were refused: {0}")]
    Tls(#[from] rustls::Error),
}

/// A bound endpoint and what it takes to dial from it.
pub(super) struct Bound {
    pub endpoint: Endpoint,
    pub client: ClientConfig,
    /// For dialling an address without knowing who is there.
    pub anybody: ClientConfig,
    pub socket: Port,
    pub address: SocketAddr,
    /// Whether an IPv6 socket takes IPv4 as well.
    pub dual: bool,
}

/// The socket that holds a node's port.
pub(super) struct Port {
    /// Dead as soon as the port is free again.
    pub held: Weak<dyn AsyncUdpSocket>,
    /// The same socket, to say that another one may take its place.
    own: Socket,
}

impl Port {
    fn wrap(socket: Socket) -> io::Result<(Arc<dyn AsyncUdpSocket>, Self)> {
        let own = socket.try_clone()?;
        let wrapped: Arc<dyn AsyncUdpSocket> = Plain::new(TokioRuntime.wrap_udp_socket(socket.into())?, &own);
        let held = Arc::downgrade(&wrapped);
        Ok((wrapped, Self { held, own }))
    }

    /// Moves an endpoint to a new socket at the same address; the old one stays where that fails.
    pub(super) fn renew(&mut self, endpoint: &Endpoint, address: SocketAddr) -> io::Result<()> {
        // Two sockets share the address for a moment, and only for that: another program must not get in beside us.
        self.own.set_reuse_address(true)?;
        let renewed = open_one(address, true).and_then(|(socket, _)| Self::wrap(socket));
        let moved = renewed.and_then(|(wrapped, port)| endpoint.rebind_abstract(wrapped).map(|()| port));
        match moved {
            Ok(port) => {
                *self = port;
                self.own.set_reuse_address(false)
            }
            Err(error) => {
                let _ = self.own.set_reuse_address(false);
                Err(error)
            }
        }
    }
}

/// Binds `listen` and sets QUIC up for it.
pub(super) fn bind(listen: SocketAddr, secret: &[u8; 32], alpn: &[u8], limits: &NetLimits) -> Result<Bound, BindError> {
    let certificate = NodeCertificate::generate(secret)?;
    let (socket, dual) = open(listen).map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => BindError::PortInUse(listen),
        _ => BindError::Socket { address: listen, cause },
    })?;
    let failed = |cause| BindError::Socket { address: listen, cause };
    let address = socket.local_addr().map_err(failed)?.as_socket().ok_or(io::ErrorKind::Unsupported);
    let address = address.map_err(|kind| failed(kind.into()))?;
    let (socket, port) = Port::wrap(socket).map_err(failed)?;
    let server = server_config(&certificate, alpn, limits)?;
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new_with_abstract_socket(endpoint_config(secret), Some(server), socket, runtime);
    let client = client_config(tls::client(&certificate, alpn)?, limits)?;
    let anybody = client_config(tls::client_of_anybody(&certificate, alpn)?, limits)?;
    Ok(Bound { endpoint: endpoint.map_err(failed)?, client, anybody, socket: port, address, dual })
}

/// Opens the socket; `[::]` becomes `0.0.0.0` where the system has no IPv6.
fn open(listen: SocketAddr) -> io::Result<(Socket, bool)> {
    match open_one(listen, false) {
        Err(e) if listen.is_ipv6() && listen.ip().is_unspecified() && e.kind() != io::ErrorKind::AddrInUse => {
            open_one(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), listen.port()), false)
        }
        other => other,
    }
}

fn open_one(listen: SocketAddr, shared: bool) -> io::Result<(Socket, bool)> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    let dual = listen.is_ipv6() && listen.ip().is_unspecified() && socket.set_only_v6(false).is_ok();
    // A system that grants less still works, with more loss under load.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(shared)?;
    socket.bind(&listen.into())?;
    Ok((socket, dual))
}

fn server_config(certificate: &NodeCertificate, alpn: &[u8], limits: &NetLimits) -> Result<ServerConfig, BindError> {
    let crypto = QuicServerConfig::try_from(tls::server(certificate, alpn)?).map_err(no_suite)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = transport(limits);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(limits.streams));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(WAITING_INCOMING)
        .incoming_buffer_size(WAITING_BYTES / WAITING_INCOMING as u64)
        .incoming_buffer_size_total(WAITING_BYTES);
    Ok(config)
}

fn client_config(tls: rustls::ClientConfig, limits: &NetLimits) -> Result<ClientConfig, BindError> {
    let crypto = QuicClientConfig::try_from(tls).map_err(no_suite)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    let mut transport = transport(limits);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(limits.streams));
    transport.keep_alive_interval(Some(limits.keep_alive));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

fn no_suite(_: quinn::crypto::rustls::NoInitialCipherSuite) -> BindError {
    BindError::Tls(rustls::Error::General("no initial cipher suite".into()))
}

fn transport(limits: &NetLimits) -> TransportConfig {
    let window = limits.message_bytes.saturating_mul(WINDOW_MESSAGES);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(limits.idle).unwrap_or(VarInt::MAX.into())))
        .stream_receive_window(varint(limits.message_bytes))
        .receive_window(varint(window))
        .send_window(window as u64)
        .initial_rtt(FIRST_RTT);
    config
}

fn varint(bytes: usize) -> VarInt {
    VarInt::from_u64(bytes as u64).unwrap_or(VarInt::MAX)
}

/// A restarted node resets connections of its earlier run at once, since the reset key comes from its node key.
fn endpoint_config(secret: &[u8; 32]) -> EndpointConfig {
    let key = blake3::derive_key("timeline 2026 QUIC stateless reset", secret);
    let mut config = EndpointConfig::new(Arc::new(ResetKey(Zeroizing::new(key))));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// Makes the tokens of stateless resets (RFC 9000, section 10.3.2) with keyed BLAKE3.
struct ResetKey(Zeroizing<[u8; 32]>);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // Compared in constant time.
        let expected = blake3::keyed_hash(&self.0, data);
        if expected == *signature { Ok(()) } else { Err(CryptoError) }
    }
}

/// Connection ids that a later run of this node also takes for its own: quinn's own are keyed by the run, and a run
/// stays silent about ids that it could not have made.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; CONNECTION_ID_BYTES];
        #[allow(
            clippy::disallowed_methods,
            reason = "connection ids have to be unpredictable, and no simulation has any"
        )]
        getrandom::fill(&mut id).expect("the system gives random bytes");
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
