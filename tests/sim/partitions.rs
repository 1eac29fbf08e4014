//! When a cut heals, everybody gets what they missed, by itself.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Key, NodeId};

use super::people::{SOON, flushed, follow, joined, network, pause, post, publish, reads, settle, texts};

#[test]
fn a_follower_behind_a_cut_gets_what_it_missed() {
    let sim = network(50, 20);
    sim.run(async {
        settle(&sim, 5, "alice").await;
        settle(&sim, 6, "bob").await;
        follow(&sim, 6, "alice").await;
        pause(5).await;
        let others: Vec<usize> = (0..20).filter(|node| *node != 6).collect();
        sim.cut(&[6], &others);
        let posted = publish(&sim, 5, "can you hear me").await;
        assert_eq!(posted.delivered, 0, "{posted:?}");
        pause(300).await;
        assert!(texts(&sim, 6).await.is_empty());
        sim.heal();
        reads(&sim, 6, &["can you hear me"], Duration::from_secs(90)).await;
        pause(60).await;
        let posted = publish(&sim, 5, "and now").await;
        assert_eq!(posted.delivered, 1, "bob is known to be online again: {posted:?}");
    });
}

#[test]
fn both_halves_of_a_network_go_on_and_agree_after_it_heals() {
    let sim = network(51, 24);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (14, "carol"), (15, "dave")] {
            settle(&sim, node, user).await;
        }
        for (node, user) in [(5, "alice"), (15, "alice"), (5, "carol"), (15, "carol")] {
            follow(&sim, node, user).await;
        }
        pause(5).await;
        // Bootpeers 0 and 1 are on the one side, 2 on the other.
        let one: Vec<usize> = (0..24).filter(|n| *n < 2 || (3..13).contains(n)).collect();
        let other: Vec<usize> = (0..24).filter(|n| !one.contains(n)).collect();
        sim.cut(&one, &other);
        // Until the lost ones are known to be lost.
        pause(180).await;
        post(&sim, 4, "from the one side").await;
        post(&sim, 14, "from the other side").await;
        reads(&sim, 5, &["from the one side"], SOON).await;
        reads(&sim, 15, &["from the other side"], SOON).await;
        pause(120).await;
        sim.heal();
        for node in [5, 15] {
            reads(&sim, node, &["from the one side", "from the other side"], Duration::from_secs(180)).await;
        }
        for node in [4, 14] {
            flushed(&sim, node, Duration::from_secs(400)).await;
        }
    });
}

#[test]
fn a_follower_whom_the_author_cannot_reach_reads_from_others() {
    let sim = network(52, 25);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        sim.cut(&[4], &[5]);
        let posted = publish(&sim, 4, "by way of others").await;
        assert_eq!(posted.delivered, 0, "{posted:?}");
        reads(&sim, 5, &["by way of others"], Duration::from_secs(65)).await;
    });
}

const NODES: usize = 56;
const K: usize = 4;

/// Returns how many of some keys two nodes look up otherwise than at those nearest of all.
async fn wrong_lookups(sim: &Simulation) -> usize {
    let mut wrong = 0;
    for (from, first) in
        [4, NODES - 4].into_iter().flat_map(|from| (0..=240).step_by(16).map(move |first| (from, first)))
    {
        let key = Key([first; 32]);
        let mut nearest: Vec<NodeId> = (0..NODES).filter(|node| *node != from).map(|node| sim.id(node)).collect();
        nearest.sort_by_key(|id| id.distance(&key));
        nearest.truncate(K);
        let found = sim.doors(from).routing.look_up(key).await.expect("the node lives").closest;
        wrong += usize::from(!found.iter().map(|near| near.node).eq(nearest));
    }
    wrong
}

/// Cuts a network in two, those left out belonging to both, until either half has forgotten the other; then nobody looks up the
/// wrong nodes any more within so long.
fn forgets_and_finds_again(seed: u64, both: usize, within: Duration) {
    let sim = Simulation::new(seed, SimConfig { nodes: NODES, k: K, ..SimConfig::default() });
    sim.run(async {
        joined(&sim, NODES - 4).await;
        pause(60).await;
        let (one, other): (Vec<usize>, Vec<usize>) = (both..NODES).partition(|node| *node < NODES / 2);
        sim.cut(&one, &other);
        pause(30 * 60).await;
        sim.heal();
        assert!(wrong_lookups(&sim).await > 0, "they know each other still");
        let deadline = sim.elapsed() + within;
        while wrong_lookups(&sim).await > 0 {
            assert!(sim.elapsed() < deadline, "{sim:?}: both halves still look up the wrong nodes");
            pause(within.as_secs() / 8).await;
        }
    });
}

#[test]
fn halves_that_have_forgotten_each_other_find_each_other_by_the_bootpeers_that_come_back() {
    forgets_and_finds_again(53, 0, Duration::from_secs(120));
}

#[test]
fn halves_that_both_had_bootpeers_all_the_time_find_each_other_as_well() {
    forgets_and_finds_again(54, 3, Duration::from_secs(3700));
}
