//! The lookup among peers that are dead, slow or lying, and against the whole network.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::overlay::RoutingTable;
use crate::types::Rng;

const K: usize = 20;

fn contact(node: NodeId) -> Contact {
    Contact::hint(node, ([127, 0, 0, 1], 9).into()).but(|reach| reach.seq = 1)
}

fn nodes(contacts: &[Contact]) -> Vec<NodeId> {
    contacts.iter().map(|c| c.node).collect()
}

fn random_node(rng: &mut Rng) -> NodeId {
    NodeId(rng.bytes())
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.below(i as u64 + 1) as usize);
    }
}

/// A node that differs from the target in its last bytes only.
fn beside(target: &Key, rng: &mut Rng) -> NodeId {
    let mut id = target.0;
    id[24..].copy_from_slice(&rng.bytes::<8>());
    NodeId(id)
}

/// What a peer answers to a question for a key.
enum Peer {
    Honest(RoutingTable),
    /// Knows these, whatever the distance.
    Linked(Vec<NodeId>),
    Dead,
    Liar,
}

struct Net {
    peers: BTreeMap<NodeId, Peer>,
    k: usize,
    rng: Rng,
    asked: BTreeMap<NodeId, usize>,
    most_in_flight: usize,
    /// Requests sent before the first answer was needed.
    first_round: usize,
}

impl Net {
    fn new(k: usize, rng: Rng) -> Self {
        Self { peers: BTreeMap::new(), k, rng, asked: BTreeMap::new(), most_in_flight: 0, first_round: 0 }
    }

    /// A network whose tables have correct buckets: each is full, or holds all there are.
    fn kademlia(all: &[NodeId], k: usize, mut rng: Rng) -> Self {
        let mut order = all.to_vec();
        let mut peers = BTreeMap::new();
        for me in all {
            shuffle(&mut order, &mut rng);
            let mut table = RoutingTable::new(*me, k);
            for node in &order {
                table.reached(contact(*node), Duration::ZERO, Duration::ZERO);
            }
            peers.insert(*me, Peer::Honest(table));
        }
        Self { peers, ..Self::new(k, rng) }
    }

    fn seeds(&self, me: &NodeId, target: &Key) -> Vec<Contact> {
        match &self.peers[me] {
            Peer::Honest(table) => table.closest(target, self.k),
            Peer::Linked(known) => known.iter().copied().map(contact).collect(),
            Peer::Dead | Peer::Liar => Vec::new(),
        }
    }

    fn answer(&mut self, of: &NodeId, me: &NodeId, target: &Key) -> Option<Vec<Contact>> {
        match self.peers.get(of) {
            // An answer leaves out the one who asks, who would take up a place.
            Some(Peer::Honest(table)) => {
                let mut found = table.closest(target, self.k + 1);
                found.retain(|c| c.node != *me);
                found.truncate(self.k);
                Some(found)
            }
            Some(Peer::Linked(known)) => Some(known.iter().copied().map(contact).collect()),
            Some(Peer::Liar) => Some(self.lie(of, me, target)),
            Some(Peer::Dead) | None => None,
        }
    }

    /// Itself, the asker, the far end of the key space, duplicates, thousands of nodes beside the target that do not exist.
    fn lie(&mut self, of: &NodeId, me: &NodeId, target: &Key) -> Vec<Contact> {
        let mut lies = vec![contact(*of), contact(*me), contact(NodeId(target.0.map(|b| !b)))];
        let fakes: Vec<Contact> = (0..2000).map(|_| contact(beside(target, &mut self.rng))).collect();
        lies.extend(fakes.iter().take(3).cloned());
        lies.extend(fakes);
        let from = self.rng.below(3) as usize;
        lies.split_off(from)
    }

    /// Runs a lookup to its end, answers coming back in any order, and checks what every lookup promises.
    fn run(&mut self, me: NodeId, target: Key) -> Lookup {
        let mut lookup = Lookup::new(target, me, self.k, self.seeds(&me, &target));
        let mut flying: Vec<NodeId> = Vec::new();
        let mut first_round = true;
        loop {
            match lookup.next() {
                Step::Ask(contact) => {
                    assert_ne!(contact.node, me, "asks itself");
                    let times = self.asked.entry(contact.node).or_default();
                    *times += 1;
                    assert_eq!(*times, 1, "asks somebody twice");
                    flying.push(contact.node);
                    self.first_round += usize::from(first_round);
                    self.most_in_flight = self.most_in_flight.max(flying.len());
                    assert!(lookup.asked() <= MAX_ASKS && lookup.candidates.len() <= MAX_CANDIDATES);
                }
                Step::Wait => {
                    first_round = false;
                    assert!(!flying.is_empty(), "waits for nobody");
                    let node = flying.swap_remove(self.rng.below(flying.len() as u64) as usize);
                    match self.answer(&node, &me, &target) {
                        Some(contacts) => lookup.on_answer(&node, contacts),
                        None => lookup.on_failure(&node),
                    }
                }
                Step::Done => {
                    assert_eq!(lookup.asked(), self.asked.len());
                    return lookup;
                }
            }
        }
    }

