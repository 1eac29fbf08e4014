//! One follower and one log: what was signed last, on disk and in memory.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::records::{Known, from_bytes, to_bytes};
use crate::seam::{Op, Space};
use crate::types::{AccountId, DeviceId, WallTime};

/// What was signed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signed {
    #[serde(rename = "A")]
    pub author: AccountId,
    #[serde(rename = "R")]
    pub received: u64,
    #[serde(rename = "N")]
    pub seen: u64,
    /// When; also part of the key under which it lies in the outbox.
    #[serde(rename = "T")]
    pub at: WallTime,
}

impl Known for Signed {
    const FIELDS: &'static [&'static str] = &["A", "R", "N", "T"];
}

impl Signed {
    /// Returns the change that keeps it.
    pub(super) fn keep(&self, follower: &AccountId, log: &DeviceId) -> Op {
        Op::SetLocal(Space::Seen, key(follower, log), to_bytes(self).into())
    }

    /// Returns the change that forgets it.
    pub(super) fn forget(follower: &AccountId, log: &DeviceId) -> Op {
        Op::DropLocal(Space::Seen, key(follower, log))
    }

    /// Reads one, and the log that it is about.
    pub(super) fn read(key: &[u8], value: &[u8]) -> Option<(DeviceId, Self)> {
        Some((DeviceId(key.get(32..)?.try_into().ok()?), from_bytes(value).ok()?))
    }
}

fn key(follower: &AccountId, log: &DeviceId) -> Bytes {
    [follower.0, log.0].concat().into()
}

/// A pair in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    /// What was signed last.
    pub signed: Option<Signed>,
    /// When, in this run.
    pub sent: Option<Instant>,
    /// What waits to be signed: the author, received, seen.
    pub waits: Option<(AccountId, u64, u64)>,
}
