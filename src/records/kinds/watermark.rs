//! Watermarks: how far a follower has received and seen a device's log.

use serde::{Deserialize, Serialize};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, RecordKind};

/// "A has received device X's log up to r and seen it up to n."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatermarkBody {
    /// The follower.
    #[serde(rename = "A")]
    pub follower: AccountId,
    /// The follower's device that signs.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The author.
    #[serde(rename = "B")]
    pub author: AccountId,
    /// The author's device whose log it is about.
    #[serde(rename = "X")]
    pub log: DeviceId,
    /// The number up to which everything that exists was received.
    #[serde(rename = "R")]
    pub received: u64,
    /// The number up to which everything that exists was shown.
    #[serde(rename = "N")]
    pub seen: u64,
    /// The hash of post `seen`, where the follower knows it; absent when `seen` is zero.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub seen_hash: Option<Hash>,
}

impl Known for WatermarkBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "H", "B", "X", "R", "N", "P"];
}

impl Body for WatermarkBody {
    const KIND: RecordKind = RecordKind::Watermark;
    const CONTEXT: &'static str = "timeline 1 watermark";

    fn check(&self) -> Result<(), RecordError> {
        let fine = self.follower != self.author
            && self.seen <= self.received
            && self.received > 0
            && (self.seen > 0 || self.seen_hash.is_none());
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}
