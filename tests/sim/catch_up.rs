//! Someone who follows many people was away: so soon after the network is back the feed is complete again, and says what is
//! missing and why. `TIMELINE_FOLLOWED=100` plays it with a hundred, which takes some minutes.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::join_all;
use timeline::actors::{FeedPage, PageRequest, Retention};
use timeline::keys::CheckedOnce;
use timeline::records::OpenedOnce;
use timeline::sim::{SimConfig, Simulation, Ways};
use timeline::timeline::Via;

use super::people::{SOON, flushed, name, pause, settle};

/// The promise.
const SOON_ENOUGH: Duration = Duration::from_secs(5);
const BOOTPEERS: usize = 3;
/// How many are followed where nothing else is said.
const FOLLOWED: usize = 20;
const HOUR: Duration = Duration::from_secs(3600);
const NONE: Duration = Duration::ZERO;

/// Returns how many are followed.
fn followed() -> usize {
    std::env::var("TIMELINE_FOLLOWED").map_or(FOLLOWED, |number| number.parse().expect("a number"))
}

/// Returns the node of the one who is away.
fn reader() -> usize {
    BOOTPEERS + followed()
}

/// Everybody lives on a node of their own, a round trip of 50 ms from everybody else.
struct Stage {
    sim: Simulation,
    /// Of a hundred nodes each would check the same signatures.
    _once: (CheckedOnce, OpenedOnce),
}

impl Stage {
    fn new(seed: u64) -> Self {
        let way = Duration::from_millis(25);
        let ways = Ways { shortest: way, longest: way, ..Ways::default() };
        let retention = Retention { min_age: Duration::ZERO, ..Retention::default() };
        let config = SimConfig {
            nodes: reader() + 1,
            bootpeers: BOOTPEERS,
            k: 8,
            ways,
            retention,
            gc_interval: Duration::from_secs(30),
            share_bytes: true,
            ..SimConfig::default()
        };
        let once = (CheckedOnce::begin(), OpenedOnce::begin());
        Self { sim: Simulation::new(seed, config), _once: once }
    }

    /// Everybody registers, and the reader follows all others and has read what they posted.
    async fn set_up(&self) {
        let sim = &self.sim;
        join_all((BOOTPEERS..=reader()).map(|node| async move { settle(sim, node, &user(node)).await })).await;
        for some in authors().collect::<Vec<_>>().chunks(10) {
            let session = sim.doors(reader()).session;
            let follows = some.iter().map(|node| session.follow(name(&user(*node)), true));
            for followed in join_all(follows).await {
                assert!(followed.is_ok(), "{sim:?}: {followed:?}");
            }
        }
        flushed(sim, reader(), SOON).await;
        pause(20).await;
        self.all_post("at first").await;
        self.complete_after("set up", &["at first"], 3 * SOON_ENOUGH).await;
        pause(120).await;
    }

    async fn all_post(&self, text: &str) {
        let sim = &self.sim;
        let posts = authors().map(|node| async move {
            let posted = sim.doors(node).session.post(format!("{} says {text}", user(node)), None).await;
            posted.unwrap_or_else(|problem| panic!("{sim:?}: node {node} posts: {problem:?}"))
        });
        let posted = join_all(posts).await;
        assert!(posted.iter().all(|posted| posted.published), "{sim:?}: {text}");
    }

    /// Looks at the feed; there is none before a node that starts has found its login.
    async fn page(&self) -> Option<FeedPage> {
        self.sim.doors(reader()).feed.page(PageRequest { limit: 5000, ..PageRequest::default() }).await.ok()
    }

    /// Waits from now on until the feed has all these posts of everybody and calls itself complete; prints how long it took.
    async fn complete_after(&self, case: &str, texts: &[&str], within: Duration) -> FeedPage {
        let (sim, began) = (&self.sim, self.sim.elapsed());
        let requests = || sim.requests_of(reader()).values().sum::<u64>();
        let (sent, mut last) = (requests(), None);
        let whole = async || {
            let Some(page) = self.page().await else { return false };
            let all = texts.iter().all(|text| {
                let of_it = page.posts.iter().filter(|post| post.text.ends_with(&format!("says {text}")));
                of_it.count() == followed()
            });
            let done = all && page.complete;
            last = Some(page);
            done
        };
        sim.until(&format!("{case}: the feed is complete"), within, whole).await;
        let took = sim.elapsed() - began;
        eprintln!("{case}: complete after {} ms with {} requests", took.as_millis(), requests() - sent);
        last.expect("looked at")
    }

    /// What is posted now comes by itself, from its author's node.
    async fn comes_directly(&self, text: &str) {
        pause(2).await;
        self.all_post(text).await;
        let page = self.complete_after(&format!("{text} comes"), &[text], Duration::from_secs(2)).await;
        let direct = page.posts.iter().filter(|post| post.text.ends_with(text) && post.via == Via::Direct).count();
        eprintln!("{text}: {direct} of {} came directly", followed());
        // A replica of an author's home may get a post as such first.
        assert!(direct * 2 >= followed(), "{:?}: only {direct} posts came directly", self.sim);
    }

    /// Lets so much time pass in which the others sleep, which costs a simulation nothing, and wake up again.
    async fn doze(&self, time: Duration) {
        self.others().into_iter().for_each(|node| self.sim.set_asleep(node, true));
        tokio::time::sleep(time).await;
        self.others().into_iter().for_each(|node| self.sim.set_asleep(node, false));
        pause(60).await;
    }

