//! Ed25519 keys and signatures (RFC 8032), bound to a context and a network.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use thiserror::Error;
use zeroize::Zeroizing;

use super::checked::{made, once};
use crate::types::{Hash, NetworkId, PublicKey, Rng};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Why a key cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not an Ed25519 key in PKCS#8 PEM form.
    #[error("this is not an Ed25519 private key in PKCS#8 PEM form")]
    Malformed,
}

/// A private key: a node's, a device's, or an account's root. Wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes a new key.
    pub fn generate(rng: &mut Rng) -> Self {
        Self::from_bytes(&Zeroizing::new(rng.bytes()))
    }

    /// Takes the 32 bytes of a key.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// Returns the 32 bytes of the key.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Reads a PKCS#8 PEM file.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// Writes the key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.0.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key always encodes")
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `bytes` for one purpose in one network.
    pub fn sign(&self, context: &str, network: &NetworkId, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let message = message(context, network, bytes);
        let signature = self.0.sign(&message).to_bytes();
        made(|| self.public(), &message, &signature);
        signature
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public().short())
    }
}

/// Checks a signature strictly: weak keys and malleable encodings are refused.
pub fn verify(key: &PublicKey, context: &str, network: &NetworkId, bytes: &[u8], signature: &[u8]) -> bool {
    let message = message(context, network, bytes);
    once(key, &message, signature, || {
        let Ok(key) = VerifyingKey::from_bytes(key.as_bytes()) else { return false };
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        key.verify_strict(&message, &signature).is_ok()
    })
}

/// Returns the BLAKE3-256 of the bytes.
pub fn hash(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// What is signed: one byte with the length of the context, the context, the NetworkId, the bytes.
fn message(context: &str, network: &NetworkId, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + context.len() + 32 + bytes.len());
    out.push(context.len() as u8);
    out.extend_from_slice(context.as_bytes());
    out.extend_from_slice(network.as_bytes());
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_context_network_and_bytes_only() {
        let key = SecretKey::generate(&mut Rng::from_seed([1; 32]));
        let other = SecretKey::generate(&mut Rng::from_seed([2; 32]));
        let network = NetworkId([3; 32]);
        let signature = key.sign("timeline 1 post", &network, b"hello");
        assert!(verify(&key.public(), "timeline 1 post", &network, b"hello", &signature));
        assert!(!verify(&other.public(), "timeline 1 post", &network, b"hello", &signature));
        assert!(!verify(&key.public(), "timeline 1 edge", &network, b"hello", &signature));
        assert!(!verify(&key.public(), "timeline 1 post", &NetworkId([4; 32]), b"hello", &signature));
        assert!(!verify(&key.public(), "timeline 1 post", &network, b"hellO", &signature));
        assert!(!verify(&key.public(), "timeline 1 post", &network, b"hello", &signature[..63]));
        assert!(!verify(&PublicKey([0; 32]), "timeline 1 post", &network, b"hello", &[0; 64]));
    }

    #[test]
    fn keys_are_read_back_from_pem() {
        let key = SecretKey::generate(&mut Rng::from_seed([1; 32]));
        assert_eq!(SecretKey::from_pem(&key.to_pem()).map(|k| k.public()), Ok(key.public()));
        assert_eq!(SecretKey::from_pem("garbage").err(), Some(KeyError::Malformed));
    }
}