    /// All nodes of a kind but one, the nearest to the target first.
    fn ranking(&self, target: &Key, but: &NodeId, of: impl Fn(&Peer) -> bool) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self.peers.iter().filter(|(n, p)| *n != but && of(p)).map(|(n, _)| *n).collect();
        all.sort_by_key(|n| n.distance(target));
        all
    }
}

fn any_network(seed: u64, size: usize, k: usize) -> (Net, Vec<NodeId>, Key) {
    let mut rng = Rng::from_seed([6; 32]).fork(&seed.to_string());
    let all: Vec<NodeId> = (0..size).map(|_| random_node(&mut rng)).collect();
    let target = if rng.below(4) == 0 { all[0].key() } else { Key(rng.bytes()) };
    (Net::kademlia(&all, k, rng), all, target)
}

/// A strongly connected network: a ring in random order, and random links.
fn linked_network(seed: u64, size: usize, links: usize) -> (Net, Vec<NodeId>, Key) {
    let mut rng = Rng::from_seed([8; 32]).fork(&seed.to_string());
    let all: Vec<NodeId> = (0..size).map(|_| random_node(&mut rng)).collect();
    let target = Key(rng.bytes());
    let mut net = Net::new(K, rng);
    for (i, node) in all.iter().enumerate() {
        let mut known: BTreeSet<NodeId> = [all[(i + 1) % size]].into();
        known.extend((0..links).map(|_| all[net.rng.below(size as u64) as usize]));
        net.peers.insert(*node, Peer::Linked(known.into_iter().collect()));
    }
    (net, all, target)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_true_k_closest_are_found_where_buckets_are_correct(seed: u64, size in 1..160_usize, k in 1..21_usize) {
        let (mut net, all, target) = any_network(seed, size, k);
        let lookup = net.run(all[0], target);
        let mut expected = net.ranking(&target, &all[0], |_| true);
        expected.truncate(k);
        prop_assert_eq!(nodes(&lookup.closest()), expected);
        prop_assert!(lookup.into_report().complete);
    }

    #[test]
    fn everybody_is_found_in_any_strongly_connected_network_of_at_most_k(seed: u64, size in 1..=K, links in 0..5_usize) {
        let (mut net, all, target) = linked_network(seed, size, links);
        let lookup = net.run(all[0], target);
        prop_assert_eq!(nodes(&lookup.closest()), net.ranking(&target, &all[0], |_| true));
    }

    #[test]
    fn dead_nodes_and_liars_hide_nobody_in_a_small_network(seed: u64, size in 1..=12_usize, dead in 0..5_usize, liars in 0..=3_usize) {
        let (mut net, all, target) = linked_network(seed, size, 2);
        let bad: Vec<NodeId> = (0..dead + liars).map(|_| random_node(&mut net.rng)).collect();
        for (i, node) in bad.iter().enumerate() {
            net.peers.insert(*node, if i < dead { Peer::Dead } else { Peer::Liar });
        }
        for node in &all {
            let Some(Peer::Linked(known)) = net.peers.get_mut(node) else { continue };
            known.extend(&bad);
        }
        let lookup = net.run(all[0], target);
        prop_assert!(lookup.closest().len() <= K);
        prop_assert_eq!(nodes(&lookup.answered()), net.ranking(&target, &all[0], |p| !matches!(p, Peer::Dead)));
    }

    #[test]
    fn every_live_node_of_the_k_closest_is_found_when_three_in_ten_are_dead(seed: u64, size in 2..160_usize) {
        let (mut net, all, target) = any_network(seed, size, K);
        for node in &all[1..] {
            if net.rng.below(10) < 3 {
                net.peers.insert(*node, Peer::Dead);
            }
        }
        let near = net.ranking(&target, &all[0], |_| true);
        let lookup = net.run(all[0], target);
        let found = nodes(&lookup.closest());
        let live = |n: &&NodeId| !matches!(net.peers[*n], Peer::Dead);
        prop_assert!(found.iter().all(|n| live(&n)));
        let expected: Vec<NodeId> = near.iter().take(K).filter(live).copied().collect();
        prop_assert_eq!(&found[..expected.len()], &expected[..]);
    }

    #[test]
    fn the_true_k_closest_that_live_are_found_once_the_dead_were_noticed(seed: u64, size in 2..160_usize) {
        let (mut net, all, target) = any_network(seed, size, K);
        let dead: Vec<NodeId> = all[1..].iter().filter(|_| net.rng.below(100) < 15).copied().collect();
        dead.iter().for_each(|n| drop(net.peers.insert(*n, Peer::Dead)));
        for peer in net.peers.values_mut() {
            let Peer::Honest(table) = peer else { continue };
            for node in dead.iter().chain(&dead) {
                table.failed(node, Duration::from_secs(2));
            }
        }
        let lookup = net.run(all[0], target);
        let mut expected = net.ranking(&target, &all[0], |p| matches!(p, Peer::Honest(_)));
        expected.truncate(K);
        prop_assert_eq!(nodes(&lookup.closest()), expected);
    }

    #[test]
    fn lying_answers_hide_none_of_the_k_closest(seed: u64, size in 40..160_usize, liars in 1..=8_usize) {
        let (mut net, all, target) = any_network(seed, size, K);
        let mut near = net.ranking(&target, &all[0], |_| true);
        near.truncate(K);
        // Half of them as near as can be, where they are asked for sure; among honest neighbours.
        for i in 0..liars {
            let liar = if i % 2 == 0 { near[i] } else { all[1 + i] };
            net.peers.insert(liar, Peer::Liar);
        }
        let lookup = net.run(all[0], target);
        prop_assert_eq!(nodes(&lookup.closest()), near);
        prop_assert!(lookup.into_report().complete);
    }

    #[test]
    fn a_lookup_among_liars_alone_ends(seed: u64, size in 1..60_usize) {
        let (mut net, all, target) = any_network(seed, size, K);
        all[1..].iter().for_each(|n| drop(net.peers.insert(*n, Peer::Liar)));
        let lookup = net.run(all[0], target);
        prop_assert!(lookup.asked() <= MAX_ASKS);
        prop_assert!(lookup.closest().iter().all(|c| all.contains(&c.node)));
    }

    #[test]
    fn no_order_of_calls_breaks_it(k in 0..6_usize, calls in prop::collection::vec((0..8_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..12)), 0..200)) {
        let node = |n: u8| NodeId([n; 32]);
        let (me, target) = (node(0), Key([0x55; 32]));
        let mut lookup = Lookup::new(target, me, k, vec![contact(node(1)), contact(me), contact(node(2)), contact(node(1))]);
        let (mut asked, mut over) = (BTreeSet::new(), false);
        for (call, about, named) in calls {
            match call {
                0..3 => match lookup.next() {
                    Step::Ask(contact) => prop_assert!(!over && asked.insert(contact.node) && contact.node != me),
                    Step::Wait => prop_assert!(!over),
                    Step::Done => over = true,
                },
                3..5 => lookup.on_answer(&node(about % 16), named.into_iter().map(|n| contact(node(n % 16))).collect()),
                5 => lookup.on_failure(&node(about % 16)),
                6 => lookup.on_slow(&node(about % 16)),
                _ => if about < 4 { lookup.finish(); over = true; },
            }
            prop_assert_eq!(lookup.asked(), asked.len());
            prop_assert!(lookup.answered().iter().all(|c| asked.contains(&c.node)));
        }
    }
}

