//! What is collected, and what is not, case by case.

use std::time::Duration;

use timeline::actors::{PageRequest, Retention};
use timeline::records::home;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Hash;
use timeline::wire::{Reconcile, Request};

use super::people::{SOON, feed, flushed, follow, name, pause, publish, reads, settle, texts};

/// Within this something that may be collected is collected everywhere.
pub const COLLECTED: Duration = Duration::from_secs(120);

/// A network that collects at once what may be collected.
pub fn config() -> SimConfig {
    let retention = Retention { min_age: Duration::ZERO, ..Retention::default() };
    SimConfig { nodes: 9, gc_interval: Duration::from_secs(5), retention, ..SimConfig::default() }
}

pub fn town(seed: u64) -> Simulation {
    Simulation::new(seed, config())
}

/// The user of a node is shown the whole feed.
pub async fn look(sim: &Simulation, node: usize) {
    let ids = feed(sim, node).await.into_iter().map(|post| post.id).collect();
    sim.doors(node).feed.shown(ids).await.expect("shown");
}

/// Returns the nodes that hold a post for others.
pub fn holders(sim: &Simulation, nodes: usize, post: &Hash) -> Vec<usize> {
    (0..nodes).filter(|node| sim.holds(*node, post)).collect()
}

/// Waits until something holds, looking every second: a look into all disks is dear.
pub async fn in_time(sim: &Simulation, what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..within.as_secs() {
        if holds().await {
            return;
        }
        pause(1).await;
    }
    panic!("{sim:?}: not within {within:?}: {what}");
}

/// Waits until nobody holds a post any more.
pub async fn gone(sim: &Simulation, nodes: usize, post: &Hash) {
    in_time(sim, &format!("nobody holds {post}"), COLLECTED, async || holders(sim, nodes, post).is_empty()).await;
}

/// Waits for as long as many rounds take, in which nothing that is kept may go.
pub async fn stays(sim: &Simulation, nodes: usize, posts: &[Hash]) {
    for _ in 0..3 {
        pause(300).await;
        for post in posts {
            let held = holders(sim, nodes, post);
            assert!(held.len() > nodes / 2, "{sim:?}: {post} is held by {held:?} alone");
        }
    }
}

/// Alice lives on node 3; bob on node 4 and carol on node 5 follow her.
pub async fn three(sim: &Simulation) {
    for (node, user) in [(3, "alice"), (4, "bob"), (5, "carol")] {
        settle(sim, node, user).await;
    }
    follow(sim, 4, "alice").await;
    follow(sim, 5, "alice").await;
}

async fn missing(sim: &Simulation, node: usize) -> Vec<(u64, &'static str)> {
    let page = sim.doors(node).feed.page(PageRequest { limit: 100, ..PageRequest::default() }).await.expect("a page");
    page.missing.into_iter().map(|m| (m.count, m.reason)).collect()
}

#[test]
fn what_changes_at_a_home_costs_no_comparison_while_nothing_may_go() {
    let retention = Retention { seen_interval: Duration::from_secs(1), ..Retention::default() };
    let sim = Simulation::new(903, SimConfig { retention, ..config() });
    let compared =
        || (0..9).map(|node| sim.requests_of(node).get(&Reconcile::NUMBER).copied().unwrap_or(0)).sum::<u64>();
    sim.run(async {
        three(&sim).await;
        publish(&sim, 3, "the first").await;
        // All that is compared once after a start is by now.
        pause(300).await;
        let before = compared();
        for number in 0..20 {
            publish(&sim, 3, &format!("number {number}")).await;
            pause(5).await;
            look(&sim, 4).await;
            look(&sim, 5).await;
            pause(10).await;
        }
        assert_eq!(compared() - before, 0, "posts are kept for an hour");
    });
}

