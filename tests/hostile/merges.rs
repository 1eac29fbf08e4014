//! True records in an order, or in numbers, that their signer should not have made.

use bytes::Bytes;
use timeline::records::{HeadsBody, PostBody, Signed, home};
use timeline::types::{Hash, Section, SectionSet};
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::fixtures::{TestAccount, TestDevice, TestNet, secret};
use crate::puts::proofs;
use crate::support::{Victim, network, run};

/// Alice and her first device, proved to the node.
async fn known(net: &TestNet, victim: &Victim, mallory: &Attacker) -> (TestAccount, TestDevice) {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let statuses = mallory.put(&victim.contact, home(&alice.id()), &proofs(&alice, &device), &[]).await;
    assert_eq!(statuses, [Status::Stored, Status::Stored]);
    (alice, device)
}

#[test]
fn an_old_edge_replayed_does_not_bring_back_what_it_said() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = known(&net, &victim, &mallory).await;
        let bob = net.account("bob").id();
        let follow = device.edge(bob, true, 1).bytes().clone();
        let unfollow = device.edge(bob, false, 2).bytes().clone();
        for (place, section) in [(home(&alice.id()), Section::Following), (home(&bob), Section::Followers)] {
            assert_eq!(mallory.put_one(&victim.contact, place, &follow, &[]).await, Status::Stored);
            assert_eq!(mallory.put_one(&victim.contact, place, &unfollow, &[]).await, Status::Stored);
            let before = victim.holdings();
            for _ in 0..3 {
                assert_eq!(mallory.put_one(&victim.contact, place, &follow, &[]).await, Status::Superseded);
                assert_eq!(mallory.put_one(&victim.contact, place, &unfollow, &[]).await, Status::Known);
            }
            let held = mallory.get(&victim.contact, place, SectionSet::of(&[section])).await;
            assert_eq!(held, std::slice::from_ref(&unfollow));
            victim.unharmed(&before).await;
        }
        victim.end().await;
    });
}

#[test]
fn of_posts_with_one_number_two_are_kept_and_never_more() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = known(&net, &victim, &mallory).await;
        let at_home = home(&alice.id());
        let mut twins: Vec<Signed<PostBody>> =
            (0..8).map(|i| device.sign(device.post_body(1, None, &format!("version {i}")))).collect();
        twins.sort_by_key(Signed::hash);
        // The smaller hashes come last, so the first two stay and the others find no place.
        for (i, twin) in twins.iter().rev().enumerate() {
            let status = mallory.put_one(&victim.contact, at_home, twin.bytes(), &[]).await;
            assert_eq!(status, if i < 2 { Status::Stored } else { Status::Superseded }, "twin {i}");
        }
        let held = mallory.get(&victim.contact, at_home, SectionSet::of(&[Section::Post])).await;
        assert_eq!(held, [twins[6].bytes().clone(), twins[7].bytes().clone()]);
        let before = victim.holdings();
        for twin in &twins[..6] {
            mallory.put_one(&victim.contact, at_home, twin.bytes(), &[]).await;
        }
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn a_second_signature_makes_no_second_record() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = known(&net, &victim, &mallory).await;
        let post = device.posts(1).remove(0);
        let at_home = home(&alice.id());
        assert_eq!(mallory.put_one(&victim.contact, at_home, post.bytes(), &[]).await, Status::Stored);
        let before = victim.holdings();
        // The group order added to the scalar: the same point, another spelling, which strict readers refuse.
        let mut other = post.bytes().to_vec();
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let end = other.len() - 32;
        let mut carry = 0;
        for (byte, add) in other[end..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0, "fits 32 bytes");
        let status = mallory.put_one(&victim.contact, at_home, &Bytes::from(other), &[]).await;
        assert_eq!(status, Status::Invalid);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn heads_that_go_back_take_nothing_away() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = known(&net, &victim, &mallory).await;
        let at_home = home(&alice.id());
        let put = async |version, last_seq, floor| {
            let heads = device.sign(device.heads_body(version, last_seq, floor));
            mallory.put_one(&victim.contact, at_home, heads.bytes(), &[]).await
        };
        assert_eq!(put(5, 10, 4).await, Status::Stored);
        assert_eq!(put(4, 10, 4).await, Status::Superseded);
        assert_eq!(put(3, 7, 2).await, Status::Superseded);
        // A higher version counts, but last number and floor stay those that were signed once.
        assert_eq!(put(6, 3, 0).await, Status::Stored);
        assert_eq!(put(u64::MAX, 0, 0).await, Status::Stored);
        let held = mallory.get(&victim.contact, at_home, SectionSet::of(&[Section::Heads])).await;
        assert!(held.len() <= 3);
        let heads: Vec<HeadsBody> =
            held.into_iter().map(|bytes| Signed::<HeadsBody>::decode(bytes).expect("heads").body).collect();
        assert_eq!(heads.iter().map(|h| h.last_seq).max(), Some(10));
        assert_eq!(heads.iter().map(|h| h.floor).max(), Some(4));
        let before = victim.holdings();
        for broken in [(7, 3, 9), (7, u64::MAX, u64::MAX)] {
            let mut body = device.heads_body(broken.0, broken.1, broken.2.min(broken.1));
            body.floor = broken.2;
            body.last_hash = Some(Hash([1; 32]));
            body.collected = vec![(1, u64::MAX), (5, 5)];
            let heads = device.sign(body);
            let status = mallory.put_one(&victim.contact, at_home, heads.bytes(), &[]).await;
            assert_eq!(status, Status::Invalid, "{broken:?}");
        }
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn the_order_of_puts_does_not_matter() {
    run(async {
        let net = network(1, 3, "");
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, bob) = (net.account("alice"), net.account("bob").id());
        let device = alice.device(&net, "1");
        let mut records: Vec<Bytes> = vec![];
        records.extend((0..4).map(|i| device.edge(bob, i % 2 == 0, i).bytes().clone()));
        records.extend((0..4).map(|i| device.sign(device.post_body(1, None, &format!("{i}"))).bytes().clone()));
        records.extend((1..5).map(|i| device.sign(device.heads_body(i, 9 - i, i)).bytes().clone()));
        records.push(alice.device(&net, "2").cert.bytes().clone());
        let mut results = vec![];
        for round in 0..3 {
            let victim = Victim::start(&net);
            mallory.put(&victim.contact, home(&alice.id()), &proofs(&alice, &device), &[]).await;
            let middle = round * 4;
            records.rotate_left(middle);
            if round == 2 {
                records.reverse();
            }
            for record in records.iter().chain(&records) {
                assert!(mallory.put_one(&victim.contact, home(&alice.id()), record, &[]).await.is_acknowledged());
            }
            results.push(victim.holdings());
            victim.end().await;
        }
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    });
}
