//! Answering, deleting and naming people; and what becomes of it while the network is away or a clock is wrong.

use std::time::Duration;

use timeline::actors::{Deleted, FeedEvent, PostRequest, Posted};
use timeline::records::{Record, home};
use timeline::sim::{SimConfig, Simulation};
use timeline::timeline::Via;
use timeline::types::{AccountId, Code, Hash, Problem, Section};

use super::people::{
    SOON, feed, flushed, follow, joined, login, name, network, pause, post, publish, reads, settle, texts,
};

const WITHIN: Duration = Duration::from_secs(10);

async fn delete(sim: &Simulation, node: usize, id: Hash) -> Result<Deleted, Problem> {
    sim.doors(node).session.delete_within(id, WITHIN).await
}

async fn answer(sim: &Simulation, node: usize, text: &str, to: Hash) -> Result<Posted, Problem> {
    let request = PostRequest { text: text.to_owned(), ttl: None, reply_to: Some(to) };
    sim.doors(node).session.post_within(request, WITHIN).await
}

async fn account(sim: &Simulation, node: usize) -> AccountId {
    sim.doors(node).session.who().await.expect("the session answers").expect("logged in").device.account
}

/// What a bootpeer, which keeps everything, has of an account's posts: ids of those alive, and of those deleted.
fn kept(sim: &Simulation, account: AccountId) -> (Vec<Hash>, Vec<Hash>) {
    let (mut alive, mut deleted) = (Vec::new(), Vec::new());
    for record in sim.stored(0, &home(&account), Section::Post) {
        match record {
            Record::Post(post) => alive.push(post.hash()),
            Record::Tombstone(tombstone) => deleted.push(tombstone.body.post),
            _ => {}
        }
    }
    (alive, deleted)
}

fn inbox(sim: &Simulation, account: AccountId) -> Vec<Hash> {
    let mentions = sim.stored(0, &home(&account), Section::Inbox);
    mentions.iter().filter_map(|r| if let Record::Mention(m) = r { Some(m.body.post) } else { None }).collect()
}

#[test]
fn neither_a_dead_replica_nor_a_dead_follower_keeps_a_post_waiting() {
    let sim = network(325, 16);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "all are there").await;
        reads(&sim, 5, &["all are there"], SOON).await;
        // All of so few nodes are replicas of everything; a dial is given up after a second and a half.
        [5, 9, 12].into_iter().for_each(|node| sim.crash(node));
        let before = sim.elapsed();
        publish(&sim, 4, "three are not").await;
        let took = sim.elapsed() - before;
        assert!(took < Duration::from_millis(1000), "{sim:?}: {took:?}");
    });
}

#[test]
fn whoever_reaches_nobody_publishes_nothing() {
    // Without anchors nothing but the replica set says that a post is published.
    let sim = Simulation::new(326, SimConfig { nodes: 12, anchors: false, ..SimConfig::default() });
    sim.run(async {
        const OTHERS: [usize; 11] = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11];
        settle(&sim, 4, "alice").await;
        sim.cut(&[4], &OTHERS);
        for minutes in [0, 1, 4, 15] {
            pause(minutes * 60).await;
            let posted = post(&sim, 4, &format!("after {minutes} minutes")).await;
            assert!(!posted.published, "{sim:?}: {posted:?}");
        }
        sim.mend(&[4], &OTHERS);
        flushed(&sim, 4, Duration::from_secs(120)).await;
        let posts = feed(&sim, 4).await;
        let on_all = |id: &Hash| OTHERS.iter().all(|node| sim.holds(*node, id));
        assert!(posts.len() == 4 && posts.iter().all(|post| on_all(&post.id)), "{sim:?}: what waited is sent");
    });
}

