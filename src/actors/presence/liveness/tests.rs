//! The rules by example, and against a plain model of them.

use proptest::prelude::*;

use super::*;

const ALICE: AccountId = AccountId([1; 32]);

fn at(node: u8) -> Contact {
    Contact::hint(NodeId([node; 32]), ([192, 0, 2, node], 9).into())
}

fn secs(n: u64) -> Moment {
    Duration::from_secs(n)
}

fn word(device: u8, seq: u64, online: bool, node: u8) -> Word {
    Word { account: ALICE, device: DeviceId([device; 32]), seq, online, contact: at(node) }
}

fn beat(liveness: &mut Liveness, node: u8, device: u8, now: u64) -> bool {
    liveness.heartbeat(NodeId([node; 32]), ALICE, DeviceId([device; 32]), secs(now)).0
}

fn check(liveness: &Liveness, now: u64, expected: Standing) {
    assert_eq!(liveness.standing(&ALICE, secs(now)), expected, "after {now} s");
}

use Standing::{Offline, Online, Unknown};

#[test]
fn silence_of_a_minute_is_offline_and_a_heartbeat_brings_it_back() {
    let mut liveness = Liveness::default();
    check(&liveness, 0, Unknown);
    assert!(!beat(&mut liveness, 1, 1, 0));
    liveness.put(word(1, 1, true, 1), secs(0));
    check(&liveness, 59, Online(secs(59)));
    check(&liveness, 60, Offline(secs(60)));
    assert!(beat(&mut liveness, 1, 1, 70));
    check(&liveness, 129, Online(secs(59)));
}

#[test]
fn a_goodbye_ends_it_at_once_and_only_a_new_record_brings_it_back() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    liveness.put(word(1, 2, false, 1), secs(5));
    check(&liveness, 5, Offline(secs(0)));
    assert!(!beat(&mut liveness, 1, 1, 6), "so that the node puts its record again");
    liveness.put(word(1, 3, true, 1), secs(7));
    check(&liveness, 7, Online(secs(0)));
}

#[test]
fn heartbeats_of_other_nodes_do_not_count() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    for now in 0..90 {
        assert!(!beat(&mut liveness, 2, 1, now));
        assert!(!beat(&mut liveness, 1, 2, now));
    }
    check(&liveness, 90, Offline(secs(90)));
    // The device moved: now the other one counts, and the first does not.
    liveness.put(word(1, 2, true, 2), secs(90));
    assert!(beat(&mut liveness, 2, 1, 95) && !beat(&mut liveness, 1, 1, 99));
    check(&liveness, 99, Online(secs(4)));
}

#[test]
fn an_account_is_online_when_any_device_is() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    liveness.put(word(2, 1, true, 2), secs(10));
    liveness.put(word(1, 2, false, 1), secs(20));
    check(&liveness, 20, Online(secs(10)));
    check(&liveness, 75, Offline(secs(55)));
}

#[test]
fn a_missed_heartbeat_is_asked_after_until_the_node_counts_as_gone() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    let asked: Vec<u64> = (0..120).filter(|now| !liveness.due_checks(secs(*now), 9).is_empty()).collect();
    assert_eq!(asked, [24, 36, 48]);
    assert!(beat(&mut liveness, 1, 1, 120));
    assert!(liveness.due_checks(secs(143), 9).is_empty());
    let due = liveness.due_checks(secs(144), 9);
    assert_eq!(due, [(at(1), vec![ALICE])]);
    liveness.checked(NodeId([1; 32]), ALICE, true, secs(145));
    check(&liveness, 145, Online(secs(0)));
    // It lives, and says that nobody is logged in there.
    assert_eq!(liveness.due_checks(secs(170), 9).len(), 1);
    liveness.checked(NodeId([2; 32]), ALICE, false, secs(170));
    check(&liveness, 170, Online(secs(25)));
    liveness.checked(NodeId([1; 32]), ALICE, false, secs(171));
    check(&liveness, 171, Offline(secs(0)));
    assert!(liveness.due_checks(secs(200), 9).is_empty());
}

#[test]
fn an_answer_to_an_earlier_question_does_not_undo_a_newer_record() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    assert_eq!(liveness.due_checks(secs(30), 9).len(), 1);
    liveness.put(word(1, 2, true, 1), secs(31));
    liveness.checked(NodeId([1; 32]), ALICE, false, secs(32));
    check(&liveness, 32, Online(secs(1)));
}

