//! No bytes make a reader panic, no alteration passes, and what later versions add is treated as promised.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::keys::hash;
use crate::records::fixtures::{NOW, TestNet, at, contact_bytes, every_kind, proofs_of, secret};
use crate::records::{
    Body, CodecError, FUTURE_TOLERANCE, MAX_CONTACT_BYTES, Proofs, admit, countersign, home, name_key, open_contact,
    section_at, sign_contact, slot,
};
use crate::types::{Limits, MAX_ADDRESSES, NetworkId, Section};

struct Samples {
    net: TestNet,
    records: Vec<Record>,
    contact: Vec<u8>,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let net = TestNet::new("samples", 3);
        let contact = contact_bytes(&secret("node"), &net.id());
        Samples { records: every_kind(&net), net, contact }
    })
}

/// A memory that knows the signer of every sample.
fn proofs() -> Proofs {
    let mut proofs = Proofs::new(10);
    for record in &samples().records {
        assert_eq!(proofs.verify(record, &samples().net.network), Ok(()), "{:?}", record.kind());
    }
    proofs
}

/// Does with bytes all that a node does with what comes from outside. True when every check passes.
fn accepted(bytes: Vec<u8>, proofs: &mut Proofs) -> bool {
    let network = &samples().net.network;
    let Ok(record) = Record::decode(Bytes::from(bytes.clone())) else { return false };
    assert_eq!(record.bytes().as_ref(), bytes, "bytes are never re-encoded");
    for destination in record.destinations() {
        let _ = slot(&record, destination.section);
    }
    let _ = (record.need(), record.account(), record.device(), record.hlc(), record.expires_at());
    let fine = admit(&record, NOW, network.limits()).is_ok();
    proofs.verify(&record, network).is_ok() && fine
}