#[test]
fn what_is_published_late_is_brought_to_followers_all_the_same() {
    let sim = Simulation::new(327, SimConfig { nodes: 16, k: 4, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 4, "alice").await;
        let home = home(&account(&sim, 4).await);
        // One that keeps nothing of hers for others.
        let bob = (5..16).max_by_key(|node| sim.id(*node).distance(&home)).expect("there are some");
        settle(&sim, bob, "bob").await;
        follow(&sim, bob, "alice").await;
        pause(240).await;
        let others: Vec<usize> = (0..16).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        let posted = post(&sim, 4, "from afar").await;
        assert!(!posted.published, "{posted:?}");
        pause(180).await;
        sim.mend(&[4], &others);
        let published = async || (0..3).all(|anchor| sim.holds(anchor, &posted.id));
        sim.until("the network has it", Duration::from_secs(120), published).await;
        // Else he looks by himself, which may take two minutes.
        sim.until("bob has it", Duration::from_secs(10), async || texts(&sim, bob).await == ["from afar"]).await;
        assert_eq!(feed(&sim, bob).await[0].via, Via::Direct, "{sim:?}");
    });
}

#[test]
fn any_device_of_the_author_deletes_a_post_and_nobody_else() {
    let sim = network(320, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        let (one, two) = (publish(&sim, 4, "one").await.id, publish(&sim, 4, "two").await.id);
        reads(&sim, 5, &["one", "two"], SOON).await;
        assert_eq!(delete(&sim, 5, one).await.expect_err("bob is not alice").code, Code::NotAuthor);
        assert_eq!(delete(&sim, 4, Hash([7; 32])).await.expect_err("no such").code, Code::NoSuchPost);
        assert_eq!(delete(&sim, 4, one).await, Ok(Deleted { id: one, queued: false }));
        assert_eq!(delete(&sim, 4, one).await, Ok(Deleted { id: one, queued: false }), "twice does no harm");
        assert_eq!(texts(&sim, 4).await, ["two"]);
        login(&sim, 7, "alice").await.expect("alice logs in elsewhere");
        assert_eq!(delete(&sim, 7, two).await, Ok(Deleted { id: two, queued: false }), "whichever device made it");
        let alice = account(&sim, 4).await;
        for node in [4, 7] {
            flushed(&sim, node, SOON).await;
        }
        assert_eq!(kept(&sim, alice).0, []);
        assert_eq!(kept(&sim, alice).1.len(), 2);
        publish(&sim, 4, "three").await;
        sim.until("only the third is left", Duration::from_secs(120), async || texts(&sim, 7).await == ["three"]).await;
        assert_eq!(answer(&sim, 4, "to nothing", one).await.expect_err("deleted").code, Code::NoSuchPost);
    });
}

#[test]
fn a_deletion_is_brought_to_followers_and_own_devices_that_are_online() {
    let sim = network(330, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        login(&sim, 7, "alice").await.expect("alice logs in elsewhere");
        follow(&sim, 5, "alice").await;
        pause(10).await;
        let id = publish(&sim, 4, "a slip").await.id;
        for node in [5, 7] {
            reads(&sim, node, &["a slip"], Duration::from_secs(2)).await;
        }
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        delete(&sim, 7, id).await.expect("deleted");
        let gone = async || texts(&sim, 5).await.is_empty() && texts(&sim, 4).await.is_empty();
        sim.until("it is gone from where it was", Duration::from_secs(2), gone).await;
        assert_eq!(watching.events.try_recv(), Ok(FeedEvent::Deleted(id)));
        sim.restart(5);
        pause(90).await;
        assert!(texts(&sim, 5).await.is_empty(), "it does not come back");
    });
}

#[test]
fn a_queued_post_is_not_sent_after_it_was_deleted() {
    let sim = network(321, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        flushed(&sim, 4, SOON).await;
        let alice = account(&sim, 4).await;
        let others: Vec<usize> = (0..8).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        let (gone, stays) = (post(&sim, 4, "gone").await.id, post(&sim, 4, "stays").await.id);
        assert_eq!(delete(&sim, 4, gone).await, Ok(Deleted { id: gone, queued: true }));
        assert_eq!(delete(&sim, 4, gone).await, Ok(Deleted { id: gone, queued: true }));
        sim.restart(4);
        pause(5).await;
        sim.heal();
        flushed(&sim, 4, Duration::from_secs(60)).await;
        reads(&sim, 5, &["stays"], Duration::from_secs(90)).await;
        assert_eq!(kept(&sim, alice), (vec![stays], vec![gone]));
        assert_eq!(texts(&sim, 5).await, ["stays"]);
        assert_eq!(texts(&sim, 4).await, ["stays"]);
    });
}

