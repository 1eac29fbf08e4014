//! MessagePack as this network writes it: maps with short keys, bounded depth, no trailing bytes.
//!
//! A key that begins with an upper-case letter is critical: a reader that does not know it refuses the map.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// How deep maps and lists may nest.
pub const MAX_DEPTH: usize = 16;

/// Most values are no longer than this, so that they are written without being moved.
const MOSTLY: usize = 256;

/// Why bytes are not what they should be. Always the sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Not MessagePack, ill-typed, too deep, or a field is missing or given twice.
    #[error("malformed")]
    Malformed,
    /// Bytes follow the end.
    #[error("trailing bytes")]
    Trailing,
    /// A critical field of a later version.
    #[error("a critical field is unknown")]
    Critical,
}

/// The fields of a map that this version knows.
pub trait Known {
    /// Their keys.
    const FIELDS: &'static [&'static str];
}

/// Encodes a value as a map with its short keys.
pub fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(MOSTLY);
    write_to(&mut out, value);
    out.shrink_to_fit();
    out
}

/// Encodes a value likewise, behind what is written already.
pub fn write_to<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    rmp_serde::encode::write_named(out, value).expect("our own types always encode");
}

/// Decodes a map: known fields are read, unknown optional ones passed over, unknown critical ones refused.
pub fn from_bytes<T: DeserializeOwned + Known>(bytes: &[u8]) -> Result<T, CodecError> {
    match decode::<Checked<T>>(bytes) {
        Ok(Checked(value)) => Ok(value),
        // Of a map with more than one fault the keys alone decide first.
        Err(_) => {
            let keys = decode::<Keys<T>>(bytes)?;
            if keys.critical {
                Err(CodecError::Critical)
            } else {
                Err(decode::<T>(bytes).err().unwrap_or(CodecError::Malformed))
            }
        }
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    decoder.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut decoder).map_err(|_| CodecError::Malformed)?;
    // Nothing but the end has no marker to read.
    let end = matches!(bool::deserialize(&mut decoder), Err(rmp_serde::decode::Error::InvalidMarkerRead(_)));
    if end { Ok(value) } else { Err(CodecError::Trailing) }
}

fn is_critical<T: Known>(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_uppercase()) && !T::FIELDS.contains(&key)
}

/// A map that has no unknown critical field, read in one go.
struct Checked<T>(T);

impl<'de, T: DeserializeOwned + Known> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned + Known> Visitor<'de> for MapVisitor<T> {
            type Value = Checked<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with short keys")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Checked<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(Guarded::<T, M> { map, of: PhantomData })).map(Checked)
            }
        }
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

/// The entries of a map, up to the first key that is critical and unknown.
struct Guarded<T, M> {
    map: M,
    of: PhantomData<T>,
}

impl<'de, T: Known, M: MapAccess<'de>> MapAccess<'de> for Guarded<T, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        match self.map.next_key::<Key<'de>>()? {
            None => Ok(None),
            Some(Key(key)) if is_critical::<T>(&key) => Err(M::Error::custom(CodecError::Critical)),
            Some(Key(key)) => seed.deserialize(CowStrDeserializer::new(key)).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.map.size_hint()
    }
}

/// The key of a field, not copied where that can be.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a short key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }

            fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Key<'de>, E> {
                std::str::from_utf8(key).map_err(E::custom).and_then(|key| self.visit_str(key))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The keys of a map, read without its values.
struct Keys<T> {
    critical: bool,
    of: PhantomData<T>,
}

impl<'de, T: Known> Deserialize<'de> for Keys<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor<T>(PhantomData<T>);
        impl<'de, T: Known> Visitor<'de> for KeysVisitor<T> {
            type Value = Keys<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with short keys")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys<T>, M::Error> {
                let mut critical = false;
                while let Some(Key(key)) = map.next_key()? {
                    critical |= is_critical::<T>(&key);
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Keys { critical, of: PhantomData })
            }
        }
        deserializer.deserialize_map(KeysVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Old {
        #[serde(rename = "A")]
        a: u8,
    }
    impl Known for Old {
        const FIELDS: &'static [&'static str] = &["A"];
    }

    #[derive(Serialize)]
    struct Newer<'a> {
        #[serde(rename = "A")]
        a: u8,
        #[serde(rename = "z", skip_serializing_if = "Option::is_none")]
        optional: Option<&'a str>,
        #[serde(rename = "Z", skip_serializing_if = "Option::is_none")]
        critical: Option<&'a str>,
    }

    #[test]
    fn unknown_optional_fields_are_passed_over_and_critical_ones_refused() {
        let check = |optional, critical, expected: Result<Old, CodecError>| {
            assert_eq!(from_bytes::<Old>(&to_bytes(&Newer { a: 7, optional, critical })), expected);
        };
        check(None, None, Ok(Old { a: 7 }));
        check(Some("x"), None, Ok(Old { a: 7 }));
        check(Some("x"), Some("y"), Err(CodecError::Critical));
    }

    #[test]
    fn trailing_bytes_deep_nesting_and_arrays_are_refused() {
        let mut bytes = to_bytes(&Old { a: 1 });
        bytes.push(0xc0);
        assert_eq!(from_bytes::<Old>(&bytes), Err(CodecError::Trailing));
        let mut deep = vec![0x82, 0xa1, b'A', 1, 0xa1, b'z'];
        deep.extend(std::iter::repeat_n(0x91, 100_000));
        deep.push(0xc0);
        assert_eq!(from_bytes::<Old>(&deep), Err(CodecError::Malformed));
        assert_eq!(from_bytes::<Old>(&[0x91, 1]), Err(CodecError::Malformed));
        assert_eq!(from_bytes::<Old>(&[]), Err(CodecError::Malformed));
        assert_eq!(from_bytes::<Old>(&[0x82, 0xa1, b'A', 1, 0xa1, b'A', 2]), Err(CodecError::Malformed));
    }
}
