//! Unfollowing and logging out hold, whatever is on its way at that moment.

use std::time::Duration;

use futures_util::future::{join, join_all};
use timeline::sim::{SimConfig, Simulation, Ways};

use super::people::{
    SOON, feed, follow, joined, login, name, network, pause, post, publish, reads, register, settle, texts,
};

/// A small network with short ways, in which what happens at once comes at once.
fn close(seed: u64) -> Simulation {
    let ways = Ways { shortest: Duration::from_millis(3), longest: Duration::from_millis(4), ..Ways::default() };
    Simulation::new(seed, SimConfig { nodes: 5, ways, ..SimConfig::default() })
}

/// Alice posts several times in a row.
async fn posts(sim: &Simulation) {
    join_all((0..8).map(|i| async move {
        tokio::time::sleep(Duration::from_millis(i)).await;
        post(sim, 3, "late").await
    }))
    .await;
}

#[test]
fn a_post_on_its_way_does_not_undo_an_unfollow() {
    let sim = close(80);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        // One of these moments is the one in which the post comes.
        for moment in 0..20 {
            follow(&sim, 4, "alice").await;
            pause(5).await;
            let unfollow = async {
                tokio::time::sleep(Duration::from_millis(moment)).await;
                sim.doors(4).session.follow(name("alice"), false).await
            };
            let ((), relation) = join(posts(&sim), unfollow).await;
            assert!(relation.is_ok_and(|r| !r.follows));
            sim.restart(4);
            pause(90).await;
            assert!(feed(&sim, 4).await.is_empty(), "unfollowed after {moment} ms, and followed again after a restart");
        }
    });
}

#[test]
fn an_unfollow_that_a_crash_cuts_short_is_done_whole_or_not_at_all() {
    let sim = close(83);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        for moment in 0..12 {
            follow(&sim, 4, "alice").await;
            let (old, new) = (format!("old {moment}"), format!("new {moment}"));
            publish(&sim, 3, &old).await;
            reads(&sim, 4, &[&old], SOON).await;
            let session = sim.doors(4).session;
            let unfollow = session.follow(name("alice"), false);
            let ended = tokio::time::timeout(Duration::from_millis(moment), unfollow).await;
            sim.restart(4);
            publish(&sim, 3, &new).await;
            pause(70).await;
            let texts = texts(&sim, 4).await;
            let follows = texts.contains(&new);
            assert!(!follows || ended.is_err(), "an acknowledged unfollow is undone");
            assert_eq!(texts.contains(&old), follows, "cut short after {moment} ms: {texts:?}");
            if follows {
                sim.doors(4).session.follow(name("alice"), false).await.expect("bob unfollows");
            }
        }
    });
}

#[test]
fn nothing_of_a_login_is_left_for_the_next() {
    let sim = close(81);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        joined(&sim, 4).await;
        register(&sim, 4, "bob").await.expect("bob registers");
        follow(&sim, 4, "alice").await;
        for moment in (0..20).step_by(2) {
            pause(5).await;
            let logout = async {
                tokio::time::sleep(Duration::from_millis(moment)).await;
                sim.doors(4).session.logout().await
            };
            let ((), left) = join(posts(&sim), logout).await;
            assert!(left.is_ok());
            if moment == 0 {
                register(&sim, 4, "carol").await.expect("carol registers");
            } else {
                login(&sim, 4, "carol").await.expect("carol logs in");
            }
            sim.restart(4);
            pause(90).await;
            assert!(feed(&sim, 4).await.is_empty(), "bob left after {moment} ms, and carol reads what he followed");
            sim.doors(4).session.logout().await.expect("carol leaves");
            login(&sim, 4, "bob").await.expect("bob is back");
        }
    });
}

#[test]
fn who_shuts_down_is_not_waited_for() {
    let sim = network(82, 8);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        pause(5).await;
        assert_eq!(publish(&sim, 3, "you are here").await.online, 1);
        sim.shut_down(4).await;
        pause(25).await;
        let posted = publish(&sim, 3, "and now you are not").await;
        assert_eq!((posted.online, posted.delivered), (0, 0), "{posted:?}");
    });
}

#[test]
fn what_was_overtaken_while_it_was_sent_is_not_sent_again_after_a_restart() {
    let ways = Ways { shortest: Duration::from_millis(3), longest: Duration::from_millis(4), ..Ways::default() };
    let sim =
        Simulation::new(84, SimConfig { nodes: 5, ways, commit: Duration::from_millis(300), ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        // Nobody takes anything: every attempt ends, is noted on the disk and comes again.
        sim.cut(&[4], &[0, 1, 2, 3]);
        let labels = async || -> Vec<String> {
            let items = sim.doors(4).outbox.items().await.unwrap_or_default();
            items.into_iter().filter(|item| item.label != "watermark").map(|item| item.label).collect()
        };
        for moment in 0..60 {
            for follows in [false, true] {
                let relation = sim.doors(4).session.follow(name("alice"), follows).await.expect("it is kept");
                assert!(relation.queued && relation.follows == follows);
                // One of these moments is the one in which an attempt ends.
                tokio::time::sleep(Duration::from_millis(moment * 50)).await;
            }
            let before = labels().await;
            sim.shut_down(4).await;
            sim.start(4);
            pause(1).await;
            assert_eq!(labels().await, before, "after {moment} times 50 ms");
        }
    });
}
