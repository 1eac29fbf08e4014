//! Replicas that were away: what was collected meanwhile does not come back with them.

use futures_util::future::join_all;
use timeline::sim::Simulation;
use timeline::types::Hash;

use super::gc::{COLLECTED, gone, holders, in_time, look, stays, three, town};
use super::people::{SOON, follow, name, pause, publish, reads, settle, texts};

/// Waits until all that run have let go of a post.
async fn gone_but_at(sim: &Simulation, away: usize, post: &Hash) {
    let gone = async || holders(sim, 9, post).iter().all(|node| *node == away);
    in_time(sim, "those that are here collect", COLLECTED, gone).await;
}

#[test]
fn a_replica_that_was_away_does_not_bring_back_what_all_have_seen() {
    let sim = town(920);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        pause(10).await;
        assert!(sim.holds(8, &id));
        sim.crash(8);
        look(&sim, 4).await;
        look(&sim, 5).await;
        gone_but_at(&sim, 8, &id).await;
        // Whoever comes while it is away, and whoever comes when it is back, reads nothing of it.
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        pause(300).await;
        sim.start(8);
        gone(&sim, 9, &id).await;
        settle(&sim, 7, "erin").await;
        follow(&sim, 7, "alice").await;
        join_all((0..9).map(|node| {
            let feed = sim.doors(node).feed;
            async move { feed.catch_up().await }
        }))
        .await;
        pause(300).await;
        assert!(holders(&sim, 9, &id).is_empty());
        assert!(texts(&sim, 6).await.is_empty() && texts(&sim, 7).await.is_empty());
    });
}

#[test]
fn a_replica_that_was_away_does_not_bring_back_what_made_room() {
    let sim = town(921);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        let mut ids = Vec::new();
        for i in 1..=10 {
            ids.push(publish(&sim, 3, &format!("post {i}")).await.id);
            pause(5).await;
        }
        sim.crash(8);
        for i in 11..=13 {
            ids.push(publish(&sim, 3, &format!("post {i}")).await.id);
            pause(5).await;
        }
        for id in &ids[..3] {
            gone_but_at(&sim, 8, id).await;
        }
        sim.start(8);
        for id in &ids[..3] {
            gone(&sim, 9, id).await;
        }
        stays(&sim, 9, &ids[3..]).await;
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        pause(120).await;
        assert_eq!(texts(&sim, 6).await.len(), 10);
    });
}

#[test]
fn a_post_that_was_deleted_does_not_come_back_through_collection() {
    let sim = town(922);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        sim.crash(8);
        sim.doors(5).session.follow(name("alice"), false).await.expect("unfollowed");
        look(&sim, 4).await;
        gone_but_at(&sim, 8, &id).await;
        // The whole network is restarted with the one that was away.
        for node in 0..8 {
            sim.crash(node);
        }
        for node in 0..9 {
            sim.start(node);
        }
        gone(&sim, 9, &id).await;
        pause(300).await;
        assert!(holders(&sim, 9, &id).is_empty());
        assert_eq!(texts(&sim, 4).await, ["one"]);
    });
}

#[test]
fn a_node_cut_off_from_the_others_collects_nothing() {
    let sim = town(923);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        pause(10).await;
        // Bob's node and one replica are alone; dave follows on the other side, in time to be waited for.
        sim.cut(&[4, 8], &[0, 1, 2, 3, 5, 6, 7]);
        settle(&sim, 6, "dave").await;
        sim.doors(5).session.follow(name("alice"), false).await.expect("unfollowed");
        follow(&sim, 6, "alice").await;
        look(&sim, 4).await;
        pause(300).await;
        assert!(sim.holds(8, &id) || sim.holds(4, &id), "two of nine decide nothing");
        sim.heal();
        pause(300).await;
        assert!(holders(&sim, 9, &id).len() > 4, "dave has not seen it");
        look(&sim, 6).await;
        gone(&sim, 9, &id).await;
    });
}

#[test]
fn replicas_collect_without_the_author_and_the_author_agrees_when_it_returns() {
    let sim = town(924);
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
        }
        sim.crash(3);
        look(&sim, 4).await;
        look(&sim, 5).await;
        gone_but_at(&sim, 3, &id).await;
        sim.start(3);
        gone(&sim, 9, &id).await;
        assert_eq!(texts(&sim, 3).await, ["one"]);
        publish(&sim, 3, "two").await;
        reads(&sim, 4, &["one", "two"], SOON).await;
    });
}
