//! The routing table under every order of events.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::overlay::bucket::MAX_WAITING;
use crate::types::Rng;

const NOW: Duration = Duration::from_secs(100_000);
const RTT: Duration = Duration::from_millis(20);
const MINUTE: Duration = Duration::from_secs(60);
const ME: NodeId = NodeId([0; 32]);

fn random_node(rng: &mut Rng) -> NodeId {
    NodeId(rng.bytes())
}

/// The n-th node of the farthest bucket of [`ME`].
fn far(n: u16) -> NodeId {
    let mut id = [0; 32];
    id[0] = 0x80;
    id[1..3].copy_from_slice(&n.to_be_bytes());
    NodeId(id)
}

fn contact(node: NodeId, seq: u64) -> Contact {
    let port = 1 + (seq % 60_000) as u16;
    Contact::hint(node, ([127, 0, 0, 1], port).into()).but(|reach| reach.seq = seq)
}

fn at(node: NodeId, ip: [u8; 4]) -> Contact {
    Contact::hint(node, (ip, 9).into()).but(|reach| reach.seq = 1)
}

fn nodes(contacts: &[Contact]) -> Vec<NodeId> {
    contacts.iter().map(|c| c.node).collect()
}

fn table_of(me: NodeId, k: usize, others: &[NodeId]) -> RoutingTable {
    let mut table = RoutingTable::new(me, k);
    for node in others {
        table.reached(contact(*node, 1), RTT, NOW);
    }
    table
}

#[test]
fn a_candidate_enters_only_once_it_was_reached() {
    let mut table = RoutingTable::new(ME, 20);
    assert!(table.heard(&contact(far(1), 1), NOW));
    assert!(table.is_empty() && table.closest(&ME.key(), 20).is_empty());
    assert_eq!(table.reached(contact(far(1), 1), RTT, NOW), Reached::Added);
    assert_eq!(table.reached(contact(far(1), 1), RTT, NOW), Reached::Known);
    assert!(table.contains(&far(1)) && !table.heard(&contact(far(1), 1), NOW));
    let info = ContactInfo { contact: contact(far(1), 1), bucket: 255, rtt: RTT, last_seen: NOW };
    assert_eq!(table.contacts(), [info]);
}

#[test]
fn we_are_never_in_our_own_table() {
    let mut table = RoutingTable::new(ME, 20);
    assert!(!table.heard(&contact(ME, 9), NOW));
    assert_eq!(table.reached(contact(ME, 9), RTT, NOW), Reached::Ourselves);
    assert_eq!(table.failed(&ME, NOW), Failed::Stranger);
    assert!(table.is_empty());
}

#[test]
fn an_older_seq_never_overwrites() {
    let mut table = table_of(ME, 20, &[]);
    table.reached(contact(far(1), 5), RTT, NOW);
    table.reached(contact(far(1), 4), RTT, NOW);
    assert_eq!(table.contact(&far(1)), Some(&contact(far(1), 5)));
    assert!(!table.heard(&contact(far(1), 4), NOW));
    assert!(table.heard(&contact(far(1), 6), NOW), "a node that moved is tried where it says it is");
    assert_eq!(table.contact(&far(1)).map(|c| c.seq), Some(5), "hearing alone changes nothing");
    table.reached(contact(far(1), 6), RTT, NOW);
    assert_eq!(table.contact(&far(1)), Some(&contact(far(1), 6)));
}

#[test]
fn whoever_was_silent_for_too_long_is_asked_the_near_ones_sooner() {
    let mut table = RoutingTable::new(ME, 2);
    // Two in each of four buckets: the nearest k, those in the two behind, and those beyond.
    let all = [0x80, 0x81, 0x40, 0x41, 0x20, 0x21, 0x10, 0x11].map(|first| {
        let mut id = ME.0;
        id[0] ^= first;
        NodeId(id)
    });
    for node in all {
        table.reached(contact(node, 1), RTT, NOW);
    }
    let silent = |table: &mut RoutingTable, at: Duration, heard: &[NodeId]| -> BTreeSet<NodeId> {
        let silent = table.silent(NOW + at, |node| heard.contains(node).then_some(NOW + at - MINUTE));
        silent.iter().map(|contact| contact.node).collect()
    };
    let of = |nodes: &[NodeId]| -> BTreeSet<NodeId> { nodes.iter().copied().collect() };
    let moment = Duration::from_millis(1);
    assert_eq!(silent(&mut table, MINUTE * 3 / 2 - moment, &[]), of(&[]));
    assert_eq!(silent(&mut table, MINUTE * 3 / 2, &[]), of(&all[6..]));
    assert_eq!(silent(&mut table, MINUTE * 3 / 2, &all), of(&[]), "they asked us a minute ago");
    assert_eq!(silent(&mut table, MINUTE * 4, &[]), of(&all[2..]));
    assert_eq!(silent(&mut table, MINUTE * 8, &[]), of(&all));
    assert_eq!(silent(&mut table, MINUTE * 9 / 2, &all), of(&all[6..]), "those that ask may not hear us");
}

