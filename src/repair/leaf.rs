//! The end of a comparison: a stretch so short that its records are named one by one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::types::{Hash, Key, WallTime};

/// Returns the name of a record at a key: BLAKE3 over the key and the record's hash, as one record may lie at several keys.
pub fn name_of(key: &Key, hash: &Hash) -> Hash {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&key.0);
    bytes[32..].copy_from_slice(&hash.0);
    crate::keys::hash(&bytes)
}

/// Records that end within the next one or two of these are left out: they are gone before a repair is worth its cost.
const SOON: Duration = Duration::from_secs(600);

/// Returns when a record must end at the earliest to be compared: the second ten-minute mark from now.
///
/// All who look within the same ten minutes leave out the same records.
pub fn worth_repairing(now: WallTime) -> WallTime {
    let step = SOON.as_millis() as u64;
    WallTime((now.0 / step * step).saturating_add(2 * step))
}

/// What one side has of a short stretch, by the names of records.
#[derive(Clone, Debug, Default)]
pub struct Leaf {
    /// Its records.
    pub records: BTreeSet<Hash>,
    /// Posts that it has collected.
    pub marked: BTreeSet<Hash>,
}

/// What follows from what both sides have, by the names of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lot {
    /// Records that the other side has and this one lacks.
    pub lacking: BTreeSet<Hash>,
    /// Records of this side that the other one lacks.
    pub surplus: BTreeSet<Hash>,
    /// Records of this side that the other one has collected: it may know more.
    pub doubtful: BTreeSet<Hash>,
    /// Records of the other side that this one has collected.
    pub collected: BTreeSet<Hash>,
}

/// Returns who lacks what. What either side has collected is neither fetched nor sent.
pub fn differences(mine: &Leaf, theirs: &BTreeSet<Hash>, their_marks: &BTreeSet<Hash>) -> Lot {
    let (collected, lacking) = theirs.difference(&mine.records).partition(|name| mine.marked.contains(*name));
    let (doubtful, surplus) = mine.records.difference(theirs).partition(|name| their_marks.contains(*name));
    Lot { lacking, surplus, doubtful, collected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_ends_soon_is_left_out_by_all_alike() {
        let minute = 60_000;
        assert_eq!(worth_repairing(WallTime(100 * minute)), WallTime(120 * minute));
        assert_eq!(worth_repairing(WallTime(110 * minute - 1)), WallTime(120 * minute));
        assert_eq!(worth_repairing(WallTime(110 * minute)), WallTime(130 * minute));
        assert!(worth_repairing(WallTime(u64::MAX)).0 > 0);
    }

    proptest! {
        #[test]
        fn afterwards_both_have_what_either_had_but_for_what_was_collected(
            mine: BTreeSet<u8>, theirs: BTreeSet<u8>, my_marks: BTreeSet<u8>, their_marks: BTreeSet<u8>,
        ) {
            let hash = |n: &u8| Hash([*n; 32]);
            let hashes = |of: &BTreeSet<u8>| of.iter().map(hash).collect::<BTreeSet<Hash>>();
            // Whoever has collected a record has it no more.
            let mine: BTreeSet<u8> = mine.difference(&my_marks).copied().collect();
            let theirs: BTreeSet<u8> = theirs.difference(&their_marks).copied().collect();
            let leaf = Leaf { records: hashes(&mine), marked: hashes(&my_marks) };
            let lot = differences(&leaf, &hashes(&theirs), &hashes(&their_marks));
            let sent = lot.surplus;
            let (marked, marked_there) = (hashes(&my_marks), hashes(&their_marks));
            prop_assert!(lot.lacking.is_disjoint(&marked) && sent.is_disjoint(&marked_there));
            let here: BTreeSet<Hash> = hashes(&mine).union(&lot.lacking).copied().collect();
            let there: BTreeSet<Hash> = hashes(&theirs).union(&sent).copied().collect();
            let all: BTreeSet<Hash> = here.union(&there).copied().collect();
            prop_assert!(all.difference(&here).all(|h| marked.contains(h)));
            prop_assert!(all.difference(&there).all(|h| marked_there.contains(h)));
        }
    }
}
