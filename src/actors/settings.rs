//! What a node was told: by its configuration at the start, and by the account that is logged in.

use std::collections::BTreeSet;
use std::time::Duration;

use super::gc::Retention;
use crate::types::{AccountId, Contact};

/// What a node is told at its start, beside the world.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ways in.
    pub bootpeers: Vec<Contact>,
    /// Whether this node is a way in for others, and an anchor.
    pub bootpeer: bool,
    /// Whether the registrars keep everything and count for what is published; a node that runs in earnest always says so.
    pub anchors: bool,
    /// How often what has ended is removed.
    pub gc_interval: Duration,
    /// What is collected, and what is signed about what was seen.
    pub retention: Retention,
    /// Bytes of records this node holds before it refuses those of strangers.
    pub store_quota: u64,
    /// Bytes that stay free on the disk: below, records of strangers are refused.
    pub store_min_free: u64,
    /// Name and version, told in HELLO.
    pub software: String,
    /// Time servers.
    pub time: TimeSettings,
}

/// How a node keeps its clock right.
#[derive(Clone, Debug)]
pub struct TimeSettings {
    /// Servers that are asked; none leaves the node with the system's time.
    pub servers: Vec<String>,
    /// Time between two rounds of questions.
    pub interval: Duration,
    /// Whether the system's clock is set as well.
    pub set_system: bool,
}

impl Default for TimeSettings {
    fn default() -> Self {
        Self { servers: Vec::new(), interval: Duration::from_secs(3600), set_system: false }
    }
}

/// Whom the logged-in account does not want to hear of; at most the private entries that its quota allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Not shown.
    pub muted: BTreeSet<AccountId>,
    /// Not shown, not kept, not delivered to.
    pub blocked: BTreeSet<AccountId>,
}

impl Hidden {
    /// Tells whether posts of the account are not shown.
    pub fn hides(&self, account: &AccountId) -> bool {
        self.muted.contains(account) || self.blocked.contains(account)
    }

    /// Tells whether the account is blocked.
    pub fn blocks(&self, account: &AccountId) -> bool {
        self.blocked.contains(account)
    }
}