#[test]
fn every_change_of_one_byte_is_refused() {
    let mut known = proofs();
    for record in &samples().records {
        let good = record.bytes().to_vec();
        assert!(accepted(good.clone(), &mut known), "{:?}", record.kind());
        for (i, byte) in good.iter().enumerate() {
            for other in [byte ^ 1, byte ^ 0x80, byte.wrapping_add(1), 0, 0xff, 0xc4, 0xd9, b'z'] {
                let mut bad = good.clone();
                bad[i] = other;
                assert!(other == *byte || !accepted(bad, &mut known), "{:?}, byte {i} to {other:#x}", record.kind());
            }
        }
        for end in 0..good.len() {
            assert!(!accepted(good[..end].to_vec(), &mut known), "{:?} cut to {end}", record.kind());
        }
        assert!(!accepted([&good[..], &[0]].concat(), &mut known), "{:?} with a byte more", record.kind());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        kind in 0u8..20,
    ) {
        let network = NetworkId([1; 32]);
        let _ = open_contact(Bytes::from(bytes.clone()), &network);
        let mut known = Proofs::new(1);
        prop_assert!(!accepted(bytes.clone(), &mut known));
        prop_assert!(!accepted([&[SUITE, kind], &bytes[..]].concat(), &mut known));
        // A map that begins well leads further in.
        prop_assert!(!accepted([&[SUITE, kind, 0x81, 0xa1, b'A'], &bytes[..]].concat(), &mut known));
    }

    #[test]
    fn no_mutation_of_a_valid_record_makes_a_reader_panic_or_passes(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let good = which.get(&samples().records).bytes().to_vec();
        let mutate = |good: &[u8]| {
            let mut bytes = good.to_vec();
            for (at, value, what) in &edits {
                let at = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
                match what {
                    0 if !bytes.is_empty() => bytes[at] = *value,
                    1 => bytes.insert(at, *value),
                    _ if !bytes.is_empty() => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            bytes
        };
        let bad = mutate(&good);
        prop_assert!(bad == good || !accepted(bad, &mut proofs()));
        let contact = &samples().contact;
        let bad = mutate(contact);
        prop_assert!(bad == *contact || open_contact(bad.into(), &samples().net.id()).is_err());
    }
}

#[test]
fn lengths_that_lie_cost_nothing() {
    for head in [[0xdb, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff], [0xdd, 0xff, 0xff, 0xff, 0xff]] {
        let bytes = [&[SUITE, RecordKind::Post.number(), 0x81, 0xa1, b'T'][..], &head, &[0; 80]].concat();
        assert_eq!(Record::decode(bytes.into()), Err(RecordError::Fields(CodecError::Malformed)));
    }
    let map = [&[SUITE, RecordKind::Post.number(), 0xdf, 0xff, 0xff, 0xff, 0xff][..], &[0; 80]].concat();
    assert_eq!(Record::decode(map.into()), Err(RecordError::Fields(CodecError::Malformed)));
}

/// A body as a later version would write it: its fields, and one more.
#[derive(Serialize)]
struct Later<'a, B> {
    #[serde(flatten)]
    body: &'a B,
    #[serde(rename = "z", skip_serializing_if = "Option::is_none")]
    optional: Option<Vec<u32>>,
    #[serde(rename = "Z", skip_serializing_if = "Option::is_none")]
    critical: Option<u32>,
}

#[test]
fn unknown_optional_fields_stay_signed_and_unknown_critical_ones_are_refused() {
    let net = &samples().net;
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let mut known = proofs_of(net, &alice, &[&device]);
    fn check<B: Body>(body: &B, key: &crate::keys::SecretKey, known: &mut Proofs) {
        let net = &samples().net;
        let signed = |optional: Option<Vec<u32>>, critical| {
            let mut bytes = vec![SUITE, B::KIND.number()];
            bytes.extend(crate::records::to_bytes(&Later { body, optional, critical }));
            let signed = bytes.clone();
            bytes.extend(key.sign(B::CONTEXT, &net.id(), &bytes));
            (Bytes::from(bytes), hash(&signed))
        };
        let (bytes, expected) = signed(Some(vec![1, 2, 3]), None);
        let record = Record::decode(bytes.clone()).expect("optional fields are passed over");
        assert_eq!((record.bytes(), record.hash()), (&bytes, expected), "{:?}", B::KIND);
        assert_eq!(known.verify(&record, &net.network), Ok(()), "{:?}", B::KIND);
        assert_ne!(signed(None, None).1, expected, "the hash covers them");
        let (bytes, _) = signed(None, Some(1));
        assert_eq!(Record::decode(bytes), Err(RecordError::Fields(CodecError::Critical)), "{:?}", B::KIND);
    }
    check(&device.cert.body, &alice.root, &mut known);
    check(&device.retirement(9, None).body, &device.key, &mut known);
    check(&device.heads_body(1, 2, 0), &device.key, &mut known);
    check(&device.post_body(1, None, "hello"), &device.key, &mut known);
    check(&device.edge(net.account("bob").id(), true, 0).body, &device.key, &mut known);
}

#[test]
fn fields_in_any_order_are_read() {
    let device = samples().net.account("alice").device(&samples().net, "1");
    let body = device.cert.body.clone();
    let map = |parts: [&[u8]; 4]| [&[SUITE, RecordKind::Device.number(), 0x84][..], &parts.concat(), &[0; 64]].concat();
    let id = |key: u8, id: &[u8; 32]| [&[0xa1, key, 0xc4, 32][..], id].concat();
    let (a, d) = (id(b'A', body.account.as_bytes()), id(b'D', body.device.as_bytes()));
    let (s, h) = (vec![0xa1, b'S', 0], [&[0xa1, b'H', 0xcf][..], &body.hlc.0.to_be_bytes()].concat());
    for parts in [[&a[..], &d, &s, &h], [&h, &s, &d, &a]] {
        match Record::decode(map(parts).into()) {
            Ok(Record::Device(read)) => assert_eq!(read.body, body),
            other => panic!("{other:?}"),
        }
    }
    let twice = [&[SUITE, RecordKind::Device.number(), 0x85][..], &a, &d, &s, &h, &a, &[0; 64]].concat();
    assert_eq!(Record::decode(twice.into()), Err(RecordError::Fields(CodecError::Malformed)));
    let lacking = [&[SUITE, RecordKind::Device.number(), 0x83][..], &a, &d, &s, &[0; 64]].concat();
    assert_eq!(Record::decode(lacking.into()), Err(RecordError::Fields(CodecError::Malformed)));
}

#[test]
fn kinds_and_suites_of_later_versions_get_their_error() {
    let decode = |bytes: &[u8]| Record::decode(Bytes::copy_from_slice(bytes)).err();
    let good = samples().records[5].bytes();
    for kind in (0..=255u8).filter(|k| RecordKind::from_number(*k).is_none()) {
        assert_eq!(decode(&[&[SUITE, kind], &good[2..]].concat()), Some(RecordError::Kind(kind)));
    }
    for suite in [0, 2, 255] {
        assert_eq!(decode(&[&[suite], &good[1..]].concat()), Some(RecordError::Suite));
    }
    assert_eq!(decode(&[]), Some(RecordError::Short));
    assert_eq!(decode(&[SUITE]), Some(RecordError::Short));
    assert_eq!(decode(&[SUITE, RecordKind::Post.number(), 0x80]), Some(RecordError::Short));
}

#[test]
fn sizes_are_limited_by_kind() {
    let defaults = Limits::default();
    for record in &samples().records {
        let size = record.bytes().len() as u32;
        let limit = |most| match record.kind() {
            RecordKind::Account => Limits { account_bytes: most, ..defaults.clone() },
            RecordKind::Bundle => Limits { bundle_bytes: most, ..defaults.clone() },
            RecordKind::Device | RecordKind::Directory => Limits { account_bytes: most, ..defaults.clone() },
            RecordKind::Private => Limits { private_bytes: most, ..defaults.clone() },
            RecordKind::Post => Limits { post_bytes: most, ..defaults.clone() },
            _ => Limits { other_bytes: most, ..defaults.clone() },
        };
        assert_eq!(admit(record, NOW, &limit(size)), Ok(()), "{:?}", record.kind());
        // A chain's states are limited one by one, when the chain is verified.
        let expected = if record.kind() == RecordKind::Account { Ok(()) } else { Err(RecordError::TooLarge) };
        assert_eq!(admit(record, NOW, &limit(size - 1)), expected, "{:?}", record.kind());
    }
}

#[test]
fn records_with_the_most_addresses_fit_their_limit() {
    let net = &samples().net;
    let device = net.account("alice").device(net, "1");
    let node = secret("node");
    let address = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().expect("an address");
    let contact = sign_contact(&node, &net.id(), &[address; 20], u64::MAX);
    assert_eq!(contact.addresses.len(), MAX_ADDRESSES);
    let mut body = device.interest(1, net.account("bob").id(), &node).body;
    body.contact = contact.proof.clone().expect("signed").0.to_vec();
    body.seq = u64::MAX;
    assert!(body.contact.len() <= MAX_CONTACT_BYTES);
    let interest = Record::Interest(countersign(device.sign(body), &node, &net.id()));
    assert_eq!(admit(&interest, NOW, &Limits::default()), Ok(()), "{} bytes", interest.bytes().len());
}

#[test]
fn contacts_are_bounded_and_have_one_form_for_each_address() {
    let net = samples().net.id();
    let node = secret("node");
    let open = |address: &str| {
        let bytes =
            sign_contact(&node, &net, &[address.parse().expect("an address")], 1).proof.clone().expect("signed").0;
        open_contact(bytes, &net).map(|(_, contact)| contact.addresses[0].to_string())
    };
    assert_eq!(open("[::ffff:192.0.2.1]:1"), Ok("192.0.2.1:1".to_owned()));
    for bad in ["192.0.2.1:0", "0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1"] {
        assert_eq!(open(bad), Err(RecordError::Value), "{bad}");
    }
    let raw = |addresses: &[&[u8]], padding: usize| {
        let mut bytes = [&[0x84, 0xa1, b'K', 0xc4, 32][..], node.public().as_bytes(), &[0xa1, b'Q', 1]].concat();
        bytes.extend([0xa1, b'L', 0x90 | addresses.len() as u8]);
        for address in addresses {
            bytes.extend([&[0xc4, address.len() as u8][..], address].concat());
        }
        bytes.extend([0xa1, b'z', 0xc5, (padding >> 8) as u8, padding as u8]);
        bytes.extend(vec![0; padding]);
        bytes.extend(node.sign("timeline 1 contact", &net, &bytes));
        open_contact(bytes.into(), &net).map(|(_, contact)| contact.addresses[0].to_string())
    };
    let v4 = [192, 0, 2, 1, 0, 1];
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1, 0, 1];
    assert_eq!(raw(&[&v4], 1), Ok("192.0.2.1:1".to_owned()));
    assert_eq!(raw(&[&mapped], 1), Ok("192.0.2.1:1".to_owned()), "one address has one prefix");
    assert_eq!(raw(&[&v4], 500), Err(RecordError::TooLarge));
    assert_eq!(raw(&[], 1), Err(RecordError::Value));
    assert_eq!(raw(&[&v4[..]; MAX_ADDRESSES + 1], 1), Err(RecordError::Value));
    for bad in [&v4[..5], &[0; 1], &[], &mapped[1..]] {
        assert_eq!(raw(&[bad], 1), Err(RecordError::Value), "{bad:?}");
    }
}

