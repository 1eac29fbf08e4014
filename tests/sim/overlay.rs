//! The overlay of whole networks: lookups, restarts without bootpeers, forgiving after a sleep, who answers.

use std::net::Ipv4Addr;
use std::time::Duration;

use timeline::overlay::replicas::preferred;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Contact, Key, NodeId, Rng};

use super::people::{SOON, follow, joined, network, pause, publish, reads, settle};

/// The nodes of a kind, the nearest to a key first.
fn ranking(sim: &Simulation, key: &Key, of: impl Iterator<Item = usize>) -> Vec<NodeId> {
    let mut all: Vec<NodeId> = of.map(|node| sim.id(node)).collect();
    all.sort_by_key(|id| id.distance(key));
    all
}

async fn known(sim: &Simulation, node: usize) -> usize {
    sim.doors(node).routing.overview().await.map_or(0, |overview| overview.known)
}

/// Returns the ids that a lookup by `node` for `key` found, the nearest first, with its hops.
async fn found(sim: &Simulation, node: usize, key: Key) -> (Vec<NodeId>, usize) {
    let found = sim.doors(node).routing.look_up(key).await.expect("the node lives");
    (found.closest.into_iter().map(|near| near.node).collect(), found.hops)
}

#[test]
fn every_lookup_among_a_hundred_and_twenty_with_a_tenth_dead_finds_the_replica_set_in_few_hops() {
    const NODES: usize = 120;
    let sim = network(400, NODES);
    sim.run(async {
        pause(30).await;
        let dead: Vec<usize> = (5..NODES).step_by(10).collect();
        dead.iter().for_each(|node| sim.crash(*node));
        let gone: Vec<NodeId> = dead.iter().map(|node| sim.id(*node)).collect();
        let mut rng = Rng::from_seed([4; 32]);
        let most = (NODES as f64).log2() / 3.0 + 2.0;
        for round in 0..30 {
            let asker = (7 + round * 31) % NODES;
            let asker = if dead.contains(&asker) { asker + 1 } else { asker };
            let key = Key(rng.bytes());
            // Those who name the dead, who died a moment ago, have no room for others behind them.
            let mut truth = ranking(&sim, &key, (0..NODES).filter(|n| *n != asker));
            truth.truncate(20);
            truth.retain(|id| !gone.contains(id));
            let (closest, hops) = found(&sim, asker, key).await;
            assert!(closest.starts_with(&truth), "node {asker} in round {round}: {closest:?}, not {truth:?}");
            assert!(closest.iter().all(|id| !gone.contains(id)));
            assert!(hops as f64 <= most, "{hops} hops, at most {most}");
        }
    });
}

#[test]
fn nodes_find_each_other_from_their_disks_when_all_bootpeers_are_down() {
    let sim = network(401, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        // Long enough that tables are on disk, however the nodes end.
        pause(30).await;
        sim.crash(5);
        publish(&sim, 4, "from before the storm").await;
        pause(20).await;
        (0..12).filter(|node| sim.is_running(*node)).collect::<Vec<_>>().into_iter().for_each(|node| sim.crash(node));
        let back = [5, 6, 7, 8, 9, 10];
        back.iter().for_each(|node| sim.start(*node));
        for node in back {
            let all = async || known(&sim, node).await >= back.len() - 1;
            sim.until(&format!("node {node} finds the others"), SOON, all).await;
        }
        sim.doors(5).feed.catch_up().await;
        reads(&sim, 5, &["from before the storm"], SOON).await;
    });
}

#[test]
fn a_table_that_a_cut_emptied_does_not_empty_the_disk() {
    let sim = network(402, 12);
    sim.run(async {
        joined(&sim, 6).await;
        pause(60).await;
        let others: Vec<usize> = (0..12).filter(|node| *node != 6).collect();
        sim.cut(&[6], &others);
        let alone = async || known(&sim, 6).await == 0;
        sim.until("everybody is given up", Duration::from_secs(600), alone).await;
        pause(150).await;
        sim.crash(6);
        (0..3).for_each(|bootpeer| sim.crash(bootpeer));
        sim.heal();
        sim.start(6);
        let all = async || known(&sim, 6).await >= 8;
        sim.until("it finds the others", SOON, all).await;
    });
}

#[test]
fn after_waking_everybody_is_known_again_at_once() {
    let sim = network(403, 12);
    sim.run(async {
        let everybody = async || known(&sim, 5).await == 11;
        sim.until("all are known", Duration::from_secs(60), everybody).await;
        let far: Vec<usize> = (6..12).collect();
        sim.cut(&[5], &far);
        let given_up = async || known(&sim, 5).await == 5;
        sim.until("those that are cut off are given up", Duration::from_secs(400), given_up).await;
        pause(60).await;
        sim.heal();
        // It leaves the dead alone for ten minutes; some of them would come by themselves within that time.
        assert_eq!(known(&sim, 5).await, 5);
        sim.doors(5).routing.woke();
        sim.until("all are known again", Duration::from_secs(3), everybody).await;
    });
}

