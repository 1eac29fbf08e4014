//! Somebody whose posts the feed shows, as kept on disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::records::{Known, from_bytes, to_bytes};
use crate::seam::{Op, Space};
use crate::timeline::DeviceLog;
use crate::types::{AccountId, DeviceId, Hlc, Username, WallTime};

/// An author that the account follows, or the account itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followee {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// Its name.
    #[serde(rename = "U")]
    pub username: Username,
    /// Since when it is followed.
    #[serde(rename = "T")]
    pub since: WallTime,
    /// The stamp of the edge that says so.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// What came of each of its devices' logs.
    #[serde(rename = "d", default)]
    pub logs: BTreeMap<DeviceId, DeviceLog>,
}

impl Known for Followee {
    const FIELDS: &'static [&'static str] = &["A", "U", "T", "H", "d"];
}

impl Followee {
    /// Starts to follow.
    pub fn new(account: AccountId, username: Username, since: WallTime, hlc: Hlc) -> Self {
        Self { account, username, since, hlc, logs: BTreeMap::new() }
    }

    /// Returns the change that keeps it.
    pub fn keep(&self) -> Op {
        Op::SetLocal(Space::Followees, Bytes::copy_from_slice(&self.account.0), to_bytes(self).into())
    }

    /// Returns the change that forgets it.
    pub fn forget(account: &AccountId) -> Op {
        Op::DropLocal(Space::Followees, Bytes::copy_from_slice(&account.0))
    }

    /// Reads one from disk.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        from_bytes(bytes).ok()
    }
}
