//! What a later run has to know of the clock.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::actors::context::Context;
use crate::records::{Known, from_bytes, to_bytes};
use crate::seam::{Op, Space};
use crate::types::WallTime;

const KEY: Bytes = Bytes::from_static(b"clock");

/// The clock as it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When servers agreed last.
    #[serde(rename = "A", default)]
    pub agreed: Option<WallTime>,
    /// When servers were first to be asked.
    #[serde(rename = "F", default)]
    pub first: Option<WallTime>,
    /// The correction of the system's clock, in milliseconds.
    #[serde(rename = "O")]
    pub offset_ms: i64,
    /// A step that nothing had explained, in milliseconds.
    #[serde(rename = "S", default)]
    pub step_ms: Option<i64>,
    /// How far the clock had come when it was last beyond doubt.
    #[serde(rename = "T")]
    pub good: WallTime,
}

impl Known for Kept {
    const FIELDS: &'static [&'static str] = &["A", "F", "O", "S", "T"];
}

impl Kept {
    /// Reads what the last run left.
    pub fn load(node: &Context) -> Option<Self> {
        let rows = node.store.local(Space::Clock, &KEY, None, 1).ok()?;
        rows.first().and_then(|(_, value)| from_bytes(value).ok())
    }

    /// Returns the change that keeps it.
    pub fn keep(&self) -> Op {
        Op::SetLocal(Space::Clock, KEY, to_bytes(self).into())
    }
}
