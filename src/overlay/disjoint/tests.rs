//! Disjoint paths among honest nodes, dead ones, and accomplices who name only each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::overlay::RoutingTable;
use crate::types::Rng;

fn contact(node: NodeId) -> Contact {
    Contact::hint(node, ([127, 0, 0, 1], 9).into()).but(|reach| reach.seq = 1)
}

fn nodes(contacts: &[Contact]) -> Vec<NodeId> {
    contacts.iter().map(|c| c.node).collect()
}

/// A network with correct buckets, some of whose nodes are dead or accomplices.
struct Net {
    tables: BTreeMap<NodeId, RoutingTable>,
    accomplices: BTreeSet<NodeId>,
    dead: BTreeSet<NodeId>,
    k: usize,
    rng: Rng,
}

impl Net {
    fn new(seed: u64, size: usize, k: usize) -> (Self, Vec<NodeId>, Key) {
        let mut rng = Rng::from_seed([12; 32]).fork(&seed.to_string());
        let all: Vec<NodeId> = (0..size).map(|_| NodeId(rng.bytes())).collect();
        let mut order = all.clone();
        let mut tables = BTreeMap::new();
        for me in &all {
            for i in (1..order.len()).rev() {
                order.swap(i, rng.below(i as u64 + 1) as usize);
            }
            let mut table = RoutingTable::new(*me, k);
            for node in &order {
                table.reached(contact(*node), Duration::ZERO, Duration::ZERO);
            }
            tables.insert(*me, table);
        }
        let target = Key(rng.bytes());
        (Self { tables, accomplices: BTreeSet::new(), dead: BTreeSet::new(), k, rng }, all, target)
    }

    fn corrupt(&mut self, all: &[NodeId], share: usize) {
        self.accomplices = all[1..].iter().copied().take(all.len() / share).collect();
    }

    fn ranking(&self, of: impl Fn(&NodeId) -> bool, target: &Key) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self.tables.keys().copied().filter(|n| of(n)).collect();
        all.sort_by_key(|n| n.distance(target));
        all
    }

    fn answer(&self, of: &NodeId, me: &NodeId, target: &Key) -> Option<Vec<Contact>> {
        if self.dead.contains(of) {
            return None;
        }
        if self.accomplices.contains(of) {
            let named = self.ranking(|n| self.accomplices.contains(n) && n != of, target);
            return Some(named.into_iter().take(self.k).map(contact).collect());
        }
        let mut found = self.tables[of].closest(target, self.k + 1);
        found.retain(|c| c.node != *me);
        found.truncate(self.k);
        Some(found)
    }

    /// Runs a lookup to its end, answers coming back in any order, and returns it with whom it asked.
    fn run(&mut self, me: NodeId, target: Key, paths: usize) -> (DisjointLookup, BTreeSet<NodeId>) {
        let seeds = self.tables[&me].closest(&target, self.k);
        let mut lookup = DisjointLookup::new(target, me, self.k, paths, seeds);
        let (mut asked, mut flying) = (BTreeSet::new(), Vec::new());
        loop {
            match lookup.next() {
                Step::Ask(peer) => {
                    assert!(asked.insert(peer.node), "somebody is asked on two paths");
                    flying.push(peer.node);
                }
                Step::Wait => {
                    assert!(!flying.is_empty(), "waits for nobody");
                    let node = flying.swap_remove(self.rng.below(flying.len() as u64) as usize);
                    match self.answer(&node, &me, &target) {
                        Some(contacts) => lookup.on_answer(&node, contacts),
                        None => lookup.on_failure(&node),
                    }
                }
                Step::Done => return (lookup, asked),
            }
        }
    }
}

