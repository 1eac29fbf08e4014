//! A node's certificate: the envelope in which TLS carries a node's public key.
//!
//! The certificate proves nothing by itself and nobody reads more of it than the key: names, dates and extensions are
//! ignored, so it may be remade at any time. What counts is the signature that the handshake makes with that key; the
//! network module checks it.

use std::fmt;

use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ED25519};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::types::PublicKey;

/// How the SubjectPublicKeyInfo of every Ed25519 key begins (RFC 8410, section 4); the 32 bytes of the key follow.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Characters of a PEM line (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The certificate could not be made from the key.
    #[error("the certificate could not be made")]
    Generate,
    /// The text does not hold a PKCS#8 key and a certificate in PEM form.
    #[error("this is not an Ed25519 private key and its certificate in PEM form")]
    Malformed,
    /// The certificate is not that of the key.
    #[error("the certificate belongs to another key")]
    Mismatch,
}

/// A node's self-signed Ed25519 certificate with its private key, which is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeCertificate {
    der: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl NodeCertificate {
    /// Makes the certificate of a node key; the same key always gives the same certificate.
    pub fn generate(secret: &[u8; 32]) -> Result<Self, CertificateError> {
        let key = SigningKey::from_bytes(secret).to_pkcs8_der().map_err(|_| CertificateError::Generate)?;
        let key = Zeroizing::new(key.as_bytes().to_vec());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(key.as_slice()), &PKCS_ED25519)
            .map_err(|_| CertificateError::Generate)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(|_| CertificateError::Generate)?;
        params.distinguished_name.push(DnType::CommonName, "timeline node");
        let certificate = params.self_signed(&pair).map_err(|_| CertificateError::Generate)?;
        Ok(Self { der: certificate.der().to_vec(), key })
    }

    /// Returns the certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the private key in PKCS#8 DER form.
    pub fn key_der(&self) -> &[u8] {
        &self.key
    }

    /// Writes the private key and the certificate as PEM, the key first.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::new());
        write_pem(&mut out, "PRIVATE KEY", &self.key);
        write_pem(&mut out, "CERTIFICATE", &self.der);
        out
    }

    /// Reads what [`NodeCertificate::to_pem`] wrote.
    ///
    /// # Errors
    ///
    /// `Malformed` for anything but a key and a certificate, `Mismatch` when they do not belong together.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| CertificateError::Malformed)?;
        let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| CertificateError::Malformed)?;
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(key.as_slice()), &PKCS_ED25519)
            .map_err(|_| CertificateError::Malformed)?;
        let named = key_in_certificate(&der).ok_or(CertificateError::Malformed)?;
        if pair.public_key_raw() != named.as_bytes() {
            return Err(CertificateError::Mismatch);
        }
        Ok(Self { der: der.to_vec(), key })
    }
}

impl fmt::Debug for NodeCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeCertificate({} bytes)", self.der.len())
    }
}

/// Returns the Ed25519 key in a certificate and ignores all else there; `None` where there is no such key.
///
/// A key of small order is none: everybody can sign for it.
pub fn key_in_certificate(der: &[u8]) -> Option<PublicKey> {
    let der = CertificateDer::from(der);
    let info = ParsedCertificate::try_from(&der).ok()?.subject_public_key_info();
    let key: [u8; 32] = info.as_ref().strip_prefix(&ED25519_SPKI)?.try_into().ok()?;
    let weak = VerifyingKey::from_bytes(&key).ok()?.is_weak();
    (!weak).then_some(PublicKey(key))
}

fn write_pem(out: &mut String, label: &str, der: &[u8]) {
    let base64 = Zeroizing::new(data_encoding::BASE64.encode(der));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in base64.as_bytes().chunks(PEM_LINE) {
        out.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(secret: &[u8; 32]) -> PublicKey {
        PublicKey(SigningKey::from_bytes(secret).verifying_key().to_bytes())
    }

    #[test]
    fn the_certificate_names_the_key_it_was_made_from() {
        let made = NodeCertificate::generate(&[7; 32]).expect("made");
        assert_eq!(key_in_certificate(made.der()), Some(public(&[7; 32])));
        assert_eq!(NodeCertificate::generate(&[7; 32]), Ok(made));
    }

    #[test]
    fn pem_is_read_back_and_mixed_pairs_are_refused() {
        let made = NodeCertificate::generate(&[7; 32]).expect("made");
        let other = NodeCertificate::generate(&[8; 32]).expect("made");
        assert_eq!(NodeCertificate::from_pem(&made.to_pem()), Ok(made.clone()));
        let mixed = NodeCertificate { der: made.der, key: other.key };
        assert_eq!(NodeCertificate::from_pem(&mixed.to_pem()), Err(CertificateError::Mismatch));
        assert_eq!(NodeCertificate::from_pem("garbage"), Err(CertificateError::Malformed));
        let key = crate::keys::SecretKey::from_bytes(&[7; 32]).to_pem();
        assert_eq!(NodeCertificate::from_pem(&key), Err(CertificateError::Malformed));
    }

    #[test]
    fn other_kinds_of_keys_are_no_node_keys() {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let certificate = CertificateParams::new(Vec::new()).expect("params").self_signed(&pair).expect("signed");
        assert_eq!(key_in_certificate(certificate.der()), None);
    }

    #[test]
    fn a_key_that_everybody_can_sign_for_is_none() {
        let made = NodeCertificate::generate(&[7; 32]).expect("made");
        let at = made.der.windows(12).position(|w| w == ED25519_SPKI).expect("the key is there") + 12;
        let mut der = made.der.clone();
        der[at..at + 32].copy_from_slice(&[0; 32]);
        assert_eq!(key_in_certificate(&der), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(key_in_certificate(&bytes), None);
        }

        #[test]
        fn any_damage_is_read_without_a_panic(at in 0usize..292, value in any::<u8>()) {
            let mut der = NodeCertificate::generate(&[7; 32]).expect("made").der;
            let at = at.min(der.len() - 1);
            der[at] = value;
            let _ = key_in_certificate(&der);
        }
    }
}