#[test]
fn a_network_of_at_most_k_is_one_round_trip() {
    for size in 2..=K {
        let (mut net, all, target) = any_network(size as u64, size, K);
        let lookup = net.run(all[0], target);
        assert_eq!(net.first_round, size - 1, "all are asked before an answer is waited for");
        assert_eq!((lookup.hops(), lookup.asked()), (1, size - 1));
    }
}

#[test]
fn endless_answers_end_at_the_limit_of_requests() {
    let mut rng = Rng::from_seed([9; 32]);
    let target = Key([0; 32]);
    let mut lookup = Lookup::new(target, random_node(&mut rng), K, vec![contact(random_node(&mut rng))]);
    // Every peer names others that are all nearer than itself, for as long as it is asked.
    let mut nearness: u64 = u64::MAX;
    let mut asked = 0;
    while let Step::Ask(peer) = lookup.next() {
        asked += 1;
        let named = (0..2 * K).map(|_| {
            nearness -= 1 << 40;
            let mut id = [0; 32];
            id[..8].copy_from_slice(&nearness.to_be_bytes());
            contact(NodeId(id))
        });
        lookup.on_answer(&peer.node, named.collect());
    }
    assert_eq!((lookup.next(), asked, lookup.asked()), (Step::Done, MAX_ASKS, MAX_ASKS));
    assert!(lookup.candidates.len() <= MAX_CANDIDATES);
    let report = lookup.into_report();
    assert!(!report.complete && report.closest.len() == K);
}

