//! A reader that finds less than there is goes on to an anchor.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};

use super::people::{joined, login, name, pause, publish, reads, settle};
use super::reading::first;

/// Nodes 4 to 9 get the first post, nodes 10 to 15 the second one; then 4 to 9 are back, and one bootpeer is left.
fn story(seed: u64) {
    let sim = Simulation::new(seed, SimConfig { nodes: 17, k: 3, ..SimConfig::default() });
    sim.run(async {
        (10..17).for_each(|node| sim.crash(node));
        settle(&sim, 3, "alice").await;
        publish(&sim, 3, "old").await;
        (4..10).for_each(|node| sim.crash(node));
        (10..16).for_each(|node| sim.start(node));
        pause(60).await;
        publish(&sim, 3, "new").await;
        (10..16).chain([0, 1, 3]).for_each(|node| sim.crash(node));
        (4..10).chain([16]).for_each(|node| sim.start(node));
        pause(60).await;
        login(&sim, 16, "alice").await.unwrap_or_else(|problem| panic!("seed {seed}: {problem:?}"));
        sim.doors(16).feed.catch_up().await;
        reads(&sim, 16, &["old", "new"], Duration::from_secs(10)).await;
    });
}

#[test]
fn what_those_that_came_back_lack_is_read_from_an_anchor() {
    for seed in [80, 81, 84, 86, 90, 91] {
        story(seed);
    }
}

/// Ten of eleven are gone. Whoever comes then may wait once for each that is named to it, and not every time.
fn latecomer(k: usize) {
    let sim = Simulation::new(92, SimConfig { nodes: 11, k, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 3, "alice").await;
        publish(&sim, 3, "still here").await;
        (1..11).for_each(|node| sim.crash(node));
        let late = sim.add_knowing(&[0, 1, 2]);
        joined(&sim, late).await;
        let mut took = Vec::new();
        for _ in 0..6 {
            let before = sim.elapsed();
            let page = sim.doors(late).people.user(name("alice"), false, first(5)).await.expect("she is known");
            took.push(sim.elapsed() - before);
            assert!(page.complete && page.posts.len() == 1 && page.posts[0].text == "still here", "k = {k}: {page:?}");
        }
        assert!(took[2..].iter().all(|time| *time < Duration::from_secs(1)), "k = {k}: {took:?}");
    });
}

#[test]
fn nobody_waits_again_and_again_for_those_that_are_gone() {
    latecomer(3);
    latecomer(20);
}