#[test]
fn a_lost_neighbour_makes_us_look_after_the_others() {
    let mut table = table_of(ME, 20, &(0..20).map(far).collect::<Vec<_>>());
    let calm = NOW + 600 * MINUTE;
    for n in 0..20 {
        table.reached(contact(far(n), 1), RTT, calm);
    }
    assert!(table.silent(calm + 4 * MINUTE, |_| None).is_empty());
    for _ in 0..2 {
        table.failed(&far(0), calm + 4 * MINUTE);
    }
    assert_eq!(table.silent(calm + 4 * MINUTE, |_| None).len(), 19);
    assert!(table.silent(calm + 5 * MINUTE - RTT, |_| None).len() == 19);
}

#[test]
fn of_two_hints_the_one_that_works_is_kept_and_a_signed_contact_wins_over_a_hint() {
    let hint = |ip| Contact::hint(far(1), (ip, 9).into());
    let mut table = RoutingTable::new(ME, 20);
    table.reached(hint([127, 0, 0, 1]), RTT, NOW);
    table.reached(hint([127, 0, 0, 2]), RTT, NOW);
    assert_eq!(table.contact(&far(1)), Some(&hint([127, 0, 0, 2])));
    let signed = hint([127, 0, 0, 3]).but(|reach| reach.proof = Some(crate::types::ContactProof(bytes::Bytes::new())));
    table.reached(signed.clone(), RTT, NOW);
    table.reached(hint([127, 0, 0, 4]), RTT, NOW);
    assert_eq!(table.contact(&far(1)), Some(&signed));
}

#[test]
fn two_failures_in_a_row_remove_a_peer_and_a_success_between_them_forgives() {
    let mut table = table_of(ME, 20, &[far(1)]);
    assert_eq!(table.failed(&far(1), NOW), Failed::Questionable);
    table.reached(contact(far(1), 1), RTT, NOW);
    assert_eq!(table.failed(&far(1), NOW), Failed::Questionable);
    assert!(table.contains(&far(1)));
    assert_eq!(table.failed(&far(1), NOW), Failed::Removed);
    assert!(table.is_empty());
}

#[test]
fn the_dead_are_left_alone_for_ten_minutes_unless_they_moved_or_answer() {
    let mut table = table_of(ME, 20, &[far(1)]);
    table.failed(&far(1), NOW);
    table.failed(&far(1), NOW);
    assert!(!table.heard(&contact(far(1), 1), NOW + 9 * MINUTE));
    assert!(table.heard(&contact(far(1), 2), NOW + 9 * MINUTE), "newer addresses deserve a try");
    assert!(table.heard(&contact(far(1), 1), NOW + 10 * MINUTE));

    assert_eq!(table.failed(&far(2), NOW), Failed::Stranger);
    assert!(!table.heard(&contact(far(2), 1), NOW));
    table.reached(contact(far(2), 1), RTT, NOW);
    table.failed(&far(2), NOW);
    assert!(table.contains(&far(2)), "the answer took back the first failure");
}

#[test]
fn with_a_replacement_waiting_one_failure_is_enough_and_the_freshest_enters() {
    let old: Vec<NodeId> = (0..4).map(far).collect();
    let mut table = table_of(ME, 4, &old);
    for n in [10, 11, 12, 10] {
        assert_eq!(table.reached(contact(far(n), 1), RTT, NOW), Reached::Waiting);
    }
    assert_eq!(table.failed(&far(2), NOW), Failed::Removed);
    assert_eq!(nodes(&table.closest(&far(0).key(), 9)), [far(0), far(1), far(3), far(10)]);
    assert!(!table.heard(&contact(far(2), 1), NOW));
}

#[test]
fn a_questionable_peer_gives_way_to_one_that_answers() {
    let old: Vec<NodeId> = (0..4).map(far).collect();
    let mut table = table_of(ME, 4, &old);
    assert_eq!(table.failed(&far(2), NOW), Failed::Questionable);
    assert_eq!(table.reached(contact(far(10), 1), RTT, NOW), Reached::Added);
    assert!(!table.contains(&far(2)) && !table.heard(&contact(far(2), 1), NOW));
}

