//! What could not be written at first, as while the disk was full, is made good by itself; and what comes while something
//! else is on its way to the disk.

use std::time::Duration;

use timeline::actors::{Retention, UserView};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Code;

use super::gc::{COLLECTED, config, holders, look};
use super::mentions::delete;
use super::people::{SOON, flushed, follow, name, network, pause, post, publish, reads, settle};
use super::reading::{first, told};

/// A few rounds of whatever is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(15 * 60);

async fn mentioned(sim: &Simulation, node: usize) -> Vec<String> {
    let page = sim.doors(node).feed.mentions(first(50)).await;
    page.map(|page| page.posts.into_iter().map(|post| post.text).collect()).unwrap_or_default()
}

#[test]
fn a_deletion_that_could_not_be_written_takes_the_mention_when_there_is_room() {
    let sim = network(1001, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let slip = publish(&sim, 5, "a slip @alice").await.id;
        sim.until("she is told", SOON, async || mentioned(&sim, 4).await == ["a slip @alice"]).await;
        sim.set_full(4, true);
        delete(&sim, 5, slip).await;
        for _ in 0..8 {
            pause(100).await;
            assert_eq!(mentioned(&sim, 4).await, ["a slip @alice"], "it is still on the disk");
        }
        sim.set_full(4, false);
        sim.until("it goes", TRIED_AGAIN, async || {
            pause(10).await;
            mentioned(&sim, 4).await.is_empty()
        })
        .await;
    });
}

#[test]
fn a_mention_that_is_deleted_while_the_inbox_is_read_does_not_stay() {
    let sim = network(1002, 8);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
        }
        for n in 0..12u64 {
            // Carol's home is looked into for what is not there any more, and meanwhile bob's post goes.
            let vain = publish(&sim, 6, &format!("vain {n} @alice")).await.id;
            pause(1).await;
            delete(&sim, 6, vain).await;
            let slip = publish(&sim, 5, &format!("slip {n} @alice")).await.id;
            pause(2).await;
            let late = async {
                tokio::time::sleep(Duration::from_millis(n * 15)).await;
                delete(&sim, 5, slip).await;
            };
            tokio::join!(mentioned(&sim, 4), late);
            pause(10).await;
        }
        pause(100).await;
        assert_eq!(mentioned(&sim, 4).await, Vec::<String>::new());
    });
}

#[test]
fn a_mention_that_could_not_be_written_is_told_soon_after_there_is_room() {
    let sim = network(1018, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        pause(130).await;
        let mut watching = sim.doors(4).feed.watch().await.expect("alice watches");
        sim.set_full(4, true);
        publish(&sim, 5, "hello @alice").await;
        pause(150).await;
        sim.set_full(4, false);
        let mut heard = Vec::new();
        sim.until("she is told", Duration::from_secs(180), async || {
            pause(5).await;
            heard.extend(told(&mut watching.events));
            !heard.is_empty()
        })
        .await;
    });
}

#[test]
fn a_watermark_that_could_not_be_written_is_signed_again() {
    let retention = Retention { seen_interval: Duration::from_secs(10), ..config().retention };
    let sim = Simulation::new(1003, SimConfig { retention, ..config() });
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        pause(60).await;
        publish(&sim, 3, "one").await;
        reads(&sim, 4, &["one"], SOON).await;
        look(&sim, 4).await;
        let last = publish(&sim, 3, "two").await.id;
        reads(&sim, 4, &["two"], SOON).await;
        look(&sim, 4).await;
        // What he saw is to be signed now.
        sim.set_full(4, true);
        pause(15).await;
        sim.set_full(4, false);
        sim.until("what all have seen goes", COLLECTED, async || {
            pause(5).await;
            holders(&sim, 9, &last).is_empty()
        })
        .await;
    });
}

#[test]
fn whoever_comes_back_with_a_full_disk_has_not_caught_up_and_does_so_when_there_is_room() {
    let sim = network(1014, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        pause(30).await;
        sim.crash(5);
        let id = publish(&sim, 4, "meanwhile").await.id;
        flushed(&sim, 4, Duration::from_secs(600)).await;
        pause(40 * 60).await;
        // What she has is with all others.
        sim.crash(4);
        pause(60).await;
        sim.set_full(5, true);
        sim.start(5);
        pause(400).await;
        assert_eq!(sim.doors(5).repair.is_synced().await, Ok(false), "it holds nothing of what it missed");
        sim.set_full(5, false);
        sim.until("it has what it missed", Duration::from_secs(11 * 60), async || {
            pause(5).await;
            sim.holds(5, &id)
        })
        .await;
    });
}

#[test]
fn a_logout_that_could_not_be_written_changes_nothing() {
    let sim = network(1006, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "before").await;
        sim.set_full(4, true);
        let refused = sim.doors(4).session.logout().await.expect_err("there is no room");
        assert_eq!(refused.code, Code::DiskFull);
        sim.set_full(4, false);
        pause(600).await;
        assert!(post(&sim, 4, "after").await.published);
        let page: Result<UserView, _> = sim.doors(4).people.user(name("alice"), false, first(9)).await;
        let own: Vec<String> = page.expect("her page").posts.into_iter().map(|post| post.text).collect();
        assert_eq!(own, ["after", "before"]);
        reads(&sim, 5, &["after", "before"], SOON).await;
    });
}

#[test]
fn whoever_was_away_with_a_clock_that_was_set_back_has_not_caught_up() {
    let sim = network(1019, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        pause(700).await;
        sim.crash(5);
        pause(90 * 60).await;
        sim.set_clock(5, -100 * 60 * 1000, 0);
        sim.start(5);
        assert_eq!(sim.doors(5).repair.is_synced().await, Ok(false));
    });
}