#[test]
fn a_newcomer_that_knows_one_bootpeer_finds_the_k_closest() {
    let (mut net, all, target) = any_network(3, 120, K);
    let me = random_node(&mut net.rng);
    net.peers.insert(me, Peer::Linked(vec![all[7]]));
    let lookup = net.run(me, target);
    let mut expected = net.ranking(&target, &me, |_| true);
    expected.truncate(K);
    assert_eq!(nodes(&lookup.closest()), expected);
    assert!(lookup.hops() >= 2);
}

#[test]
fn a_lookup_costs_little_more_than_asking_the_k_closest() {
    let (mut net, all, target) = any_network(5, 800, K);
    let report = net.run(all[0], target).into_report();
    assert!(report.complete && report.failed == 0 && report.closest.len() == K);
    assert!(report.asked <= 2 * K, "{} requests", report.asked);
    assert!(report.hops <= 5, "{} hops", report.hops);
    assert!(net.first_round == ALPHA && net.most_in_flight <= MAX_PARALLEL);
}

#[test]
fn a_stalled_lookup_asks_more_at_once_until_somebody_nearer_is_named() {
    let id = |first: u8| NodeId([first; 32]);
    let seeds: Vec<Contact> = (10..40).map(|n| contact(id(n))).collect();
    let mut lookup = Lookup::new(Key([0; 32]), id(0xff), K, seeds);
    let ask = |lookup: &mut Lookup| {
        let asks = std::iter::from_fn(|| match lookup.next() {
            Step::Ask(contact) => Some(contact.node),
            Step::Wait | Step::Done => None,
        });
        asks.collect::<Vec<_>>()
    };
    assert_eq!(ask(&mut lookup), [id(10), id(11), id(12)]);
    lookup.on_answer(&id(10), Vec::new());
    lookup.on_failure(&id(11));
    assert_eq!(ask(&mut lookup).len(), 2);
    lookup.on_answer(&id(12), vec![contact(id(90))]);
    assert_eq!(ask(&mut lookup).len(), MAX_PARALLEL - 2, "a round brought nobody nearer");
    lookup.on_answer(&id(13), vec![contact(id(1))]);
    assert!(ask(&mut lookup).is_empty(), "nine are in flight, three are enough again");
}

#[test]
fn a_slow_peer_is_backed_by_another_and_still_counts() {
    let id = |first: u8| NodeId([first; 32]);
    let mut lookup = Lookup::new(Key([0; 32]), id(0xff), 1, vec![contact(id(1)), contact(id(2))]);
    assert_eq!(lookup.next(), Step::Ask(contact(id(1))));
    assert_eq!(lookup.next(), Step::Wait);
    lookup.on_slow(&id(1));
    assert_eq!(lookup.next(), Step::Ask(contact(id(2))));
    lookup.on_answer(&id(2), Vec::new());
    assert_eq!(lookup.next(), Step::Wait, "the nearest may still answer");
    lookup.on_answer(&id(1), Vec::new());
    assert_eq!(lookup.next(), Step::Done);
    assert_eq!(nodes(&lookup.closest()), [id(1)]);
    assert_eq!(nodes(&lookup.answered()), [id(1), id(2)]);
}

#[test]
fn the_set_is_known_as_soon_as_late_peers_alone_are_waited_for() {
    let id = |first: u8| NodeId([first; 32]);
    let mut lookup = Lookup::new(Key([0; 32]), id(0xff), 2, vec![contact(id(1)), contact(id(2)), contact(id(3))]);
    assert_eq!((lookup.next(), lookup.next()), (Step::Ask(contact(id(1))), Step::Ask(contact(id(2)))));
    lookup.on_answer(&id(2), Vec::new());
    assert_eq!(lookup.nearly(), None, "the nearest is not late");
    lookup.on_slow(&id(1));
    assert_eq!(lookup.nearly(), Some(vec![(contact(id(1)), false), (contact(id(2)), true)]));
    assert_eq!(lookup.next(), Step::Ask(contact(id(3))));
    lookup.on_answer(&id(3), vec![contact(id(0))]);
    assert_eq!(lookup.nearly(), None, "somebody nearer is to be asked");
    assert_eq!(lookup.next(), Step::Ask(contact(id(0))));
    lookup.on_answer(&id(0), Vec::new());
    assert_eq!(lookup.nearly(), Some(vec![(contact(id(0)), true), (contact(id(1)), false)]));
    lookup.on_failure(&id(1));
    assert_eq!(lookup.next(), Step::Done);
    assert_eq!(lookup.nearly(), Some(vec![(contact(id(0)), true), (contact(id(2)), true)]));
}

