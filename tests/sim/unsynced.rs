//! Whoever was away for long says so: readers go on to those that were not, and take what it has where there are no others.

use std::time::Duration;

use timeline::records::home;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{AccountId, Hash};
use timeline::wire::{Compare, Request};

use super::gc::in_time;
use super::people::{SOON, joined, name, pause, publish, register};
use super::reading::first;

const NODES: usize = 28;
/// More than a reader asks at once and needs together, and fewer than a home has replicas.
const AWAY: usize = 20;
const K: usize = 23;

/// A network without anchors, in which nobody compares anything: what was missed stays missed for a while.
fn unmended(seed: u64) -> Simulation {
    let config = SimConfig { nodes: NODES, k: K, anchors: false, ..SimConfig::default() };
    Simulation::new(seed, SimConfig { refuses: Some(|_, request| request == Compare::NUMBER), ..config })
}

/// Somebody new reads Alice's page; returns the texts on it.
async fn page(sim: &Simulation, running: usize) -> Vec<String> {
    let reader = sim.add();
    // Whoever knows few asks all of them at once.
    let many = async || sim.doors(reader).routing.overview().await.is_ok_and(|table| table.known + 1 >= running);
    sim.until("the reader knows everybody", SOON, many).await;
    let view = sim.doors(reader).people.user(name("alice"), false, first(10)).await;
    let view = view.unwrap_or_else(|problem| panic!("{sim:?}: the page of alice: {problem:?}"));
    view.posts.into_iter().map(|post| post.text).collect()
}

async fn are_unsynced(sim: &Simulation, nodes: &[usize]) {
    for node in nodes {
        assert_eq!(sim.doors(*node).repair.is_synced().await, Ok(false), "{sim:?}: node {node}");
    }
}

#[test]
fn readers_prefer_those_that_were_there_and_take_from_others_what_nobody_else_has() {
    let sim = unmended(530);
    sim.run(async {
        const ALICE: usize = 4;
        joined(&sim, ALICE).await;
        let alice: AccountId = register(&sim, ALICE, "alice").await.expect("registered").account;
        let one: Hash = publish(&sim, ALICE, "one").await.id;
        // A way in is among them, and whoever keeps a home best: a reader asks no further than these, once they count.
        let mut nearest: Vec<usize> = (1..NODES).filter(|node| *node != ALICE).collect();
        nearest.sort_by_key(|node| sim.id(*node).key().distance(&home(&alice)));
        let rest = nearest.split_off(AWAY);
        let away = [&[0], &nearest[..]].concat();
        let have = async || nearest.iter().all(|node| sim.holds(*node, &one));
        in_time(&sim, "those nearest keep the first post", Duration::from_secs(120), have).await;
        away.iter().for_each(|node| sim.crash(*node));
        pause(31 * 60).await;
        let two = publish(&sim, ALICE, "two").await.id;
        let have = async || rest.iter().all(|node| sim.holds(*node, &two));
        in_time(&sim, "the others keep the second one", Duration::from_secs(60), have).await;
        // The author does not bring it to them either.
        sim.crash(ALICE);
        away.iter().for_each(|node| sim.start(*node));
        for node in &away {
            joined(&sim, *node).await;
        }
        are_unsynced(&sim, &away).await;
        assert!(!away.iter().any(|node| sim.holds(*node, &two)), "{sim:?}: they missed it");
        rest.iter().for_each(|node| sim.crash(*node));
        assert_eq!(page(&sim, away.len()).await, ["one"], "{sim:?}: there are no others");
        rest.iter().for_each(|node| sim.start(*node));
        for node in &rest {
            joined(&sim, *node).await;
        }
        are_unsynced(&sim, &away).await;
        assert!(!away.iter().any(|node| sim.holds(*node, &two)), "{sim:?}: they still lack it");
        assert_eq!(page(&sim, NODES).await, ["two", "one"], "{sim:?}: those nearest are not taken for all there is");
    });
}
