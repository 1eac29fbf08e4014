//! 32-byte identifiers, and the XOR distance between them (Maymounkov and Mazières 2002, section 2.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// An identifier has exactly 64 hex digits.
    #[error("expected 64 hex digits, found {0} characters")]
    Length(usize),
    /// Only the digits 0-9 and a-f are allowed.
    #[error("only the digits 0-9 and a-f are allowed")]
    Digit,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "serde_bytes")] pub [u8; 32]);

        impl $name {
            /// Returns the 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Takes exactly 32 bytes; anything else is `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Returns the first 10 hex digits, for logs.
            pub fn short(&self) -> String {
                data_encoding::HEXLOWER.encode(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.chars().count() != 64 {
                    return Err(IdError::Length(text.chars().count()));
                }
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| IdError::Digit)?;
                Self::from_slice(&bytes).ok_or(IdError::Digit)
            }
        }
    };
}

id!(
    /// BLAKE3-256 of a node's Ed25519 public key; also the node's place in the key space.
    NodeId
);
id!(
    /// BLAKE3-256 of an account's genesis record.
    AccountId
);
id!(
    /// A device's Ed25519 public key: naming a device is naming the key that checks its signatures.
    DeviceId
);
id!(
    /// BLAKE3-256 of the epoch-1 form of a network document.
    NetworkId
);
id!(
    /// A place in the distributed hash table.
    Key
);
id!(
    /// BLAKE3-256 of the signed bytes of a record, its signatures not included.
    Hash
);
id!(
    /// An Ed25519 public key whose role the context tells.
    PublicKey
);

impl PublicKey {
    /// Returns the `NodeId` of the node that holds this key.
    pub fn node_id(&self) -> NodeId {
        NodeId(*blake3::hash(&self.0).as_bytes())
    }
}

impl NodeId {
    /// Returns the node's own place in the key space.
    pub const fn key(&self) -> Key {
        Key(self.0)
    }

    /// Returns the first bytes as a number: short, and as good as random where nobody chose it.
    pub const fn head(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Returns the XOR distance of this node to `key`.
    #[inline]
    pub fn distance(&self, key: &Key) -> Distance {
        self.key().distance(key)
    }
}

impl DeviceId {
    /// Returns the device as the public key that it is.
    pub const fn public_key(&self) -> PublicKey {
        PublicKey(self.0)
    }
}

impl Key {
    /// Returns the XOR distance between two places.
    #[inline]
    pub fn distance(&self, other: &Key) -> Distance {
        let mut out = [0; 32];
        for (o, (a, b)) in out.iter_mut().zip(self.0.iter().zip(&other.0)) {
            *o = a ^ b;
        }
        Distance(out)
    }
}

/// XOR of two places, ordered as a big-endian number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Distance(pub [u8; 32]);

impl Distance {
    /// Returns floor(log2(distance)), 0 to 255, or `None` for distance zero: the bucket's index.
    pub fn log2(&self) -> Option<u8> {
        self.0.iter().position(|b| *b != 0).map(|i| {
            let bit = 7 - self.0[i].leading_zeros();
            ((31 - i) * 8 + bit as usize) as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_is_the_highest_differing_bit() {
        let check = |byte: usize, value: u8, expected: u8| {
            let mut other = [0; 32];
            other[byte] = value;
            assert_eq!(Key([0; 32]).distance(&Key(other)).log2(), Some(expected));
        };
        check(31, 1, 0);
        check(31, 0x80, 7);
        check(0, 0x80, 255);
        check(0, 1, 248);
        assert_eq!(Key([7; 32]).distance(&Key([7; 32])).log2(), None);
    }

    #[test]
    fn ids_are_read_back_from_their_text() {
        let id = NodeId([0xab; 32]);
        assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
        assert_eq!("ab".parse::<NodeId>(), Err(IdError::Length(2)));
        assert_eq!("AB".repeat(32).parse::<NodeId>(), Err(IdError::Digit));
    }
}