#[test]
fn newer_addresses_replace_older_ones_until_the_peer_is_asked() {
    let id = |first: u8| NodeId([first; 32]);
    let numbered = |n: u8, seq: u64| contact(id(n)).but(|reach| reach.seq = seq);
    let mut lookup = Lookup::new(Key([0; 32]), id(0xff), 1, vec![numbered(2, 1), numbered(9, 1)]);
    assert_eq!(lookup.next(), Step::Ask(numbered(2, 1)));
    lookup.on_answer(&id(2), vec![numbered(1, 3)]);
    lookup.on_answer(&id(2), vec![numbered(1, 9)]);
    assert_eq!(lookup.next(), Step::Ask(numbered(1, 3)), "a second answer is unsolicited");
    let mut lookup = Lookup::new(Key([0; 32]), id(0xff), 1, vec![numbered(1, 1), numbered(1, 3), numbered(1, 2)]);
    assert_eq!(lookup.next(), Step::Ask(numbered(1, 3)));
}

#[test]
fn finishing_stops_it_and_only_who_was_asked_before_is_heard() {
    let (net, all, target) = any_network(1, 30, K);
    let mut lookup = Lookup::new(target, all[0], K, net.seeds(&all[0], &target));
    let Step::Ask(first) = lookup.next() else { panic!("has seeds") };
    let Step::Ask(second) = lookup.next() else { panic!("has seeds") };
    lookup.on_answer(&first.node, Vec::new());
    lookup.finish();
    lookup.on_answer(&second.node, vec![contact(all[3])]);
    lookup.on_failure(&second.node);
    lookup.on_answer(&all[3], Vec::new());
    assert_eq!(lookup.next(), Step::Done);
    let both = BTreeSet::from([first.node, second.node]);
    assert_eq!(nodes(&lookup.answered()).into_iter().collect::<BTreeSet<_>>(), both);
    let report = lookup.into_report();
    assert_eq!((report.asked, report.failed, report.complete), (2, 0, false));
}

#[test]
fn nobody_to_ask_is_an_end() {
    let mut lookup = Lookup::new(Key([1; 32]), NodeId([2; 32]), K, vec![contact(NodeId([2; 32]))]);
    assert_eq!(lookup.next(), Step::Done);
    assert_eq!(lookup.hops(), 0);
    assert!(lookup.into_report().complete);
}

#[test]
fn where_few_more_are_wanted_few_are_asked_at_once() {
    let in_flight = |expected: Option<usize>| {
        let (net, all, target) = any_network(1, 100, K);
        let mut lookup = Lookup::new(target, all[0], K, net.seeds(&all[0], &target));
        for _ in 0..ALPHA {
            let Step::Ask(peer) = lookup.next() else { panic!("has seeds") };
            lookup.on_answer(&peer.node, Vec::new());
        }
        expected.into_iter().for_each(|more| lookup.expect(more));
        std::iter::from_fn(|| matches!(lookup.next(), Step::Ask(_)).then_some(())).count()
    };
    assert_eq!([None, Some(1), Some(3), Some(100)].map(in_flight), [MAX_PARALLEL, 2, 4, MAX_PARALLEL]);
}

#[test]
fn those_named_behind_the_dead_are_found_where_few_are_wanted() {
    let mut rng = Rng::from_seed([12; 32]);
    let target = Key(rng.bytes());
    let mut near: Vec<NodeId> = (0..8).map(|_| beside(&target, &mut rng)).collect();
    near.sort_by_key(|node| node.distance(&target));
    let named: Vec<Contact> = near.iter().map(|node| contact(*node)).collect();
    let mut lookup = Lookup::new(target, random_node(&mut rng), 3, vec![contact(random_node(&mut rng))]);
    // When many go at once, everybody still names them, and the nearest first.
    while let Step::Ask(peer) = lookup.next() {
        if near[..4].contains(&peer.node) {
            lookup.on_failure(&peer.node);
        } else {
            lookup.on_answer(&peer.node, named.iter().filter(|other| **other != peer).cloned().collect());
        }
    }
    assert_eq!((nodes(&lookup.closest()), lookup.next()), (near[4..7].to_vec(), Step::Done));
}