#[test]
fn a_waiting_peer_that_fails_waits_no_longer() {
    let old: Vec<NodeId> = (0..4).map(far).collect();
    let mut table = table_of(ME, 4, &old);
    table.reached(contact(far(10), 1), RTT, NOW);
    assert_eq!(table.failed(&far(10), NOW), Failed::Removed);
    assert_eq!(table.failed(&far(0), NOW), Failed::Questionable);
    assert!(!table.contains(&far(10)));
}

#[test]
fn after_a_change_of_network_the_lost_are_given_back() {
    let all: Vec<NodeId> = (0..6).map(far).collect();
    let mut table = table_of(ME, 20, &all);
    for node in &all[1..] {
        table.failed(node, NOW);
        table.failed(node, NOW);
    }
    table.failed(&all[0], NOW);
    assert_eq!(nodes(&table.forgive()), &all[1..]);
    assert!(all[1..].iter().all(|n| table.heard(&contact(*n, 1), NOW)));
    assert_eq!(table.failed(&all[0], NOW), Failed::Questionable);
}

#[test]
fn of_far_buckets_half_is_filled_by_hearsay_and_the_rest_by_those_who_were_reached() {
    let near: Vec<NodeId> =
        [1, 2, 3, 4].map(|n| NodeId(std::array::from_fn(|i| ME.0[i] ^ (u8::from(i == 31) * n)))).to_vec();
    let mut table = table_of(ME, 4, &near[..3]);
    for n in 0..4 {
        assert!(table.heard(&contact(far(n), 1), NOW), "few are near");
        table.reached(contact(far(n), 1), RTT, NOW);
    }
    let mut table = table_of(ME, 4, &near);
    let tried = (0..4).filter(|n| {
        let tried = table.heard(&contact(far(*n), 1), NOW);
        if tried {
            table.reached(contact(far(*n), 1), RTT, NOW);
        }
        tried
    });
    assert_eq!(tried.count(), 2);
    assert_eq!(table.reached(contact(far(9), 1), RTT, NOW), Reached::Added, "reached for another reason");
    assert!(table.heard(&contact(far(0), 2), NOW), "one that is here and moved");
}

#[test]
fn old_live_contacts_stay_under_flooding_by_newcomers() {
    let old: Vec<NodeId> = (0..20).map(far).collect();
    let mut table = RoutingTable::new(ME, 20);
    for (i, node) in old.iter().enumerate() {
        table.reached(at(*node, [198, 51, i as u8, 1]), RTT, NOW);
    }
    for n in 0..5000_u16 {
        let newcomer = at(far(1000 + n), [203, (n >> 8) as u8, n as u8, 1]);
        assert_eq!(table.reached(newcomer, RTT, NOW + MINUTE), Reached::Waiting);
    }
    assert!(old.iter().all(|n| table.contains(n)));
    assert_eq!(table.len(), 20);
    assert!(!table.heard(&at(far(9000), [192, 0, 2, 1]), NOW), "enough are waiting");
    let removed = old.iter().filter(|n| table.failed(n, NOW) == Failed::Removed).count();
    assert_eq!(removed, MAX_WAITING, "so many waited for a place");
    assert!(table.contains(&far(5999)) && !table.contains(&far(1000)), "those that came last");
}

#[test]
fn of_a_crowd_of_one_prefix_only_two_stay_once_others_come() {
    let mut table = RoutingTable::new(ME, 4);
    for n in 0..4 {
        table.reached(at(far(n), [203, 0, 113, n as u8]), RTT, NOW);
    }
    assert_eq!(table.reached(at(far(4), [203, 0, 113, 9]), RTT, NOW), Reached::Waiting);
    for n in 5..8 {
        assert!(table.heard(&at(far(n), [198, 51, n as u8, 1]), NOW));
        table.reached(at(far(n), [198, 51, n as u8, 1]), RTT, NOW);
    }
    assert_eq!(nodes(&table.closest(&far(0).key(), 9)), [far(0), far(1), far(5), far(6)]);
    table.failed(&far(5), NOW);
    assert!(table.contains(&far(7)), "of those waiting, one of another prefix comes first");
}

