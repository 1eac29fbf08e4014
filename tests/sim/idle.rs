//! What a person costs who follows many and does nothing; and that whoever asks so seldom misses nothing for long.

use std::collections::BTreeMap;
use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};

use super::people::{follow, network, pause, publish, reads, register, settle, texts};

const NODES: usize = 24;
const PEOPLE: usize = 50;

/// A network in which the last node follows fifty people.
///
/// They register one after the other on a few nodes: their accounts are as many, their homes as far apart.
async fn follow_fifty(sim: &Simulation) -> usize {
    let me = NODES - 1;
    settle(sim, me, "reader").await;
    for n in 0..PEOPLE {
        let node = 4 + n % 10;
        if n < 10 {
            settle(sim, node, &format!("author_{n}")).await;
        } else {
            sim.doors(node).session.logout().await.expect("the one before leaves");
            register(sim, node, &format!("author_{n}")).await.expect("the next one registers");
        }
        publish(sim, node, &format!("of {n}")).await;
        follow(sim, me, &format!("author_{n}")).await;
    }
    me
}

#[test]
fn an_idle_user_who_follows_fifty_sends_less_than_three_requests_in_two_seconds() {
    let sim = Simulation::new(470, SimConfig { nodes: NODES, k: 8, ..SimConfig::default() });
    sim.run(async {
        let me = follow_fifty(&sim).await;
        // Past the first looks; interest is renewed within the next half hour, and that has as much of everything as the other.
        pause(400).await;
        let before = sim.requests_of(me);
        pause(1800).await;
        let after = sim.requests_of(me);
        let sent: BTreeMap<u8, u64> =
            after.iter().map(|(n, count)| (*n, 2 * (count - before.get(n).unwrap_or(&0)))).collect();
        let all: u64 = sent.values().sum();
        println!("requests an hour of an idle user who follows {PEOPLE}: {all}; by number: {sent:?}");
        // Half of that are looks at fifty homes, one request each; the rest costs the same however few are followed.
        assert!(all < 3 * 1800, "{all} requests an hour");
    });
}

#[test]
fn a_post_that_its_author_could_not_bring_is_there_within_minutes_however_quiet_it_was() {
    let sim = network(471, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "brought").await;
        reads(&sim, 5, &["brought"], Duration::from_secs(5)).await;
        // Long enough for looks to be as rare as they get.
        pause(900).await;
        sim.cut(&[4], &[5]);
        publish(&sim, 4, "not brought").await;
        reads(&sim, 5, &["not brought"], Duration::from_secs(130)).await;
        publish(&sim, 4, "nor this").await;
        reads(&sim, 5, &["nor this"], Duration::from_secs(130)).await;
        let brought = texts(&sim, 5).await;
        assert_eq!(brought.len(), 3, "{brought:?}");
    });
}
