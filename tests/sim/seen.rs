//! Watermarks: when they are signed, and what they say.

use std::time::Duration;

use timeline::actors::Retention;
use timeline::sim::{SimConfig, Simulation};

use super::gc::{COLLECTED, config, gone, holders, look, three, town};
use super::people::{SOON, feed, flushed, follow, joined, login, pause, publish, reads, settle};

async fn watermarks(sim: &Simulation, node: usize) -> usize {
    let items = sim.doors(node).outbox.items().await.expect("the outbox");
    items.iter().filter(|item| item.label == "watermark").count()
}

#[test]
fn of_one_log_only_the_last_word_waits_in_the_outbox() {
    let sim = Simulation::new(
        940,
        SimConfig { retention: Retention { seen_interval: Duration::ZERO, ..config().retention }, ..config() },
    );
    sim.run(async {
        three(&sim).await;
        flushed(&sim, 4, SOON).await;
        for i in 0..5 {
            publish(&sim, 3, &format!("post {i}")).await;
            reads(&sim, 4, &[&format!("post {i}")], SOON).await;
        }
        // Nobody can be reached any more; what is shown is shown one by one.
        sim.cut(&[4], &[0, 1, 2, 3, 5, 6, 7, 8]);
        let mut ids: Vec<_> = feed(&sim, 4).await.into_iter().map(|post| post.id).collect();
        while let Some(id) = ids.pop() {
            sim.doors(4).feed.shown(vec![id]).await.expect("shown");
            pause(2).await;
            assert_eq!(watermarks(&sim, 4).await, 1);
        }
        sim.restart(4);
        joined(&sim, 5).await;
        assert_eq!(watermarks(&sim, 4).await, 1);
        sim.heal();
        flushed(&sim, 4, Duration::from_secs(400)).await;
    });
}

#[test]
fn a_post_that_was_not_shown_holds_back_those_behind_it() {
    let sim = town(941);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        let ids: Vec<_> =
            [publish(&sim, 3, "one").await.id, publish(&sim, 3, "two").await.id, publish(&sim, 3, "three").await.id]
                .into();
        reads(&sim, 4, &["one", "two", "three"], SOON).await;
        sim.doors(4).feed.shown(vec![ids[0], ids[2]]).await.expect("shown");
        gone(&sim, 9, &ids[0]).await;
        pause(300).await;
        for id in &ids[1..] {
            assert!(holders(&sim, 9, id).len() > 4, "the second was not shown, and the third lies behind it");
        }
        sim.doors(4).feed.shown(vec![ids[1]]).await.expect("shown");
        for id in &ids {
            gone(&sim, 9, id).await;
        }
    });
}

#[test]
fn what_one_device_has_shown_is_seen() {
    let sim = town(942);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        joined(&sim, 6).await;
        login(&sim, 6, "bob").await.expect("bob logs in on a second node");
        let id = publish(&sim, 3, "one").await.id;
        reads(&sim, 4, &["one"], SOON).await;
        reads(&sim, 6, &["one"], COLLECTED).await;
        look(&sim, 6).await;
        gone(&sim, 9, &id).await;
        // The other device, which is behind, takes nothing back.
        publish(&sim, 3, "two").await;
        reads(&sim, 4, &["two"], SOON).await;
        look(&sim, 6).await;
    });
}

#[test]
fn words_about_one_log_keep_their_distance() {
    let sim = town(943);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        let mut last = None;
        for i in 0..4 {
            last = Some(publish(&sim, 3, &format!("post {i}")).await.id);
            reads(&sim, 4, &[&format!("post {i}")], SOON).await;
            look(&sim, 4).await;
        }
        // The last word waits its turn, and comes without anybody looking again.
        gone(&sim, 9, &last.expect("posted")).await;
    });
}