#[test]
fn records_from_the_future_and_ended_ones_are_refused() {
    let net = &samples().net;
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(net, "1");
    let ahead = FUTURE_TOLERANCE.as_millis() as i64;
    let check = |record: Record, expected| assert_eq!(admit(&record, NOW, &Limits::default()), expected);
    check(Record::Edge(device.edge(bob.id(), true, ahead)), Ok(()));
    check(Record::Edge(device.edge(bob.id(), true, ahead + 1)), Err(RecordError::Future));
    let year = 365 * 24 * 3600 * 1000;
    check(Record::Edge(device.edge(bob.id(), true, -year + 1)), Ok(()));
    check(Record::Edge(device.edge(bob.id(), true, -year)), Err(RecordError::Expired));
    let post = |ms, life| {
        let mut body = device.post_body(1, None, "hello");
        (body.hlc, body.lifetime_ms) = (at(ms), life);
        Record::Post(device.sign(body))
    };
    check(post(-9_999, 10_000), Ok(()));
    check(post(-10_000, 10_000), Err(RecordError::Expired));
    check(post(ahead + 1, 10_000), Err(RecordError::Future));
    let node = secret("node");
    let presence = |ms| {
        let mut body = device.presence(1, &node).body;
        body.hlc = at(ms);
        Record::Presence(countersign(device.sign(body), &node, &net.id()))
    };
    check(presence(-599_999), Ok(()));
    check(presence(-600_000), Err(RecordError::Expired));
    let interest = |ms| {
        let mut body = device.interest(1, bob.id(), &node).body;
        body.hlc = at(ms);
        Record::Interest(countersign(device.sign(body), &node, &net.id()))
    };
    check(interest(-3_599_999), Ok(()));
    check(interest(-3_600_000), Err(RecordError::Expired));
    let forever = WallTime(NOW.0 + 100 * year as u64);
    for record in samples().records.iter().take(4) {
        assert_eq!(admit(record, forever, &Limits::default()), Ok(()), "{:?} lives for ever", record.kind());
    }
}

