//! Words about what was seen: replayed, forged, of others, before a follow and from the future. Only a follower's own newest
//! word counts, and only for posts that wait for that follower.

use std::time::Duration;

use bytes::Bytes;
use timeline::actors::Retention;
use timeline::records::{EdgeBody, Signed, WatermarkBody, home};
use timeline::types::{AccountId, Hash, Section, SectionSet};
use timeline::wire::{Closer, FindNode, Reconcile, Request as _, Status, encode_ok};

use crate::attacker::Attacker;
use crate::deliver::settle;
use crate::fixtures::{NOW, TestAccount, TestDevice, TestNet, at, secret};
use crate::gc::reconciled;
use crate::puts::proofs;
use crate::support::{Plan, Victim, network, run, until};

/// A home on a registrar that collects at once what may be collected, and whoever fills it.
struct Home {
    victim: Victim,
    by: Attacker,
    author: TestDevice,
    account: AccountId,
    posts: Vec<Hash>,
}

impl Home {
    /// Alice has made four posts.
    async fn of_alice(net: &TestNet) -> Self {
        let retention = Retention { min_age: Duration::ZERO, ..Retention::default() };
        let gc_interval = Duration::from_millis(100);
        let plan = Plan { gc_interval, retention, was_up: true, ..Plan::registrar(net) };
        let victim = Victim::with(net, plan);
        let by = Attacker::new(&net.network, &secret("mallory"));
        by.answers(|_, frame| match frame.first() {
            Some(&FindNode::NUMBER) => Some(encode_ok(&Closer { contacts: vec![] })),
            Some(&Reconcile::NUMBER) => Some(encode_ok(&reconciled(vec![], vec![], false))),
            _ => None,
        });
        let alice = net.account("alice");
        let author = alice.device(net, "1");
        settle(&victim, &by, &alice, &author).await;
        let posts = author.posts(4);
        let bytes: Vec<Bytes> = posts.iter().map(|post| post.bytes().clone()).collect();
        let said = by.put(&victim.contact, home(&alice.id()), &bytes, &[]).await;
        assert!(said.iter().all(|status| *status == Status::Stored));
        Self { victim, by, author, account: alice.id(), posts: posts.iter().map(Signed::hash).collect() }
    }

    /// Registers somebody.
    async fn person(&self, net: &TestNet, name: &str) -> (TestAccount, TestDevice) {
        let account = net.account(name);
        let device = account.device(net, "1");
        settle(&self.victim, &self.by, &account, &device).await;
        (account, device)
    }

    async fn put(&self, bytes: &Bytes, (account, device): &(TestAccount, TestDevice)) -> Status {
        self.by.put_one(&self.victim.contact, home(&self.account), bytes, &proofs(account, device)).await
    }

    /// Says at some time that somebody follows since another, or no longer does.
    async fn edge(&self, who: &(TestAccount, TestDevice), follows: bool, ms: i64, since_ms: i64) {
        let edge = who.1.edge(self.account, follows, ms).body;
        let edge = who.1.sign(EdgeBody { since: at(since_ms).wall(), ..edge });
        assert_eq!(self.put(edge.bytes(), who).await, Status::Stored, "{ms}");
    }

    /// Returns the words of somebody who has seen the first posts.
    fn mark(&self, who: &TestDevice, seen: u64, ms: i64) -> WatermarkBody {
        let body = who.watermark(&self.author, 4, seen, ms).body;
        WatermarkBody { seen_hash: Some(self.posts[seen as usize - 1]), ..body }
    }

    async fn held(&self) -> usize {
        self.by.get(&self.victim.contact, home(&self.account), SectionSet::of(&[Section::Post])).await.len()
    }

    /// Lets the node go round a few times, after which so many posts have to be left.
    async fn keeps(&self, count: usize, what: &str) {
        for _ in 0..3 {
            self.victim.node.doors().gc.sweep().await.expect("the node lives");
        }
        assert_eq!(self.held().await, count, "{what}");
    }
}