#[test]
fn stale_buckets_are_those_without_a_lookup_since() {
    let mut rng = Rng::from_seed([7; 32]);
    let mut table = RoutingTable::new(ME, 2);
    let (hour, sparse) = (60 * MINUTE, 5 * MINUTE);
    let indexes = |keys: &[Key]| keys.iter().map(|k| ME.distance(k).log2()).collect::<Vec<_>>();
    let mut near = [0; 32];
    assert!(table.stale_buckets(NOW, hour, sparse, &mut rng).is_empty());
    for last in [1, 2] {
        (near[0], near[31]) = (0x08, last);
        table.reached(contact(NodeId(near), 1), RTT, NOW);
        let keys = table.stale_buckets(NOW, hour, sparse, &mut rng);
        assert_eq!(indexes(&keys), [None, Some(251), Some(252), Some(253), Some(254), Some(255)]);
    }
    let keys = table.stale_buckets(NOW, hour, sparse, &mut rng);
    assert_eq!(keys[0], ME.key());
    assert_ne!(keys, table.stale_buckets(NOW, hour, sparse, &mut rng), "keys are random within their buckets");

    for n in 0..3 {
        table.reached(contact(far(n), 1), RTT, NOW);
    }
    keys.iter().for_each(|key| table.looked_up(key, NOW));
    for after in AGAIN {
        assert!(table.stale_buckets(NOW + after - RTT, hour, sparse, &mut rng).is_empty());
        assert_eq!(
            table.stale_buckets(NOW + after, hour, sparse, &mut rng),
            [ME.key()],
            "who came with us is found later"
        );
        table.looked_up(&ME.key(), NOW + after + RTT);
    }
    assert!(table.stale_buckets(NOW + sparse - RTT, hour, sparse, &mut rng).is_empty());
    let soon = table.stale_buckets(NOW + sparse, hour, sparse, &mut rng);
    assert_eq!(indexes(&soon), [Some(254), Some(255)], "far away two are few");
    soon.iter().for_each(|key| table.looked_up(key, NOW + hour - RTT));
    let later = table.stale_buckets(NOW + hour + MINUTE + RTT, hour, sparse, &mut rng);
    assert_eq!(indexes(&later), [None, Some(251), Some(252), Some(253)]);
}

#[test]
fn of_those_named_as_many_are_tried_as_there_is_room_for_and_far_away_none_but_who_moved() {
    let near = |n: u8| NodeId(std::array::from_fn(|i| ME.0[i] ^ (u8::from(i == 31) * n)));
    let mut table = table_of(ME, 4, &[8, 9, 10].map(near));
    let lacking = |table: &RoutingTable, named: &[NodeId], seq| {
        nodes(&table.lacking(named.iter().map(|node| contact(*node, seq)).collect(), NOW))
    };
    assert_eq!(lacking(&table, &[11, 12, 13, 8].map(near), 1), [near(11)], "there is room for one");
    assert_eq!(lacking(&table, &[8, 11, 12].map(near), 2), [8, 11].map(near), "and who moved");
    table.reached(contact(near(11), 1), RTT, NOW);
    assert_eq!(lacking(&table, &[12, 16, 32, 64, 128].map(near), 1), [16, 32].map(near), "two buckets behind");
    let many = [16, 17, 18, 19, 20, 21, 22].map(near);
    assert_eq!(lacking(&table, &many, 1), many[..4]);
    table.failed(&near(16), NOW);
    assert_eq!(lacking(&table, &many[..4], 1), many[1..4], "the dead are left alone");
    table.reached(contact(near(128), 1), RTT, NOW);
    assert_eq!(lacking(&table, &[128, 129].map(near), 2), [near(128)]);
}

#[test]
fn the_estimate_of_the_size_is_near_the_truth() {
    let mut rng = Rng::from_seed([9; 32]);
    for size in [1, 2, 20, 100, 1000, 5000] {
        let mut ratios: Vec<f64> = Vec::new();
        for _ in 0..9 {
            let others: Vec<NodeId> = (1..size).map(|_| random_node(&mut rng)).collect();
            let estimate = table_of(random_node(&mut rng), 20, &others).size_estimate();
            if size <= 20 {
                assert_eq!(estimate, size);
            }
            ratios.push(estimate as f64 / size as f64);
        }
        ratios.sort_by(f64::total_cmp);
        assert!(ratios[0] > 0.4 && ratios[8] < 2.5, "{size}: {ratios:?}");
        assert!((0.75..1.33).contains(&ratios[4]), "{size}: {ratios:?}");
    }
}

#[test]
fn the_estimate_of_the_size_does_not_overflow() {
    let mut nearest = [0; 32];
    nearest[31] = 1;
    assert_eq!(table_of(ME, 1, &[NodeId(nearest)]).size_estimate(), u64::MAX);
}