#[test]
fn what_every_follower_has_seen_goes_everywhere_and_stays_in_their_feeds() {
    let sim = town(900);
    sim.run(async {
        three(&sim).await;
        let ids = [publish(&sim, 3, "one").await.id, publish(&sim, 3, "two").await.id];
        for node in [4, 5] {
            reads(&sim, node, &["one", "two"], SOON).await;
        }
        look(&sim, 4).await;
        pause(60).await;
        for id in &ids {
            assert!(holders(&sim, 9, id).len() > 4, "carol has not seen it");
        }
        look(&sim, 5).await;
        for id in &ids {
            gone(&sim, 9, id).await;
        }
        // Neither readers nor the author's outbox bring it back, and nobody tries for ever.
        pause(600).await;
        for node in 3..9 {
            flushed(&sim, node, SOON).await;
        }
        for id in &ids {
            assert!(holders(&sim, 9, id).is_empty());
        }
        for node in [3, 4, 5] {
            assert_eq!(texts(&sim, node).await, ["two", "one"], "node {node}");
            assert_eq!(missing(&sim, node).await, []);
        }
        // Whoever follows now reads what comes, and misses nothing.
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        publish(&sim, 3, "three").await;
        reads(&sim, 6, &["three"], SOON).await;
        pause(120).await;
        assert_eq!(texts(&sim, 6).await, ["three"]);
        assert_eq!(missing(&sim, 6).await, []);
    });
}

#[test]
fn the_eleventh_post_makes_the_oldest_of_those_seen_by_equally_many_go() {
    let sim = town(901);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        let mut ids = Vec::new();
        for i in 1..=11 {
            ids.push(publish(&sim, 3, &format!("post {i}")).await.id);
            pause(5).await;
        }
        gone(&sim, 9, &ids[0]).await;
        stays(&sim, 9, &ids[1..]).await;
        // The author's feed has all of them.
        assert_eq!(texts(&sim, 3).await.len(), 11);
        // Whoever comes now reads what is there, and is not told of what was before.
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        let ten: Vec<String> = (2..=11).map(|i| format!("post {i}")).collect();
        reads(&sim, 6, &ten.iter().map(String::as_str).collect::<Vec<_>>(), SOON).await;
        assert_eq!(texts(&sim, 6).await.len(), 10);
        assert_eq!(missing(&sim, 6).await, []);
    });
}

#[test]
fn those_seen_by_most_make_room_first() {
    let sim = town(902);
    sim.run(async {
        three(&sim).await;
        // What carol never looks at, bob reads as far as the fourth post, which the second device of alice has not.
        settle(&sim, 7, "erin").await;
        let first = publish(&sim, 3, "seen by bob").await.id;
        reads(&sim, 4, &["seen by bob"], SOON).await;
        look(&sim, 4).await;
        pause(30).await;
        let mut ids = Vec::new();
        for i in 1..=10 {
            ids.push(publish(&sim, 3, &format!("post {i}")).await.id);
            pause(5).await;
        }
        gone(&sim, 9, &first).await;
        stays(&sim, 9, &ids).await;
    });
}

#[test]
fn a_post_without_followers_stays_until_it_ends() {
    let sim = town(903);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        let ttl = Some(Duration::from_secs(1200));
        let post = sim.doors(3).session.post("into the void".to_owned(), ttl).await.expect("posted");
        stays(&sim, 9, &[post.id]).await;
        pause(420).await;
        assert!(holders(&sim, 9, &post.id).is_empty(), "it has ended");
    });
}

#[test]
fn whoever_unfollows_is_not_waited_for() {
    let sim = town(904);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        look(&sim, 4).await;
        stays(&sim, 9, &[id]).await;
        sim.doors(5).session.follow(name("alice"), false).await.expect("unfollowed");
        gone(&sim, 9, &id).await;
        // With the last follower gone nobody has seen anything any more: what comes now stays.
        sim.doors(4).session.follow(name("alice"), false).await.expect("unfollowed");
        let id = publish(&sim, 3, "two").await.id;
        stays(&sim, 9, &[id]).await;
    });
}

