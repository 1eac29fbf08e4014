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
    /// Whether its home was read in full since it is followed: what its logs lack from then on is missing.
    #[serde(rename = "m", default)]
    pub met: bool,
    /// Posts that the account had read on another device, and that were gone when the home was first read here.
    #[serde(rename = "g", default)]
    pub read_and_gone: u64,
}

impl Known for Followee {
    const FIELDS: &'static [&'static str] = &["A", "U", "T", "H", "d", "m", "g"];
}

impl Followee {
    /// Starts to follow.
    pub fn new(account: AccountId, username: Username, since: WallTime, hlc: Hlc) -> Self {
        Self { account, username, since, hlc, logs: BTreeMap::new(), met: false, read_and_gone: 0 }
    }

    /// Returns it as when it began.
    pub fn afresh(&self) -> Self {
        Self::new(self.account, self.username.clone(), self.since, self.hlc)
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
