//! Mentions that are not what they say, and deletions that are none.

use bytes::Bytes;
use timeline::actors::{FeedEvent, ListRequest, PageRequest};
use timeline::records::{MentionBody, PostBody, ReplyTo, Signed, home};
use timeline::types::{AccountId, Hash};
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::deliver::{bob_follows_alice, feed, settle};
use crate::fixtures::{TestAccount, TestDevice, TestNet, at, secret};
use crate::puts::proofs;
use crate::support::{Victim, network, run, until};

/// A node where bob follows alice and not carol, and a peer that puts what it likes.
pub struct Scene {
    pub net: TestNet,
    pub victim: Victim,
    pub mallory: Attacker,
    pub bob: AccountId,
    pub alice: (TestAccount, TestDevice),
    pub carol: (TestAccount, TestDevice),
}

impl Scene {
    pub async fn set(limits: &str) -> Self {
        let net = network(1, 3, limits);
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let person = |name: &str| {
            let account = net.account(name);
            let device = account.device(&net, "1");
            (account, device)
        };
        let (alice, carol) = (person("alice"), person("carol"));
        settle(&victim, &mallory, &alice.0, &alice.1).await;
        settle(&victim, &mallory, &carol.0, &carol.1).await;
        bob_follows_alice(&victim).await;
        let who = victim.node.doors().session.who().await.expect("a session").expect("bob is logged in");
        Self { net, victim, mallory, bob: who.device.account, alice, carol }
    }

    /// Puts a record of somebody at the home of somebody.
    pub async fn put(&self, by: &(TestAccount, TestDevice), at: AccountId, record: &Bytes) -> Status {
        self.mallory.put_one(&self.victim.contact, home(&at), record, &proofs(&by.0, &by.1)).await
    }

    pub async fn mentioned(&self) -> Vec<String> {
        let page = self.victim.node.doors().feed.mentions(ListRequest { limit: 100, cursor: None }).await;
        page.expect("bob is logged in").posts.into_iter().map(|post| post.text).collect()
    }
}

pub fn reply(device: &TestDevice, seq: u64, text: &str, to: AccountId, post: Hash) -> Signed<PostBody> {
    let mut body = device.post_body(seq, (seq > 1).then_some(Hash([1; 32])), text);
    body.reply_to = Some(ReplyTo { account: to, post });
    device.sign(body)
}

#[test]
fn only_posts_that_name_the_user_are_mentions() {
    run(async {
        let scene = Scene::set("").await;
        let (alice, carol, bob) = (&scene.alice, &scene.carol, scene.bob);
        let prev = Some(Hash([1; 32]));
        let named = carol.1.sign(carol.1.post_body(1, None, "good day @bob"));
        let silent = carol.1.sign(carol.1.post_body(2, prev, "good day everybody, bob@example.org too"));
        let answer = reply(&carol.1, 3, "an answer", bob, Hash([7; 32]));
        let kept_back = carol.1.sign(carol.1.post_body(4, prev, "never put anywhere @bob"));
        let of_alice = alice.1.sign(alice.1.post_body(1, None, "alice names @bob"));
        for (by, post) in [(carol, &named), (carol, &silent), (carol, &answer), (alice, &of_alice)] {
            assert_eq!(scene.put(by, by.0.id(), post.bytes()).await, Status::Stored);
        }
        until("the post is in the feed", async || feed(&scene.victim).await.len() == 1).await;
        let before = scene.victim.holdings();
        // Nobody can say in another's name that a post names somebody.
        let body = |post: &Signed<PostBody>| carol.1.mention(post, bob).body;
        let forged = Signed::sign(body(&named), &scene.mallory.key, &scene.net.id());
        assert_eq!(scene.put(carol, bob, forged.bytes()).await, Status::Invalid);
        assert_eq!(scene.put(carol, alice.0.id(), carol.1.mention(&named, bob).bytes()).await, Status::Misplaced);
        scene.victim.unharmed(&before).await;
        let nowhere = MentionBody { post: Hash([9; 32]), seq: 9, ..body(&named) };
        let borrowed = MentionBody { post: of_alice.hash(), seq: 1, ..body(&named) };
        for mention in [nowhere, borrowed, body(&named), body(&silent), body(&answer), body(&kept_back)] {
            let mention = carol.1.sign(mention);
            assert!(scene.put(carol, bob, mention.bytes()).await.is_acknowledged());
        }
        let mut watching = scene.victim.node.doors().feed.watch().await.expect("bob is logged in");
        until("both are there", async || {
            let there = scene.mentioned().await;
            ["an answer", "good day @bob", "alice names @bob"].iter().all(|text| there.iter().any(|t| t == text))
        })
        .await;
        assert_eq!(scene.mentioned().await.len(), 3, "{:?}", scene.mentioned().await);
        assert_eq!(feed(&scene.victim).await, ["alice names @bob"], "whom bob does not follow is not in his feed");
        let mut told = Vec::new();
        while let Ok(event) = watching.events.try_recv() {
            match event {
                FeedEvent::Mention(post) => told.push(post.text),
                other => panic!("only mentions come now: {other:?}"),
            }
        }
        told.sort();
        assert_eq!(told, ["an answer", "good day @bob"]);
        // A deletion takes the mention away, and it does not come back.
        let tombstone = carol.1.tombstone(&named, 10);
        assert_eq!(scene.put(carol, carol.0.id(), tombstone.bytes()).await, Status::Stored);
        until("it is gone", async || !scene.mentioned().await.contains(&"good day @bob".to_owned())).await;
        let later = carol.1.sign(carol.1.post_body(5, prev, "good night @bob"));
        for (at, record) in [(carol.0.id(), later.bytes()), (bob, carol.1.mention(&later, bob).bytes())] {
            assert!(scene.put(carol, at, record).await.is_acknowledged());
        }
        // With that the inbox was read once more.
        until("one more is there", async || scene.mentioned().await.contains(&"good night @bob".to_owned())).await;
        assert_eq!(scene.mentioned().await.len(), 3);
        scene.victim.end().await;
    });
}

