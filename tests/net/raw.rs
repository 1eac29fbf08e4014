//! Peers that do not play by the rules: bare quinn endpoints that believe everything and claim anything.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm, SignatureScheme};
use timeline::keys::NodeCertificate;

use crate::support::loopback;

/// A certificate and what signs for it, which need not belong together.
pub type Identity = Arc<CertifiedKey>;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn identity(certificate: Vec<u8>, key: &[u8]) -> Identity {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_vec()));
    let key = provider().key_provider.load_private_key(key).expect("a key");
    Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key))
}

/// The true identity of a node.
pub fn own(secret: u8) -> Identity {
    copied(secret, secret)
}

/// The certificate of one node with the key of another.
pub fn copied(certificate: u8, key: u8) -> Identity {
    let certificate = NodeCertificate::generate(&[certificate; 32]).expect("a certificate");
    let key = NodeCertificate::generate(&[key; 32]).expect("a certificate");
    identity(certificate.der().to_vec(), key.key_der())
}

/// An honest P-256 certificate whose owner signs with it whatever the other end says it takes.
pub fn ecdsa() -> Identity {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("params").self_signed(&pair).expect("signed");
    pushy(identity(certificate.der().to_vec(), &pair.serialize_der()), SignatureScheme::ECDSA_NISTP256_SHA256)
}

/// The certificate of a node, signed for with a P-256 key.
pub fn copied_with_ecdsa(certificate: u8) -> Identity {
    let certificate = NodeCertificate::generate(&[certificate; 32]).expect("a certificate");
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    pushy(identity(certificate.der().to_vec(), &pair.serialize_der()), SignatureScheme::ECDSA_NISTP256_SHA256)
}

fn pushy(identity: Identity, scheme: SignatureScheme) -> Identity {
    Arc::new(CertifiedKey::new(identity.cert.clone(), Arc::new(Pushy(identity.key.clone(), scheme))))
}

/// Signs with its scheme even when it was not offered.
#[derive(Debug)]
struct Pushy(Arc<dyn SigningKey>, SignatureScheme);

impl SigningKey for Pushy {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[self.1])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// A bare server that keeps every byte it is sent and answers each request with `answer`.
pub struct Server {
    pub endpoint: Endpoint,
    pub address: SocketAddr,
    /// Requests as they came, the HELLO included.
    pub received: Rc<RefCell<Vec<Vec<u8>>>>,
}

/// Builds a bare server on loopback; `window` is what it lets a stream send before it reads.
pub fn listen(identity: Identity, alpn: &[u8], window: u32) -> Endpoint {
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(Arc::new(Gullible))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from((*identity).clone())));
    tls.alpn_protocols = vec![alpn.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("a suite")));
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(window));
    config.transport_config(Arc::new(transport));
    Endpoint::server(config, loopback()).expect("bound")
}

/// When a bare server answers a HELLO.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    AtOnce,
    /// When the request behind it has come.
    Late,
    Never,
}

impl Server {
    /// Starts a server that answers the HELLO like a good node and everything else with `answer`.
    pub fn start(identity: Identity, alpn: &[u8], answer: Vec<u8>) -> Self {
        Self::welcoming(identity, alpn, answer, Welcome::AtOnce)
    }

    /// The same, taking its time over the HELLO.
    pub fn welcoming(identity: Identity, alpn: &[u8], answer: Vec<u8>, welcome: Welcome) -> Self {
        let endpoint = listen(identity, alpn, 1 << 20);
        let server =
            Self { address: endpoint.local_addr().expect("bound"), endpoint, received: Rc::new(RefCell::default()) };
        let (accepting, received) = (server.endpoint.clone(), server.received.clone());
        tokio::task::spawn_local(async move {
            while let Some(incoming) = accepting.accept().await {
                let (received, answer) = (received.clone(), answer.clone());
                tokio::task::spawn_local(async move {
                    let Ok(connection) = incoming.await else { return };
                    let mut held = None;
                    while let Ok((mut send, mut recv)) = connection.accept_bi().await {
                        let Ok(body) = recv.read_to_end(1 << 20).await else { continue };
                        let hello = body.first() == Some(&1);
                        received.borrow_mut().push(body);
                        if hello && welcome != Welcome::AtOnce {
                            held = Some(send);
                            continue;
                        }
                        reply(&mut send, if hello { b"welcome" } else { &answer }).await;
                        if welcome == Welcome::Late
                            && let Some(mut held) = held.take()
                        {
                            reply(&mut held, b"welcome").await;
                        }
                    }
                });
            }
        });
        server
    }
}

async fn reply(send: &mut SendStream, answer: &[u8]) {
    // The other end may not want all of it.
    let _ = send.write_all(answer).await;
    let _ = send.finish();
}

/// Connects a bare client; `window` is what it lets a stream send before it reads.
pub async fn connect(
    identity: Option<Identity>,
    alpn: &[&[u8]],
    to: SocketAddr,
    window: u32,
) -> Result<Connection, quinn::ConnectionError> {
    let endpoint = Endpoint::client(loopback()).expect("bound");
    endpoint.connect_with(client(identity, alpn, window), to, "whoever").expect("a valid address").await
}

/// Sets a bare client up, one that remembers its sessions and sends early what it can.
pub fn client(identity: Option<Identity>, alpn: &[&[u8]], window: u32) -> ClientConfig {
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible));
    let mut tls = match identity {
        Some(identity) => tls.with_client_cert_resolver(Arc::new(SingleCertAndKey::from((*identity).clone()))),
        None => tls.with_no_client_auth(),
    };
    tls.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    tls.enable_early_data = true;
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("a suite")));
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(window));
    config.transport_config(Arc::new(transport));
    config
}

/// Opens a stream and writes to it without ending it.
pub async fn begin(connection: &Connection, bytes: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = connection.open_bi().await.expect("a stream");
    send.write_all(bytes).await.expect("written");
    (send, recv)
}

/// Sends one whole request and returns what comes back, `None` when the stream or connection ends instead.
pub async fn ask(connection: &Connection, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    send.write_all(bytes).await.ok()?;
    send.finish().ok()?;
    recv.read_to_end(1 << 20).await.ok()
}

/// Believes any certificate and any signature.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

impl ClientCertVerifier for Gullible {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
