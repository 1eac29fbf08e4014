//! Which stretches of the table a node shares with which others: where it is one of the k nearest, and who else is.
//!
//! Everybody who knows the same contacts finds the same shares, so two siblings agree on what both have to keep.

use std::collections::BTreeMap;
use std::ops::Range;

use super::division::{DEEPEST, Division, rank_of};
use super::nearby::{Nearby, Place};
use crate::types::{Contact, NodeId, Stretch};

/// In a bucket far away of which this part of k contacts is known there are many more.
const MANY: usize = 5;
/// Members of a set that one number tells.
const WORD: usize = u64::BITS as usize;

/// A stretch with one and the same replica set.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The stretch.
    pub stretch: Stretch,
    set: &'a [u64],
    siblings: &'a [NodeId],
}

impl<'a> Share<'a> {
    /// Returns its replica set, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &'a NodeId> + use<'a> {
        let siblings = self.siblings;
        members(self.set).map(move |place| &siblings[place])
    }

    /// Tells whether a node belongs to it.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.siblings.binary_search(node).is_ok_and(|place| is_member(self.set, place))
    }
}

/// All stretches of which one node is a replica, in order; they do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Who is a replica of any, in order.
    siblings: Box<[NodeId]>,
    /// At most [`MOST`] and some.
    stretches: Box<[Stretch]>,
    /// The replica set of each, one behind the other: a bit for each sibling, as many of these numbers as that takes.
    sets: Box<[u64]>,
    /// Whether anybody may change anything: there are fewer than k replicas somewhere, or prefixes play a part.
    loose: bool,
}

/// Returns the places of the bits that are set.
fn members(set: &[u64]) -> impl Iterator<Item = usize> + use<'_> {
    let bits = |(word, bits): (usize, &u64)| {
        let (mut rest, first) = (*bits, word * WORD);
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(first + bit)
        })
    };
    set.iter().enumerate().flat_map(bits)
}

fn is_member(set: &[u64], place: usize) -> bool {
    set.get(place / WORD).is_some_and(|word| word >> (place % WORD) & 1 == 1)
}

impl Shares {
    /// Finds the stretches in which `me` is one of the `k` replicas, by what is known of others.
    pub fn find(me: &Contact, known: &[Contact], k: usize) -> Self {
        let nearby = Nearby::of([me].into_iter().chain(known));
        let Some(own) = nearby.place(&me.node) else { return Self::default() };
        let k = k.max(1);
        // Of a crowd few count, so that no number of contacts says how many replicas there are.
        let reach = if nearby.is_crowded() { Stretch::WHOLE } else { reach(&me.node, known, k) };
        let (first, last) = reach.keys();
        let all = if nearby.is_crowded() { nearby.places() } else { Vec::new() };
        let mut division = Division { nearby: &nearby, reach, me: own, k, found: Vec::new() };
        let ends = (division.chosen(&all, &first), division.chosen(&all, &last));
        division.divide(reach, &all, ends);
        let mut siblings: Vec<Place> = division.found.iter().flat_map(|(_, nodes)| nodes).copied().collect();
        siblings.sort_unstable();
        siblings.dedup();
        let loose = nearby.is_crowded() || division.found.iter().any(|(_, nodes)| nodes.len() < k);
        let words = siblings.len().div_ceil(WORD);
        let mut sets = vec![0; words * division.found.len()];
        for ((_, nodes), set) in division.found.iter().zip(sets.chunks_exact_mut(words.max(1))) {
            for place in nodes.iter().map(|place| siblings.partition_point(|sibling| sibling < place)) {
                set[place / WORD] |= 1 << (place % WORD);
            }
        }
        Self {
            siblings: siblings.into_iter().map(|place| *nearby.node(place)).collect(),
            stretches: division.found.into_iter().map(|(stretch, _)| stretch).collect(),
            sets: sets.into(),
            loose,
        }
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = Share<'_>> {
        (0..self.len()).map(|number| self.share(number))
    }

    fn share(&self, number: usize) -> Share<'_> {
        let words = self.siblings.len().div_ceil(WORD);
        let set = &self.sets[number * words..(number + 1) * words];
        Share { stretch: self.stretches[number], set, siblings: &self.siblings }
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.stretches.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Returns all nodes that share something, in order.
    pub fn siblings(&self) -> &[NodeId] {
        &self.siblings
    }

