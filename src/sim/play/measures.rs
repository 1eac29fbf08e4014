//! What is measured while a scenario is played.

use std::time::Duration;

use crate::sim::statistics::Sample;

/// Measurements of a run; times in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures {
    /// From the wish to post until it is published.
    pub publish: Sample,
    /// Posts that were acknowledged as queued first.
    pub queued: u64,
    /// Wishes that were refused or not answered.
    pub refused: u64,
    /// Reading somebody's page.
    pub read: Sample,
    /// Pages that could not be read, or not as a whole.
    pub unread: u64,
    /// Looking for the nodes nearest to a key.
    pub lookup: Sample,
    /// Hops of those.
    pub hops: Sample,
    /// Lookups that found nobody.
    pub lost_ways: u64,
    /// Times that nodes left on their own.
    pub left: u64,
}

/// Returns a duration in milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
