//! What happens when a record is put: decided here once, carried out by each store in its own way.
//!
//! Does not know what wins in a slot; the [`Merge`] function does.

use bytes::Bytes;

use crate::seam::{Outcome, Stored};
use crate::types::{Hash, Section, WallTime};

/// Decides what a new record does to those held in the same slot, which come in the order of their hashes.
pub type Merge = fn(section: Section, held: &[Bytes], new: &Bytes) -> Verdict;

/// The answer of a [`Merge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new record is stored.
    Keep {
        /// The held records that go, as indices into `held`; others are ignored.
        drop: Vec<usize>,
    },
    /// Something that is held wins; the new record is not stored.
    Superseded,
}

/// A record that lies in the slot already.
pub(super) struct Held {
    pub hash: Hash,
    pub bytes: Bytes,
    pub expires_at: WallTime,
}

/// What a put does to its slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// `Done` means that the new record is to be stored.
    pub outcome: Outcome,
    /// Indices of the held records to remove.
    pub gone: Vec<usize>,
}

/// Decides about putting `new` beside `held`, which must be in the order of the hashes.
pub(super) fn plan(merge: Merge, held: &[Held], new: &Stored) -> Plan {
    let now = new.stored_at;
    if ended(new.expires_at, now) {
        return Plan { outcome: Outcome::Superseded, gone: Vec::new() };
    }
    let (live, mut gone): (Vec<usize>, Vec<usize>) = (0..held.len()).partition(|i| !ended(held[*i].expires_at, now));
    if live.iter().any(|i| held[*i].hash == new.hash) {
        return Plan { outcome: Outcome::Known, gone: Vec::new() };
    }
    let rivals: Vec<Bytes> = live.iter().map(|i| held[*i].bytes.clone()).collect();
    match merge(new.section, &rivals, &new.bytes) {
        Verdict::Superseded => Plan { outcome: Outcome::Superseded, gone },
        Verdict::Keep { drop } => {
            gone.extend(drop.into_iter().filter_map(|i| live.get(i).copied()));
            gone.sort_unstable();
            gone.dedup();
            Plan { outcome: Outcome::Done, gone }
        }
    }
}

/// Tells whether a record that ends at `expires_at` has ended; one that ends at `WallTime::NEVER` never has.
pub(super) fn ended(expires_at: WallTime, now: WallTime) -> bool {
    expires_at <= latest_end(now)
}

/// Returns the largest end that has passed at `now`.
pub(super) fn latest_end(now: WallTime) -> WallTime {
    WallTime(now.0.min(WallTime::NEVER.0 - 1))
}

/// Returns `time` as a store keeps it: `NEVER` at most, so that it fits the integers of SQLite.
pub(super) fn kept(time: WallTime) -> WallTime {
    time.min(WallTime::NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Key;

    fn held(hash: u8, expires_at: u64) -> Held {
        Held { hash: Hash([hash; 32]), bytes: Bytes::from(vec![hash]), expires_at: WallTime(expires_at) }
    }

    fn new(hash: u8, expires_at: u64, stored_at: u64) -> Stored {
        Stored {
            key: Key([0; 32]),
            section: Section::Post,
            slot: Bytes::new(),
            hash: Hash([hash; 32]),
            bytes: Bytes::from(vec![hash]),
            expires_at: WallTime(expires_at),
            stored_at: WallTime(stored_at),
        }
    }

    #[test]
    fn indices_of_the_verdict_are_those_of_the_live_records() {
        let last: Merge = |_, held, _| Verdict::Keep { drop: vec![held.len() - 1, held.len() - 1, 99] };
        let all = [held(1, 5), held(2, 50), held(3, 5), held(4, 60), held(5, 10)];
        let expected = Plan { outcome: Outcome::Done, gone: vec![0, 2, 3, 4] };
        assert_eq!(plan(last, &all, &new(9, 100, 10)), expected);
    }

    #[test]
    fn ended_records_neither_win_nor_are_known() {
        let first: Merge =
            |_, held, _| if held.is_empty() { Verdict::Keep { drop: vec![] } } else { Verdict::Superseded };
        let check = |held: Held, record: Stored, outcome, gone| {
            assert_eq!(plan(first, &[held], &record), Plan { outcome, gone });
        };
        check(held(1, 10), new(2, 100, 10), Outcome::Done, vec![0]);
        check(held(1, 10), new(1, 100, 10), Outcome::Done, vec![0]);
        check(held(1, 11), new(2, 100, 10), Outcome::Superseded, vec![]);
        check(held(1, 11), new(1, 100, 10), Outcome::Known, vec![]);
        check(held(1, 5), new(2, 10, 10), Outcome::Superseded, vec![]);
    }

    #[test]
    fn never_never_ends() {
        assert!(!ended(WallTime::NEVER, WallTime::NEVER));
        assert!(!ended(WallTime::NEVER, WallTime(u64::MAX)));
        assert!(ended(WallTime(WallTime::NEVER.0 - 1), WallTime::NEVER));
    }
}
