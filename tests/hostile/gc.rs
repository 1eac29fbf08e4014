//! Peers that want posts gone, or want them back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use timeline::actors::Retention;
use timeline::keys::SecretKey;
use timeline::records::{Signed, WatermarkBody, home};
use timeline::types::{AccountId, Hash, Section, SectionSet, WallTime};
use timeline::wire::{
    Blob, Closer, ErrorCode, FindNode, Mark, Reconcile, Reconciled, Request, Status, Summary, encode_error, encode_ok,
    read_request,
};

use crate::attacker::Attacker;
use crate::deliver::settle;
use crate::fixtures::{TestAccount, TestDevice, TestNet, secret};
use crate::puts::proofs;
use crate::support::{Plan, Victim, network, run, until};

/// A registrar that collects at once what may be collected.
fn eager(net: &TestNet) -> Victim {
    let retention = Retention { min_age: Duration::ZERO, ..Retention::default() };
    let gc_interval = Duration::from_millis(100);
    Victim::with(net, Plan { gc_interval, retention, was_up: true, ..Plan::registrar(net) })
}

/// What somebody answers who compares a home.
pub fn reconciled(hashes: Vec<u8>, marks: Vec<Mark>, unsynced: bool) -> Reconciled {
    Reconciled { hashes, next: None, marks, records: vec![], proofs: vec![], unsynced }
}

/// Says to whoever compares a home that everything in it was collected, and that it has what nobody has.
fn lies(marks: Vec<Mark>) -> impl Fn(&[u8]) -> Option<Bytes> + 'static {
    move |frame| match frame.first() {
        Some(&FindNode::NUMBER) => Some(encode_ok(&Closer { contacts: vec![] })),
        Some(&Reconcile::NUMBER) => {
            let hashes = Reconciled::pack((0..200).map(|i| (Section::Post, Hash([i; 32]))));
            Some(encode_ok(&reconciled(hashes, marks.clone(), false)))
        }
        _ => None,
    }
}

fn marks_of(posts: &[Signed<timeline::records::PostBody>]) -> Vec<Mark> {
    let mark = |post: &Signed<timeline::records::PostBody>| Mark {
        device: post.body.device,
        seq: post.body.seq,
        hash: post.hash(),
        ends: post.body.expires_at(),
    };
    posts.iter().map(mark).collect()
}

async fn held(by: &Attacker, victim: &Victim, account: AccountId) -> usize {
    by.get(&victim.contact, home(&account), SectionSet::of(&[Section::Post])).await.len()
}

/// Lets the node go round a few times.
async fn rounds(victim: &Victim) {
    for _ in 0..3 {
        victim.node.doors().gc.sweep().await.expect("the node lives");
    }
}

async fn author(net: &TestNet, victim: &Victim, by: &Attacker, name: &str) -> (TestAccount, TestDevice) {
    let account = net.account(name);
    let device = account.device(net, "1");
    settle(victim, by, &account, &device).await;
    (account, device)
}