#[test]
fn an_expired_post_is_no_more() {
    let sim = network(322, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        let short = sim.doors(4).session.post("short".to_owned(), Some(Duration::from_secs(10))).await.expect("posted");
        pause(11).await;
        assert_eq!(delete(&sim, 4, short.id).await.expect_err("expired").code, Code::NoSuchPost);
        assert_eq!(answer(&sim, 4, "late", short.id).await.expect_err("expired").code, Code::NoSuchPost);
    });
}

#[test]
fn whom_a_post_names_or_answers_finds_it_in_the_inbox() {
    let sim = network(323, 9);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
        }
        let [alice, bob, carol] = [account(&sim, 4).await, account(&sim, 5).await, account(&sim, 6).await];
        follow(&sim, 5, "alice").await;
        let hello = publish(&sim, 4, "hello @bob, @nobody_here and @alice").await.id;
        sim.until("bob is told", SOON, async || inbox(&sim, bob) == [hello]).await;
        reads(&sim, 5, &["hello @bob, @nobody_here and @alice"], SOON).await;
        let back = answer(&sim, 5, "hi, have you met @carol?", hello).await.expect("bob answers");
        sim.until("alice and carol are told", SOON, async || {
            inbox(&sim, alice) == [back.id] && inbox(&sim, carol) == [back.id]
        })
        .await;
        let answered = feed(&sim, 5).await.into_iter().find(|post| post.id == back.id).expect("in bob's own feed");
        assert_eq!(answered.account, bob);
        let stored = sim.stored(0, &home(&bob), Section::Post);
        let reply = stored.iter().find_map(|r| if let Record::Post(p) = r { p.body.reply_to.clone() } else { None });
        assert!(reply.is_some_and(|to| to.account == alice && to.post == hello));
        assert_eq!(answer(&sim, 5, "to whom?", Hash([9; 32])).await.expect_err("unknown").code, Code::NoSuchPost);
    });
}

#[test]
fn a_name_that_could_not_be_looked_up_is_told_later() {
    let sim = network(324, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let bob = account(&sim, 5).await;
        flushed(&sim, 4, SOON).await;
        let others: Vec<usize> = (0..8).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        let posted = post(&sim, 4, "@bob are you there?").await;
        assert!(!posted.published);
        sim.restart(4);
        pause(30).await;
        assert!(inbox(&sim, bob).is_empty());
        sim.heal();
        sim.until("bob is told", Duration::from_secs(120), async || inbox(&sim, bob) == [posted.id]).await;
        flushed(&sim, 4, Duration::from_secs(60)).await;
    });
}

#[test]
fn nobody_is_named_more_often_than_the_network_allows() {
    let sim = network(325, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let bob = account(&sim, 5).await;
        for i in 0..25 {
            publish(&sim, 4, &format!("@bob {i}")).await;
        }
        flushed(&sim, 4, SOON).await;
        pause(60).await;
        flushed(&sim, 4, SOON).await;
        assert_eq!(inbox(&sim, bob).len(), 20);
    });
}

#[test]
fn a_follow_by_a_clock_that_was_ahead_does_not_come_back_after_an_unfollow() {
    let sim = network(326, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        settle(&sim, 6, "carol").await;
        flushed(&sim, 5, SOON).await;
        sim.skew(5, Duration::from_secs(20 * 60), Duration::ZERO, false);
        for user in ["alice", "carol"] {
            let spoilt = sim.doors(5).session.follow(name(user), true).await.expect("queued");
            assert!(spoilt.queued && spoilt.follows, "nobody takes that stamp: {spoilt:?}");
        }
        sim.skew(5, Duration::ZERO, Duration::ZERO, false);
        sim.doors(5).session.follow(name("alice"), false).await.expect("bob unfollows");
        // What he still wants is signed again, what he does not is let go of.
        flushed(&sim, 5, Duration::from_secs(90)).await;
        let (alice, carol) = (account(&sim, 4).await, account(&sim, 6).await);
        let follows = |author: AccountId| {
            let edges = sim.stored(0, &home(&author), Section::Followers);
            edges.iter().filter_map(|r| if let Record::Edge(e) = r { Some(e.body.follows) } else { None }).last()
        };
        assert_eq!((follows(alice), follows(carol)), (Some(false), Some(true)));
        pause(25 * 60).await;
        publish(&sim, 4, "from alice").await;
        publish(&sim, 6, "from carol").await;
        reads(&sim, 5, &["from carol"], Duration::from_secs(90)).await;
        pause(90).await;
        assert_eq!(texts(&sim, 5).await, ["from carol"]);
        assert_eq!((follows(alice), follows(carol)), (Some(false), Some(true)));
    });
}

