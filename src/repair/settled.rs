//! Differences that stay: what was found to lead to nothing is not gone over again until something changes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sum::Fingerprint;
use crate::types::{Hash, NodeId, Stretch};

/// Most stretches remembered of all peers together; beyond that one is compared down to its leaves once more.
const STRETCHES: usize = 2_000;
/// Most records remembered that one side did not take.
const RECORDS: usize = 20_000;
/// After this everything is tried again: quotas change, and pages empty.
const AGAIN: Duration = Duration::from_secs(3600);

/// The fingerprints of a stretch here and at a peer.
type Sides = (Fingerprint, Fingerprint);

/// Stretches in which a peer differs for good, with the fingerprints of both sides, and when that was found; times are those
/// of a clock that nobody sets.
#[derive(Debug, Default)]
pub struct Settled(BTreeMap<(NodeId, Stretch), (Sides, Duration)>);

impl Settled {
    /// Notes that comparing a stretch led to nothing; fingerprints are this side's and the peer's.
    pub fn note(&mut self, peer: NodeId, stretch: Stretch, sides: Sides, now: Duration) {
        if self.0.len() >= STRETCHES && !self.0.contains_key(&(peer, stretch)) {
            self.0.pop_first();
        }
        self.0.insert((peer, stretch), (sides, now));
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Tells whether that is still all there is to it.
    pub fn is(&self, peer: NodeId, stretch: Stretch, sides: Sides, now: Duration) -> bool {
        let found = self.0.get(&(peer, stretch));
        found.is_some_and(|(held, at)| *held == sides && now.saturating_sub(*at) < AGAIN)
    }
}

/// Names of records that a node did not take, and when; times are those of a clock that nobody sets.
#[derive(Debug, Default)]
pub struct Declined(BTreeMap<(NodeId, Hash), Duration>);

impl Declined {
    /// Notes that a node did not take a record.
    pub fn note(&mut self, by: NodeId, name: Hash, now: Duration) {
        if self.0.len() >= RECORDS {
            // So many at once are rare: all of them are offered once more.
            self.0.clear();
        }
        self.0.insert((by, name), now);
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Tells whether the node did not take the record of late.
    pub fn is(&self, by: NodeId, name: Hash, now: Duration) -> bool {
        self.0.get(&(by, name)).is_some_and(|at| now.saturating_sub(*at) < AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_compared_again_and_memory_is_bounded() {
        let (mut settled, peer) = (Settled::default(), NodeId([1; 32]));
        let (one, two) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let whole = Stretch::WHOLE;
        settled.note(peer, whole, (one, two), Duration::ZERO);
        assert!(settled.is(peer, whole, (one, two), Duration::ZERO) && !settled.is(peer, whole, (one, two), AGAIN));
        assert!(!settled.is(peer, whole, (one, one), Duration::ZERO));
        assert!(!settled.is(NodeId([2; 32]), whole, (one, two), Duration::ZERO));
        for i in 0..2 * STRETCHES as u64 {
            settled.note(peer, Stretch::around(i, 64), (one, two), Duration::ZERO);
        }
        assert_eq!(settled.0.len(), STRETCHES);
    }

    #[test]
    fn what_was_not_taken_is_offered_again_after_an_hour() {
        let (mut declined, by) = (Declined::default(), NodeId([1; 32]));
        let hash = |n: u32| crate::keys::hash(&n.to_be_bytes());
        declined.note(by, hash(0), Duration::ZERO);
        assert!(declined.is(by, hash(0), AGAIN - Duration::from_secs(1)) && !declined.is(by, hash(0), AGAIN));
        assert!(!declined.is(by, hash(1), Duration::ZERO));
        (0..RECORDS as u32).for_each(|n| declined.note(by, hash(n), Duration::ZERO));
        assert_eq!(declined.0.len(), RECORDS);
        declined.note(by, hash(40_000), AGAIN);
        assert!(declined.0.len() == 1 && declined.is(by, hash(40_000), AGAIN));
    }
}
