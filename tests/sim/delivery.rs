//! Posts reach those who follow.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation, Trace};
use timeline::timeline::Via;

use super::people::{SOON, feed, flushed, follow, joined, post, reads, register};

/// Authors of the town, each on a node of their own.
pub const TOWN: [&str; 12] = ["ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "june", "kai", "lena"];

/// Where the n-th of them lives: spread over the nodes that are no bootpeers.
pub fn place(n: usize) -> usize {
    3 + n * 3
}

/// Twelve people on fifty nodes register, follow three others each, and post; returns what they posted and the trace.
pub fn town(seed: u64) -> Trace {
    let config = SimConfig { nodes: 50, ..SimConfig::default() };
    let sim = Simulation::new(seed, config);
    sim.run(async {
        for (n, user) in TOWN.iter().enumerate() {
            joined(&sim, place(n)).await;
            register(&sim, place(n), user).await.expect("registers");
        }
        for n in 0..TOWN.len() {
            for far in [1, 3, 7] {
                let relation = follow(&sim, place(n), TOWN[(n + far) % TOWN.len()]).await.expect("follows");
                assert!(!relation.queued, "{relation:?}");
            }
        }
        // Interest has to reach the authors' homes.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let mut direct = 0;
        for (n, user) in TOWN.iter().enumerate() {
            let text = format!("{user} was here");
            let posted = post(&sim, place(n), &text).await.expect("posts");
            assert!(posted.published, "{posted:?}");
            assert_eq!((posted.online, posted.delivered), (3, 3), "{user}: {posted:?}");
            for far in [1, 3, 7] {
                let follower = place((n + TOWN.len() - far) % TOWN.len());
                reads(&sim, follower, &[&text], Duration::ZERO).await;
                let row = feed(&sim, follower).await.into_iter().find(|row| row.text == text).expect("there");
                direct += u32::from(row.via == Via::Direct);
            }
        }
        assert!(direct >= 12, "of 36 deliveries only {direct} came from the author's node");
        for n in 0..TOWN.len() {
            flushed(&sim, place(n), SOON).await;
        }
    });
    assert_eq!(sim.rebuilt(), 0);
    sim.trace()
}

#[test]
fn posts_reach_all_followers_that_are_online() {
    println!("{:?}", town(1));
}