#[test]
fn whoever_follows_later_reads_what_is_there_and_holds_nothing_back() {
    let sim = town(905);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        // Later than clocks may differ.
        pause(600).await;
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        reads(&sim, 6, &["one"], SOON).await;
        look(&sim, 4).await;
        look(&sim, 5).await;
        gone(&sim, 9, &id).await;
        assert_eq!(texts(&sim, 6).await, ["one"]);
    });
}

#[test]
fn a_follower_who_never_returns_holds_posts_back_until_the_cap_or_their_end() {
    let sim = town(906);
    sim.run(async {
        three(&sim).await;
        sim.crash(5);
        let ttl = Some(Duration::from_secs(1800));
        let mut ids = Vec::new();
        for i in 1..=10 {
            let posted = sim.doors(3).session.post(format!("post {i}"), ttl).await.expect("posted");
            ids.push(posted.id);
            pause(5).await;
        }
        reads(&sim, 4, &["post 1", "post 10"], SOON).await;
        look(&sim, 4).await;
        stays(&sim, 9, &ids).await;
        let last = publish(&sim, 3, "post 11").await.id;
        let others = || (0..9).filter(|n| *n != 5 && sim.holds(*n, &ids[0])).count() == 0;
        in_time(&sim, "the oldest makes room", COLLECTED, async || others()).await;
        pause(1800).await;
        assert!(ids.iter().all(|id| (0..9).all(|n| n == 5 || !sim.holds(n, id))), "they have ended");
        assert!(sim.holds(0, &last));
    });
}

#[test]
fn whoever_was_away_is_told_what_was_collected() {
    for author_online in [true, false] {
        let sim = town(907);
        sim.run(async {
            three(&sim).await;
            // Carol's node has read alice's home once.
            pause(90).await;
            sim.crash(5);
            for i in 1..=13 {
                publish(&sim, 3, &format!("post {i}")).await;
                pause(5).await;
            }
            pause(120).await;
            if !author_online {
                sim.crash(3);
            }
            sim.start(5);
            let ten: Vec<String> = (4..=13).map(|i| format!("post {i}")).collect();
            reads(&sim, 5, &ten.iter().map(String::as_str).collect::<Vec<_>>(), COLLECTED).await;
            in_time(&sim, "carol is told", COLLECTED, async || missing(&sim, 5).await == [(3, "collected")]).await;
        });
    }
}

#[test]
fn whoever_was_away_is_told_what_expired_and_what_was_collected() {
    let sim = town(917);
    sim.run(async {
        three(&sim).await;
        publish(&sim, 3, "zero").await;
        reads(&sim, 5, &["zero"], SOON).await;
        pause(90).await;
        sim.crash(5);
        // Two end while carol is away, behind and before posts that live.
        for (text, ttl) in [("short 1", Some(10)), ("post 1", None), ("short 2", Some(10))] {
            let ttl = ttl.map(Duration::from_secs);
            sim.doors(3).session.post(text.to_owned(), ttl).await.expect("posted");
            pause(2).await;
        }
        pause(60).await;
        // Of those that live the eldest make room: "zero", "post 1" and one more.
        for i in 2..=12 {
            publish(&sim, 3, &format!("post {i}")).await;
            pause(3).await;
        }
        pause(120).await;
        sim.start(5);
        reads(&sim, 5, &["post 3", "post 12"], COLLECTED).await;
        let told = async || missing(&sim, 5).await == [(2, "expired"), (2, "collected")];
        in_time(&sim, "carol is told", COLLECTED, told).await;
        // She is told it once.
        look(&sim, 5).await;
        assert_eq!(missing(&sim, 5).await, []);
    });
}

#[test]
fn nothing_is_collected_where_the_clock_is_in_doubt() {
    let sim = town(908);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        pause(10).await;
        let doubtful = [0, 1, 2, 3, 6, 7, 8];
        for node in doubtful {
            sim.skew(node, Duration::ZERO, Duration::ZERO, true);
        }
        look(&sim, 4).await;
        look(&sim, 5).await;
        pause(300).await;
        assert!(doubtful.iter().all(|node| sim.holds(*node, &id)), "{:?}", holders(&sim, 9, &id));
        for node in doubtful {
            sim.skew(node, Duration::ZERO, Duration::ZERO, false);
        }
        gone(&sim, 9, &id).await;
    });
}

