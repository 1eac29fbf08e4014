//! The key of an account's private settings: XChaCha20-Poly1305, and names that only its holder can make.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::types::{Hash, Rng};

/// Bytes of a nonce, which precedes what is sealed.
const NONCE: usize = 24;

/// The settings key, wiped when it is dropped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// Takes the settings key of an account.
    pub fn new(settings: [u8; 32]) -> Self {
        Self(Zeroizing::new(settings))
    }

    /// Returns the 32 bytes, for the session on disk.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// Returns the name under which others see something called `name`: BLAKE3 derive-key (context `timeline 1 tag`) of
    /// the key, as key of a hash over the name.
    pub fn tag(&self, name: &[u8]) -> Hash {
        let key = Zeroizing::new(blake3::derive_key("timeline 1 tag", &self.0[..]));
        Hash(*blake3::keyed_hash(&key, name).as_bytes())
    }

    /// Seals a text; `bound_to` must be given again to open it.
    pub fn seal(&self, plain: &[u8], bound_to: &[u8], rng: &mut Rng) -> Vec<u8> {
        let nonce: [u8; NONCE] = rng.bytes();
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound_to });
        [&nonce[..], &sealed.expect("a text in memory is not over the cipher's limit")].concat()
    }

    /// Opens what was sealed; `None` when the key or `bound_to` is another, or the bytes were changed.
    pub fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let plain = self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: text, aad: bound_to });
        plain.ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::derive_key("timeline 1 private", &self.0[..]));
        XChaCha20Poly1305::new((&*key).into())
    }
}