#[test]
fn bootpeers_see_within_half_a_minute_that_one_of_them_is_gone_and_that_it_is_back() {
    let sim = network(404, 6);
    let sees = async |other: usize| {
        let bootpeers = sim.doors(0).routing.overview().await.expect("it lives").bootpeers;
        bootpeers.iter().find(|b| b.contact.node == sim.id(other)).is_some_and(|b| b.online)
    };
    sim.run(async {
        sim.until("all are up", SOON, async || sees(1).await && sees(2).await).await;
        pause(100).await;
        sim.crash(1);
        let gone = async || !sees(1).await;
        sim.until("one is gone", Duration::from_secs(30), gone).await;
        assert!(sees(2).await);
        pause(300).await;
        sim.start(1);
        sim.until("it is back", Duration::from_secs(30), async || sees(1).await).await;
    });
}

#[test]
fn a_ping_reaches_whoever_is_asked_for_by_id_or_by_address() {
    use timeline::actors::{PingError, PingTarget};
    let sim = network(405, 8);
    sim.run(async {
        joined(&sim, 4).await;
        pause(10).await;
        let ping = async |target| sim.doors(4).routing.ping(target).await.expect("the node lives");
        let pong = ping(PingTarget::Node(sim.id(7))).await.expect("it answers");
        assert!(pong.node == sim.id(7) && pong.rtt > Duration::from_millis(9), "{pong:?}");
        let peers = sim.doors(4).routing.peers().await.expect("the node lives");
        let there = peers.iter().find(|p| p.contact.node == sim.id(6)).expect("known").contact.addresses[0];
        assert_eq!(ping(PingTarget::Address(there)).await.expect("it answers").node, sim.id(6));
        assert_eq!(ping(PingTarget::Node(sim.id(4))).await, Err(PingError::Ourselves));
        assert_eq!(ping(PingTarget::Node(NodeId([9; 32]))).await, Err(PingError::Unknown));
        sim.crash(6);
        assert_eq!(ping(PingTarget::Address(there)).await, Err(PingError::Silent));
    });
}

/// Every third node in a /24 of its own, all others in one.
fn crowded(number: usize) -> Ipv4Addr {
    let number = number as u8;
    if number.is_multiple_of(3) { Ipv4Addr::new(198, 51, number, 1) } else { Ipv4Addr::new(203, 0, 113, number) }
}

#[test]
fn a_replica_set_has_no_more_than_two_of_one_network_while_there_are_others() {
    let sim = Simulation::new(406, SimConfig { nodes: 60, k: 6, addresses: crowded, ..SimConfig::default() });
    sim.run(async {
        pause(90).await;
        let mut rng = Rng::from_seed([5; 32]);
        let mut differs = 0;
        for _ in 0..10 {
            let key = Key(rng.bytes());
            let mut all: Vec<Contact> = (0..60)
                .filter(|node| *node != 9)
                .map(|node| Contact::hint(sim.id(node), (crowded(node), 4747).into()))
                .collect();
            all.sort_by_key(|contact| contact.node.distance(&key));
            let truth: Vec<NodeId> = preferred(&all, 6).into_iter().map(|contact| contact.node).collect();
            differs += usize::from(truth != all[..6].iter().map(|contact| contact.node).collect::<Vec<_>>());
            assert_eq!(found(&sim, 9, key).await.0, truth);
        }
        assert!(differs >= 5, "the preference matters here");
    });
}

/// Nodes 3 and 4 are where private addresses lead.
fn two_inside(number: usize) -> Ipv4Addr {
    if matches!(number, 3 | 4) {
        Ipv4Addr::new(10, 0, 0, number as u8)
    } else {
        Ipv4Addr::new(198, 51, number as u8, 1)
    }
}

fn all_outside(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, number as u8, 1)
}

/// How many nodes are asked by one that cannot reach nodes 3 and 4, and hears of them only from others.
fn asked(addresses: fn(usize) -> Ipv4Addr) -> usize {
    let sim = Simulation::new(407, SimConfig { nodes: 10, addresses, ..SimConfig::default() });
    sim.run(async {
        sim.cut(&[9], &[3, 4]);
        pause(60).await;
        sim.doors(9).routing.woke();
        sim.doors(9).routing.look_up(sim.id(3).key()).await.expect("the node lives").asked
    })
}

#[test]
fn private_addresses_are_not_told_to_those_met_at_public_ones() {
    assert_eq!(asked(all_outside), 9);
    assert_eq!(asked(two_inside), 7);
}
