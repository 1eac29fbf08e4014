//! The sums over all of a store, so that comparing a stretch costs no scan.

use super::sum::Sum;
use crate::types::{Hash, Key, Stretch};

/// Most entries, some 3 MB: a store of more keys is summed up in longer stretches.
const MOST: usize = 65_536;
/// The finest entries are one for each of the first 32 bits of keys.
const FINEST: u8 = 32;

/// Sums of everything in a store up to the end of each of many short stretches.
#[derive(Debug)]
pub struct Digest {
    /// How many bits of keys an entry stands for.
    grain: u8,
    /// For the first bits of keys, in order, the sum of all records up to there; at most [`MOST`].
    up_to: Vec<(u32, Sum)>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { grain: FINEST, up_to: Vec::new() }
    }
}

impl Digest {
    /// Adds a record; keys come in order.
    pub fn add(&mut self, key: &Key, name: &Hash) {
        let at = self.entry(Stretch::around_key(key, FINEST).ends().0);
        let before = self.up_to.last().map(|(_, sum)| *sum).unwrap_or_default();
        if self.up_to.last().is_none_or(|(last, _)| *last < at) {
            self.up_to.push((at, before));
        }
        if let Some((_, sum)) = self.up_to.last_mut() {
            sum.add(name);
        }
        while self.up_to.len() > MOST {
            self.coarsen();
        }
    }

    /// Gives back the room for more: a digest is kept for long.
    pub fn shrink(&mut self) {
        self.up_to.shrink_to_fit();
    }

    /// Returns how many records there are.
    pub fn count(&self) -> u64 {
        self.up_to.last().map_or(0, |(_, sum)| sum.count())
    }

    /// Returns the sum over a stretch; `None` where it is shorter than the entries.
    pub fn sum(&self, stretch: Stretch) -> Option<Sum> {
        if stretch.bits() > self.grain {
            return None;
        }
        let (first, last) = stretch.ends();
        let (first, last) = (self.entry(first), self.entry(last));
        let up_to = |end: usize| end.checked_sub(1).map(|i| self.up_to[i].1).unwrap_or_default();
        let before = up_to(self.up_to.partition_point(|(at, _)| *at < first));
        Some(up_to(self.up_to.partition_point(|(at, _)| *at <= last)).minus(&before))
    }

    fn entry(&self, place: u64) -> u32 {
        ((place >> 32) as u32).checked_shr(u32::from(FINEST - self.grain)).unwrap_or(0)
    }

    /// Makes one entry of two.
    fn coarsen(&mut self) {
        self.grain -= 1;
        self.up_to.iter_mut().for_each(|(at, _)| *at >>= 1);
        // Of those that fall together the last one has the whole sum.
        let mut kept: Vec<(u32, Sum)> = Vec::with_capacity(self.up_to.len() / 2 + 1);
        for (at, sum) in self.up_to.drain(..) {
            match kept.last_mut().filter(|(last, _)| *last == at) {
                Some((_, last)) => *last = sum,
                None => kept.push((at, sum)),
            }
        }
        self.up_to = kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::place_of;

    fn records(seeds: &[u64]) -> Vec<(Key, Hash)> {
        let mut all: Vec<(Key, Hash)> = seeds
            .iter()
            .map(|seed| {
                let (key, hash) =
                    (crate::keys::hash(&(seed / 3).to_be_bytes()), crate::keys::hash(&seed.to_le_bytes()));
                (Key(key.0), hash)
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn digest(all: &[(Key, Hash)]) -> Digest {
        let mut digest = Digest::default();
        all.iter().for_each(|(key, hash)| digest.add(key, hash));
        digest
    }

    #[test]
    fn many_keys_are_summed_up_in_bounded_memory() {
        let all = records(&(0..600_000).step_by(3).collect::<Vec<u64>>());
        let digest = digest(&all);
        assert!(digest.up_to.len() <= MOST && digest.grain < FINEST && digest.count() == 200_000);
        let stretch = Stretch::around_key(&all[77].0, 5);
        let mut expected = Sum::default();
        all.iter().filter(|(k, h)| stretch.contains(place_of(k, h))).for_each(|(_, h)| expected.add(h));
        assert_eq!(digest.sum(stretch), Some(expected));
        assert_eq!(digest.sum(Stretch::around_key(&all[77].0, 32)), None);
    }

    proptest! {
        #[test]
        fn the_sum_of_a_stretch_is_that_of_its_records(seeds in prop::collection::vec(0u64..200, 0..80), at: u64, bits in 0u8..=32) {
            let all = records(&seeds);
            let mut digest = digest(&all);
            let near = all.first().map_or(at, |(key, hash)| place_of(key, hash));
            for stretch in [Stretch::around(at, bits), Stretch::around(near, bits)] {
                let mut expected = Sum::default();
                all.iter().filter(|(k, h)| stretch.contains(place_of(k, h))).for_each(|(_, h)| expected.add(h));
                prop_assert_eq!(digest.sum(stretch), Some(expected));
            }
            (0..6).for_each(|_| digest.coarsen());
            let whole: u64 = Stretch::WHOLE.parts().into_iter().filter_map(|p| digest.sum(p)).map(|s| s.count()).sum();
            prop_assert_eq!(whole, all.len() as u64);
        }
    }
}
