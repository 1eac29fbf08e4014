//! An account's secrets under a password: XChaCha20-Poly1305 with a key from Argon2id.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::password::PasswordCost;
use crate::types::Rng;

/// What a password opens.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secrets {
    /// The account's root key.
    pub root: [u8; 32],
    /// The key of the account's private settings.
    pub settings: [u8; 32],
}

/// Secrets as others may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSecrets {
    /// What a try costs.
    #[serde(rename = "c")]
    pub cost: PasswordCost,
    /// Salt of the password.
    #[serde(rename = "s", with = "serde_bytes")]
    pub salt: [u8; 16],
    /// Nonce of the cipher.
    #[serde(rename = "n", with = "serde_bytes")]
    pub nonce: [u8; 24],
    /// 64 bytes of secrets and the 16 bytes of the tag.
    #[serde(rename = "t", with = "serde_bytes")]
    pub text: Vec<u8>,
}

/// Why secrets stay closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Cost parameters outside the allowed range: the bundle is hostile.
    #[error("the password's cost parameters are outside the allowed range")]
    Cost,
    /// The password does not fit, or the bundle was altered.
    #[error("wrong password")]
    Password,
}

impl SealedSecrets {
    /// Seals secrets; `bound_to` must be given again to open them. Takes as long as the cost says.
    pub fn seal(secrets: &Secrets, password: &str, cost: PasswordCost, bound_to: &[u8], rng: &mut Rng) -> Option<Self> {
        let (salt, nonce) = (rng.bytes(), rng.bytes());
        let key = cost.derive(password, &salt).ok()?;
        let plain = Zeroizing::new([secrets.root, secrets.settings].concat());
        let text = cipher(&key).encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: bound_to }).ok()?;
        Some(Self { cost, salt, nonce, text })
    }

    /// Opens the secrets. Takes as long as the cost says, at most some seconds and 1 GiB.
    pub fn open(&self, password: &str, test: bool, bound_to: &[u8]) -> Result<Secrets, OpenError> {
        self.cost.check(test).map_err(|_| OpenError::Cost)?;
        let key = self.cost.derive(password, &self.salt).map_err(|_| OpenError::Cost)?;
        let plain = cipher(&key)
            .decrypt(&XNonce::from(self.nonce), Payload { msg: &self.text, aad: bound_to })
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Password)?;
        let (root, settings) = plain.split_at_checked(32).ok_or(OpenError::Password)?;
        match (root.try_into(), settings.try_into()) {
            (Ok(root), Ok(settings)) => Ok(Secrets { root, settings }),
            _ => Err(OpenError::Password),
        }
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_and_what_it_is_bound_to_open_the_secrets() {
        let secrets = Secrets { root: [1; 32], settings: [2; 32] };
        let mut rng = Rng::from_seed([3; 32]);
        let cost = PasswordCost::standard(true);
        let sealed = SealedSecrets::seal(&secrets, "right", cost, b"alice", &mut rng).expect("seals");
        assert!(sealed.open("right", true, b"alice") == Ok(secrets));
        assert!(sealed.open("wrong", true, b"alice") == Err(OpenError::Password));
        assert!(sealed.open("right", true, b"bob") == Err(OpenError::Password));
        assert!(sealed.open("right", false, b"alice") == Err(OpenError::Cost));
    }
}
