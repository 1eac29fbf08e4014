//! Posts that are brought to a node whose user may not want them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use timeline::actors::PageRequest;
use timeline::records::{Signed, bundle_key, home, name_key};
use timeline::seam::{Batch, Store};
use timeline::types::Code;
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::fixtures::{PASSWORD, TestAccount, TestDevice, TestNet, at, secret};
use crate::puts::proofs;
use crate::support::{Victim, network, run, until};

/// Puts an account with its first device where it belongs.
pub async fn settle(victim: &Victim, by: &Attacker, account: &TestAccount, device: &TestDevice) {
    let name = account.chain.username();
    let at_home = proofs(account, device);
    let places = [
        (name_key(name), vec![account.chain.bytes().clone()]),
        (bundle_key(name), vec![account.bundle.bytes().clone()]),
        (home(&account.id()), at_home),
    ];
    for (key, records) in places {
        let statuses = by.put(&victim.contact, key, &records, &[]).await;
        assert!(statuses.iter().all(|s| s.is_acknowledged()), "{statuses:?}");
    }
}

/// Bob registers on the node and follows alice.
pub async fn bob_follows_alice(victim: &Victim) {
    let session = victim.node.doors().session;
    session.register("bob".parse().expect("a name"), PASSWORD.to_owned().into()).await.expect("registered");
    let followed = session.follow("alice".parse().expect("a name"), true).await.expect("followed");
    assert!(followed.follows);
    // Afterwards nothing of the follow is on its way to the disk any more. The home may have been read before, and then there is
    // nothing left to catch up with; but commits are made in their order.
    victim.node.doors().feed.catch_up().await;
    victim.store.commit(Batch::default()).await.expect("committed");
}

/// Returns the texts in the feed, newest first.
pub async fn feed(victim: &Victim) -> Vec<String> {
    let page = victim.node.doors().feed.page(PageRequest { limit: 100, ..PageRequest::default() }).await;
    page.expect("somebody is logged in").posts.into_iter().map(|post| post.text).collect()
}

/// Starts the node again; whoever was logged in is so again.
async fn again(victim: Victim) -> Victim {
    let victim = victim.restart().await;
    until("the session is resumed", async || {
        victim.node.doors().feed.page(PageRequest { limit: 1, ..PageRequest::default() }).await.is_ok()
    })
    .await;
    victim
}

/// A node where bob follows alice, alice's device, and a peer that may bring what it likes.
async fn followed(net: &TestNet) -> (Victim, Attacker, TestAccount, TestDevice) {
    let victim = Victim::start(net);
    let mallory = Attacker::new(&net.network, &secret("mallory"));
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    settle(&victim, &mallory, &alice, &device).await;
    bob_follows_alice(&victim).await;
    (victim, mallory, alice, device)
}

#[test]
fn a_post_of_nobody_that_is_followed_is_not_taken() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, carol) = (net.account("alice"), net.account("carol"));
        let device = carol.device(&net, "1");
        let post = device.posts(1)[0].bytes().clone();
        let own = proofs(&carol, &device);
        // With nobody logged in, and with somebody who follows another.
        assert_eq!(mallory.deliver(&victim.contact, &post, &own).await, Status::NotFollowed);
        settle(&victim, &mallory, &alice, &alice.device(&net, "1")).await;
        bob_follows_alice(&victim).await;
        let before = victim.holdings();
        for proofs in [&own[..], &[]] {
            assert_eq!(mallory.deliver(&victim.contact, &post, proofs).await, Status::NotFollowed);
        }
        victim.unharmed(&before).await;
        assert!(feed(&victim).await.is_empty());
        victim.end().await;
    });
}