#[test]
fn a_local_copy_goes_as_soon_as_the_author_says_so() {
    // Nobody sweeps unless told to.
    let every = Duration::from_secs(6 * 3600);
    let sim = Simulation::new(913, SimConfig { nodes: 24, k: 4, gc_interval: every, ..config() });
    sim.run(async {
        three(&sim).await;
        let home = home(&sim.doors(3).session.who().await.expect("a session").expect("alice").device.account);
        let distance = |node: usize| sim.id(node).key().distance(&home);
        let nearer = (0..24).filter(|node| distance(*node) < distance(5)).count();
        assert!(nearer > 4, "{sim:?}: node 5 keeps alice's home for others: {nearer}");
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
            look(&sim, node).await;
        }
        pause(30).await;
        assert!(sim.holds(5, &id), "{sim:?}: a reader keeps a copy");
        sim.doors(3).gc.sweep().await.expect("alice's node collects");
        let elsewhere = async || (0..3).all(|anchor| !sim.holds(anchor, &id));
        in_time(&sim, "anchors hear of it", SOON, elsewhere).await;
        sim.doors(5).feed.catch_up().await;
        assert!(!sim.holds(5, &id), "{sim:?}: the reader has alice's heads and her post");
    });
}

#[test]
fn a_post_lies_for_a_while_before_it_is_collected_whatever_the_clock_does() {
    let retention = Retention { min_age: Duration::from_secs(900), ..Retention::default() };
    let sim = Simulation::new(909, SimConfig { retention, ..config() });
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
            look(&sim, node).await;
        }
        pause(500).await;
        // Clocks that jump by four hours make nothing older.
        for node in 0..9 {
            sim.skew(node, Duration::from_secs(4 * 3600), Duration::ZERO, false);
        }
        pause(700).await;
        assert!(holders(&sim, 9, &id).len() > 4, "{:?}", holders(&sim, 9, &id));
        pause(300).await;
        gone(&sim, 9, &id).await;
    });
}

#[test]
fn a_node_may_keep_what_all_have_seen_and_a_reader_may_say_nothing() {
    for (collect_seen, publish_seen) in [(false, true), (true, false)] {
        let retention = Retention { collect_seen, publish_seen, ..config().retention };
        let sim = Simulation::new(910, SimConfig { retention, ..config() });
        sim.run(async {
            three(&sim).await;
            let mut ids = vec![publish(&sim, 3, "post 1").await.id];
            for node in [4, 5] {
                reads(&sim, node, &["post 1"], SOON).await;
                look(&sim, node).await;
            }
            stays(&sim, 9, &ids).await;
            // The cap holds all the same.
            for i in 2..=11 {
                ids.push(publish(&sim, 3, &format!("post {i}")).await.id);
                pause(5).await;
            }
            gone(&sim, 9, &ids[0]).await;
            stays(&sim, 9, &ids[1..]).await;
        });
    }
}

#[test]
fn an_idle_network_asks_nobody_about_collection() {
    let messages = |min_age: Duration| {
        let retention = Retention { min_age, ..Retention::default() };
        let sim = Simulation::new(911, SimConfig { nodes: 6, retention, ..config() });
        sim.run(async {
            three(&sim).await;
            for i in 0..5 {
                publish(&sim, 3, &format!("post {i}")).await;
            }
            pause(20).await;
            look(&sim, 4).await;
            // Carol does not look: what is here stays, and everything was said about it.
            pause(300).await;
            let before = sim.trace().messages;
            pause(1200).await;
            sim.trace().messages - before
        })
    };
    // Posts that might go and wait for somebody cost no more than posts that nobody thinks of collecting.
    let (never, waiting) = (messages(Duration::from_secs(24 * 3600)), messages(Duration::ZERO));
    assert!(waiting <= never + 100, "{never} messages where nothing is collected, {waiting} where posts wait");
}