#[test]
fn whoever_does_not_wait_is_told_what_is_known() {
    let sim = network(327, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        flushed(&sim, 4, SOON).await;
        (0..3).for_each(|bootpeer| sim.crash(bootpeer));
        let request = PostRequest { text: "slow".to_owned(), ..PostRequest::default() };
        let posted = sim.doors(4).session.post_within(request, Duration::from_secs(1)).await.expect("queued");
        assert!(!posted.published && posted.acked > 0 && posted.wanted >= posted.acked, "{posted:?}");
    });
}

/// Lets time pass while nobody runs.
async fn time_passes(sim: &Simulation, nodes: usize, by: Duration) {
    (0..nodes).for_each(|node| sim.crash(node));
    for node in 0..nodes {
        sim.skew(node, by, Duration::ZERO, false);
        sim.start(node);
    }
    for node in 0..nodes {
        joined(sim, node).await;
    }
    pause(10).await;
}

#[test]
fn everything_is_published_again_before_a_day_is_over() {
    let sim = network(328, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 4, "bob").await;
        let id = publish(&sim, 4, "still here").await.id;
        flushed(&sim, 4, SOON).await;
        let alice = account(&sim, 4).await;
        let fresh = sim.add();
        time_passes(&sim, 9, Duration::from_secs(23 * 3600)).await;
        let goes_out = async || {
            let items = sim.doors(4).outbox.items().await.unwrap_or_default();
            items.iter().any(|item| item.label == "republish")
        };
        let session = sim.doors(4).session;
        tokio::join!(session.renew(), sim.until("it goes out again", SOON, goes_out));
        let has = |section| sim.stored(fresh, &home(&alice), section).len();
        let there = [Section::Account, Section::Device, Section::Heads, Section::Following].map(has);
        assert_eq!(there, [1, 1, 1, 1]);
        let posts = sim.stored(fresh, &home(&alice), Section::Post);
        assert!(posts.iter().any(|post| post.hash() == id), "{posts:?}");
        flushed(&sim, 4, SOON).await;
        sim.doors(4).session.renew().await;
        assert_eq!(sim.doors(4).outbox.items().await.map(|items| items.len()), Ok(0), "not twice");
    });
}

#[test]
fn what_is_half_a_year_old_is_renewed() {
    let sim = network(329, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 4, "bob").await;
        let mute = timeline::records::PrivateKind::Mute;
        sim.doors(4).session.relate_privately(mute, name("bob"), true, WITHIN).await.expect("muted");
        flushed(&sim, 4, SOON).await;
        let (alice, bob) = (account(&sim, 4).await, account(&sim, 5).await);
        let since = |at: AccountId, section| {
            let all = sim.stored(0, &home(&at), section);
            all.iter().filter_map(Record::hlc).max().map(|hlc| hlc.wall())
        };
        let before = [since(alice, Section::Following), since(bob, Section::Followers), since(alice, Section::Private)];
        let later = Duration::from_secs(200 * 24 * 3600);
        time_passes(&sim, 6, later).await;
        sim.doors(4).session.renew().await;
        flushed(&sim, 4, Duration::from_secs(60)).await;
        let after = [since(alice, Section::Following), since(bob, Section::Followers), since(alice, Section::Private)];
        for (before, after) in before.into_iter().zip(after) {
            assert!(after.zip(before).is_some_and(|(after, before)| after.since(before) > later / 2));
        }
        let edges = sim.stored(0, &home(&bob), Section::Followers);
        let kept =
            edges.iter().any(|r| matches!(r, Record::Edge(e) if e.body.since < e.body.hlc.wall().minus(later / 2)));
        assert!(kept, "since when somebody follows stays as it was");
    });
}
