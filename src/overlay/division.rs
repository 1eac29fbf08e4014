//! Dividing the part of the table near one node into stretches with one replica set each; whose they are is next door
//! ([`super::shares`]).

use super::nearby::{Nearby, Place};
use crate::types::{Key, Stretch};

/// Stretches are divided down to so many bits: nodes that differ in later ones alone are a matter of 2^-32 of all keys.
pub(super) const DEEPEST: u8 = 32;
/// Most stretches that a share is divided into; nodes whose ids were chosen to make it more get a coarser share.
const MOST: usize = 2048;

/// The search for one node's shares.
pub(super) struct Division<'a> {
    pub nearby: &'a Nearby,
    pub reach: Stretch,
    pub me: Place,
    pub k: usize,
    pub found: Vec<(Stretch, Vec<Place>)>,
}

impl Division<'_> {
    /// Divides a stretch, given the replica sets of its first and its last key; `among` are those to choose from where prefixes
    /// play a part.
    pub(super) fn divide(&mut self, stretch: Stretch, among: &[Place], (low, high): (Vec<Place>, Vec<Place>)) {
        if self.is_out(stretch, among) {
            return;
        }
        // Whoever is undecided between the two ends is chosen at one of them and not at the other.
        let halves = stretch.halves().filter(|_| low != high && stretch.bits() < DEEPEST && self.found.len() < MOST);
        let Some([lower, upper]) = halves else {
            if low.binary_search(&self.me).is_ok() {
                self.found.push((stretch, low));
            }
            return;
        };
        let rank = |place: &Place| rank_of(stretch, self.nearby.first_bits(*place));
        let farthest = low.iter().chain(&high).map(rank).max().unwrap_or(0);
        let near: Vec<Place> = among.iter().filter(|place| rank(place) <= farthest).copied().collect();
        let (before, behind) = (lower.keys().1, upper.keys().0);
        let middle = (self.chosen(&near, &before), self.chosen(&near, &behind));
        self.divide(lower, &near, (low, middle.0));
        self.divide(upper, &near, (middle.1, high));
    }

    /// Tells whether k others are nearer to every key of the stretch.
    fn is_out(&self, stretch: Stretch, among: &[Place]) -> bool {
        let rank = |first_bits| rank_of(stretch, first_bits);
        if !self.nearby.is_crowded() {
            return self.nearby.count_nearer(self.reach, rank, self.me) >= self.k;
        }
        let own = rank(self.nearby.first_bits(self.me));
        self.nearby.are_enough(among.iter().filter(|p| rank(self.nearby.first_bits(**p)) < own).copied(), self.k)
    }

    /// Returns the replica set of a key.
    pub(super) fn chosen(&self, among: &[Place], key: &Key) -> Vec<Place> {
        if self.nearby.is_crowded() {
            return self.nearby.chosen(among, key, self.k);
        }
        self.nearby.nearest(self.reach, key, self.k)
    }
}

/// Returns the part of a node's distance that is the same for every key of the stretch, by the first bits of its id.
pub(super) fn rank_of(stretch: Stretch, first_bits: u32) -> u32 {
    let from_first = first_bits ^ (stretch.ends().0 >> DEEPEST) as u32;
    from_first.checked_shr(u32::from(DEEPEST.saturating_sub(stretch.bits()))).unwrap_or(0)
}