#[derive(Clone, Debug)]
enum Event {
    Reached { node: usize, seq: u64 },
    Failed { node: usize },
    Heard { node: usize, seq: u64 },
    Forgive,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..80_usize, 0..4_u64).prop_map(|(node, seq)| Event::Reached { node, seq }),
        3 => (0..80_usize).prop_map(|node| Event::Failed { node }),
        1 => (0..80_usize, 0..4_u64).prop_map(|(node, seq)| Event::Heard { node, seq }),
        1 => Just(Event::Forgive),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_buckets_stay_small_without_us_and_in_step_with_the_answers(
        seed: u64, k in 1..6_usize, events in prop::collection::vec(event(), 0..300)
    ) {
        let mut rng = Rng::from_seed([3; 32]).fork(&seed.to_string());
        let all: Vec<NodeId> = (0..80).map(|_| random_node(&mut rng)).collect();
        let me = all[0];
        let mut table = RoutingTable::new(me, k);
        let mut ever_reached = std::collections::BTreeSet::new();
        for event in events {
            match event {
                Event::Reached { node, seq } => {
                    let before = table.contact(&all[node]).map(|c| c.seq);
                    table.reached(contact(all[node], seq), RTT, NOW);
                    ever_reached.insert(all[node]);
                    if let Some(now) = table.contact(&all[node]).map(|c| c.seq) {
                        prop_assert!(now >= seq && before.is_none_or(|b| now == b.max(seq)));
                    }
                }
                Event::Failed { node } => { table.failed(&all[node], NOW); }
                Event::Heard { node, seq } => { table.heard(&contact(all[node], seq), NOW); }
                Event::Forgive => drop(table.forgive()),
            }
            let contacts = table.contacts();
            prop_assert_eq!(contacts.len(), table.len());
            let mut sizes = BTreeMap::new();
            for info in &contacts {
                *sizes.entry(info.bucket).or_insert(0_usize) += 1;
                prop_assert_eq!(Some(info.bucket), me.distance(&info.contact.key()).log2());
                prop_assert!(info.contact.node != me && ever_reached.contains(&info.contact.node));
            }
            prop_assert!(sizes.values().all(|size| *size <= k));
        }
    }

    #[test]
    fn closest_is_what_a_full_scan_finds(seed: u64, k in 1..25_usize, size in 0..200_usize, n in 0..60_usize, near: u8) {
        let mut rng = Rng::from_seed([4; 32]).fork(&seed.to_string());
        let me = random_node(&mut rng);
        let others: Vec<NodeId> = (0..size).map(|_| random_node(&mut rng)).collect();
        let table = table_of(me, k, &others);
        // Targets at every depth, our own place among them.
        let mut target = me.key();
        if near > 0 {
            let random: [u8; 32] = rng.bytes();
            target.0[usize::from(near) / 64..].copy_from_slice(&random[usize::from(near) / 64..]);
        }
        let mut expected: Vec<NodeId> = table.contacts().into_iter().map(|info| info.contact.node).collect();
        expected.sort_by_key(|node| node.distance(&target));
        expected.truncate(n);
        prop_assert_eq!(nodes(&table.closest(&target, n)), expected);
    }

    #[test]
    fn in_a_network_of_at_most_k_everybody_knows_everybody(seed: u64, size in 1..=20_u64, skew in 0..30_usize) {
        let mut rng = Rng::from_seed([5; 32]).fork(&seed.to_string());
        // A shared beginning puts many of them into one bucket.
        let shared: [u8; 32] = rng.bytes();
        let all: Vec<NodeId> = (0..size).map(|_| {
            let mut id: [u8; 32] = rng.bytes();
            if rng.below(4) > 0 { id[..skew].copy_from_slice(&shared[..skew]); }
            NodeId(id)
        }).collect();
        let table = table_of(all[0], 20, &all);
        prop_assert!(all[1..].iter().all(|node| table.contains(node)));
        prop_assert_eq!(table.size_estimate(), size);
    }

    #[test]
    fn a_bucket_loses_an_old_contact_only_to_its_own_failures(failing in prop::collection::btree_set(0..20_u16, 0..20), flood in 0..100_u16) {
        let old: Vec<NodeId> = (0..20).map(far).collect();
        let mut table = table_of(ME, 20, &old);
        for n in 0..flood {
            table.reached(contact(far(100 + n), 1), RTT, NOW);
        }
        for n in &failing {
            table.failed(&far(*n), NOW);
        }
        prop_assert!((0..20).filter(|n| !failing.contains(n)).all(|n| table.contains(&far(n))));
        let promoted = failing.len().min(usize::from(flood)).min(MAX_WAITING);
        let lost = (0..20).filter(|n| !table.contains(&far(*n))).count();
        prop_assert_eq!(lost, promoted, "a failed one goes when somebody waits for its place");
        prop_assert_eq!(table.len(), 20);
    }
}
