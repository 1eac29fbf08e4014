//! HELLO, and the requests of overlay, records and delivery.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::collection::Mark;
use super::frame::{Answer, Request};
use crate::records::{Known, Part};
use crate::seam::Class;
use crate::types::{Hash, Key, NetworkId, Section, SectionSet, WallTime};

/// The minor version that this program speaks.
pub const MINOR_VERSION: u32 = 0;
/// HELLO flag: the node is a way in.
pub const FLAG_BOOTPEER: u64 = 1;
/// HELLO flag: the node keeps a copy of every durable record.
pub const FLAG_ANCHOR: u64 = 2;
/// HELLO flag: the node answers requests that come back over a connection which it dialled.
pub const FLAG_BOTH_WAYS: u64 = 4;
/// Most records in one put: with 4 KiB each they fit a message.
pub const MAX_PUT_RECORDS: usize = 48;
/// Most contacts in one answer, the largest k of a network.
pub const MAX_CONTACTS: usize = 64;

/// Bytes that are carried as they are: a record or a signed contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob(pub Bytes);

impl Blob {
    /// Returns the bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<&Bytes> for Blob {
    fn from(bytes: &Bytes) -> Self {
        Self(bytes.clone())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self::from(bytes.into_vec()))
    }
}

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty = $key:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$fdoc])* #[serde(rename = $key)] pub $field: $type),* }

        impl Known for $name {
            const FIELDS: &'static [&'static str] = &[$($key),*];
        }
    };
}
pub(super) use message;

message!(
    /// Opens a connection; answered by the other side's own.
    Hello {
        /// Minor version of the sender.
        #[serde(default)]
        minor: u32 = "v",
        /// The network.
        network: NetworkId = "N",
        /// The sender's signed contact.
        contact: Blob = "C",
        /// The sender's time.
        time: WallTime = "T",
        /// Name and version of the program.
        #[serde(default)]
        software: String = "s",
        /// Bits of `FLAG_…`; unknown bits are passed over.
        #[serde(default)]
        flags: u64 = "f",
    }
);
impl Request for Hello {
    const NUMBER: u8 = super::frame::HELLO;
    const CLASS: Class = Class::Read;
    type Answer = Hello;
}
impl Answer for Hello {}

message!(
    /// Asks for a sign of life.
    Ping {}
);
message!(
    /// A sign of life.
    Pong {
        /// The sender's time.
        time: WallTime = "T",
    }
);
impl Request for Ping {
    const NUMBER: u8 = 2;
    const CLASS: Class = Class::Read;
    type Answer = Pong;
}
impl Answer for Pong {}

message!(
    /// Asks for the contacts closest to a key.
    FindNode {
        /// The key.
        key: Key = "K",
    }
);
message!(
    /// Contacts closest to a key, closest first.
    Closer {
        /// Signed contacts.
        contacts: Vec<Blob> = "c",
    }
);
impl Request for FindNode {
    const NUMBER: u8 = 3;
    const CLASS: Class = Class::Read;
    type Answer = Closer;
}
impl Answer for Closer {}

/// Where a list goes on: behind the record with this section, slot and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Number of the section.
    #[serde(rename = "S")]
    pub section: u8,
    /// Slot.
    #[serde(rename = "L", with = "serde_bytes")]
    pub slot: Vec<u8>,
    /// Hash.
    #[serde(rename = "H")]
    pub hash: Hash,
}

impl Cursor {
    /// Returns the cursor in the form of the store; `None` for a section of a later version.
    pub fn position(self) -> Option<(Section, Bytes, Hash)> {
        Some((Section::from_number(self.section)?, self.slot.into(), self.hash))
    }
}

message!(
    /// Asks for the records at a key, and for the contacts closest to it.
    Get {
        /// The key.
        key: Key = "K",
        /// Which sections: bit n stands for section n.
        sections: SectionSet = "S",
        /// Most records to answer with.
        #[serde(default)]
        limit: u32 = "l",
        /// Where to go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor> = "a",
        /// Whether no contacts are wanted where there is any record.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        brief: bool = "b",
        /// Of interest only what belongs to this part of the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part> = "h",
        /// Of interest at most so many, spread evenly over the part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spread: Option<u32> = "e",
    }
);
impl Get {
    /// Asks for everything in some sections.
    pub fn all(key: Key, sections: SectionSet, limit: u32, after: Option<Cursor>) -> Self {
        Self { key, sections, limit, after, brief: false, part: None, spread: None }
    }
}

message!(
    /// Records at a key.
    #[derive(Default)]
    Got {
        /// Records, by section, slot and hash.
        records: Vec<Blob> = "r",
        /// Account chains and device certificates of accounts whose home is not this key.
        #[serde(default)]
        proofs: Vec<Blob> = "p",
        /// Present when there are more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Cursor> = "n",
        /// Signed contacts closest to the key.
        #[serde(default)]
        contacts: Vec<Blob> = "c",
        /// Sections of which more may lie elsewhere: in the children of a page, or under longer prefixes.
        #[serde(default)]
        split: SectionSet = "x",
        /// Posts of the key that the sender has collected, where posts were asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        marks: Vec<Mark> = "m",
        /// Whether the sender was away, and may lack what it should have.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsynced: bool = "u",
        /// About how many are interested in all: here, and, where the list goes on elsewhere, below.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interested: Option<u32> = "o",
    }
);
impl Request for Get {
    const NUMBER: u8 = 4;
    const CLASS: Class = Class::Read;
    type Answer = Got;
}
impl Answer for Got {}

message!(
    /// Asks to keep records at a key.
    Put {
        /// The key.
        key: Key = "K",
        /// The records.
        records: Vec<Blob> = "R",
        /// Account chains and device certificates that prove them.
        #[serde(default)]
        proofs: Vec<Blob> = "p",
        /// Sections that are to be shown in the answer, as by a GET of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        show: Option<SectionSet> = "g",
    }
);
message!(
    /// One status for each record, in order.
    PutDone {
        /// Numbers of [`super::Status`].
        statuses: Vec<u8> = "S",
        /// What was to be shown: the map that answers a GET.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<Blob> = "g",
    }
);
impl Request for Put {
    const NUMBER: u8 = 5;
    const CLASS: Class = Class::Write;
    type Answer = PutDone;
}
impl Answer for PutDone {}