#[test]
fn who_was_away_itself_knows_nothing_until_it_asked() {
    let mut liveness = Liveness::default();
    liveness.put(word(1, 1, true, 1), secs(0));
    liveness.put(word(2, 1, false, 2), secs(0));
    liveness.doubt();
    check(&liveness, 300, Offline(secs(300)));
    assert_eq!(liveness.due_checks(secs(300), 9).len(), 1);
    liveness.checked(NodeId([1; 32]), ALICE, true, secs(301));
    check(&liveness, 301, Online(secs(0)));
    liveness.forget(ALICE, DeviceId([1; 32]));
    liveness.forget(ALICE, DeviceId([2; 32]));
    check(&liveness, 301, Unknown);
}

#[test]
fn no_more_nodes_are_asked_at_once_than_allowed() {
    let mut liveness = Liveness::default();
    (0..100).for_each(|n| liveness.put(word(n, 1, true, n), secs(0)));
    let rounds: Vec<usize> = (0..4).map(|_| liveness.due_checks(secs(30), 40).len()).collect();
    assert_eq!(rounds, [40, 40, 20, 0]);
}

#[derive(Clone, Debug)]
enum Event {
    Put { device: u8, online: bool, node: u8 },
    Beat { device: u8, node: u8 },
    Pass(u64),
    AskAll { here: bool },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0u8..3, any::<bool>(), 0u8..3).prop_map(|(device, online, node)| Event::Put { device, online, node }),
        (0u8..3, 0u8..3).prop_map(|(device, node)| Event::Beat { device, node }),
        (0u64..40).prop_map(Event::Pass),
        any::<bool>().prop_map(|here| Event::AskAll { here }),
    ]
}

/// What a device is to a reader of the rules: where its record says it is, and the last sign of life from there.
#[derive(Clone, Copy)]
struct Said {
    online: bool,
    node: u8,
    heard: u64,
}

proptest! {
    #[test]
    fn judged_online_is_who_was_heard_from_within_a_minute_and_said_no_goodbye(
        events in prop::collection::vec(event(), 0..60),
    ) {
        let (mut liveness, mut said, mut now) = (Liveness::default(), BTreeMap::<u8, Said>::new(), 0);
        for (seq, event) in events.into_iter().enumerate() {
            match event {
                Event::Put { device, online, node } => {
                    liveness.put(word(device, seq as u64, online, node), secs(now));
                    said.insert(device, Said { online, node, heard: now });
                }
                Event::Beat { device, node } => {
                    let counts = said.get(&device).is_some_and(|s| s.online && s.node == node);
                    prop_assert_eq!(beat(&mut liveness, node, device, now), counts);
                    if counts && let Some(said) = said.get_mut(&device) {
                        said.heard = now;
                    }
                }
                Event::Pass(seconds) => now += seconds,
                Event::AskAll { here } => {
                    for (contact, accounts) in liveness.due_checks(secs(now), 9) {
                        prop_assert_eq!(&accounts, &vec![ALICE]);
                        let node = contact.node.0[0];
                        prop_assert!(said.values().any(|s| s.online && s.node == node && (24..60).contains(&(now - s.heard))));
                        liveness.checked(contact.node, ALICE, here, secs(now));
                    }
                    // Whoever was asked before, or was missed now, is as its node says; the rules about when are above.
                    for (device, s) in &mut said {
                        let entry = &liveness.entries[&(ALICE, DeviceId([*device; 32]))];
                        (s.online, s.heard) = (entry.online, entry.heard.map_or(0, |at| at.as_secs()));
                    }
                }
            }
            let standing = liveness.standing(&ALICE, secs(now));
            let online = said.values().filter(|s| s.online && now - s.heard < 60).map(|s| now - s.heard).min();
            let offline = said.values().map(|s| now - s.heard).min();
            let expected = match (online, offline) {
                (Some(silent), _) => Online(secs(silent)),
                (None, Some(silent)) => Offline(secs(silent)),
                (None, None) => Unknown,
            };
            prop_assert_eq!(standing, expected);
        }
    }
}
