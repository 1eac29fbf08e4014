//! MessagePack as this network writes it: maps with short keys, bounded depth, no trailing bytes.
//!
//! A key that begins with an upper-case letter is critical: a reader that does not know it refuses the map.

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// How deep maps and lists may nest.
pub const MAX_DEPTH: usize = 16;

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
    rmp_serde::to_vec_named(value).expect("our own types always encode")
}

/// Decodes a map: known fields are read, unknown optional ones passed over, unknown critical ones refused.
pub fn from_bytes<T: DeserializeOwned + Known>(bytes: &[u8]) -> Result<T, CodecError> {
    let value =
        decode::<Keys<T>>(bytes).and_then(|keys| if keys.critical { Err(CodecError::Critical) } else { Ok(()) });
    value.and_then(|()| decode::<T>(bytes))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut rest = bytes;
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut decoder).map_err(|_| CodecError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(CodecError::Trailing) }
}

/// The keys of a map, read without its values.
struct Keys<T> {
    critical: bool,
    of: std::marker::PhantomData<T>,
}

impl<'de, T: Known> Deserialize<'de> for Keys<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Known> Visitor<'de> for KeysVisitor<T> {
            type Value = Keys<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with short keys")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys<T>, M::Error> {
                let mut critical = false;
                while let Some(key) = map.next_key::<String>()? {
                    let unknown = !T::FIELDS.contains(&key.as_str());
                    critical |= unknown && key.starts_with(|c: char| c.is_ascii_uppercase());
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Keys { critical, of: std::marker::PhantomData })
            }
        }
        deserializer.deserialize_map(KeysVisitor(std::marker::PhantomData))
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
