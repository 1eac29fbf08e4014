//! Absences of an hour up to three months, with clocks that are wrong afterwards: nothing that is gone comes back.
//!
//! The others run while they collect, and again when the one that was away returns; between they sleep as well, so that days cost
//! nothing. `TIMELINE_TEST_CASES` plays so many cases, up to all of them.

use std::time::Duration;

use timeline::actors::ListRequest;
use timeline::records::home;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Hash, Key};

use super::gc::{COLLECTED, config, holders, in_time, look, three};
use super::people::{SOON, feed, flushed, follow, joined, name, pause, publish, reads, register, settle, texts};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const NODES: usize = 7;
/// The others are awake for so many seconds again when the one that was away returns.
const BEFORE: u64 = 120;
/// Posts live for as long as they may, so that as many absences as can be end before them.
const LIFE: Duration = Duration::from_secs(30 * DAY);

/// Who is away, for how long, and how wrong the clock is afterwards.
#[derive(Clone, Copy, Debug)]
struct Case {
    away: usize,
    seconds: u64,
    clock_ms: i64,
}

const REPLICA: usize = 6;
const AUTHOR: usize = 3;
const FOLLOWER: usize = 5;

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for seconds in [HOUR, DAY, 30 * DAY, 90 * DAY] {
        for away in [REPLICA, AUTHOR, FOLLOWER] {
            for clock_ms in [0, -(HOUR as i64) * 1000, -90 * DAY as i64 * 1000, 40 * DAY as i64 * 1000] {
                all.push(Case { away, seconds, clock_ms });
            }
        }
    }
    all
}

/// Lets the others sleep, all at once, and wake up again.
async fn doze(sim: &Simulation, seconds: u64) {
    let running: Vec<usize> = (0..NODES).filter(|node| sim.is_running(*node)).collect();
    running.iter().for_each(|node| sim.set_asleep(*node, true));
    pause(seconds).await;
    running.iter().for_each(|node| sim.set_asleep(*node, false));
}

async fn alices_home(sim: &Simulation) -> Key {
    home(&sim.doors(AUTHOR).session.who().await.expect("an answer").expect("logged in").device.account)
}

/// Tells which of the nodes beside the one that was away hold one of the posts.
fn elsewhere(sim: &Simulation, away: usize, posts: &[Hash]) -> Vec<usize> {
    let held = posts.iter().flat_map(|post| holders(sim, sim.count(), post));
    held.filter(|node| *node != away).collect()
}

/// Alice posts; bob and carol see all of it but the last; one post is deleted. Returns what is gone by then, and what lives.
async fn collect_without(sim: &Simulation, away: usize) -> (Vec<Hash>, Hash) {
    let mut gone = Vec::new();
    for text in ["seen", "deleted", "seen as well"] {
        gone.push(sim.doors(AUTHOR).session.post(text.to_owned(), Some(LIFE)).await.expect("posted").id);
    }
    for node in [4, FOLLOWER] {
        reads(sim, node, &["seen", "deleted", "seen as well"], SOON).await;
    }
    look(sim, FOLLOWER).await;
    pause(30).await;
    for node in [AUTHOR, FOLLOWER] {
        flushed(sim, node, SOON).await;
    }
    if away == AUTHOR {
        // Nobody but the author deletes, so that is done before.
        sim.doors(AUTHOR).session.delete_within(gone[1], SOON).await.expect("deleted");
        flushed(sim, AUTHOR, SOON).await;
    }
    let mut lives = None;
    if away != FOLLOWER {
        let post = sim.doors(AUTHOR).session.post("lives".to_owned(), Some(LIFE)).await.expect("posted");
        lives = Some(post.id);
    }
    pause(10).await;
    assert!(sim.holds(away, &gone[0]) && sim.holds(away, &gone[2]), "it leaves with what is collected afterwards");
    sim.crash(away);
    if away != AUTHOR {
        sim.doors(AUTHOR).session.delete_within(gone[1], SOON).await.expect("deleted");
    }
    look(sim, 4).await;
    in_time(sim, "the others collect", COLLECTED, async || elsewhere(sim, away, &gone).is_empty()).await;
    let lives = match lives {
        Some(lives) => lives,
        None => sim.doors(AUTHOR).session.post("lives".to_owned(), Some(LIFE)).await.expect("posted").id,
    };
    pause(60).await;
    (gone, lives)
}

/// Whoever comes now and follows reads nothing of what is gone.
async fn newcomer_reads_nothing(sim: &Simulation, gone: &[Hash]) {
    let node = sim.add();
    joined(sim, node).await;
    register(sim, node, &format!("dave{node}")).await.expect("registered");
    follow(sim, node, "alice").await;
    pause(60).await;
    let read = feed(sim, node).await;
    assert!(read.iter().all(|post| !gone.contains(&post.id)), "{sim:?}: {read:?}");
}