#[test]
fn only_its_author_deletes_a_post_and_watchers_hear_of_it() {
    run(async {
        let scene = Scene::set("").await;
        let (alice, carol) = (&scene.alice, &scene.carol);
        let mut posts = alice.1.posts(4);
        let fourth = posts.remove(3);
        let own = proofs(&alice.0, &alice.1);
        for post in &posts {
            assert_eq!(scene.mallory.deliver(&scene.victim.contact, post.bytes(), &own).await, Status::Stored);
        }
        let mut watching = scene.victim.node.doors().feed.watch().await.expect("bob is logged in");
        // Carol deletes nothing of alice's, whatever she signs.
        let by_carol = carol.1.tombstone(&posts[0], 5);
        assert_eq!(scene.put(carol, carol.0.id(), by_carol.bytes()).await, Status::Stored);
        assert_eq!(scene.put(carol, alice.0.id(), by_carol.bytes()).await, Status::Misplaced);
        let forged = Signed::sign(alice.1.tombstone(&posts[0], 5).body, &scene.mallory.key, &scene.net.id());
        assert_eq!(scene.put(alice, alice.0.id(), forged.bytes()).await, Status::Invalid);
        let pushed = scene.mallory.deliver(&scene.victim.contact, forged.bytes(), &own).await;
        assert_eq!(pushed, Status::Invalid);
        assert_eq!(feed(&scene.victim).await, ["post 3", "post 2", "post 1"]);
        // Alice does: by a replica and by a push.
        let (first, third) = (alice.1.tombstone(&posts[0], 6), alice.1.tombstone(&posts[2], 7));
        assert_eq!(scene.put(alice, alice.0.id(), first.bytes()).await, Status::Stored);
        assert_eq!(scene.mallory.deliver(&scene.victim.contact, third.bytes(), &own).await, Status::Stored);
        until("both are gone", async || feed(&scene.victim).await == ["post 2"]).await;
        let mut told = Vec::new();
        while let Ok(event) = watching.events.try_recv() {
            match event {
                FeedEvent::Deleted(id) => told.push(id),
                other => panic!("only deletions come: {other:?}"),
            }
        }
        assert_eq!(
            told.into_iter().collect::<std::collections::BTreeSet<_>>(),
            [posts[0].hash(), posts[2].hash()].into()
        );
        // They do not come back, and nothing is missing.
        for post in [&posts[0], &posts[2]] {
            let status = scene.mallory.deliver(&scene.victim.contact, post.bytes(), &own).await;
            assert!(status.is_acknowledged(), "{status:?}");
        }
        let mut heads = alice.1.heads_body(1, 4, 0);
        (heads.hlc, heads.last_hash) = (at(9), Some(fourth.hash()));
        for record in [fourth.bytes(), alice.1.sign(heads).bytes()] {
            assert_eq!(scene.put(alice, alice.0.id(), record).await, Status::Stored);
        }
        // Nobody pushed the fourth: with it the whole home was read once more.
        until("her home is read", async || {
            scene.victim.node.doors().feed.catch_up().await;
            feed(&scene.victim).await == ["post 4", "post 2"]
        })
        .await;
        let (feed, request) = (scene.victim.node.doors().feed, PageRequest { limit: 9, ..PageRequest::default() });
        let page = feed.page(request).await.expect("bob is logged in");
        assert_eq!((page.posts.len(), page.missing.len(), page.complete), (2, 0, true), "{:?}", page.missing);
        scene.victim.end().await;
    });
}
