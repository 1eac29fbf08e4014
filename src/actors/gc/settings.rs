//! What a node is told about collection.

use std::time::Duration;

/// What is collected, and what is signed about what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a post lies here before it may be collected.
    pub min_age: Duration,
    /// Whether posts that every follower has seen are collected.
    pub collect_seen: bool,
    /// Watermarks of one log are at least this far apart.
    pub seen_interval: Duration,
    /// Whether watermarks are signed at all.
    pub publish_seen: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            min_age: Duration::from_secs(3600),
            collect_seen: true,
            seen_interval: Duration::from_secs(10),
            publish_seen: true,
        }
    }
}
