//! Merging is commutative, associative and idempotent, and keeps what the design says, for every section.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::records::Signed;
use crate::records::fixtures::{NOW, TestAccount, TestDevice, TestNet, at, secret};
use crate::records::{DeviceBody, DirectoryBody, Final, Link, countersign};
use crate::types::Hlc;

/// Numbers from which one record of a slot is made.
type Seed = (u64, u64, u64);

struct Cast {
    net: TestNet,
    alice: TestAccount,
    bob: TestAccount,
    device: TestDevice,
}

fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(|| {
        let net = TestNet::new("merge", 1);
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let device = alice.device(&net, "1");
        Cast { net, alice, bob, device }
    })
}

fn directory_net() -> &'static TestNet {
    static NET: OnceLock<TestNet> = OnceLock::new();
    NET.get_or_init(|| TestNet::new("directory", 3))
}

/// Makes a record that competes for the one slot of its section used here. Few values each, so that ties are common.
fn record(section: Section, (a, b, c): Seed) -> Record {
    let Cast { net, alice, bob, device } = cast();
    let stamp = at((b % 4) as i64);
    match section {
        Section::Account => {
            let fork = |account: &TestAccount, n: u64| account.then(net, |body| body.bundle = Hash([n as u8; 32]));
            let longer = (0..a % 3).fold(alice.clone(), |chain, _| fork(&chain, b % 3));
            longer.record()
        }
        Section::Bundle => {
            let mut body = alice.bundle.body.clone();
            (body.seq, body.sealed.text[0]) = (a % 3, c as u8);
            Record::Bundle(Signed::sign(body, &alice.root, &net.id()))
        }
        Section::Device => {
            let body = DeviceBody { account: alice.id(), device: device.id(), seq: a % 3, hlc: stamp };
            Record::Device(Signed::sign(body, &alice.root, &net.id()))
        }
        Section::Retirement => {
            let mut body = device.retirement(0, None).body;
            body.hlc = stamp;
            (body.last_seq, body.last_hash) = (c % 3 + 1, Some(Hash([a as u8; 32])));
            Record::Retirement(device.sign(body))
        }
        Section::Heads => {
            let mut body = device.heads_body(a % 5, b % 5 + 1, c % (b % 5 + 2));
            body.hlc = at((c % 2) as i64);
            Record::Heads(device.sign(body))
        }
        Section::Post => {
            let post = device.sign(device.post_body(1, None, &format!("twin {}", a % 6)));
            if b % 3 == 0 { Record::Tombstone(device.tombstone(&post, (c % 3) as i64)) } else { Record::Post(post) }
        }
        Section::Following | Section::Followers => {
            let mut body = device.edge(bob.id(), a % 2 == 0, 0).body;
            body.hlc = Hlc(at(0).0 + b % 4);
            body.since = NOW.minus(std::time::Duration::from_millis(c % 2));
            Record::Edge(device.sign(body))
        }
        _ => later_record(section, (a, b, c)),
    }
}

/// Makes a record of a section that is not about accounts, devices and posts.
fn later_record(section: Section, (a, b, c): Seed) -> Record {
    let Cast { net, bob, device, .. } = cast();
    let stamp = at((b % 4) as i64);
    match section {
        Section::Presence => {
            let node = secret(&format!("node {}", b % 3));
            Record::Presence(countersign(device.presence(a % 4, &node), &node, &net.id()))
        }
        Section::Interest => {
            let node = secret(&format!("node {}", b % 3));
            Record::Interest(countersign(device.interest(a % 4, bob.id(), &node), &node, &net.id()))
        }
        Section::Profile => Record::Profile(device.profile(&format!("name {}", a % 3), "", (b % 4) as i64)),
        Section::Seen => {
            Record::Watermark(bob.device(net, "1").watermark(device, a % 4 + b % 3 + 1, a % 4, (c % 3) as i64))
        }
        Section::Private => {
            let key = crate::keys::SealKey::new([7; 32]);
            Record::Private(device.private(
                crate::records::PrivateKind::Mute,
                bob.id(),
                a % 2 == 0,
                &key,
                (b % 4) as i64,
            ))
        }
        Section::Inbox => {
            let post = device.posts(1).remove(0);
            let mut body = device.mention(&post, bob.id()).body;
            body.hlc = stamp;
            body.ends = body.ends.minus(std::time::Duration::from_secs(c + 1));
            Record::Mention(device.sign(body))
        }
        Section::Directory => {
            let three = directory_net();
            let alice = three.account("alice");
            let mut finals = three.finals(alice.id(), &alice.chain.links[0].record, 3);
            finals.sort_by_key(|f| f.registrar);
            if a % 4 < 3 {
                finals.remove((a % 4) as usize);
            }
            Record::Directory(Signed::unsigned(DirectoryBody { finals, ..alice.directory().body.clone() }))
        }
        _ => unreachable!("made by record"),
    }
}

