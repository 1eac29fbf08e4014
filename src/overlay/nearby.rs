//! Contacts among which replica sets are found again and again: sorted once, and told apart by short numbers.

use std::ops::Range;

use super::replicas::{Crowds, Prefix, prefix};
use crate::types::{Contact, Key, NodeId, Stretch};

/// Some contacts, each of which is known by its place in the order of ids.
pub struct Nearby {
    /// In order, nobody twice; at most 65,536, more than a table has.
    nodes: Vec<NodeId>,
    /// The first bits of each, which tell nearly all distances apart.
    heads: Vec<u64>,
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
        let nodes: Vec<NodeId> = all.into_iter().map(|contact| contact.node).collect();
        Self { heads: nodes.iter().map(NodeId::head).collect(), nodes, prefixes }
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

    /// Returns the first 32 bits of a contact's id.
    pub(super) fn first_bits(&self, place: Place) -> u32 {
        (self.heads[usize::from(place)] >> u32::BITS) as u32
    }

    /// Returns the k nearest to a key among those of a stretch that contains it, in the order of places; prefixes play no part.
    ///
    /// Those that begin alike lie side by side, and are all nearer to what begins so than any others: there is nothing to sort.
    pub(super) fn nearest(&self, stretch: Stretch, key: &Key, k: usize) -> Vec<Place> {
        let head = NodeId(key.0).head();
        let (mut rest, mut left) = (self.within(stretch), k);
        let mut parts: Vec<Range<usize>> = Vec::new();
        for bit in u32::from(stretch.bits())..u64::BITS {
            if rest.len() <= left {
                break;
            }
            let is_set = |head: u64| head >> (u64::BITS - 1 - bit) & 1 == 1;
            let middle = rest.start + self.heads[rest.clone()].partition_point(|head| !is_set(*head));
            let halves = [rest.start..middle, middle..rest.end];
            let [near, far] = if is_set(head) {
                let [a, b] = halves;
                [b, a]
            } else {
                halves
            };
            if near.len() >= left {
                rest = near;
            } else {
                left -= near.len();
                parts.push(near);
                rest = far;
            }
        }
        let mut found: Vec<Place> = Vec::with_capacity(k);
        let places = |range: Range<usize>| range.map(|place| place as Place);
        found.extend(parts.into_iter().flat_map(places));
        let mut last: Vec<Place> = places(rest).collect();
        if last.len() > left {
            // They begin with the same 64 bits.
            last.sort_unstable_by_key(|place| self.node(*place).distance(key));
            last.truncate(left);
        }
        found.extend(last);
        found.sort_unstable();
        found
    }

    /// Returns which of them lie in a stretch.
    fn within(&self, stretch: Stretch) -> Range<usize> {
        let (first, last) = stretch.keys();
        let [first, last] = [first, last].map(|key| NodeId(key.0).head());
        self.heads.partition_point(|head| *head < first)..self.heads.partition_point(|head| *head <= last)
    }

    /// Tells how many of those of a stretch are nearer to all keys of a part of it than one of them, by the first bits.
    pub(super) fn count_nearer(&self, stretch: Stretch, rank: impl Fn(u32) -> u32, than: Place) -> usize {
        let own = rank(self.first_bits(than));
        self.heads[self.within(stretch)].iter().filter(|head| rank((**head >> u32::BITS) as u32) < own).count()
    }

    /// Returns the replica set of a key among some of them, in the order of places.
    pub(super) fn chosen(&self, among: &[Place], key: &Key, k: usize) -> Vec<Place> {
        if self.prefixes.is_empty() && among.len() <= k {
            // Those to choose from are in order.
            return among.to_vec();
        }
        let head = NodeId(key.0).head();
        let mut found: Vec<(u64, Place)> =
            among.iter().map(|place| (self.heads[usize::from(*place)] ^ head, *place)).collect();
        let order = |a: &(u64, Place), b: &(u64, Place)| {
            a.0.cmp(&b.0).then_with(|| self.node(a.1).distance(key).cmp(&self.node(b.1).distance(key)))
        };
        let mut chosen: Vec<Place> = if self.prefixes.is_empty() {
            found.select_nth_unstable_by(k.saturating_sub(1), order);
            found[..k].iter().map(|(_, place)| *place).collect()
        } else {
            found.sort_unstable_by(order);
            let mut crowds = Crowds::default();
            let (first, passed_over): (Vec<Place>, Vec<Place>) = found
                .into_iter()
                .map(|(_, place)| place)
                .partition(|place| crowds.admit_of(self.prefixes[usize::from(*place)]));
            first.into_iter().chain(passed_over).take(k).collect()
        };
        chosen.sort_unstable();
        chosen
    }

    /// Tells whether k of some of them would be chosen for one place, by their crowds alone.
    pub(super) fn are_enough(&self, among: impl Iterator<Item = Place>, k: usize) -> bool {
        if self.prefixes.is_empty() {
            return among.take(k).count() >= k;
        }
        let mut crowds = Crowds::default();
        among.filter(|place| crowds.admit_of(self.prefixes[usize::from(*place)])).take(k).count() >= k
    }
}
