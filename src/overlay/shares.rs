//! Which stretches of the table a node shares with which others: where it is one of the k nearest, and who else is.
//!
//! Everybody who knows the same contacts finds the same shares, so two siblings agree on what both have to keep.

use std::collections::BTreeMap;
use std::ops::Range;

use super::nearby::{Nearby, Place};
use crate::types::{Contact, NodeId, Stretch};

/// Stretches are divided down to so many bits: nodes that differ in later ones alone are a matter of 2^-32 of all keys.
const DEEPEST: u8 = 32;
/// Most stretches that a share is divided into; nodes whose ids were chosen to make it more get a coarser share.
const MOST: usize = 2048;

/// A stretch with one and the same replica set.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The stretch.
    pub stretch: Stretch,
    nodes: &'a [Place],
    siblings: &'a [NodeId],
}

impl<'a> Share<'a> {
    /// Returns its replica set, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &'a NodeId> + use<'a> {
        let siblings = self.siblings;
        self.nodes.iter().map(|place| &siblings[usize::from(*place)])
    }

    /// Tells whether a node belongs to it.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.siblings.binary_search(node).is_ok_and(|place| self.nodes.binary_search(&(place as Place)).is_ok())
    }
}

/// All stretches of which one node is a replica, in order; they do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Who is a replica of any, in order.
    siblings: Vec<NodeId>,
    /// At most [`MOST`] and some, each with its replica set, as places among the siblings, in order.
    shares: Box<[(Stretch, Box<[Place]>)]>,
}

impl Shares {
    /// Finds the stretches in which `me` is one of the `k` replicas, by what is known of others.
    pub fn find(me: &Contact, known: &[Contact], k: usize) -> Self {
        let nearby = Nearby::of([me].into_iter().chain(known));
        let Some(own) = nearby.place(&me.node) else { return Self::default() };
        let (first, last) = Stretch::WHOLE.keys();
        let (all, k) = (nearby.places(), k.max(1));
        let ends = (nearby.chosen(&all, &first, k), nearby.chosen(&all, &last, k));
        let mut division = Division { nearby: &nearby, me: own, k, found: Vec::new() };
        division.divide(Stretch::WHOLE, &all, ends);
        let mut siblings: Vec<Place> = division.found.iter().flat_map(|(_, nodes)| nodes).copied().collect();
        siblings.sort_unstable();
        siblings.dedup();
        let renumbered = |place: Place| siblings.partition_point(|sibling| *sibling < place) as Place;
        let shares = division.found.into_iter();
        let shares = shares.map(|(stretch, nodes)| (stretch, nodes.into_iter().map(renumbered).collect())).collect();
        Self { shares, siblings: siblings.into_iter().map(|place| *nearby.node(place)).collect() }
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = Share<'_>> {
        let siblings = &self.siblings[..];
        self.shares.iter().map(move |(stretch, nodes)| Share { stretch: *stretch, nodes, siblings })
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.shares.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Returns all nodes that share something, in order.
    pub fn siblings(&self) -> &[NodeId] {
        &self.siblings
    }

    /// Returns the numbers, in order, and the stretches of those that a node shares.
    pub fn of(&self, node: &NodeId) -> impl Iterator<Item = (usize, Stretch)> + use<'_> {
        let place = self.siblings.binary_search(node).ok().map(|place| place as Place);
        let has = move |nodes: &[Place]| place.is_some_and(|place| nodes.binary_search(&place).is_ok());
        let numbered = self.shares.iter().enumerate();
        numbered.filter(move |(_, (_, nodes))| has(nodes)).map(|(number, (stretch, _))| (number, *stretch))
    }

    /// Tells whether a node was a replica of all of a stretch.
    pub fn holds(&self, node: &NodeId, stretch: Stretch) -> bool {
        let Ok(place) = self.siblings.binary_search(node) else { return false };
        let touching = self.touching(stretch);
        let (mut covered, mut in_all) = (0u128, true);
        for (own, nodes) in &self.shares[touching] {
            covered += width(if own.covers(stretch) { stretch } else { *own });
            in_all &= nodes.binary_search(&(place as Place)).is_ok();
        }
        in_all && covered == width(stretch)
    }

