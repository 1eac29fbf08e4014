//! What replicas tell each other before anything is collected: which records of a home they have, what they collected,
//! and the pages of long lists in brief.

use serde::{Deserialize, Serialize};

use super::frame::{Answer, Request};
use super::requests::{Blob, Cursor, message};
use crate::records::Known;
use crate::seam::Class;
use crate::types::{AccountId, DeviceId, Hash, Hlc, Key, Section, WallTime};

/// Most marks in one message: with some 120 bytes each they leave room for everything else.
pub const MAX_MARKS: usize = 500;
/// Most hashes in one answer: 33 bytes each.
pub const MAX_HASHES: usize = 2000;
/// Most records asked for at once: with 4 KiB each they fit a message.
pub const MAX_WANTED: usize = 32;
/// Most entries of a page in one answer: some 110 bytes each.
pub const MAX_ENTRIES: usize = 1000;

/// A post that was collected by whoever says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The device whose post it was.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// Its number.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// Its id.
    #[serde(rename = "P")]
    pub hash: Hash,
    /// When it would have ended.
    #[serde(rename = "E")]
    pub ends: WallTime,
}

message!(
    /// Compares an account's home: asks which records the other has, or for some of them, and says what was collected.
    Reconcile {
        /// The account.
        account: AccountId = "A",
        /// What the sender has collected of it: a hint, never an order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        marks: Vec<Mark> = "m",
        /// Hashes of records that the sender wants; where there are any, nothing else is answered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        want: Vec<Hash> = "w",
        /// Where the list goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor> = "a",
    }
);
message!(
    /// What there is at a home.
    Reconciled {
        /// Number of the section and hash, for each record, in the order of sections, slots and hashes.
        #[serde(default, with = "serde_bytes")]
        hashes: Vec<u8> = "h",
        /// Where the list goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Cursor> = "n",
        /// What was collected.
        #[serde(default)]
        marks: Vec<Mark> = "m",
        /// The records that were wanted, those that are here.
        #[serde(default)]
        records: Vec<Blob> = "r",
        /// Account chains and device certificates of accounts whose home is elsewhere.
        #[serde(default)]
        proofs: Vec<Blob> = "p",
        /// Whether the sender was away, and may lack what it should have.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsynced: bool = "u",
    }
);
impl Request for Reconcile {
    const NUMBER: u8 = 12;
    const CLASS: Class = Class::Read;
    type Answer = Reconciled;
}
impl Answer for Reconciled {}

impl Reconciled {
    /// Packs a list of sections and hashes.
    pub fn pack(entries: impl Iterator<Item = (Section, Hash)>) -> Vec<u8> {
        entries.flat_map(|(section, hash)| [&[section.number()][..], &hash.0].concat()).collect()
    }

    /// Reads the list; entries of sections that this version does not know are passed over, a cut one at the end too.
    pub fn entries(&self) -> impl Iterator<Item = (Section, Hash)> + '_ {
        let entry = |chunk: &[u8]| {
            let (number, hash) = chunk.split_first()?;
            Some((Section::from_number(*number)?, Hash(hash.try_into().ok()?)))
        };
        self.hashes.chunks_exact(33).take(MAX_HASHES).filter_map(entry)
    }
}

/// A follower, in brief.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowerEntry {
    /// Who.
    #[serde(rename = "A")]
    pub follower: AccountId,
    /// The stamp of the edge.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// Whether it follows.
    #[serde(rename = "F")]
    pub follows: bool,
    /// Since when.
    #[serde(rename = "T")]
    pub since: WallTime,
}

/// A watermark, in brief.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachEntry {
    /// Who.
    #[serde(rename = "A")]
    pub follower: AccountId,
    /// The log.
    #[serde(rename = "X")]
    pub log: DeviceId,
    /// The number up to which it was seen.
    #[serde(rename = "N")]
    pub seen: u64,
    /// The hash of that post.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
}

message!(
    /// Asks for a page of a list in brief: who follows, or how far each has seen.
    Summary {
        /// The key of the page.
        key: Key = "K",
        /// Whose list it is.
        account: AccountId = "A",
        /// Number of the section: followers or seen.
        section: u8 = "S",
        /// Where to go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor> = "a",
    }
);
message!(
    /// A page in brief.
    Summed {
        /// Followers.
        #[serde(default)]
        followers: Vec<FollowerEntry> = "f",
        /// Watermarks.
        #[serde(default)]
        reaches: Vec<ReachEntry> = "s",
        /// Whether the page is split: more lies on the pages below it.
        #[serde(default)]
        split: bool = "x",
        /// Where it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Cursor> = "n",
        /// Whether the sender was away, and may lack what it should have.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsynced: bool = "u",
    }
);
impl Request for Summary {
    const NUMBER: u8 = 13;
    const CLASS: Class = Class::Read;
    type Answer = Summed;
}
impl Answer for Summed {}
