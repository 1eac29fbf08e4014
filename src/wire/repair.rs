//! What siblings tell each other to find out who lacks which records, and how those are fetched.

use serde::{Deserialize, Serialize};

use super::frame::{Answer, Request};
use super::requests::{Blob, message};
use crate::records::Known;
use crate::seam::Class;
use crate::types::{Hash, Key, Stretch};

/// Bytes of a fingerprint.
pub const FINGERPRINT: usize = 16;
/// Most stretches in one request: with the parts of each an answer stays far below the limit of a message.
pub const MAX_STRETCHES: usize = 32;
/// Most records that are named of one stretch, 32 bytes each.
pub const MAX_NAMED: usize = 1024;
/// Most marked posts that are named of one stretch.
pub const MAX_MARKED: usize = 500;
/// Most parts of a stretch.
pub const MAX_PARTS: usize = 16;
/// Most records fetched at once; as many as fit [`MAX_FETCHED_BYTES`] come.
pub const MAX_FETCHED: usize = 256;
/// Most bytes of records and their proofs in one answer: with their keys it stays below the limit of a message.
pub const MAX_FETCHED_BYTES: usize = 160 * 1024;

/// A stretch with its fingerprint.
pub type Compared = (Stretch, [u8; FINGERPRINT]);

message!(
    /// Compares stretches of the table.
    Compare {
        /// For each stretch 9 bytes, and 16 of its fingerprint at the sender.
        #[serde(with = "serde_bytes")]
        stretches: Vec<u8> = "S",
    }
);
message!(
    /// In which of the stretches the receiver differs.
    Differences {
        /// How many of the stretches, from the first, were looked at.
        done: u8 = "N",
        /// Those that differ, in order.
        #[serde(default)]
        differing: Vec<Differing> = "d",
        /// Whether the sender was away, and may lack what it should have.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsynced: bool = "u",
    }
);
impl Request for Compare {
    const NUMBER: u8 = 14;
    const CLASS: Class = Class::Bulk;
    type Answer = Differences;
}
impl Answer for Differences {}

const ENTRY: usize = Stretch::BYTES + FINGERPRINT;

impl Compare {
    /// Packs stretches with their fingerprints.
    pub fn pack(all: &[Compared]) -> Self {
        let entry = |(stretch, print): &Compared| [&stretch.to_bytes()[..], print].concat();
        Self { stretches: all.iter().flat_map(entry).collect() }
    }

    /// Reads them; `None` where one is malformed, or there are none or more than may be.
    pub fn unpack(&self) -> Option<Vec<Compared>> {
        let read = |entry: &[u8]| {
            let (stretch, print) = entry.split_first_chunk()?;
            Some((Stretch::from_bytes(stretch)?, print.try_into().ok()?))
        };
        let whole = self.stretches.len().is_multiple_of(ENTRY) && !self.stretches.is_empty();
        (whole && self.stretches.len() <= MAX_STRETCHES * ENTRY)
            .then(|| self.stretches.chunks_exact(ENTRY).map(read).collect())?
    }
}

/// What the receiver has of a stretch: fingerprints of its parts, or, where it has little, each record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// Which of the stretches, counted from 0.
    #[serde(rename = "I")]
    pub index: u8,
    /// The receiver's fingerprint of it, 16 bytes.
    #[serde(rename = "F", with = "serde_bytes")]
    pub fingerprint: Vec<u8>,
    /// 16 bytes for each of its parts, in order.
    #[serde(rename = "p", default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<u8>,
    /// In place of parts: the names of its records, 32 bytes each.
    #[serde(rename = "n", default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<u8>,
    /// With the names: those of posts that were collected, 32 bytes each.
    #[serde(rename = "m", default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<u8>,
}

message!(
    /// Asks for records of a stretch that was compared.
    Fetch {
        /// The stretch, 9 bytes.
        #[serde(with = "serde_bytes")]
        stretch: Vec<u8> = "S",
        /// The names of records that are wanted, 32 bytes each.
        #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
        want: Vec<u8> = "w",
        /// Names of posts there that the sender has collected, 32 bytes each: a hint, never an order.
        #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
        marked: Vec<u8> = "m",
    }
);
message!(
    /// Records that were wanted and are there, as many as fit.
    Fetched {
        /// The key of each record, 32 bytes each.
        #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
        keys: Vec<u8> = "k",
        /// The records.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        records: Vec<Blob> = "r",
        /// Account chains and device certificates of accounts whose home is elsewhere.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        proofs: Vec<Blob> = "p",
    }
);
impl Request for Fetch {
    const NUMBER: u8 = 15;
    const CLASS: Class = Class::Bulk;
    type Answer = Fetched;
}
impl Answer for Fetched {}

/// Packs names of records, 32 bytes each.
pub fn pack_names<'a>(names: impl IntoIterator<Item = &'a Hash>) -> Vec<u8> {
    names.into_iter().flat_map(|name| name.0).collect()
}

/// Reads packed names of records, at most `most`; `None` where one is cut, or there are more.
pub fn unpack_names(bytes: &[u8], most: usize) -> Option<Vec<Hash>> {
    let whole = bytes.len().is_multiple_of(32) && bytes.len() / 32 <= most;
    whole.then(|| bytes.chunks_exact(32).filter_map(Hash::from_slice).collect())
}

/// Reads packed keys, at most `most`; `None` where one is cut, or there are more.
pub fn unpack_keys(bytes: &[u8], most: usize) -> Option<Vec<Key>> {
    unpack_names(bytes, most).map(|all| all.into_iter().map(|bytes| Key(bytes.0)).collect())
}

/// Reads packed fingerprints, at most `most`; `None` where one is cut, or there are more.
pub fn unpack_fingerprints(bytes: &[u8], most: usize) -> Option<Vec<[u8; FINGERPRINT]>> {
    let whole = bytes.len().is_multiple_of(FINGERPRINT) && bytes.len() / FINGERPRINT <= most;
    whole.then(|| bytes.chunks_exact(FINGERPRINT).filter_map(|chunk| chunk.try_into().ok()).collect())
}