#[test]
fn only_true_watermarks_of_followers_let_a_post_go_and_it_does_not_come_back() {
    let net = network(1, 20, "");
    run(async {
        let victim = eager(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = author(&net, &victim, &mallory, "alice").await;
        let (carol, reader) = author(&net, &victim, &mallory, "carol").await;
        let (_, liar) = author(&net, &victim, &mallory, "mallory").await;
        let posts = device.posts(3);
        mallory.answers({
            let lie = lies(marks_of(&posts));
            move |_, frame| lie(frame)
        });
        let at = home(&alice.id());
        let bytes: Vec<Bytes> = posts.iter().map(|post| post.bytes().clone()).collect();
        let edge = reader.edge(alice.id(), true, -3_600_000).bytes().clone();
        let with = proofs(&carol, &reader);
        assert!(mallory.put(&victim.contact, at, &bytes, &[]).await.iter().all(|s| *s == Status::Stored));
        assert_eq!(mallory.put_one(&victim.contact, at, &edge, &with).await, Status::Stored);

        // Somebody who does not follow, somebody who signs for carol, what is above the log, and what has another hash.
        let stranger = liar.watermark(&device, 3, 3, 0).bytes().clone();
        assert!(mallory.put_one(&victim.contact, at, &stranger, &[]).await.is_acknowledged());
        let mut body = reader.watermark(&device, 3, 3, 1).body.clone();
        let forged = Signed::sign(body.clone(), &secret("mallory"), &net.id());
        assert_eq!(mallory.put_one(&victim.contact, at, forged.bytes(), &with).await, Status::Invalid);
        body.seen_hash = Some(Hash([9; 32]));
        let wrong = reader.sign(body.clone());
        assert_eq!(mallory.put_one(&victim.contact, at, wrong.bytes(), &with).await, Status::Stored);
        rounds(&victim).await;
        assert_eq!(held(&mallory, &victim, alice.id()).await, 3, "nothing of that counts");

        // A peer says that it has collected all of them: a hint, no order.
        let request = Reconcile { account: alice.id(), marks: marks_of(&posts), want: vec![], after: None };
        let said = mallory.ask(&victim.contact, &request).await.expect("an answer");
        assert!(said.marks.is_empty() && said.entries().filter(|(section, _)| *section == Section::Post).count() == 3);
        rounds(&victim).await;
        assert_eq!(held(&mallory, &victim, alice.id()).await, 3);

        // The truth: the second post was seen.
        (body.seen, body.received, body.seen_hash) = (2, 3, Some(posts[1].hash()));
        let (other, second) = author(&net, &victim, &mallory, "dave").await;
        let edges = [second.edge(alice.id(), true, -3_600_000).bytes().clone()];
        assert!(mallory.put(&victim.contact, at, &edges, &proofs(&other, &second)).await[0].is_acknowledged());
        let unfollow = reader.edge(alice.id(), false, -1000).bytes().clone();
        assert_eq!(mallory.put_one(&victim.contact, at, &unfollow, &with).await, Status::Stored);
        (body.follower, body.device) = (other.id(), second.id());
        let truth = second.sign(body);
        assert_eq!(mallory.put_one(&victim.contact, at, truth.bytes(), &[]).await, Status::Stored);
        until("the posts that were seen are collected", async || held(&mallory, &victim, alice.id()).await == 1).await;
        for post in &bytes[..2] {
            assert_eq!(mallory.put_one(&victim.contact, at, post, &[]).await, Status::Collected);
        }
        assert_eq!(mallory.put_one(&victim.contact, at, &bytes[2], &[]).await, Status::Known);
        let request = Reconcile { account: alice.id(), marks: vec![], want: vec![], after: None };
        assert_eq!(mallory.ask(&victim.contact, &request).await.expect("an answer").marks, marks_of(&posts[..2]));
        // A restart forgets none of it.
        let victim = victim.restart().await;
        let again = Attacker::new(&net.network, &secret("mallory again"));
        assert_eq!(again.put_one(&victim.contact, at, &bytes[0], &[]).await, Status::Collected);
        victim.end().await;
    });
}

#[test]
fn what_the_authors_heads_collect_goes_and_what_others_sign_for_heads_does_not() {
    let net = network(1, 20, "");
    run(async {
        let victim = eager(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, device) = author(&net, &victim, &mallory, "alice").await;
        let posts = device.posts(5);
        let at = home(&alice.id());
        let bytes: Vec<Bytes> = posts.iter().map(|post| post.bytes().clone()).collect();
        assert!(mallory.put(&victim.contact, at, &bytes[..4], &[]).await.iter().all(|s| *s == Status::Stored));
        let mut heads = device.heads_body(1, 5, 1);
        (heads.last_hash, heads.collected) = (Some(posts[4].hash()), vec![(3, 3), (5, 5)]);
        let forged = Signed::sign(heads.clone(), &secret("mallory"), &net.id());
        assert_eq!(mallory.put_one(&victim.contact, at, forged.bytes(), &[]).await, Status::Invalid);
        rounds(&victim).await;
        assert_eq!(held(&mallory, &victim, alice.id()).await, 4);
        assert_eq!(mallory.put_one(&victim.contact, at, device.sign(heads).bytes(), &[]).await, Status::Stored);
        until("the first and the third are gone", async || held(&mallory, &victim, alice.id()).await == 2).await;
        // The fifth was never here, and is not taken now.
        for i in [0, 2, 4] {
            assert_eq!(mallory.put_one(&victim.contact, at, &bytes[i], &[]).await, Status::Collected, "post {}", i + 1);
        }
        victim.end().await;
    });
}

#[test]
fn no_request_about_collection_costs_more_than_its_answer_may() {
    let net = network(1, 20, "");
    run(async {
        let victim = eager(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, _) = author(&net, &victim, &mallory, "alice").await;
        let before = victim.holdings();
        let mark = |i: u32| Mark {
            device: timeline::types::DeviceId([1; 32]),
            seq: u64::from(i),
            hash: Hash([2; 32]),
            ends: WallTime(u64::MAX),
        };
        let much = Reconcile { account: alice.id(), marks: (0..1000).map(mark).collect(), want: vec![], after: None };
        assert!(mallory.ask(&victim.contact, &much).await.is_ok());
        let want: Vec<Hash> = (0..3000u32).map(|i| timeline::keys::hash(&i.to_be_bytes())).collect();
        let wants = Reconcile { account: alice.id(), marks: vec![], want, after: None };
        assert!(mallory.ask(&victim.contact, &wants).await.expect("an answer").records.is_empty());
        for section in [0, 7, 10, 11, 255] {
            let summary = Summary { key: home(&alice.id()), account: alice.id(), section, after: None };
            let said = mallory.ask(&victim.contact, &summary).await.expect("an answer");
            assert!(said.followers.is_empty() && said.reaches.is_empty() && !said.split);
        }
        rounds(&victim).await;
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn a_replica_that_was_away_lets_nothing_go_until_it_has_what_it_should_have() {
    let net = network(1, 20, "");
    run(async {
        let victim = eager(&net);
        let away = Rc::new(Cell::new(true));
        let (sibling, asked) = (Attacker::new(&net.network, &secret("sibling")), Rc::new(Cell::new(0)));
        let (says, counts) = (away.clone(), asked.clone());
        sibling.answers(move |_, frame| match frame.first() {
            Some(&FindNode::NUMBER) => Some(encode_ok(&Closer { contacts: vec![] })),
            Some(&Reconcile::NUMBER) => {
                counts.set(counts.get() + 1);
                Some(encode_ok(&reconciled(vec![], vec![], says.get())))
            }
            _ => None,
        });
        let (alice, device) = author(&net, &victim, &sibling, "alice").await;
        let (bob, reader) = author(&net, &victim, &sibling, "bob").await;
        let known = async || victim.node.doors().routing.overview().await.is_ok_and(|table| table.known == 1);
        until("both are replicas", known).await;
        let (at, posts, with) = (home(&alice.id()), device.posts(2), proofs(&bob, &reader));
        let bytes: Vec<Bytes> = posts.iter().map(|post| post.bytes().clone()).collect();
        assert!(sibling.put(&victim.contact, at, &bytes, &[]).await.iter().all(|s| *s == Status::Stored));
        let edge = reader.edge(alice.id(), true, -3_600_000).bytes().clone();
        assert_eq!(sibling.put_one(&victim.contact, at, &edge, &with).await, Status::Stored);
        let seen = async |seen: u64| {
            let body = reader.watermark(&device, 2, seen, seen as i64).body;
            let body = WatermarkBody { seen_hash: Some(posts[seen as usize - 1].hash()), ..body };
            assert_eq!(sibling.put_one(&victim.contact, at, reader.sign(body).bytes(), &with).await, Status::Stored);
        };
        seen(1).await;
        until("the sibling is asked", async || asked.get() > 0).await;
        rounds(&victim).await;
        assert_eq!(held(&sibling, &victim, alice.id()).await, 2, "one of two replicas was away");
        away.set(false);
        seen(2).await;
        until("what was seen is collected", async || held(&sibling, &victim, alice.id()).await == 0).await;
        victim.end().await;
    });
}

#[test]
fn a_replica_that_names_what_it_cannot_prove_or_keeps_back_holds_nothing_up() {
    let net = network(1, 20, "");
    run(async {
        for proves_nothing in [true, false] {
            hold_up(&net, proves_nothing).await;
        }
    });
}

/// Two of three replicas agree that a post was seen by all; the third, which is asked before the other one, says that there is
/// another follower.
async fn hold_up(net: &TestNet, proves_nothing: bool) {
    let victim = eager(net);
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let at = home(&alice.id());
    let sibling = Attacker::new(&net.network, &secret("sibling"));
    sibling.answers(|_, frame| match frame.first() {
        Some(&FindNode::NUMBER) => Some(encode_ok(&Closer { contacts: vec![] })),
        Some(&Reconcile::NUMBER) => Some(encode_ok(&reconciled(vec![], vec![], false))),
        _ => None,
    });
    let is_nearer = |key: &SecretKey| key.public().node_id().distance(&at) < sibling.contact().node.distance(&at);
    let key = (0..).map(|i| secret(&format!("liar {i}"))).find(is_nearer).expect("some are");
    let (liar, asked) = (Attacker::new(&net.network, &key), Rc::new(Cell::new(false)));
    let ghost = net.account("ghost");
    let edge = ghost.device(net, "1").edge(alice.id(), true, -3_600_000);
    let (hash, bytes, counts) = (edge.hash(), edge.bytes().clone(), asked.clone());
    liar.answers(move |_, frame| match frame.first() {
        Some(&FindNode::NUMBER) => Some(encode_ok(&Closer { contacts: vec![] })),
        Some(&Reconcile::NUMBER) => {
            let Ok(request) = read_request::<Reconcile>(frame) else { return None };
            if request.want.is_empty() {
                return Some(encode_ok(&reconciled(
                    Reconciled::pack([(Section::Followers, hash)].into_iter()),
                    vec![],
                    false,
                )));
            }
            counts.set(true);
            let records = vec![Blob::from(&bytes)];
            let brought = Reconciled { records, ..reconciled(vec![], vec![], false) };
            Some(if proves_nothing { encode_ok(&brought) } else { encode_error(ErrorCode::Busy, "not now") })
        }
        _ => None,
    });
    for peer in [&sibling, &liar] {
        peer.ping(&victim.contact).await;
    }
    let known = async || victim.node.doors().routing.overview().await.is_ok_and(|table| table.known == 2);
    until("all three are replicas", known).await;
    settle(&victim, &sibling, &alice, &device).await;
    let (bob, reader) = author(net, &victim, &sibling, "bob").await;
    let (post, with) = (device.posts(1).remove(0), proofs(&bob, &reader));
    assert_eq!(sibling.put_one(&victim.contact, at, post.bytes(), &[]).await, Status::Stored);
    let edge = reader.edge(alice.id(), true, -3_600_000).bytes().clone();
    assert_eq!(sibling.put_one(&victim.contact, at, &edge, &with).await, Status::Stored);
    let body = WatermarkBody { seen_hash: Some(post.hash()), ..reader.watermark(&device, 1, 1, 1).body };
    assert_eq!(sibling.put_one(&victim.contact, at, reader.sign(body).bytes(), &with).await, Status::Stored);
    until("the liar is asked", async || asked.get()).await;
    until("what was seen is collected", async || held(&sibling, &victim, alice.id()).await == 0).await;
    victim.end().await;
}
