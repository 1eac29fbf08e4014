//! Edges: who follows whom.

use serde::{Deserialize, Serialize};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hlc, RecordKind, WallTime};

/// "A follows B since t", or "A no longer follows B".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeBody {
    /// The follower.
    #[serde(rename = "A")]
    pub follower: AccountId,
    /// The follower's device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// Who is followed.
    #[serde(rename = "B")]
    pub followed: AccountId,
    /// When this was said.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// Whether A follows B from then on.
    #[serde(rename = "F")]
    pub follows: bool,
    /// Since when; kept when the edge is renewed.
    #[serde(rename = "T")]
    pub since: WallTime,
}

impl Known for EdgeBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "B", "H", "F", "T"];
}

impl Body for EdgeBody {
    const KIND: RecordKind = RecordKind::Edge;
    const CONTEXT: &'static str = "timeline 1 edge";

    fn check(&self) -> Result<(), RecordError> {
        let fine = self.follower != self.followed && self.since <= self.hlc.wall();
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}