#[test]
fn nobody_follows_or_awaits_themselves_and_no_follow_begins_later_than_said() {
    let net = &samples().net;
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let read = |record: Record| Record::decode(record.bytes().clone()).map(|_| ());
    assert_eq!(read(Record::Edge(device.edge(alice.id(), true, 0))), Err(RecordError::Value));
    let mut body = device.edge(net.account("bob").id(), true, 0).body;
    body.since = WallTime(body.hlc.wall().0 + 1);
    assert_eq!(read(Record::Edge(device.sign(body))), Err(RecordError::Value));
    let node = secret("node");
    let interest = countersign(device.interest(1, alice.id(), &node), &node, &net.id());
    assert_eq!(read(Record::Interest(interest)), Err(RecordError::Value));
}

#[test]
fn records_belong_to_the_keys_of_their_parties() {
    let net = &samples().net;
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(net, "1");
    let (at_alice, at_bob) = (home(&alice.id()), home(&bob.id()));
    let edge = Record::Edge(device.edge(bob.id(), true, 0));
    assert_eq!(section_at(&edge, &at_alice), Some(Section::Following));
    assert_eq!(section_at(&edge, &at_bob), Some(Section::Followers));
    assert_eq!(section_at(&edge, &name_key(alice.chain.username())), None);
    assert_eq!(section_at(&alice.record(), &name_key(alice.chain.username())), Some(Section::Account));
    assert_eq!(section_at(&alice.record(), &at_alice), Some(Section::Account));
    let interest = Record::Interest(device.interest(1, bob.id(), &secret("node")));
    assert_eq!(section_at(&interest, &at_bob), Some(Section::Interest));
    assert_eq!(section_at(&interest, &at_alice), None);
}