#[test]
fn no_word_but_a_followers_own_newest_one_lets_posts_go() {
    let net = network(1, 20, "");
    run(async {
        let house = Home::of_alice(&net).await;
        let bob = house.person(&net, "bob").await;
        let carol = house.person(&net, "carol").await;
        let dave = house.person(&net, "dave").await;
        for who in [&bob, &carol] {
            house.edge(who, true, -3_600_000, -3_600_000).await;
        }
        let bobs = house.mark(&bob.1, 4, 10);
        assert_eq!(house.put(bob.1.sign(bobs.clone()).bytes(), &bob).await, Status::Stored);
        house.keeps(4, "carol has seen nothing").await;

        // Dave does not follow; what he says of himself is kept, and counts for nobody.
        let of_dave = dave.1.sign(house.mark(&dave.1, 4, 20));
        assert_eq!(house.put(of_dave.bytes(), &dave).await, Status::Stored);
        // He signs for carol with his key, and with his device under her name.
        let for_carol = house.mark(&carol.1, 4, 30);
        let forged = Signed::sign(for_carol.clone(), &dave.1.key, &net.id());
        assert_eq!(house.put(forged.bytes(), &carol).await, Status::Invalid);
        let misnamed = dave.1.sign(WatermarkBody { device: dave.1.id(), ..for_carol.clone() });
        assert!(!house.put(misnamed.bytes(), &carol).await.is_acknowledged());
        // From the future, and so old that it has ended.
        let ahead = carol.1.sign(WatermarkBody { hlc: at(3_600_000), ..for_carol.clone() });
        assert_eq!(house.put(ahead.bytes(), &carol).await, Status::Future);
        let old = carol.1.sign(WatermarkBody { hlc: at(-61 * 24 * 3_600_000), ..for_carol });
        assert_eq!(house.put(old.bytes(), &carol).await, Status::Expired);
        house.keeps(4, "nothing of that is carol's word").await;

        // Her own word lets go what she has seen; an older one that is sent again takes nothing back and adds nothing.
        let first = carol.1.sign(house.mark(&carol.1, 1, 40));
        let second = carol.1.sign(house.mark(&carol.1, 2, 50));
        assert_eq!(house.put(second.bytes(), &carol).await, Status::Stored);
        until("two are collected", async || house.held().await == 2).await;
        assert_eq!(house.put(first.bytes(), &carol).await, Status::Superseded);
        house.keeps(2, "an old word changes nothing").await;
        house.victim.end().await;
    });
}

#[test]
fn a_follow_after_an_unfollow_waits_for_nothing_older_and_old_words_say_nothing_of_what_is_newer() {
    let net = network(1, 20, "");
    run(async {
        let house = Home::of_alice(&net).await;
        let bob = house.person(&net, "bob").await;
        let carol = house.person(&net, "carol").await;
        house.edge(&bob, true, -3_600_000, -3_600_000).await;
        // Carol had followed, saw two posts, left, and is back since a moment ago: all posts are in reach of her follow.
        house.edge(&carol, true, -3_600_000, -3_600_000).await;
        let words = carol.1.sign(house.mark(&carol.1, 2, -1_000));
        assert_eq!(house.put(words.bytes(), &carol).await, Status::Stored);
        let left = carol.1.edge(house.account, false, -800);
        assert_eq!(house.put(left.bytes(), &carol).await, Status::Stored);
        house.edge(&carol, true, -500, -500).await;
        assert!(NOW.minus(Duration::from_millis(500)) == at(-500).wall());
        // The old unfollow, sent again, releases nothing.
        assert_eq!(house.put(left.bytes(), &carol).await, Status::Superseded);
        let bobs = bob.1.sign(house.mark(&bob.1, 4, 10));
        assert_eq!(house.put(bobs.bytes(), &bob).await, Status::Stored);
        // What she saw in her first time she has seen; the others wait for her, whatever of her old words is sent again.
        until("the first two are collected", async || house.held().await == 2).await;
        assert_eq!(house.put(words.bytes(), &carol).await, Status::Known);
        let before = carol.1.sign(house.mark(&carol.1, 1, -2_000));
        assert_eq!(house.put(before.bytes(), &carol).await, Status::Superseded);
        house.keeps(2, "old words say nothing of later posts").await;
        // A word dated before her follow is hers all the same, and true for what it names.
        let third = carol.1.sign(house.mark(&carol.1, 3, -700));
        assert_eq!(house.put(third.bytes(), &carol).await, Status::Stored);
        until("the third is collected", async || house.held().await == 1).await;
        house.keeps(1, "and nothing more").await;
        house.victim.end().await;
    });
}
