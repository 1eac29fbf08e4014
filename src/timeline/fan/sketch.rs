//! How many different ones passed by, about, without remembering them all: of their hashes the smallest are kept, and how far
//! these reach says how many there are (Bar-Yossef et al. 2002, "Counting distinct elements in a data stream").

use std::collections::BTreeMap;
use std::time::Duration;

/// Hashes kept: the estimate is some 6 % off.
const KEPT: usize = 256;

/// What is remembered of those that passed by.
#[derive(Debug)]
pub struct Sketch {
    /// At most [`KEPT`], all below `limit`, each with the time at which it is forgotten.
    hashes: BTreeMap<u64, Duration>,
    /// Hashes from here on are not kept.
    limit: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { hashes: BTreeMap::new(), limit: u64::MAX }
    }
}

impl Sketch {
    /// Notes one by a hash of what it is, until a time.
    pub fn note(&mut self, hash: u64, until: Duration) {
        if hash >= self.limit {
            return;
        }
        self.hashes.insert(hash, until);
        if self.hashes.len() > KEPT
            && let Some((largest, _)) = self.hashes.pop_last()
        {
            self.limit = largest;
        }
    }

    /// Forgets those whose time is over; true when nothing is left.
    pub fn forget(&mut self, now: Duration) -> bool {
        self.hashes.retain(|_, until| *until > now);
        self.hashes.is_empty()
    }

    /// Returns about how many there are; exact while they are few.
    pub fn count(&self) -> u64 {
        if self.limit == u64::MAX {
            return self.hashes.len() as u64;
        }
        ((self.hashes.len() as u128) << 64).checked_div(u128::from(self.limit)).unwrap_or(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::hash;

    fn head(n: u64) -> u64 {
        hash(&n.to_be_bytes()).0[..8].try_into().map_or(0, u64::from_be_bytes)
    }

    #[test]
    fn few_are_counted_and_many_estimated_however_often_they_pass() {
        for many in [0, 1, 256, 300, 5_000, 200_000_u64] {
            let mut sketch = Sketch::default();
            for n in (0..many).chain(0..many.min(1000)) {
                sketch.note(head(n), Duration::from_secs(60));
            }
            let count = sketch.count();
            assert!(count.abs_diff(many) <= many / 4 && (many > 256 || count == many), "{many}: {count}");
            assert!(sketch.hashes.len() <= KEPT);
        }
    }

    #[test]
    fn whoever_is_gone_does_not_count() {
        let mut sketch = Sketch::default();
        (0..10_000).for_each(|n| sketch.note(head(n), Duration::from_secs(if n % 2 == 0 { 60 } else { 90 })));
        assert!(!sketch.forget(Duration::from_secs(60)));
        assert!(sketch.count().abs_diff(5_000) < 1_500, "{}", sketch.count());
        assert!(sketch.forget(Duration::from_secs(90)) && sketch.count() == 0);
    }
}