/// Waits until something holds, looking now and then; within a quarter of an hour, as a clock that was set is in doubt for so long.
async fn soon(sim: &Simulation, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..60 {
        if holds().await {
            return;
        }
        pause(15).await;
    }
    panic!("{sim:?}: not within a quarter of an hour: {what}");
}

fn play(seed: u64, case: Case) {
    let sim = Simulation::new(seed, SimConfig { nodes: NODES, gc_interval: Duration::from_secs(20), ..config() });
    let Case { away, seconds, clock_ms } = case;
    sim.run(async {
        three(&sim).await;
        let (gone, lives) = collect_without(&sim, away).await;
        doze(&sim, seconds - BEFORE).await;
        pause(BEFORE).await;
        sim.set_clock(away, clock_ms, 0);
        sim.start(away);
        for _ in 0..12 {
            pause(10).await;
            assert_eq!(elsewhere(&sim, away, &gone), [0; 0], "{sim:?}: {case:?}: what is gone comes back");
        }
        newcomer_reads_nothing(&sim, &gone).await;
        let alive = LIFE.as_secs() > seconds + HOUR;
        assert!(!alive || elsewhere(&sim, away, &[lives]).len() > NODES / 2, "{sim:?}: {case:?}: what lives stays");
        // With a good clock the one that was away agrees with all others.
        sim.set_clock(away, 0, 0);
        let key = alices_home(&sim).await;
        let agree = async || {
            let states = (0..NODES).map(|node| sim.replica_state(node, &key));
            states.collect::<std::collections::BTreeSet<Hash>>().len() == 1
        };
        soon(&sim, &format!("{case:?}: all agree"), agree).await;
        // A clock that was just set is in doubt for a while, and nothing is removed meanwhile.
        let removed = async || gone.iter().all(|post| holders(&sim, sim.count(), post).is_empty());
        soon(&sim, &format!("{case:?}: nobody holds what is gone"), removed).await;
        publish(&sim, AUTHOR, "life goes on").await;
        pause(60).await;
        assert!(!alive || holders(&sim, NODES, &lives).len() > NODES / 2, "{sim:?}: {case:?}: what lives stays");
        for node in [4, FOLLOWER] {
            reads(&sim, node, &["life goes on"], SOON).await;
        }
        // What readers had read stays with them until it ends, and what was deleted does not.
        let feed = texts(&sim, FOLLOWER).await;
        assert!(!feed.iter().any(|text| text == "deleted"), "{sim:?}: {case:?}: {feed:?}");
        assert!(!alive || feed.iter().any(|text| text == "seen"), "{sim:?}: {case:?}: {feed:?}");
    });
}

#[test]
fn nothing_comes_back_after_absences() {
    let named = std::env::var("TIMELINE_TEST_CASES").ok().and_then(|text| text.parse().ok());
    let all = cases();
    // An hour, a day and a month; the author twice, a follower once; a clock that is ahead, far behind and a little behind.
    let usual = [7, 18, 33];

    let others = (0..all.len()).filter(|i| !usual.contains(i));
    for i in usual.into_iter().chain(others).take(named.unwrap_or(usual.len())) {
        play(940 + i as u64, all[i]);
    }
}

#[test]
fn an_unfollow_and_a_deletion_hold_after_a_month() {
    let sim = Simulation::new(935, SimConfig { nodes: NODES, ..config() });
    sim.run(async {
        three(&sim).await;
        settle(&sim, REPLICA, "erin").await;
        follow(&sim, REPLICA, "alice").await;
        let old = sim.doors(AUTHOR).session.post("old".to_owned(), Some(LIFE)).await.expect("posted").id;
        for node in [4, FOLLOWER, REPLICA] {
            reads(&sim, node, &["old"], SOON).await;
        }
        sim.crash(FOLLOWER);
        for node in [4, REPLICA] {
            sim.doors(node).session.follow(name("alice"), false).await.expect("unfollowed");
        }
        sim.doors(AUTHOR).session.delete_within(old, SOON).await.expect("deleted");
        pause(60).await;
        doze(&sim, 29 * DAY).await;
        pause(600).await;
        sim.start(FOLLOWER);
        pause(300).await;
        let page = sim
            .doors(FOLLOWER)
            .people
            .followers(Some(name("alice")), ListRequest { limit: 100, cursor: None })
            .await
            .expect("a page");
        let names: Vec<String> = page.users.iter().map(|user| user.username.to_string()).collect();
        assert_eq!(names, ["carol"], "{sim:?}: those who left do not come back");
        assert!(holders(&sim, NODES, &old).is_empty() && texts(&sim, FOLLOWER).await.is_empty());
    });
}