#[test]
fn a_forged_post_of_a_followed_author_is_not_taken() {
    run(async {
        let net = network(1, 3, "");
        let (victim, mallory, alice, device) = followed(&net).await;
        let before = victim.holdings();
        let own = proofs(&alice, &device);
        let stranger = secret("stranger");
        let post = |key, change: &dyn Fn(&mut timeline::records::PostBody)| {
            let mut body = device.post_body(1, None, "what alice never said");
            change(&mut body);
            Signed::sign(body, key, &net.id()).bytes().clone()
        };
        let other_device = Signed::sign(
            timeline::records::DeviceBody {
                device: timeline::types::DeviceId(stranger.public().0),
                ..device.cert.body.clone()
            },
            &stranger,
            &net.id(),
        );
        let by_forged_device = post(&stranger, &|b| b.device = timeline::types::DeviceId(stranger.public().0));
        let with_forged = vec![alice.chain.bytes().clone(), other_device.bytes().clone()];
        let good = post(&device.key, &|_| {});
        let mut altered = good.to_vec();
        let never = altered.windows(5).position(|w| w == b"never").expect("in the text");
        altered[never] = b'N';
        let edge = device.edge(net.account("bob").id(), true, 1).bytes().clone();
        let cases: Vec<(&str, Bytes, &[Bytes], Status)> = vec![
            ("by a stranger", post(&stranger, &|_| {}), &own, Status::Invalid),
            ("by a stranger, without proof", post(&stranger, &|_| {}), &[], Status::Invalid),
            ("by a device that alice never had", by_forged_device.clone(), &own, Status::NeedProof),
            ("with a forged certificate", by_forged_device, &with_forged, Status::NeedProof),
            ("with another text", altered.into(), &own, Status::Invalid),
            ("from the future", post(&device.key, &|b| b.hlc = at(300_001)), &own, Status::Future),
            (
                "that has ended",
                post(&device.key, &|b| (b.hlc, b.lifetime_ms) = (at(-10_000), 10_000)),
                &own,
                Status::Expired,
            ),
            ("that is an edge", edge, &own, Status::Invalid),
            ("that is nothing", Bytes::new(), &own, Status::Invalid),
            ("of another kind", Bytes::from([&good[..1], &[33], &good[2..]].concat()), &own, Status::Invalid),
        ];
        for (what, post, proofs, expected) in cases {
            assert_eq!(mallory.deliver(&victim.contact, &post, proofs).await, expected, "a post {what}");
        }
        victim.unharmed(&before).await;
        assert!(feed(&victim).await.is_empty());
        victim.end().await;
    });
}

#[test]
fn a_post_is_shown_once_however_often_and_by_whatever_way_it_comes() {
    run(async {
        let net = network(1, 3, "");
        let (victim, mallory, alice, device) = followed(&net).await;
        let own = proofs(&alice, &device);
        let posts = device.posts(2);
        let (first, second) = (posts[0].bytes().clone(), posts[1].bytes().clone());
        let mut watching = victim.node.doors().feed.watch().await.expect("somebody is logged in");
        let brought = join_all((0..20).map(|_| mallory.deliver(&victim.contact, &first, &own))).await;
        assert!(brought.iter().all(|s| s.is_acknowledged()));
        assert_eq!(brought.iter().filter(|s| **s == Status::Stored).count(), 1, "{brought:?}");
        let at_home = home(&alice.id());
        assert_eq!(mallory.put_one(&victim.contact, at_home, &first, &[]).await, Status::Known);
        assert_eq!(mallory.put_one(&victim.contact, at_home, &second, &[]).await, Status::Stored);
        assert_eq!(mallory.deliver(&victim.contact, &second, &[]).await, Status::Known);
        let both = ["post 2".to_owned(), "post 1".to_owned()];
        assert_eq!(feed(&victim).await, both);
        let mut events = vec![];
        while let Ok(event) = watching.events.try_recv() {
            events.push(event);
        }
        assert_eq!(events.len(), 2, "{events:?}");
        let victim = again(victim).await;
        mallory.close().await;
        let mallory = Attacker::new(&net.network, &secret("another mallory"));
        assert_eq!(mallory.deliver(&victim.contact, &first, &own).await, Status::Known);
        assert_eq!(feed(&victim).await, both);
        victim.end().await;
    });
}