    /// Returns who is a replica now of stretches that a node held all of before, and was not one of all of them itself.
    pub fn newcomers(&self, before: &Self, me: &NodeId) -> BTreeMap<NodeId, Vec<Stretch>> {
        let place_before = |node: &NodeId| before.siblings.binary_search(node).ok().map(|place| place as Place);
        let places: Vec<Option<Place>> = self.siblings.iter().map(place_before).collect();
        let mut new: BTreeMap<NodeId, Vec<Stretch>> = BTreeMap::new();
        for (stretch, nodes) in &self.shares {
            if !before.holds(me, *stretch) {
                continue;
            }
            let touching = &before.shares[before.touching(*stretch)];
            let in_all = |place: Place| touching.iter().all(|(_, nodes)| nodes.binary_search(&place).is_ok());
            let come = nodes.iter().filter(|place| !places[usize::from(**place)].is_some_and(in_all));
            let come = come.map(|place| &self.siblings[usize::from(*place)]).filter(|node| *node != me);
            come.for_each(|node| new.entry(*node).or_default().push(*stretch));
        }
        new
    }

    /// Returns which of them lie in a stretch, or around it.
    fn touching(&self, stretch: Stretch) -> Range<usize> {
        let (first, last) = stretch.ends();
        let begin = self.shares.partition_point(|(own, _)| own.ends().1 < first);
        let end = self.shares.partition_point(|(own, _)| own.ends().0 <= last);
        begin..end.max(begin)
    }
}

/// The search for one node's shares.
struct Division<'a> {
    nearby: &'a Nearby,
    me: Place,
    k: usize,
    found: Vec<(Stretch, Vec<Place>)>,
}

impl Division<'_> {
    /// Divides a stretch, given the replica sets of its first and its last key.
    fn divide(&mut self, stretch: Stretch, among: &[Place], (low, high): (Vec<Place>, Vec<Place>)) {
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
        let farthest = low.iter().chain(&high).map(|place| self.rank(stretch, *place)).max().unwrap_or(0);
        let near: Vec<Place> = among.iter().filter(|p| self.rank(stretch, **p) <= farthest).copied().collect();
        let (before, behind) = (lower.keys().1, upper.keys().0);
        let middle = (self.nearby.chosen(&near, &before, self.k), self.nearby.chosen(&near, &behind, self.k));
        self.divide(lower, &near, (low, middle.0));
        self.divide(upper, &near, (middle.1, high));
    }

    /// Tells whether k others are nearer to every key of the stretch.
    fn is_out(&self, stretch: Stretch, among: &[Place]) -> bool {
        let own = self.rank(stretch, self.me);
        self.nearby.are_enough(among.iter().filter(|p| self.rank(stretch, **p) < own).copied(), self.k)
    }

    /// Returns the part of a node's distance that is the same for every key of the stretch.
    fn rank(&self, stretch: Stretch, place: Place) -> u32 {
        let [a, b, c, d, ..] = self.nearby.node(place).0;
        let from_first = u32::from_be_bytes([a, b, c, d]) ^ (stretch.ends().0 >> DEEPEST) as u32;
        from_first.checked_shr(u32::from(DEEPEST.saturating_sub(stretch.bits()))).unwrap_or(0)
    }
}

