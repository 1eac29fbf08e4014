//! Records that nobody had the right to make, brought by PUT.

use bytes::Bytes;
use timeline::records::{
    AccountChain, BundleBody, EdgeBody, Final, Link, Record, Revoked, Signed, bundle_key, countersign, home, name_key,
};
use timeline::types::{AccountId, Key, WallTime};
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::fixtures::{NOW, TestAccount, TestDevice, TestNet, at, every_kind, secret};
use crate::frames::genesis;
use crate::support::{Victim, network, run};

/// A record, where it is brought, with which proofs, and what has to be said of it.
struct Case {
    what: &'static str,
    key: Key,
    record: Bytes,
    proofs: Vec<Bytes>,
    expected: Status,
}

fn case(what: &'static str, key: Key, record: &Bytes, proofs: &[Bytes], expected: Status) -> Case {
    Case { what, key, record: record.clone(), proofs: proofs.to_vec(), expected }
}

/// Returns what proves a device.
pub fn proofs(account: &TestAccount, device: &TestDevice) -> Vec<Bytes> {
    vec![account.chain.bytes().clone(), device.cert.bytes().clone()]
}

async fn check(net: &TestNet, cases: Vec<Case>) {
    let victim = Victim::start(net);
    let mallory = Attacker::new(&net.network, &secret("mallory"));
    let before = victim.holdings();
    for Case { what, key, record, proofs, expected } in cases {
        // Twice: a second try finds nothing that the first one left behind.
        for _ in 0..2 {
            let status = mallory.put_one(&victim.contact, key, &record, &proofs).await;
            assert_eq!(status, expected, "{what}");
        }
    }
    victim.unharmed(&before).await;
    victim.end().await;
}

#[test]
fn what_was_not_signed_by_whom_it_names_is_refused() {
    run(async {
        let (net, other) = (network(3, 3, ""), network(3, 4, ""));
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let (device, bobs) = (alice.device(&net, "1"), bob.device(&net, "1"));
        let (own, of_bob) = (proofs(&alice, &device), proofs(&bob, &bobs));
        let at_home = home(&alice.id());
        let stranger = secret("stranger");
        let forged = Signed::sign(device.post_body(1, None, "forged"), &stranger, &net.id());
        let by_bob = Signed::sign(device.post_body(1, None, "forged"), &bobs.key, &net.id());
        let elsewhere = Signed::sign(device.post_body(1, None, "hello"), &device.key, &other.id());
        let as_heads = Signed::sign(device.heads_body(1, 0, 0), &stranger, &net.id());
        let edge = EdgeBody {
            follower: alice.id(),
            device: device.id(),
            followed: bob.id(),
            hlc: at(0),
            follows: true,
            since: NOW,
        };
        let edge = Signed::sign(edge, &bobs.key, &net.id());
        let node = secret("a node");
        let (presence, interest) = (device.presence(1, &node), device.interest(1, bob.id(), &node));
        let lured = countersign(presence.clone(), &stranger, &net.id());
        let lured_too = countersign(interest, &stranger, &net.id());
        let retired = device.retirement(5, Some((0, &stranger)));
        let silenced = bobs.retirement(5, None);
        // A certificate of another's device, signed by the root key of whoever wants it.
        let mut body = device.cert.body.clone();
        body.account = bob.id();
        let stolen = Signed::sign(body, &alice.root, &net.id());
        let cases = vec![
            case("a post by a stranger", at_home, forged.bytes(), &own, Status::Invalid),
            case("a post by another's device", at_home, by_bob.bytes(), &own, Status::Invalid),
            case("a post of another network", at_home, elsewhere.bytes(), &own, Status::Invalid),
            case("heads by a stranger", at_home, as_heads.bytes(), &own, Status::Invalid),
            case("a follow in another's name", home(&bob.id()), edge.bytes(), &own, Status::Invalid),
            case("presence at a node that did not agree", at_home, lured.bytes(), &own, Status::Invalid),
            case("interest for a node that did not agree", home(&bob.id()), lured_too.bytes(), &own, Status::Invalid),
            case("presence without a node's signature", at_home, presence.bytes(), &own, Status::Invalid),
            case("a retirement by another root key", at_home, retired.bytes(), &own, Status::Invalid),
            case("a certificate by another root key", home(&bob.id()), stolen.bytes(), &of_bob, Status::Invalid),
            case("the end of another's device", at_home, silenced.bytes(), &own, Status::Misplaced),
        ];
        check(&net, cases).await;
    });
}

