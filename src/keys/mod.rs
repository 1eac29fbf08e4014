//! Keys, signatures, passwords: every use of a secret goes through here.
//!
//! Knows bytes and contexts, not what a record means.

mod certificate;
mod checked;
mod password;
mod place;
mod private;
mod sealed;
mod signing;

pub use certificate::{CertificateError, NodeCertificate, key_in_certificate};
pub use checked::CheckedOnce;
pub use password::{CostError, MAX_PASSWORD_BYTES, PasswordCost, Strength, phrase, strength};
pub use place::place;
pub use private::SealKey;
pub use sealed::{OpenError, SealedSecrets, Secrets};
pub use signing::{KeyError, SIGNATURE_BYTES, SecretKey, hash, verify};
