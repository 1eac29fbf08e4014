//! Which stretches of the table a node shares with which others: where it is one of the k nearest, and who else is.
//!
//! Everybody who knows the same contacts finds the same shares, so two siblings agree on what both have to keep.

use std::collections::BTreeSet;

use super::replicas::{Crowds, preferred_places};
use crate::types::{Contact, Key, NodeId, Stretch};

/// Stretches are divided down to so many bits: nodes that differ in later ones alone are a matter of 2^-32 of all keys.
const DEEPEST: u8 = 32;
/// Most stretches that a share is divided into; nodes whose ids were chosen to make it more get a coarser share.
const MOST: usize = 2048;

/// A stretch with one and the same replica set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The stretch.
    pub stretch: Stretch,
    /// Its replica set.
    pub nodes: BTreeSet<NodeId>,
}

/// All stretches of which one node is a replica, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(Vec<Share>);

impl Shares {
    /// Finds the stretches in which `me` is one of the `k` replicas, by what is known of others.
    pub fn find(me: &Contact, known: &[Contact], k: usize) -> Self {
        let all: Vec<&Contact> = known.iter().filter(|contact| contact.node != me.node).chain([me]).collect();
        let mut shares = Self::default();
        shares.divide(Stretch::WHOLE, me, &all, k.max(1));
        shares
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = &Share> {
        self.0.iter()
    }

    /// Returns the stretches that a node is a replica of as well, put together where they can be.
    pub fn with(&self, node: &NodeId) -> Vec<Stretch> {
        Stretch::merged(self.0.iter().filter(|share| share.nodes.contains(node)).map(|share| share.stretch).collect())
    }

    /// Tells whether a node was a replica of all of a stretch.
    pub fn holds(&self, node: &NodeId, stretch: Stretch) -> bool {
        let touching = self.0.iter().filter(|share| share.stretch.covers(stretch) || stretch.covers(share.stretch));
        let (mut covered, mut in_all) = (0u128, true);
        for share in touching {
            let shorter = if share.stretch.covers(stretch) { stretch } else { share.stretch };
            covered += width(shorter);
            in_all &= share.nodes.contains(node);
        }
        in_all && covered == width(stretch)
    }

    fn divide(&mut self, stretch: Stretch, me: &Contact, candidates: &[&Contact], k: usize) {
        let (first, last) = stretch.keys();
        if is_out(stretch, &first, me, candidates, k) {
            return;
        }
        let (low, high) = (chosen(candidates, &first, k), chosen(candidates, &last, k));
        // Whoever is undecided between the two ends is chosen at one of them and not at the other.
        let halves = stretch.halves().filter(|_| low != high && stretch.bits() < DEEPEST && self.0.len() < MOST);
        let Some(halves) = halves else {
            if low.contains(&me.node) {
                self.0.push(Share { stretch, nodes: low });
            }
            return;
        };
        let farthest = low.union(&high).map(|node| rank(stretch, node.distance(&first).0)).max().unwrap_or(0);
        let near: Vec<&Contact> =
            candidates.iter().filter(|c| rank(stretch, c.node.distance(&first).0) <= farthest).copied().collect();
        halves.into_iter().for_each(|half| self.divide(half, me, &near, k));
    }
}

/// Returns the replica set of a key among some contacts.
pub fn chosen(candidates: &[&Contact], key: &Key, k: usize) -> BTreeSet<NodeId> {
    let mut sorted = candidates.to_vec();
    sorted.sort_by_cached_key(|contact| contact.node.distance(key));
    preferred_places(&sorted, k).into_iter().map(|place| sorted[place].node).collect()
}

/// Tells whether k others are nearer to every key of the stretch.
fn is_out(stretch: Stretch, first: &Key, me: &Contact, candidates: &[&Contact], k: usize) -> bool {
    let own = rank(stretch, me.node.distance(first).0);
    let mut crowds = Crowds::default();
    let nearer = candidates.iter().filter(|c| rank(stretch, c.node.distance(first).0) < own);
    nearer.filter(|contact| crowds.admit(contact)).count() >= k
}

/// Returns the part of a distance that is the same for every key of the stretch.
fn rank(stretch: Stretch, distance: [u8; 32]) -> u32 {
    let [a, b, c, d, ..] = distance;
    u32::from_be_bytes([a, b, c, d]).checked_shr(u32::from(DEEPEST.saturating_sub(stretch.bits()))).unwrap_or(0)
}

fn width(stretch: Stretch) -> u128 {
    let (first, last) = stretch.ends();
    u128::from(last - first) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{Hash, place_of};

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

    fn agrees(nodes: u64, k: usize, crowd: bool, keys: &[u64]) {
        let all = network(nodes, crowd);
        let refs: Vec<&Contact> = all.iter().collect();
        for me in all.iter().take(4) {
            let shares = Shares::find(me, &all, k);
            for seed in keys {
                let key = Key(blake3_of(*seed).0);
                let place = place_of(&key, &Hash([0; 32]));
                let found: Vec<&Share> = shares.iter().filter(|s| s.stretch.contains(place)).collect();
                let expected = chosen(&refs, &key, k);
                match &found[..] {
                    [share] => assert_eq!(share.nodes, expected),
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
        assert_eq!(shares.0.len(), 1);
        assert_eq!(shares.with(&all[7].node), [Stretch::WHOLE]);
        assert!(shares.holds(&all[3].node, Stretch::WHOLE) && !shares.holds(&NodeId([9; 32]), Stretch::WHOLE));
        assert!(!Shares::default().holds(&all[3].node, Stretch::WHOLE));
    }

    #[test]
    fn a_share_is_a_part_of_the_table_in_few_pieces() {
        let all = network(1000, false);
        let (mut pieces, mut siblings, mut part) = (0, 0, 0.0);
        for me in &all[..25] {
            let shares = Shares::find(me, &all, 20);
            pieces += shares.0.len();
            siblings += shares.iter().flat_map(|s| &s.nodes).collect::<BTreeSet<_>>().len();
            part += shares.iter().map(|s| width(s.stretch) as f64 / 2f64.powi(64)).sum::<f64>();
            assert!(shares.holds(&me.node, shares.0[0].stretch));
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
