//! Who is at the other end: mutual TLS 1.3 with Ed25519 keys, in which a node's identity is the hash of its key.
//!
//! No certificate authority, no names, no dates: a certificate is read for its key only, and that key must sign the
//! handshake. Decides nothing about admission: bans and limits come after the handshake.

use std::sync::Arc;

use quinn::Connection;
use quinn::crypto::rustls::HandshakeData;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ServerSessionMemoryCache;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
};

use crate::keys::{NodeCertificate, key_in_certificate};
use crate::types::NodeId;

/// What follows the identity in the name under which a node is dialled; `.invalid` resolves nowhere (RFC 6761).
const SUFFIX: &str = ".node.invalid";

/// Sessions remembered at each end for resumption: one for every connection that may be kept.
const SESSIONS: usize = 512;

/// Returns the TLS server name of a node.
///
/// Sessions are resumed by server name and without the verifier, so every node needs a name of its own.
pub fn server_name(node: &NodeId) -> String {
    let mut name = data_encoding::BASE32_NOPAD.encode(node.as_bytes()).to_ascii_lowercase();
    name.push_str(SUFFIX);
    name
}

/// The TLS server name under which an address is dialled without knowing who is there.
pub(super) const ANYBODY: &str = "anybody.node.invalid";

fn node_of(name: &ServerName<'_>) -> Option<NodeId> {
    let ServerName::DnsName(name) = name else { return None };
    let id = name.as_ref().strip_suffix(SUFFIX)?;
    NodeId::from_slice(&data_encoding::BASE32_NOPAD_NOCASE.decode(id.as_bytes()).ok()?)
}

/// Returns the identity that the other end of a connection has proved.
pub(super) fn peer_of(connection: &Connection) -> Option<NodeId> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    Some(key_in_certificate(chain.first()?)?.node_id())
}

/// Tells whether both ends agreed on the protocol.
pub(super) fn speaks(connection: &Connection, alpn: &[u8]) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(alpn))
}

/// Builds the configuration for dialling; to be shared, since it remembers sessions.
pub(super) fn client(certificate: &NodeCertificate, alpn: &[u8]) -> Result<ClientConfig, Error> {
    let mut config = dialling(certificate, alpn, false)?;
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    config.enable_early_data = true;
    Ok(config)
}

/// Builds the configuration for asking who is at an address.
///
/// It resumes no session: they are found by server name, and here all nodes have the same one.
pub(super) fn client_of_anybody(certificate: &NodeCertificate, alpn: &[u8]) -> Result<ClientConfig, Error> {
    let mut config = dialling(certificate, alpn, true)?;
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn dialling(certificate: &NodeCertificate, alpn: &[u8], anybody: bool) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Proof { provider, anybody }))
        .with_client_auth_cert(chain(certificate), private_key(certificate))?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(config)
}

/// Builds the configuration for accepting.
pub(super) fn server(certificate: &NodeCertificate, alpn: &[u8]) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Proof { provider, anybody: false }))
        .with_single_cert(chain(certificate), private_key(certificate))?;
    config.alpn_protocols = vec![alpn.to_vec()];
    // A session is resumed once and then forgotten, so what came early cannot be replayed where it was taken.
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // QUIC knows this value and 0 (RFC 9001, section 4.6.1); how much may come early is for the connection to say.
    config.max_early_data_size = u32::MAX;
    Ok(config)
}

fn chain(certificate: &NodeCertificate) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(certificate.der().to_vec())]
}

fn private_key(certificate: &NodeCertificate) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(certificate.key_der().to_vec()).into()
}

/// Checks that the other end holds the key in its certificate and, when dialling, that it is the key dialled.
#[derive(Debug)]
struct Proof {
    provider: Arc<CryptoProvider>,
    /// Whether any key will do when dialling, as long as the other end holds it.
    anybody: bool,
}

impl Proof {
    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }
}

fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// TLS 1.2 is never offered; a signature of that version proves nothing here.
fn never() -> Result<HandshakeSignatureValid, Error> {
    Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
}

impl ServerCertVerifier for Proof {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = key_in_certificate(certificate).ok_or_else(refused)?.node_id();
        if self.anybody {
            return Ok(ServerCertVerified::assertion());
        }
        let dialled = node_of(name).ok_or_else(refused)?;
        if found == dialled { Ok(ServerCertVerified::assertion()) } else { Err(refused()) }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        never()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Proof {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        key_in_certificate(certificate).map(|_| ClientCertVerified::assertion()).ok_or_else(refused)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        never()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_name_leads_back_to_its_node_only() {
        let node = NodeId([0xa7; 32]);
        let name = ServerName::try_from(server_name(&node)).expect("a DNS name");
        assert_eq!(node_of(&name), Some(node));
        for bad in ["node.invalid", "example.com", "aaaa.node.invalid", "127.0.0.1"] {
            assert_eq!(node_of(&ServerName::try_from(bad).expect("a name")), None, "{bad}");
        }
    }
}