#[test]
fn a_post_that_ended_does_not_come_back() {
    run(async {
        let net = network(1, 3, "");
        let (victim, mallory, alice, device) = followed(&net).await;
        let mut body = device.post_body(1, None, "for ten seconds");
        body.lifetime_ms = 10_000;
        let post = device.sign(body).bytes().clone();
        let own = proofs(&alice, &device);
        assert_eq!(mallory.deliver(&victim.contact, &post, &own).await, Status::Stored);
        assert_eq!(feed(&victim).await.len(), 1);
        victim.clock.forward(Duration::from_secs(11));
        assert!(feed(&victim).await.is_empty());
        assert_eq!(mallory.deliver(&victim.contact, &post, &own).await, Status::Expired);
        let status = mallory.put_one(&victim.contact, home(&alice.id()), &post, &own).await;
        assert_eq!(status, Status::Expired);
        let all = timeline::types::SectionSet::of(&[timeline::types::Section::Post]);
        assert!(mallory.get(&victim.contact, home(&alice.id()), all).await.is_empty());
        assert!(feed(&victim).await.is_empty());
        victim.end().await;
    });
}

#[test]
fn a_followed_author_may_claim_any_numbers() {
    run(async {
        let net = network(1, 3, "");
        let (victim, mallory, alice, device) = followed(&net).await;
        let own = proofs(&alice, &device);
        let before = Some(timeline::types::Hash([1; 32]));
        let post = |device: &TestDevice, seq: u64, text: &str| {
            let mut body = device.post_body(seq, before, text);
            body.hlc = at(1);
            device.sign(body).bytes().clone()
        };
        let last = post(&device, u64::MAX, "the last number");
        assert_eq!(mallory.deliver(&victim.contact, &last, &own).await, Status::Stored);
        assert_eq!(mallory.deliver(&victim.contact, &post(&device, 2, "and the second"), &own).await, Status::Stored);
        // Heads of three more devices: everything gone, nothing gone, all but the ends gone.
        let at_home = home(&alice.id());
        let ends = [(u64::MAX, vec![]), (0, vec![]), (u64::MAX - 3, vec![(u64::MAX - 2, u64::MAX)])];
        for (i, (floor, collected)) in ends.into_iter().enumerate() {
            let device = alice.device(&net, &format!("more {i}"));
            let mut heads = device.heads_body(u64::MAX, u64::MAX, floor);
            (heads.hlc, heads.collected) = (at(1), collected);
            let records = [device.cert.bytes().clone(), device.sign(heads).bytes().clone()];
            assert_eq!(mallory.put(&victim.contact, at_home, &records, &[]).await, [Status::Stored; 2]);
            let text = format!("from device {i}");
            let status = mallory.deliver(&victim.contact, &post(&device, u64::MAX - 1, &text), &own).await;
            assert_eq!(status, Status::Stored);
        }
        victim.node.doors().feed.catch_up().await;
        let page = victim.node.doors().feed.page(PageRequest { limit: 100, ..PageRequest::default() }).await;
        let page = page.expect("somebody is logged in");
        assert_eq!(page.posts.len(), 5);
        assert!(page.missing.iter().all(|m| m.author.as_str() == "alice"), "{:?}", page.missing);
        let ids = page.posts.iter().map(|p| p.id).collect();
        assert_eq!(victim.node.doors().feed.shown(ids).await, Ok(5));
        let victim = again(victim).await;
        assert_eq!(feed(&victim).await.len(), 5);
        victim.end().await;
    });
}

#[test]
fn names_on_the_feed_are_those_of_certified_accounts() {
    run(async {
        let net = network(1, 3, "");
        let (victim, mallory, ..) = followed(&net).await;
        let follow = victim.node.doors().session.follow("nobody".parse().expect("a name"), true).await;
        assert_eq!(follow.expect_err("refused").code, Code::NoSuchUser);
        let carol = net.account("carol");
        let link = timeline::records::Link { record: carol.chain.links[0].record.clone(), finals: vec![] };
        let bare = timeline::records::AccountChain::new(vec![link]).expect("one link");
        let at_name = name_key(carol.chain.username());
        let status = mallory.put_one(&victim.contact, at_name, bare.bytes(), &[]).await;
        assert_eq!(status, Status::NotCertified);
        let follow = victim.node.doors().session.follow("carol".parse().expect("a name"), true).await;
        assert_eq!(follow.expect_err("refused").code, Code::NoSuchUser);
        victim.end().await;
    });
}