/// Folds records through `merge` as a store does; returns what is kept, by hash.
fn fold<'a>(section: Section, held: Vec<Bytes>, new: impl IntoIterator<Item = &'a Record>) -> Vec<Bytes> {
    new.into_iter().fold(held, |mut held, record| {
        if let Merged::Keep { drop } = merge(section, &held, record.bytes()) {
            assert!(drop.windows(2).all(|pair| pair[0] < pair[1]), "indices ascend: {drop:?}");
            for index in drop.iter().rev() {
                held.remove(*index);
            }
            held.push(record.bytes().clone());
        }
        held
    })
}

fn hashes(held: &[Bytes]) -> BTreeSet<Hash> {
    let set: BTreeSet<Hash> = held.iter().map(|b| decoded(b).hash()).collect();
    assert_eq!(set.len(), held.len(), "no record is kept twice");
    set
}

fn decoded(bytes: &Bytes) -> Record {
    Record::decode(bytes.clone()).expect("kept records can be read")
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    prop::collection::vec((0u64..60, 0u64..60, 0u64..60), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the order and however often each comes, in one place or merged from two, the same records are kept.
    #[test]
    fn every_order_repetition_and_grouping_keeps_the_same_records(
        seeds in seeds(),
        extra in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        shuffle in any::<u64>(),
        cut in any::<prop::sample::Index>(),
    ) {
        for section in Section::ALL.iter().copied() {
            let pool: Vec<Record> = seeds.iter().map(|s| record(section, *s)).collect();
            let slots: BTreeSet<Bytes> = pool.iter().map(|r| slot(r, section)).collect();
            prop_assert_eq!(slots.len(), 1, "{:?}: one slot", section);
            let expected = hashes(&fold(section, vec![], &pool));
            prop_assert!(!expected.is_empty());

            let mut order: Vec<usize> = (0..pool.len()).chain(extra.iter().map(|i| i.index(pool.len()))).collect();
            let mut rng = crate::types::Rng::from_seed([shuffle as u8; 32]);
            for i in (1..order.len()).rev() {
                order.swap(i, rng.below(i as u64 + 1) as usize);
            }
            let shuffled = fold(section, vec![], order.iter().map(|i| &pool[*i]));
            prop_assert_eq!(&hashes(&shuffled), &expected, "{:?}: order and repetition", section);

            let (left, right) = pool.split_at(cut.index(pool.len()));
            let (left, right) = (fold(section, vec![], left), fold(section, vec![], right));
            let as_records = |held: &[Bytes]| held.iter().map(decoded).collect::<Vec<_>>();
            let into_left = fold(section, left.clone(), &as_records(&right));
            let into_right = fold(section, right, &as_records(&left));
            prop_assert_eq!(&hashes(&into_left), &expected, "{:?}: grouping", section);
            prop_assert_eq!(&hashes(&into_right), &expected, "{:?}: grouping, other way", section);
        }
    }

    /// What is kept is what the design names, by a model that looks at all records at once.
    #[test]
    fn winners_are_those_of_the_design(seeds in seeds()) {
        for section in Section::ALL.iter().copied() {
            let pool: Vec<Record> = seeds.iter().map(|s| record(section, *s)).collect();
            let kept = fold(section, vec![], &pool);
            let only = |key: &dyn Fn(&Record) -> (u64, u64)| {
                let best = pool.iter().max_by_key(|r| (key(r), r.hash())).expect("not empty");
                assert_eq!(hashes(&kept), BTreeSet::from([best.hash()]), "{section:?}");
            };
            match section {
                Section::Following | Section::Followers | Section::Retirement => {
                    only(&|r| (r.hlc().expect("stamped").0, 0));
                }
                Section::Account => only(&|r| match r { Record::Account(c) => (c.links.len() as u64, 0), _ => panic!() }),
                Section::Bundle => only(&|r| match r { Record::Bundle(b) => (b.body.seq, 0), _ => panic!() }),
                Section::Device => only(&|r| match r { Record::Device(d) => (d.body.seq, d.body.hlc.0), _ => panic!() }),
                Section::Presence => only(&|r| match r { Record::Presence(p) => (p.body.seq, 0), _ => panic!() }),
                Section::Interest => only(&|r| match r { Record::Interest(i) => (i.body.seq, 0), _ => panic!() }),
                Section::Post => {
                    // Two posts at most, a deleted one in the form of its latest tombstone.
                    let of = |r: &Record| match r { Record::Tombstone(t) => t.body.post, r => r.hash() };
                    let all: BTreeSet<Hash> = pool.iter().map(of).collect();
                    let twins = all.into_iter().rev().take(2).map(|post| {
                        let best = |r: &&Record| (matches!(r, Record::Tombstone(_)), r.hlc(), r.hash());
                        pool.iter().filter(|r| of(r) == post).max_by_key(best).expect("one at least").hash()
                    });
                    prop_assert_eq!(hashes(&kept), twins.collect::<BTreeSet<Hash>>());
                }
                Section::Profile | Section::Private | Section::Inbox => only(&|r| (r.hlc().expect("stamped").0, 0)),
                Section::Seen => only(&|r| match r { Record::Watermark(w) => (w.body.seen, w.body.received), _ => panic!() }),
                Section::Directory => only(&|_| (0, 0)),
                Section::Heads => {}
            }
        }
    }

    /// Heads keep the highest version whole, and neither the last number nor the floor falls at any step.
    #[test]
    fn heads_keep_the_highest_version_and_never_fall(seeds in prop::collection::vec((0u64..60, 0u64..60, 0u64..60), 1..20)) {
        let bodies = |held: &[Bytes]| -> Vec<(u64, Hash, u64, u64)> {
            held.iter().map(decoded).map(|r| match r {
                Record::Heads(h) => (h.body.version, h.hash(), h.body.last_seq, h.body.floor),
                _ => panic!("heads"),
            }).collect()
        };
        let (mut held, mut seen) = (vec![], vec![]);
        for seed in seeds {
            let new = record(Section::Heads, seed);
            held = fold(Section::Heads, held, [&new]);
            seen.push(new.bytes().clone());
            let (now, all) = (bodies(&held), bodies(&seen));
            prop_assert!(now.len() <= 3, "a slot is bounded");
            prop_assert_eq!(now.iter().map(|b| (b.0, b.1)).max(), all.iter().map(|b| (b.0, b.1)).max());
            prop_assert_eq!(now.iter().map(|b| b.2).max(), all.iter().map(|b| b.2).max());
            prop_assert_eq!(now.iter().map(|b| b.3).max(), all.iter().map(|b| b.3).max());
        }
    }
}

#[test]
fn one_record_with_two_signatures_is_no_twin() {
    let device = &cast().device;
    let body = device.post_body(1, None, "hello");
    let (first, other) = (device.sign(body.clone()), Signed::sign(body, &secret("another"), &cast().net.id()));
    assert_ne!(first.bytes(), other.bytes());
    assert_eq!(merge(Section::Post, &[first.bytes().clone()], other.bytes()), Merged::Superseded);
}

#[test]
fn a_chain_with_other_finals_changes_nothing() {
    let net = TestNet::new("three", 3);
    let alice = net.account("alice");
    let record = alice.chain.links[0].record.clone();
    let finals: Vec<Final> = net.finals(alice.id(), &record, 3);
    let full = super::super::AccountChain::new(vec![Link { record, finals }]).expect("one link");
    assert_eq!(full.verify(&net.network), Ok(()));
    assert_ne!(full.bytes(), alice.chain.bytes());
    let held = [alice.chain.bytes().clone()];
    assert_eq!(merge(Section::Account, &held, full.bytes()), Merged::Superseded);
}

#[test]
fn a_certificate_by_a_replaced_root_key_does_not_displace_a_later_one() {
    let Cast { net, alice, device, .. } = cast();
    let certificate = |seq, ms| {
        let body = DeviceBody { account: alice.id(), device: device.id(), seq, hlc: at(ms) };
        Signed::sign(body, &alice.root, &net.id()).bytes().clone()
    };
    let (present, old) = (certificate(1, 0), certificate(0, 200_000));
    assert_eq!(merge(Section::Device, std::slice::from_ref(&present), &old), Merged::Superseded);
    assert_eq!(merge(Section::Device, &[old], &present), Merged::Keep { drop: vec![0] });
}

#[test]
fn bytes_that_cannot_be_read_lose() {
    let post = record(Section::Post, (1, 1, 1)).bytes().clone();
    let garbage = Bytes::from_static(b"garbage");
    assert_eq!(merge(Section::Post, std::slice::from_ref(&post), &garbage), Merged::Superseded);
    assert_eq!(merge(Section::Post, &[garbage], &post), Merged::Keep { drop: vec![0] });
}

#[test]
fn slots_keep_pairs_and_numbers_apart() {
    let Cast { net, alice, bob, device } = cast();
    let (one, two) = (device.posts(2).remove(0), device.posts(2).remove(1));
    assert_ne!(slot(&Record::Post(one), Section::Post), slot(&Record::Post(two), Section::Post));
    let edge = Record::Edge(device.edge(bob.id(), true, 0));
    assert_eq!(slot(&edge, Section::Following).as_ref(), bob.id().as_bytes());
    assert_eq!(slot(&edge, Section::Followers).as_ref(), alice.id().as_bytes());
    let node = secret("node");
    let at_device = |d: &TestDevice| slot(&Record::Interest(d.interest(1, bob.id(), &node)), Section::Interest);
    assert_ne!(at_device(device), at_device(&alice.device(net, "2")));
}