fn finish_path_of(lookup: &mut DisjointLookup, node: &NodeId) {
    if let Some(path) = lookup.path_of(node) {
        lookup.want(path, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_true_k_closest_are_found_over_any_number_of_paths(seed: u64, size in 1..160_usize, k in 1..21_usize, count in 1..=MAX_PATHS) {
        let (mut net, all, target) = Net::new(seed, size, k);
        let (lookup, asked) = net.run(all[0], target, count);
        let mut expected = net.ranking(|n| *n != all[0], &target);
        expected.truncate(k);
        prop_assert_eq!(nodes(&lookup.closest()), expected);
        let report = lookup.into_report();
        prop_assert!(report.complete && report.asked == asked.len());
    }

    #[test]
    fn the_dead_hide_no_live_node_of_the_k_closest(seed: u64, size in 2..160_usize, count in 1..=MAX_PATHS) {
        let (mut net, all, target) = Net::new(seed, size, 20);
        net.dead = all[1..].iter().copied().filter(|_| net.rng.below(10) < 3).collect();
        let mut near = net.ranking(|n| *n != all[0], &target);
        near.truncate(20);
        near.retain(|n| !net.dead.contains(n));
        let (lookup, _) = net.run(all[0], target, count);
        prop_assert_eq!(&nodes(&lookup.closest())[..near.len()], &near[..]);
    }

    #[test]
    fn no_order_of_calls_breaks_it(count in 1..=MAX_PATHS, calls in prop::collection::vec((0..9_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..12)), 0..200)) {
        let node = |n: u8| NodeId([n; 32]);
        let seeds = (0..6).chain(0..3).map(|n| contact(node(n))).collect();
        let mut lookup = DisjointLookup::new(Key([0x55; 32]), node(0), 4, count, seeds);
        let mut asked = BTreeSet::new();
        for (call, about, named) in calls {
            match call {
                0..4 => if let Step::Ask(contact) = lookup.next() {
                    prop_assert!(asked.insert(contact.node) && contact.node != node(0));
                },
                4..6 => lookup.on_answer(&node(about % 24), named.into_iter().map(|n| contact(node(n % 24))).collect()),
                6 => lookup.on_failure(&node(about % 24)),
                7 => lookup.on_slow(&node(about % 24)),
                _ => if about < 32 { finish_path_of(&mut lookup, &node(about % 24)) },
            }
            prop_assert!(lookup.closest().iter().all(|c| asked.contains(&c.node)));
            prop_assert!(lookup.owners.len() == asked.len());
        }
    }
}

#[test]
fn there_is_a_path_for_every_k_known_nodes_up_to_four() {
    let check = |known, expected| assert_eq!(paths(known, 20), expected, "{known} known");
    [(0, 1), (19, 1), (39, 1), (40, 2), (79, 3), (80, 4), (5000, 4)].into_iter().for_each(|(known, d)| check(known, d));
    assert_eq!(paths(3, 0), 3);
}

#[test]
fn a_path_that_has_what_is_wanted_ends_and_the_others_go_on() {
    let (net, all, target) = Net::new(1, 100, 20);
    let seeds = net.tables[&all[0]].closest(&target, 20);
    let mut lookup = DisjointLookup::new(target, all[0], 20, 4, seeds);
    let mut asked = Vec::new();
    while let Step::Ask(peer) = lookup.next() {
        asked.push(peer.node);
    }
    assert_eq!(lookup.paths(), 4);
    let first = asked[0];
    lookup.on_answer(&first, vec![]);
    finish_path_of(&mut lookup, &first);
    let own = lookup.path_of(&first).expect("it was asked");
    let mut after = Vec::new();
    for node in asked.iter().filter(|n| lookup.path_of(n) != Some(own)) {
        after.push(*node);
    }
    after.iter().for_each(|node| lookup.on_answer(node, vec![]));
    while let Step::Ask(peer) = lookup.next() {
        assert_ne!(lookup.path_of(&peer.node), Some(own));
    }
}

#[test]
fn it_is_seen_when_late_peers_alone_are_waited_for() {
    let node = |n: u8| NodeId([n; 32]);
    let named = || (1..=3).map(|n| contact(node(n))).collect::<Vec<_>>();
    // By distance: one path begins at 1, 3 and 5, the other at 2, 4 and 6.
    let mut lookup = DisjointLookup::new(Key([0; 32]), node(9), 3, 2, (1..=6).map(|n| contact(node(n))).collect());
    let go_on = |lookup: &mut DisjointLookup| while let Step::Ask(_) = lookup.next() {};
    go_on(&mut lookup);
    for near in [1, 2] {
        lookup.on_answer(&node(near), named());
    }
    go_on(&mut lookup);
    assert!(!lookup.waits_for_late_alone(), "the third may still come");
    assert_eq!(nodes(&lookup.nearest()), [node(1), node(2), node(3)]);
    lookup.on_slow(&node(3));
    go_on(&mut lookup);
    assert!(lookup.waits_for_late_alone(), "on one path it is late, and the other waits for that");
    assert_eq!(nodes(&lookup.nearest()), [node(1), node(2), node(4)]);
    lookup.on_answer(&node(3), named());
    assert_eq!(nodes(&lookup.nearest()), [node(1), node(2), node(3)]);
    go_on(&mut lookup);
    assert_eq!((lookup.next(), lookup.waits_for_late_alone()), (Step::Done, true));
}

#[test]
fn one_path_without_accomplices_is_heard_however_much_the_others_bring() {
    // By distance, four paths begin at every fourth node; those of the first are honest.
    let node = |n: u8| NodeId([n; 32]);
    let begin = || DisjointLookup::new(Key([0; 32]), node(99), 20, 4, (1..=20).map(|n| contact(node(n))).collect());
    let go_on = |lookup: &mut DisjointLookup| {
        std::iter::from_fn(|| if let Step::Ask(peer) = lookup.next() { Some(peer.node) } else { None })
            .collect::<Vec<_>>()
    };
    for honest_answers in 0..3 {
        for late in [false, true] {
            let (mut lookup, mut brought) = (begin(), [0; 4]);
            let first = go_on(&mut lookup)[0];
            let honest = lookup.path_of(&first).expect("it was asked");
            let mut asked: Vec<NodeId> = (1..=20).map(node).collect();
            let mut heard = 0;
            // Accomplices are quick and name one another, also when their paths have brought their share.
            for round in 0_u8..4 {
                asked.extend((0..8).map(|n| node(100 + 8 * round + n)));
                for peer in asked.clone() {
                    let Some(path) = lookup.path_of(&peer).filter(|path| *path != honest) else { continue };
                    lookup.on_answer(&peer, asked.iter().map(|other| contact(*other)).collect());
                    brought[path] += 1;
                    assert!(!lookup.has_enough(&brought, 10), "nobody honest was heard: {brought:?}");
                    if brought[path] >= 3 {
                        finish_path_of(&mut lookup, &peer);
                    }
                }
                go_on(&mut lookup);
            }
            let own: Vec<NodeId> = asked.into_iter().filter(|peer| lookup.path_of(peer) == Some(honest)).collect();
            assert!(own.len() >= 3, "{own:?}");
            for peer in &own {
                if heard < honest_answers {
                    lookup.on_answer(peer, vec![]);
                    (heard, brought[honest]) = (heard + 1, brought[honest] + 1);
                } else if late {
                    lookup.on_slow(peer);
                }
                if late {
                    // Whoever is asked in its place is late too.
                    while let [next, ..] = go_on(&mut lookup)[..] {
                        lookup.on_slow(&next);
                    }
                }
            }
            let expected = heard >= 2 || late && heard == 1;
            assert_eq!(lookup.has_enough(&brought, 10), expected, "{heard} honest, late: {late}");
        }
    }
}

#[test]
fn finishing_ends_all_paths_and_who_answers_later_is_told_of() {
    let node = |n: u8| NodeId([n; 32]);
    let seeds = (1..=6).map(|n| contact(node(n))).collect();
    let mut lookup = DisjointLookup::new(Key([0; 32]), node(9), 3, 2, seeds);
    while let Step::Ask(_) = lookup.next() {}
    lookup.on_answer(&node(4), vec![]);
    lookup.finish();
    assert_eq!((lookup.next(), lookup.has_ended()), (Step::Done, true));
    lookup.on_answer(&node(1), vec![contact(node(7))]);
    assert_eq!(nodes(&lookup.closest()), [node(1), node(4)]);
}

/// How many of 200 reads, in 4 networks of which a quarter are accomplices, come to no honest one of the k nodes nearest
/// to the key although there is one.
fn hidden(paths: usize) -> usize {
    let mut count = 0;
    for seed in 0..4 {
        let (mut net, all, _) = Net::new(seed, 120, 3);
        net.corrupt(&all, 4);
        for _ in 0..50 {
            let target = Key(net.rng.bytes());
            let holders: Vec<NodeId> = net.ranking(|n| *n != all[0], &target).into_iter().take(3).collect();
            let honest: Vec<&NodeId> = holders.iter().filter(|n| !net.accomplices.contains(*n)).collect();
            let (_, asked) = net.run(all[0], target, paths);
            count += usize::from(!honest.is_empty() && !honest.iter().any(|n| asked.contains(*n)));
        }
    }
    count
}

#[test]
fn accomplices_hide_less_from_several_paths_than_from_one() {
    let (one, several) = (hidden(1), hidden(MAX_PATHS));
    assert!(one >= 5, "a single path goes astray: {one}");
    assert!(several * 3 <= one, "several paths: {several}, one: {one}");
}
