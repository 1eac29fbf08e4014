//! Contacts among which replica sets are found again and again: sorted once, and told apart by short numbers.

use std::cmp::Ordering;

use super::replicas::{Crowds, Prefix, prefix};
use crate::types::{Contact, Key, NodeId};

/// Some contacts, each of which is known by its place in the order of ids.
pub struct Nearby {
    /// In order, nobody twice; at most 65,536, more than a table has.
    nodes: Vec<NodeId>,
    /// The prefix of each; empty when no prefix has more contacts than are preferred, so that the rule changes nothing.
    prefixes: Vec<Option<Prefix>>,
}

/// The place of a contact.
pub(super) type Place = u16;

impl Nearby {
    /// Takes in some contacts; of two of one node the first counts.
    pub fn of<'a>(contacts: impl IntoIterator<Item = &'a Contact>) -> Self {
        let mut all: Vec<&Contact> = contacts.into_iter().collect();
        all.sort_by_key(|contact| contact.node);
        all.dedup_by_key(|contact| contact.node);
        all.truncate(usize::from(Place::MAX) + 1);
        let mut prefixes: Vec<Option<Prefix>> = all.iter().map(|contact| prefix(contact)).collect();
        let mut crowds = Crowds::default();
        if prefixes.iter().all(|prefix| crowds.admit_of(*prefix)) {
            prefixes = Vec::new();
        }
        Self { nodes: all.into_iter().map(|contact| contact.node).collect(), prefixes }
    }

    /// Returns the replica set of a key, in the order of ids.
    pub fn replicas(&self, key: &Key, k: usize) -> Vec<NodeId> {
        self.chosen(&self.around(key, k), key, k).into_iter().map(|place| *self.node(place)).collect()
    }

    /// Returns those among which the replica set of a key is found: as few as begin like the key and are enough for it.
    fn around(&self, key: &Key, k: usize) -> Vec<Place> {
        let (mut begin, mut end) = (0, self.nodes.len());
        for bit in 0..8 * key.0.len() {
            let bit_of = |bytes: &[u8; 32]| bytes[bit / 8] >> (7 - bit % 8) & 1;
            let middle = begin + self.nodes[begin..end].partition_point(|node| bit_of(&node.0) == 0);
            let half = if bit_of(&key.0) == 0 { begin..middle } else { middle..end };
            if half.len() < k || !self.are_enough(half.clone().map(|place| place as Place), k) {
                break;
            }
            (begin, end) = (half.start, half.end);
        }
        (begin..end).map(|place| place as Place).collect()
    }

    /// Tells whether any prefix has more contacts than are preferred.
    pub(super) fn is_crowded(&self) -> bool {
        !self.prefixes.is_empty()
    }

    pub(super) fn places(&self) -> Vec<Place> {
        (0..self.nodes.len()).map(|place| place as Place).collect()
    }

    pub(super) fn place(&self, node: &NodeId) -> Option<Place> {
        self.nodes.binary_search(node).ok().map(|place| place as Place)
    }

    pub(super) fn node(&self, place: Place) -> &NodeId {
        &self.nodes[usize::from(place)]
    }

    /// Returns the replica set of a key among some of them, in the order of places.
    pub(super) fn chosen(&self, among: &[Place], key: &Key, k: usize) -> Vec<Place> {
        let mut found = among.to_vec();
        let order = |a: &Place, b: &Place| self.compare(*a, *b, key);
        if !self.prefixes.is_empty() {
            found.sort_unstable_by(order);
            let mut crowds = Crowds::default();
            let (first, passed_over): (Vec<Place>, Vec<Place>) =
                found.into_iter().partition(|place| crowds.admit_of(self.prefixes[usize::from(*place)]));
            found = first.into_iter().chain(passed_over).take(k).collect();
        } else if found.len() > k {
            found.select_nth_unstable_by(k.saturating_sub(1), order);
            found.truncate(k);
        }
        found.sort_unstable();
        found
    }

    /// Tells whether k of some of them would be chosen for one place, by their crowds alone.
    pub(super) fn are_enough(&self, among: impl Iterator<Item = Place>, k: usize) -> bool {
        if self.prefixes.is_empty() {
            return among.take(k).count() >= k;
        }
        let mut crowds = Crowds::default();
        among.filter(|place| crowds.admit_of(self.prefixes[usize::from(*place)])).take(k).count() >= k
    }

    fn compare(&self, a: Place, b: Place, key: &Key) -> Ordering {
        let (a, b) = (self.node(a), self.node(b));
        let far = |node: &NodeId| head(&node.0) ^ head(&key.0);
        far(a).cmp(&far(b)).then_with(|| a.distance(key).cmp(&b.distance(key)))
    }
}

/// Returns the first bits, which tell nearly all distances apart.
fn head(bytes: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