fn width(stretch: Stretch) -> u128 {
    let (first, last) = stretch.ends();
    u128::from(last - first) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overlay::replicas::preferred;
    use crate::types::{Hash, Key, place_of};

    fn contact(seed: u64, ip: [u8; 4]) -> Contact {
        Contact::hint(NodeId(blake3_of(seed).0), (ip, 9).into())
    }

    fn blake3_of(seed: u64) -> Hash {
        crate::keys::hash(&seed.to_be_bytes())
    }

    fn network(nodes: u64, crowd: bool) -> Vec<Contact> {
        let ip = |i: u64| {
            if crowd && i.is_multiple_of(2) { [203, 0, 113, i as u8] } else { [10, 0, (i >> 8) as u8, i as u8] }
        };
        (0..nodes).map(|i| contact(i, ip(i))).collect()
    }

    fn expected(all: &[Contact], key: &Key, k: usize) -> Vec<NodeId> {
        let mut sorted = all.to_vec();
        sorted.sort_by_key(|contact| contact.node.distance(key));
        let mut nodes: Vec<NodeId> = preferred(&sorted, k).iter().map(|contact| contact.node).collect();
        nodes.sort();
        nodes
    }

    fn agrees(nodes: u64, k: usize, crowd: bool, keys: &[u64]) {
        let all = network(nodes, crowd);
        let nearby = Nearby::of(&all);
        for me in all.iter().take(4) {
            let shares = Shares::find(me, &all, k);
            for seed in keys {
                let key = Key(blake3_of(*seed).0);
                let place = place_of(&key, &Hash([0; 32]));
                let found: Vec<Share> = shares.iter().filter(|s| s.stretch.contains(place)).collect();
                let expected = expected(&all, &key, k);
                assert_eq!(nearby.replicas(&key, k), expected);
                match &found[..] {
                    [share] => {
                        assert!(share.nodes().eq(&expected));
                        assert!(all.iter().all(|c| share.contains(&c.node) == expected.contains(&c.node)));
                        assert!(expected.iter().all(|node| shares.holds(node, share.stretch)));
                    }
                    [] => assert!(!expected.contains(&me.node)),
                    more => panic!("{} shares of one key", more.len()),
                }
            }
        }
    }

    #[test]
    fn everybody_in_a_small_network_shares_everything() {
        let all = network(15, false);
        let shares = Shares::find(&all[3], &all, 20);
        assert_eq!(shares.len(), 1);
        assert_eq!(shares.of(&all[7].node).collect::<Vec<_>>(), [(0, Stretch::WHOLE)]);
        assert_eq!((shares.siblings().len(), shares.of(&NodeId([9; 32])).count()), (15, 0));
        assert!(shares.holds(&all[3].node, Stretch::WHOLE) && !shares.holds(&NodeId([9; 32]), Stretch::WHOLE));
        assert!(!Shares::default().holds(&all[3].node, Stretch::WHOLE));
    }

    #[test]
    fn newcomers_are_those_that_did_not_hold_a_stretch() {
        let all = network(200, false);
        for (me, gone) in [(0, 1), (3, 40), (7, 120)] {
            let (before, now) = (Shares::find(&all[me], &all[gone..], 8), Shares::find(&all[me], &all, 8));
            let me = &all[me].node;
            let mut expected: BTreeMap<NodeId, Vec<Stretch>> = BTreeMap::new();
            for share in now.iter().filter(|share| before.holds(me, share.stretch)) {
                let new = share.nodes().filter(|node| *node != me && !before.holds(node, share.stretch));
                new.for_each(|node| expected.entry(*node).or_default().push(share.stretch));
            }
            assert_eq!(now.newcomers(&before, me), expected);
            assert!(now.newcomers(&now, me).is_empty());
        }
    }

    #[test]
    fn a_share_is_a_part_of_the_table_in_few_pieces() {
        let all = network(1000, false);
        let (mut pieces, mut siblings, mut part) = (0, 0, 0.0);
        for me in &all[..25] {
            let shares = Shares::find(me, &all, 20);
            pieces += shares.len();
            siblings += shares.siblings().len();
            part += shares.iter().map(|s| width(s.stretch) as f64 / 2f64.powi(64)).sum::<f64>();
            assert!(shares.holds(&me.node, shares.shares[0].0));
        }
        println!("pieces {}, siblings {}, part {}", pieces / 25, siblings / 25, part / 25.0);
        assert!(pieces / 25 < 100 && siblings / 25 < 80);
        assert!((part / 25.0 - 0.02).abs() < 0.004, "20 of 1000");
    }

    #[test]
    fn crowds_are_passed_over_as_in_lookups() {
        agrees(120, 8, true, &[1, 2, 3, 5, 8, 13, 21, 34, 55]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_share_has_the_replica_set_of_each_of_its_keys(nodes in 1u64..150, k in 1usize..25, keys: [u64; 8]) {
            agrees(nodes, k, false, &keys);
        }
    }
}
