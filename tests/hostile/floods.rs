//! Very much at once, and peers that are slow on purpose.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use timeline::records::{home, name_key};
use timeline::seam::{Class, Transport};
use timeline::types::{Rng, SectionSet};
use timeline::wire::{Deliver, FindNode, Get, Ping, Put, Request};
use tokio::time::{Instant, timeout};

use crate::attacker::{Attacker, blobs};
use crate::fixtures::secret;
use crate::puts::proofs;
use crate::raw;
use crate::support::{PATIENCE, Victim, network, run};

#[test]
fn two_thousand_requests_at_once_are_all_answered_and_others_served_meanwhile() {
    run(async {
        let net = network(1, 3, "puts_per_minute = 100");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let (at_home, own) = (home(&alice.id()), proofs(&alice, &device));
        let post = device.posts(1)[0].bytes().clone();
        let mut rng = Rng::from_seed([3; 32]);
        let frames: Vec<Bytes> = (0..2000)
            .map(|i| match i % 5 {
                0 => Ping {}.to_frame(),
                1 => FindNode { key: timeline::types::Key(rng.bytes()) }.to_frame(),
                2 => Get::all(at_home, SectionSet::all(), 500, None).to_frame(),
                3 => Put { key: at_home, records: blobs(std::slice::from_ref(&post)), proofs: blobs(&own), show: None }
                    .to_frame(),
                _ => Deliver { post: blobs(std::slice::from_ref(&post)).remove(0), proofs: blobs(&own), page: None }
                    .to_frame(),
            })
            .collect();
        let flood = stream::iter(frames).map(|frame| mallory.raw(&victim.contact, frame)).buffer_unordered(64);
        let flood = flood.fold(0, async |done, answer| done + usize::from(answer.is_ok()));
        let honest = Attacker::new(&net.network, &secret("an honest peer"));
        let served = async {
            for _ in 0..50 {
                honest.ping(&victim.contact).await;
            }
        };
        let (done, ()) = tokio::join!(flood, served);
        assert_eq!(done, 2000);
        // One post is all that came of it.
        assert_eq!(victim.node.doors().storage.held().await.expect("the node lives").usage.records, 1);
        victim.end().await;
    });
}

#[test]
fn requests_given_up_at_once_leave_room_for_others() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        mallory.ping(&victim.contact).await;
        let alice = net.account("alice");
        let get = Get::all(home(&alice.id()), SectionSet::all(), 500, None).to_frame();
        for round in 0..500 {
            let asked = mallory.quic.request(&victim.contact, get.clone(), Class::Write, PATIENCE);
            // Some are given up before they are sent, some while they are answered.
            let _ = timeout(Duration::from_micros(round), asked).await;
        }
        mallory.ping(&victim.contact).await;
        victim.end().await;
    });
}

#[test]
fn a_peer_that_never_finishes_its_requests_hinders_nobody() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let alpn = net.network.alpn();
        let address = victim.contact.addresses[0];
        // More connections than one peer may have, each with as many open requests as it lets in.
        let mut open = vec![];
        for _ in 0..8 {
            let connection = raw::connect(Some(raw::own(77)), &[&alpn], address, 1 << 16).await.expect("connected");
            // The first request has to be a HELLO; this one is not finished either.
            let (mut send, recv) = connection.open_bi().await.expect("a stream");
            send.write_all(&[1, 0x86]).await.expect("sent");
            open.push((connection, send, recv));
        }
        let before = Instant::now();
        let honest = Attacker::new(&net.network, &secret("an honest peer"));
        for _ in 0..50 {
            honest.ping(&victim.contact).await;
        }
        assert!(before.elapsed() < PATIENCE);
        drop(open);
        victim.end().await;
    });
}

#[test]
fn a_peer_that_does_not_read_its_answers_hinders_nobody() {
    run(async {
        let net = network(1, 3, "posts_per_minute = 1000");
        let victim = Victim::start(&net);
        let helper = Attacker::new(&net.network, &secret("a helper"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let key = home(&alice.id());
        helper.put(&victim.contact, key, &proofs(&alice, &device), &[]).await;
        let posts: Vec<Bytes> = device.posts(96).iter().map(|p| p.bytes().clone()).collect();
        for some in posts.chunks(48) {
            helper.put(&victim.contact, key, some, &[]).await;
        }
        let alpn = net.network.alpn();
        // A window of a few bytes: the answers stay with the node.
        let slow = raw::connect(Some(raw::own(77)), &[&alpn], victim.contact.addresses[0], 64).await;
        let slow = slow.expect("connected");
        let own = timeline::keys::SecretKey::from_bytes(&[77; 32]);
        let greeter = Attacker::new(&net.network, &own);
        let hello = greeter.mouth.hello.borrow().clone();
        let (mut send, mut recv) = slow.open_bi().await.expect("a stream");
        send.write_all(&hello).await.expect("sent");
        send.finish().expect("open");
        recv.read_to_end(1 << 16).await.expect("greeted");
        let get = Get::all(key, SectionSet::all(), 500, None).to_frame();
        let mut unread = vec![];
        for _ in 0..30 {
            let (mut send, recv) = slow.open_bi().await.expect("a stream");
            send.write_all(&get).await.expect("sent");
            send.finish().expect("open");
            unread.push(recv);
        }
        for _ in 0..50 {
            helper.ping(&victim.contact).await;
        }
        assert_eq!(helper.get(&victim.contact, key, SectionSet::all()).await.len(), 98);
        slow.close(0u8.into(), b"");
        drop(unread);
        victim.end().await;
    });
}

#[test]
fn many_peers_that_greet_and_go_leave_no_trace() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let before = victim.holdings();
        let peers: Vec<Attacker> =
            (0..60).map(|i| Attacker::new(&net.network, &secret(&format!("a passer-by {i}")))).collect();
        for peer in &peers {
            peer.ping(&victim.contact).await;
        }
        join_all(peers.into_iter().map(Attacker::close)).await;
        let alice = net.account("alice");
        let honest = Attacker::new(&net.network, &secret("an honest peer"));
        assert!(honest.get(&victim.contact, name_key(alice.chain.username()), SectionSet::all()).await.is_empty());
        let peers = victim.node.doors().routing.peers().await.expect("the node lives");
        assert!(peers.len() <= 61);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn no_follower_crowds_out_the_others_interest() {
    run(async {
        let net = network(1, 3, "puts_per_minute = 100000");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let place = home(&alice.id());
        let node = secret("a node");
        let interest = |account: &crate::fixtures::TestAccount, label: &str| {
            let device = account.device(&net, label);
            let record = timeline::records::countersign(device.interest(1, alice.id(), &node), &node, &net.id());
            (record.bytes().clone(), proofs(account, &device))
        };
        for i in 0..600 {
            let (record, proofs) = interest(&bob, &i.to_string());
            assert!(mallory.put_one(&victim.contact, place, &record, &proofs).await.is_acknowledged());
        }
        let (wanted, proofs) = interest(&net.account("carol"), "1");
        assert!(mallory.put_one(&victim.contact, place, &wanted, &proofs).await.is_acknowledged());
        let held = mallory.get(&victim.contact, place, SectionSet::of(&[timeline::types::Section::Interest])).await;
        assert!(held.contains(&wanted), "{} are held", held.len());
        assert!(held.len() <= 65, "{} are held", held.len());
        victim.end().await;
    });
}
