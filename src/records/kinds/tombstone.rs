//! Tombstones: an author deletes a post. They lie in the slot of the post, so that one never outlives the other's end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, MAX_TTL, RecordKind, WallTime};

/// How long a tombstone outlives its post: clocks of replicas differ by less.
const AFTERLIFE: Duration = Duration::from_secs(10 * 60);

/// The author's word that a post is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TombstoneBody {
    /// The author.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device that signs: any of the account's.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The device whose post it is.
    #[serde(rename = "X")]
    pub of: DeviceId,
    /// The number of the post.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// The hash of the post.
    #[serde(rename = "P")]
    pub post: Hash,
    /// When the post ends.
    #[serde(rename = "E")]
    pub post_ends: WallTime,
}

impl Known for TombstoneBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "H", "X", "Q", "P", "E"];
}

impl Body for TombstoneBody {
    const KIND: RecordKind = RecordKind::Tombstone;
    const CONTEXT: &'static str = "timeline 1 tombstone";

    fn check(&self) -> Result<(), RecordError> {
        // A post may be stamped up to five minutes ahead of the device that deletes it.
        let latest = self.hlc.wall().plus(MAX_TTL).plus(AFTERLIFE);
        if self.seq > 0 && self.post_ends <= latest { Ok(()) } else { Err(RecordError::Value) }
    }
}

impl TombstoneBody {
    /// Returns when it ends: some minutes after its post.
    pub fn expires_at(&self) -> WallTime {
        self.post_ends.plus(AFTERLIFE)
    }
}
