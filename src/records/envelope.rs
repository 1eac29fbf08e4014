//! The outer form of a record: suite, kind, a map of fields, signatures.
//!
//! `bytes = suite (1) | kind | map | signature…`; what is signed and hashed is all but the signatures.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::codec::{CodecError, Known, from_bytes, to_bytes};
use crate::keys::{self, SIGNATURE_BYTES, SecretKey};
use crate::types::{Hash, NetworkId, PublicKey, RecordKind};

/// Ed25519 and BLAKE3.
pub const SUITE: u8 = 1;

/// Why a record is refused. Always the fault of whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Shorter than its own envelope.
    #[error("the record is cut short")]
    Short,
    /// A suite of a later version.
    #[error("unknown suite")]
    Suite,
    /// A kind of a later version.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// The map cannot be read.
    #[error("the fields are {0}")]
    Fields(#[from] CodecError),
    /// A value outside what its field allows.
    #[error("a field has a value that is not allowed")]
    Value,
    /// A signature does not fit.
    #[error("a signature does not fit")]
    Signature,
    /// Over the size limit of its kind.
    #[error("over the size limit of its kind")]
    TooLarge,
    /// Stamped more than five minutes ahead.
    #[error("stamped ahead of time")]
    Future,
    /// Its end has passed.
    #[error("expired")]
    Expired,
}

/// The fields of one kind of record.
pub trait Body: Serialize + DeserializeOwned + Known {
    /// The kind.
    const KIND: RecordKind;
    /// How many signatures end the record.
    const SIGNATURES: usize = 1;
    /// What its signature is good for.
    const CONTEXT: &'static str;

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`RecordError::Value`].
    fn check(&self) -> Result<(), RecordError>;
}

/// A record of one kind with its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<B> {
    /// The fields.
    pub body: B,
    bytes: Bytes,
    hash: Hash,
    signatures: usize,
}

impl<B: Body> Signed<B> {
    /// Encodes and signs; a second signature, where the kind has one, is added with [`super::countersign`].
    pub fn sign(body: B, key: &SecretKey, network: &NetworkId) -> Self {
        let mut bytes = vec![SUITE, B::KIND.number()];
        bytes.extend(to_bytes(&body));
        let hash = keys::hash(&bytes);
        bytes.extend(key.sign(B::CONTEXT, network, &bytes));
        Self { body, bytes: bytes.into(), hash, signatures: 1 }
    }

    /// Encodes a record of a kind that carries no signature of its own.
    pub fn unsigned(body: B) -> Self {
        debug_assert_eq!(B::SIGNATURES, 0, "this kind is signed");
        let mut bytes = vec![SUITE, B::KIND.number()];
        bytes.extend(to_bytes(&body));
        let hash = keys::hash(&bytes);
        Self { body, bytes: bytes.into(), hash, signatures: 0 }
    }

    /// Reads a record without checking signatures.
    ///
    /// # Errors
    /// All but [`RecordError::Signature`], and those that need limits or time.
    pub fn decode(bytes: Bytes) -> Result<Self, RecordError> {
        let end = bytes.len().checked_sub(B::SIGNATURES * SIGNATURE_BYTES).ok_or(RecordError::Short)?;
        let signed = &bytes[..end];
        match signed {
            [SUITE, kind, map @ ..] if *kind == B::KIND.number() => {
                let body: B = from_bytes(map)?;
                body.check()?;
                // What no signature over the bytes covers has one form only, or anybody could make others of it.
                if B::SIGNATURES == 0 && to_bytes(&body) != map {
                    return Err(RecordError::Value);
                }
                let hash = keys::hash(signed);
                Ok(Self { body, hash, signatures: B::SIGNATURES, bytes })
            }
            [SUITE, kind, ..] => Err(RecordError::Kind(*kind)),
            [_, _, ..] => Err(RecordError::Suite),
            _ => Err(RecordError::Short),
        }
    }

    /// Tells whether `key` made the first signature.
    pub fn signed_by(&self, key: &PublicKey, network: &NetworkId) -> bool {
        let end = self.signed_len();
        keys::verify(key, B::CONTEXT, network, &self.bytes[..end], &self.bytes[end..end + SIGNATURE_BYTES])
    }

    /// Returns the record exactly as it was signed, signatures included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the hash of the signed bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    pub(super) fn signed_len(&self) -> usize {
        self.bytes.len() - self.signatures * SIGNATURE_BYTES
    }

    pub(super) fn with_signature(self, signature: [u8; SIGNATURE_BYTES]) -> Self {
        let bytes = [&self.bytes[..], &signature[..]].concat().into();
        Self { bytes, signatures: self.signatures + 1, ..self }
    }
}
