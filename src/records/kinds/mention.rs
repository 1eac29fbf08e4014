//! Mentions: somebody is named in a post, told to the inbox of whoever is named.

use serde::{Deserialize, Serialize};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, MAX_TTL, RecordKind, WallTime};

/// "Post P of A names B", or answers a post of B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionBody {
    /// The author of the post.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The author's device that signs, whose post it is.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// Who is named.
    #[serde(rename = "B")]
    pub mentioned: AccountId,
    /// The hash of the post.
    #[serde(rename = "P")]
    pub post: Hash,
    /// The number of the post.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// When the post ends.
    #[serde(rename = "E")]
    pub ends: WallTime,
}

impl Known for MentionBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "H", "B", "P", "Q", "E"];
}

impl Body for MentionBody {
    const KIND: RecordKind = RecordKind::Mention;
    const CONTEXT: &'static str = "timeline 1 mention";

    fn check(&self) -> Result<(), RecordError> {
        let fine = self.account != self.mentioned && self.seq > 0 && self.ends <= self.hlc.wall().plus(MAX_TTL);
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}