#[test]
fn no_byte_of_a_record_can_be_changed() {
    run(async {
        let net = network(1, 3, "puts_per_minute = 1000000");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let proofs = proofs(&alice, &device);
        for record in every_kind(&net) {
            let destination = record.destinations()[0];
            let bytes = record.bytes();
            let altered: Vec<Bytes> = (0..bytes.len())
                .map(|i| bytes.iter().enumerate().map(|(j, b)| if i == j { b ^ 1 } else { *b }).collect())
                .collect();
            for (chunk, some) in altered.chunks(40).enumerate() {
                for (i, status) in
                    mallory.put(&victim.contact, destination.key, some, &proofs).await.into_iter().enumerate()
                {
                    let at = chunk * 40 + i;
                    assert!(!status.is_acknowledged(), "{:?}, byte {at}: {status:?}", record.kind());
                }
            }
        }
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn an_account_counts_only_with_its_certificate() {
    run(async {
        let (net, other) = (network(3, 3, ""), network(3, 4, ""));
        let alice = net.account("alice");
        let key = name_key(alice.chain.username());
        let link = |finals: Vec<Final>| {
            let record = alice.chain.links[0].record.clone();
            AccountChain::new(vec![Link { record, finals }]).expect("one link").bytes().clone()
        };
        let record = &alice.chain.links[0].record;
        let signed = |n| net.finals(alice.id(), record, n);
        let by = |key: &str| Final::sign(&secret(key), &net.network, alice.id(), record, NOW);
        let twice = vec![signed(1)[0].clone(), signed(1)[0].clone()];
        let mixed = vec![signed(1)[0].clone(), by("no registrar")];
        let for_other = Final::sign(&net.registrars[1], &net.network, AccountId([1; 32]), record, NOW);
        let mut moved = signed(2);
        moved[0].at = WallTime(NOW.0 + 1);
        let unsigned = Signed::sign(genesis("alice", &net), &secret("stranger"), &net.id());
        let finals = net.finals(AccountId(unsigned.hash().0), &unsigned, 3);
        let unsigned = AccountChain::new(vec![Link { record: unsigned, finals }]).expect("one link");
        let skipping = alice.then(&net, |body| body.seq = 7);
        let usurped = {
            let link = net.link(alice.id(), Signed::sign(alice.next_body(), &secret("stranger"), &net.id()));
            alice.with_link(link)
        };
        let elsewhere = other.account("alice");
        let at_home = home(&alice.id());
        let device = alice.device(&net, "1");
        let post = device.posts(1).remove(0);
        let weak = vec![link(signed(1)), device.cert.bytes().clone()];
        let cases = vec![
            case("no FINAL", key, &link(vec![]), &[], Status::NotCertified),
            case("one FINAL of three", key, &link(signed(1)), &[], Status::NotCertified),
            case("one FINAL twice", key, &link(twice), &[], Status::NotCertified),
            case("a FINAL of no registrar", key, &link(mixed), &[], Status::NotCertified),
            case("a FINAL for another", key, &link(vec![signed(1)[0].clone(), for_other]), &[], Status::NotCertified),
            case("a FINAL with another time", key, &link(moved), &[], Status::NotCertified),
            case("a genesis not signed", key, unsigned.bytes(), &[], Status::Invalid),
            case("a state left out", key, skipping.chain.bytes(), &[], Status::Invalid),
            case("a state by a stranger", key, usurped.chain.bytes(), &[], Status::Invalid),
            case("an account of another network", key, elsewhere.chain.bytes(), &[], Status::Invalid),
            case("a post of an uncertified account", at_home, post.bytes(), &weak, Status::NeedProof),
        ];
        check(&net, cases).await;
    });
}

#[test]
fn a_proof_that_proves_something_else_is_asked_for_again_and_nothing_more() {
    run(async {
        let net = network(1, 3, "");
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let (device, bobs) = (alice.device(&net, "1"), bob.device(&net, "1"));
        let post = device.posts(1).remove(0);
        let at_home = home(&alice.id());
        let mut body = device.cert.body.clone();
        let forged = Signed::sign(body.clone(), &secret("stranger"), &net.id());
        body.device = bobs.id();
        let other_device = Signed::sign(body, &alice.root, &net.id());
        let chain = alice.chain.bytes().clone();
        let garbage = Bytes::from(vec![0xff; 3000]);
        let case = |what, proofs: &[Bytes]| case(what, at_home, post.bytes(), proofs, Status::NeedProof);
        let cases = vec![
            case("no proof", &[]),
            case("the proof of another", &proofs(&bob, &bobs)),
            case("a chain without a certificate", std::slice::from_ref(&chain)),
            case("a certificate without a chain", &[device.cert.bytes().clone()]),
            case("a forged certificate", &[chain.clone(), forged.bytes().clone()]),
            case("the certificate of another device", &[chain.clone(), other_device.bytes().clone()]),
            case("the post as its own proof", &[chain, post.bytes().clone()]),
            case("bytes", &[garbage.clone(), Bytes::new(), garbage]),
        ];
        // The memory of proofs is the node's: each case begins with a node that knows nobody.
        for case in cases {
            check(&net, vec![case]).await;
        }
    });
}

#[test]
fn what_is_out_of_place_time_or_size_is_refused() {
    run(async {
        let net = network(1, 3, "");
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let device = alice.device(&net, "1");
        let own = proofs(&alice, &device);
        let at_home = home(&alice.id());
        let post = |change: &dyn Fn(&mut timeline::records::PostBody)| {
            let mut body = device.post_body(1, None, "hello");
            change(&mut body);
            device.sign(body).bytes().clone()
        };
        let good = post(&|_| {});
        let edge = device.edge(bob.id(), true, 0).bytes().clone();
        let fat_edge = with_ballast(&device, &edge, "timeline 1 edge", 600, &net);
        let fat_post = with_ballast(&device, &good, "timeline 1 post", 5000, &net);
        let of_kind = |kind: u8| Bytes::from([&good[..1], &[kind], &good[2..]].concat());
        let suite = Bytes::from([&[2], &good[1..]].concat());
        let bundle = bundle_key(alice.chain.username());
        let cases = vec![
            case("a post at another's home", home(&bob.id()), &good, &own, Status::Misplaced),
            case("a post at a name", name_key(alice.chain.username()), &good, &own, Status::Misplaced),
            case("an edge at a third one's home", home(&AccountId([3; 32])), &edge, &own, Status::Misplaced),
            case("an account at another name", bundle, alice.chain.bytes(), &[], Status::Misplaced),
            case("a bundle at a home", at_home, alice.bundle.bytes(), &own, Status::Misplaced),
            case("expired", at_home, &post(&|b| (b.hlc, b.lifetime_ms) = (at(-10_000), 10_000)), &own, Status::Expired),
            case("ancient", at_home, &post(&|b| b.hlc = timeline::types::Hlc(1)), &own, Status::Expired),
            case("5 minutes and a bit ahead", at_home, &post(&|b| b.hlc = at(300_001)), &own, Status::Future),
            case("at the end of time", at_home, &post(&|b| b.hlc.0 = u64::MAX), &own, Status::Future),
            case("a life without end", at_home, &post(&|b| b.lifetime_ms = u64::MAX), &own, Status::Invalid),
            case("a life too short", at_home, &post(&|b| b.lifetime_ms = 9_999), &own, Status::Invalid),
            case("501 characters", at_home, &post(&|b| b.text = "a".repeat(501)), &own, Status::Invalid),
            case("an escape sequence", at_home, &post(&|b| b.text = "\u{1b}[2J".into()), &own, Status::Invalid),
            case("number 0", at_home, &post(&|b| b.seq = 0), &own, Status::Invalid),
            case("number 2 without a first", at_home, &post(&|b| b.seq = 2), &own, Status::Invalid),
            case("a fat edge", at_home, &fat_edge, &own, Status::TooLarge),
            case("a fat post", at_home, &fat_post, &own, Status::TooLarge),
            case("an edge to oneself", at_home, device.edge(alice.id(), true, 0).bytes(), &own, Status::Invalid),
            case("a reserved kind", at_home, &of_kind(32), &own, Status::UnsupportedKind),
            case("kind 0", at_home, &of_kind(0), &own, Status::UnsupportedKind),
            case("kind 255", at_home, &of_kind(255), &own, Status::UnsupportedKind),
            case("another suite", at_home, &suite, &own, Status::UnsupportedKind),
            case("a post called heads", at_home, &of_kind(6), &own, Status::Invalid),
            case("nothing", at_home, &Bytes::new(), &own, Status::Invalid),
            case("one byte", at_home, &good.slice(..1), &own, Status::Invalid),
            case("two bytes", at_home, &good.slice(..2), &own, Status::Invalid),
            case("cut short", at_home, &good.slice(..good.len() - 1), &own, Status::Invalid),
        ];
        check(&net, cases).await;
    });
}

/// The record with one more, optional, field of `bytes` bytes, signed as it should be.
fn with_ballast(device: &TestDevice, record: &Bytes, context: &str, bytes: u16, net: &TestNet) -> Bytes {
    let mut out = record[..record.len() - 64].to_vec();
    out[2] += 1;
    out.extend([0xa1, b'z', 0xc5]);
    out.extend(bytes.to_be_bytes());
    out.extend(vec![0; usize::from(bytes)]);
    let signature = device.key.sign(context, &net.id(), &out);
    out.extend(signature);
    out.into()
}

#[test]
fn a_revoked_device_and_a_void_bundle_are_refused() {
    run(async {
        let net = network(1, 3, "");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let posts = device.posts(2);
        let changed = alice.then_new_root(&net, |body| {
            body.kept = vec![device.id()];
            body.revoked = vec![Revoked { device: device.id(), last_seq: 1, last_hash: posts[0].hash() }];
        });
        let by_new = vec![changed.chain.bytes().clone(), device.cert.bytes().clone()];
        let at_home = home(&alice.id());
        let twin = device.sign(device.post_body(1, None, "what was never said"));
        // Sealed for another name by whoever likes, and for the right name by the root key that was replaced.
        let mut body: BundleBody = alice.bundle.body.clone();
        body.sealed.salt = [9; 16];
        let other = Signed::sign(body, &alice.root, &net.id());
        let key = bundle_key(alice.chain.username());
        let edge = device.edge(net.account("bob").id(), true, 5);
        let fresh = alice.device(&net, "2");
        let cases = vec![
            case("a post after the revocation", at_home, posts[1].bytes(), &by_new, Status::Revoked),
            case("another post in its place", at_home, twin.bytes(), &by_new, Status::Revoked),
            case("a follow by a revoked device", at_home, edge.bytes(), &by_new, Status::Revoked),
            case("a device by the old root key", at_home, fresh.cert.bytes(), &by_new, Status::Revoked),
            case("the old bundle", key, alice.bundle.bytes(), &by_new, Status::Invalid),
            case("a bundle that nobody names", key, other.bytes(), &by_new, Status::Invalid),
        ];
        check(&net, cases).await;
    });
}

#[test]
fn a_bad_record_spoils_nothing_for_those_beside_it() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let at_home = home(&alice.id());
        let post = device.posts(1).remove(0);
        let forged = Signed::sign(device.post_body(2, Some(post.hash()), "forged"), &secret("stranger"), &net.id());
        let records = [
            Bytes::from_static(b"\x01\x07"),
            alice.chain.bytes().clone(),
            forged.bytes().clone(),
            device.cert.bytes().clone(),
            post.bytes().clone(),
            post.bytes().clone(),
        ];
        let statuses = mallory.put(&victim.contact, at_home, &records, &[]).await;
        assert_eq!(statuses[..3], [Status::Invalid, Status::Stored, Status::NeedProof]);
        assert_eq!(statuses[3..], [Status::Stored, Status::Stored, Status::Known]);
        let held = mallory.get(&victim.contact, at_home, timeline::types::SectionSet::all()).await;
        let kinds: Vec<_> = held.into_iter().map(|b| Record::decode(b).expect("a record").kind().number()).collect();
        assert_eq!(kinds, [1, 3, 7]);
        victim.end().await;
    });
}