    fn others(&self) -> Vec<usize> {
        (0..reader()).collect()
    }

    fn cut_off(&self) {
        self.sim.cut(&[reader()], &self.others());
    }
}

fn authors() -> std::ops::Range<usize> {
    BOOTPEERS..reader()
}

fn user(node: usize) -> String {
    format!("person_{node}")
}

#[test]
fn the_feed_is_complete_soon_after_the_network_is_back() {
    let stage = Stage::new(600);
    let sim = &stage.sim;
    sim.run(async {
        stage.set_up().await;
        stage.cut_off();
        pause(60).await;
        stage.all_post("in the cut").await;
        pause(540).await;
        sim.heal();
        stage.complete_after("network cut for ten minutes", &["in the cut"], SOON_ENOUGH).await;
        stage.comes_directly("after the cut").await;
        pause(60).await;

        sim.set_asleep(reader(), true);
        pause(40).await;
        stage.all_post("in the sleep").await;
        stage.doze(HOUR).await;
        sim.set_asleep(reader(), false);
        stage.complete_after("sleep of an hour", &["in the sleep"], SOON_ENOUGH).await;
        stage.comes_directly("after the sleep").await;
    });
}

#[test]
fn the_feed_is_complete_soon_after_the_node_has_moved() {
    let stage = Stage::new(601);
    let sim = &stage.sim;
    sim.run(async {
        stage.set_up().await;
        sim.relocate(reader(), Ipv4Addr::new(192, 0, 2, 1));
        stage.all_post("into the void").await;
        stage.complete_after("another address, at once", &["into the void"], SOON_ENOUGH).await;
        stage.comes_directly("to the new address").await;
        pause(60).await;

        stage.cut_off();
        pause(20).await;
        stage.all_post("on the way").await;
        pause(100).await;
        sim.relocate(reader(), Ipv4Addr::new(192, 0, 2, 2));
        sim.heal();
        stage.complete_after("another address after two minutes without any", &["on the way"], SOON_ENOUGH).await;
        stage.comes_directly("to the third address").await;
        let peers = sim.doors(0).routing.peers().await.expect("the table answers");
        let known = peers.iter().find(|peer| peer.contact.node == sim.id(reader())).expect("a bootpeer knows it");
        assert_eq!(known.contact.addresses[0].ip(), Ipv4Addr::new(192, 0, 2, 2), "{:?}", known.contact);
    });
}

#[test]
fn the_feed_is_complete_soon_whatever_the_clock_does() {
    let stage = Stage::new(602);
    let sim = &stage.sim;
    sim.run(async {
        stage.set_up().await;
        sim.skew(reader(), HOUR, NONE, false);
        stage.all_post("an hour ahead").await;
        stage.complete_after("clock an hour ahead", &["an hour ahead"], SOON_ENOUGH).await;
        pause(60).await;
        sim.skew(reader(), NONE, NONE, false);
        stage.all_post("the right time").await;
        stage.complete_after("clock set back", &["the right time"], SOON_ENOUGH).await;
        pause(60).await;

        stage.cut_off();
        sim.skew(reader(), HOUR, NONE, false);
        pause(60).await;
        stage.all_post("offline and ahead").await;
        pause(60).await;
        sim.skew(reader(), NONE, NONE, false);
        pause(60).await;
        sim.heal();
        stage.complete_after("clock ahead and back while offline", &["offline and ahead"], SOON_ENOUGH).await;

        // It wakes, and the network comes later.
        sim.set_asleep(reader(), true);
        pause(60).await;
        stage.all_post("before it wakes").await;
        pause(60).await;
        stage.cut_off();
        sim.set_asleep(reader(), false);
        pause(8).await;
        sim.heal();
        stage.complete_after("network eight seconds after the sleep", &["before it wakes"], SOON_ENOUGH).await;
        stage.comes_directly("in time").await;
    });
}

#[test]
fn after_days_the_feed_is_complete_soon_and_says_what_is_missing_and_why() {
    let stage = Stage::new(603);
    let sim = &stage.sim;
    sim.run(async {
        stage.set_up().await;
        sim.shut_down(reader()).await;
        pause(60).await;
        let (busy, brief) = (authors().start, authors().start + 1);
        for n in 0..12 {
            let posted = sim.doors(busy).session.post(format!("note {n}"), None).await.expect("posted");
            assert!(posted.published);
            pause(5).await;
        }
        for n in 0..2 {
            sim.doors(brief).session.post(format!("brief {n}"), Some(HOUR / 2)).await.expect("posted");
        }
        stage.all_post("while it was off").await;
        pause(120).await;
        stage.doze(48 * HOUR).await;
        sim.start(reader());
        let page = stage.complete_after("two days off", &["while it was off"], SOON_ENOUGH).await;
        let mut missing: Vec<(String, u64, &str)> =
            page.missing.iter().map(|m| (m.author.to_string(), m.count, m.reason)).collect();
        missing.sort_unstable();
        // Ten of one account are kept: of thirteen posts and the one before, which was read, three are gone.
        assert_eq!(missing, [(user(busy), 3, "collected"), (user(brief), 2, "expired")]);
        stage.comes_directly("after two days").await;
    });
}