    /// Tells whether these may be others when this node comes, goes or moves: it is one of the siblings, or as near to a stretch
    /// as one of its replicas.
    pub fn depend_on(&self, node: &NodeId) -> bool {
        let nearer = |share: Share<'_>| {
            let own = rank(share.stretch, node);
            share.nodes().any(|sibling| own <= rank(share.stretch, sibling))
        };
        self.is_empty() || self.loose || self.siblings.binary_search(node).is_ok() || self.iter().any(nearer)
    }

    /// Returns the numbers, in order, and the stretches of those that a node shares.
    pub fn of(&self, node: &NodeId) -> impl Iterator<Item = (usize, Stretch)> + use<'_> {
        let place = self.siblings.binary_search(node).ok();
        let has = move |share: &Share<'_>| place.is_some_and(|place| is_member(share.set, place));
        self.iter().enumerate().filter(move |(_, share)| has(share)).map(|(number, share)| (number, share.stretch))
    }

    /// Tells whether a node was a replica of all of a stretch.
    pub fn holds(&self, node: &NodeId, stretch: Stretch) -> bool {
        let Ok(place) = self.siblings.binary_search(node) else { return false };
        let (mut covered, mut in_all) = (0u128, true);
        for share in self.touching(stretch).map(|number| self.share(number)) {
            covered += width(if share.stretch.covers(stretch) { stretch } else { share.stretch });
            in_all &= is_member(share.set, place);
        }
        in_all && covered == width(stretch)
    }

    /// Returns who is a replica now of stretches that a node held all of before, and was not one of all of them itself; of the
    /// stretches that matter.
    pub fn newcomers(
        &self,
        before: &Self,
        me: &NodeId,
        matters: impl Fn(Stretch) -> bool,
    ) -> BTreeMap<NodeId, Vec<Stretch>> {
        let places: Vec<Option<usize>> =
            self.siblings.iter().map(|node| before.siblings.binary_search(node).ok()).collect();
        let mut new: BTreeMap<NodeId, Vec<Stretch>> = BTreeMap::new();
        for share in self.iter().filter(|share| matters(share.stretch) && before.holds(me, share.stretch)) {
            let touching = before.touching(share.stretch);
            let in_all = |place: usize| touching.clone().all(|number| is_member(before.share(number).set, place));
            let come = members(share.set).filter(|place| !places[*place].is_some_and(in_all));
            let come = come.map(|place| &self.siblings[place]).filter(|node| *node != me);
            come.for_each(|node| new.entry(*node).or_default().push(share.stretch));
        }
        new
    }

    /// Returns which of them lie in a stretch, or around it.
    fn touching(&self, stretch: Stretch) -> Range<usize> {
        let (first, last) = stretch.ends();
        let begin = self.stretches.partition_point(|own| own.ends().1 < first);
        let end = self.stretches.partition_point(|own| own.ends().0 <= last);
        begin..end.max(begin)
    }
}

/// Returns the stretch around a node in which it may have shares.
///
/// Far away a table holds a few of the many nodes that there are, so they cannot be counted. But where k nodes are in this node's part
/// of the keys, some 4k are in another one four times as long, and nearer to all keys there. Where hardly any is known there may be few.
fn reach(me: &NodeId, known: &[Contact], k: usize) -> Stretch {
    let mut counts = [0; 256];
    for index in known.iter().filter_map(|contact| me.distance(&contact.node.key()).log2()) {
        counts[usize::from(index)] += 1;
    }
    let mut nearer = 0;
    let border = counts.iter().position(|count| {
        nearer += count;
        nearer >= k
    });
    let Some(border) = border else { return Stretch::WHOLE };
    let many = |index: &usize| *index > border + 2 && counts[*index] >= k.div_ceil(MANY);
    let bits = (0..counts.len()).rev().take_while(many).count();
    Stretch::around_key(&me.key(), u8::try_from(bits).unwrap_or(DEEPEST).min(DEEPEST))
}

/// Returns the part of a node's distance that is the same for every key of the stretch.
fn rank(stretch: Stretch, node: &NodeId) -> u32 {
    let [a, b, c, d, ..] = node.0;
    rank_of(stretch, u32::from_be_bytes([a, b, c, d]))
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
            assert_eq!(now.newcomers(&before, me, |_| true), expected);
            assert!(now.newcomers(&before, me, |_| false).is_empty() && now.newcomers(&now, me, |_| true).is_empty());
        }
    }

    #[test]
    fn few_contacts_far_away_do_not_make_a_share_longer() {
        let all = network(2000, false);
        for me in &all[..20] {
            let mut few = all.clone();
            few.sort_by_key(|contact| contact.node.distance(&me.node.key()));
            let (whole, mut beyond) = (Shares::find(me, &all, 20), 0);
            // All of the nearest 120, and one in twenty of the others.
            few.retain(|_| {
                beyond += 1;
                beyond <= 120 || beyond % 20 == 0
            });
            assert_eq!(Shares::find(me, &few, 20), whole);
        }
        let lone = Shares::find(&all[0], &all[1..8], 20);
        assert!(lone.holds(&all[0].node, Stretch::WHOLE), "few are few");
    }

    #[test]
    fn whoever_is_far_away_changes_nothing() {
        let all = network(400, false);
        let mut spared = 0;
        for (me, other) in [(0, 1), (3, 40), (7, 120), (9, 300), (11, 301), (12, 302)] {
            let without: Vec<Contact> =
                all.iter().enumerate().filter(|(i, _)| *i != other).map(|(_, c)| c.clone()).collect();
            let (one, two) = (Shares::find(&all[me], &without, 8), Shares::find(&all[me], &all, 8));
            let node = &all[other].node;
            assert!(one == two || (one.depend_on(node) && two.depend_on(node)), "{me} and {other}");
            spared += usize::from(!one.depend_on(node));
        }
        assert!(spared > 2, "{spared}");
        assert!(Shares::default().depend_on(&all[0].node));
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
            assert!(shares.holds(&me.node, shares.stretches[0]));
        }
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
