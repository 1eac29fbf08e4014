//! MessagePack as JSON, read without the program's own types: bytes become hex digits, short keys stay as they are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::check::hex;

struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of the protocol")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
                Ok(Plain(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Plain, E> {
                Ok(Plain(value.into()))
            }

            fn visit_bytes<E>(self, value: &[u8]) -> Result<Plain, E> {
                Ok(Plain(hex(value).into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
                let mut out = Vec::new();
                while let Some(Plain(value)) = seq.next_element()? {
                    out.push(value);
                }
                Ok(Plain(out.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
                let mut out = Map::new();
                while let Some((key, Plain(value))) = map.next_entry::<String, Plain>()? {
                    out.insert(key, value);
                }
                Ok(Plain(out.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Returns what a map of MessagePack says.
pub fn plain(map: &[u8]) -> Value {
    rmp_serde::from_slice::<Plain>(map).expect("a map of the protocol").0
}
