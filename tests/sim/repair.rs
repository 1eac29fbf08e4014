//! Replicas come and go, lose their disks and come back: what was published is where it belongs again, by itself.

use std::time::Duration;

use bytes::Bytes;
use timeline::records::{Record, home};
use timeline::seam::{Batch, Op, Store, Stored};
use timeline::sim::{SimConfig, Simulation};
use timeline::store::{MemoryDisk, MemoryStore, Verdict};
use timeline::types::{AccountId, Hash, Key, Section, WallTime};
use timeline::wire::{Compare, Fetch, Put, Request, Status};

use super::gc::in_time;
use super::lists::somebody;
use super::people::{SOON, follow, joined, network, pause, publish, reads, register};

/// Within this a change of the neighbourhood is noticed and mended: two requests to whoever died have to fail first.
const MENDED: Duration = Duration::from_secs(600);

/// A network in which a home has four replicas.
fn sparse(seed: u64, nodes: usize, bootpeers: usize) -> Simulation {
    Simulation::new(seed, SimConfig { nodes, bootpeers, k: 4, ..SimConfig::default() })
}

/// Registers somebody who posts so often; returns the account and the posts.
async fn author(sim: &Simulation, node: usize, user: &str, posts: usize) -> (AccountId, Vec<Hash>) {
    joined(sim, node).await;
    let account = register(sim, node, user).await.unwrap_or_else(|problem| panic!("{user}: {problem:?}")).account;
    let mut ids = Vec::new();
    for i in 0..posts {
        ids.push(publish(sim, node, &format!("{user} {i}")).await.id);
    }
    (account, ids)
}

/// Returns the replicas of a home among the first `nodes` nodes that run.
fn replicas(sim: &Simulation, nodes: usize, account: &AccountId, k: usize) -> Vec<usize> {
    let mut running: Vec<usize> = (0..nodes).filter(|node| sim.is_running(*node)).collect();
    running.sort_by_key(|node| sim.id(*node).key().distance(&home(account)));
    running.truncate(k);
    running
}

fn has_all(sim: &Simulation, node: usize, account: &AccountId, posts: &[Hash]) -> bool {
    let held: Vec<Hash> = sim.stored(node, &home(account), Section::Post).iter().map(|r| r.hash()).collect();
    let proved = [Section::Account, Section::Device, Section::Heads];
    posts.iter().all(|post| held.contains(post))
        && proved.iter().all(|section| !sim.stored(node, &home(account), *section).is_empty())
}

async fn mended(sim: &Simulation, nodes: usize, all: &[(AccountId, Vec<Hash>)], k: usize, within: Duration) {
    let whole = |(account, posts): &(AccountId, Vec<Hash>)| {
        replicas(sim, nodes, account, k).iter().all(|node| has_all(sim, *node, account, posts))
    };
    let lacking = || {
        let of = |(account, posts): &(AccountId, Vec<Hash>)| {
            let replicas = replicas(sim, nodes, account, k);
            let has: Vec<(usize, bool)> = replicas.iter().map(|n| (*n, has_all(sim, *n, account, posts))).collect();
            format!("{has:?}")
        };
        all.iter().map(of).collect::<Vec<_>>()
    };
    for _ in 0..within.as_secs() {
        if all.iter().all(whole) {
            return;
        }
        pause(1).await;
    }
    panic!("{sim:?}: not within {within:?}: every replica has everything: {:?}", lacking());
}

async fn synced(sim: &Simulation, node: usize, within: Duration) {
    let is = async || sim.doors(node).repair.is_synced().await == Ok(true);
    in_time(sim, &format!("node {node} has what it should have"), within, is).await;
}

#[test]
fn newcomers_that_are_nearer_get_what_is_kept_at_their_place() {
    let sim = sparse(510, 14, 1);
    sim.run(async {
        let all = [author(&sim, 4, "alice", 3).await];
        let (before, mut nodes) = (replicas(&sim, 14, &all[0].0, 4), 14);
        while replicas(&sim, nodes, &all[0].0, 4).iter().filter(|node| **node >= 14).count() < 2 {
            assert!(nodes < 60, "another seed, please");
            let late = sim.add();
            assert_eq!(late, nodes);
            nodes += 1;
        }
        mended(&sim, nodes, &all, 4, Duration::from_secs(90)).await;
        // They are as good as those whose place they took.
        before.iter().filter(|node| **node != 0).for_each(|node| sim.crash(*node));
        mended(&sim, nodes, &all, 4, MENDED).await;
    });
}

#[test]
fn a_lost_disk_is_filled_again_and_until_then_its_node_says_so() {
    let sim = sparse(511, 14, 1);
    sim.run(async {
        let all = [author(&sim, 4, "alice", 5).await];
        let lost = *replicas(&sim, 14, &all[0].0, 4).iter().find(|n| ![0, 4].contains(*n)).expect("a replica");
        synced(&sim, lost, Duration::from_secs(60)).await;
        sim.crash(lost);
        sim.restore(lost, &MemoryDisk::default());
        sim.start(lost);
        pause(1).await;
        assert_eq!(sim.doors(lost).repair.is_synced().await, Ok(false));
        synced(&sim, lost, Duration::from_secs(30)).await;
        assert!(has_all(&sim, lost, &all[0].0, &all[0].1), "it says that it has everything");
        // Whoever was not away for long is as good as before.
        sim.restart(lost);
        pause(1).await;
        assert_eq!(sim.doors(lost).repair.is_synced().await, Ok(true));
    });
}

#[test]
fn whoever_slept_for_long_says_so_until_it_has_caught_up() {
    let sim = network(512, 8);
    sim.run(async {
        let (alice, mut posts) = author(&sim, 3, "alice", 1).await;
        for node in 0..8 {
            synced(&sim, node, Duration::from_secs(90)).await;
        }
        sim.set_asleep(7, true);
        pause(1200).await;
        sim.set_asleep(7, false);
        pause(1).await;
        assert_eq!(sim.doors(7).repair.is_synced().await, Ok(true), "that was not long");
        pause(60).await;
        sim.set_asleep(7, true);
        posts.push(publish(&sim, 3, "alice 1").await.id);
        pause(2400).await;
        assert!(!sim.holds(7, &posts[1]));
        sim.set_asleep(7, false);
        let away = async || sim.doors(7).repair.is_synced().await == Ok(false);
        sim.until("it knows that it was away", Duration::from_secs(3), away).await;
        synced(&sim, 7, Duration::from_secs(60)).await;
        assert!(has_all(&sim, 7, &alice, &posts));
    });
}

#[test]
fn when_half_of_all_nodes_die_everything_is_back_at_all_replicas_within_ten_minutes() {
    // Without anchors nobody has a copy but the replicas.
    for anchors in [true, false] {
        let sim = Simulation::new(513, SimConfig { nodes: 28, bootpeers: 3, k: 4, anchors, ..SimConfig::default() });
        sim.run(async {
            let mut all = Vec::new();
            for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
                all.push(author(&sim, node, user, 3).await);
            }
            pause(60).await;
            // Bootpeers and authors too: nobody is left who would bring everything again. Of each home one replica stays.
            let kept: Vec<usize> =
                all.iter().filter_map(|(a, _)| replicas(&sim, 28, a, 4).into_iter().find(|n| *n > 6)).collect();
            let dying: Vec<usize> = (0..28).filter(|node| !kept.contains(node)).take(14).collect();
            dying.iter().for_each(|node| sim.crash(*node));
            mended(&sim, 28, &all, 4, MENDED).await;
        });
    }
}

#[test]
fn a_post_that_was_deleted_while_a_replica_was_away_goes_there_too_and_does_not_come_back() {
    let sim = sparse(514, 14, 1);
    sim.run(async {
        // Posts lie nowhere but where they belong when everybody knows everybody near.
        pause(60).await;
        let (alice, posts) = author(&sim, 4, "alice", 2).await;
        pause(30).await;
        let away = *replicas(&sim, 14, &alice, 4).iter().find(|n| ![0, 4].contains(*n)).expect("a replica");
        assert!(sim.holds(away, &posts[0]));
        sim.crash(away);
        sim.doors(4).session.delete_within(posts[0], SOON).await.expect("deleted");
        pause(5).await;
        let others: Vec<usize> = (0..14).filter(|node| *node != away && sim.holds(*node, &posts[0])).collect();
        assert!(others.len() <= 1, "{others:?} of {:?}", replicas(&sim, 14, &alice, 4));
        sim.start(away);
        let gone = async || !sim.holds(away, &posts[0]);
        in_time(&sim, "the returning replica lets go of it", Duration::from_secs(700), gone).await;
        for _ in 0..4 {
            pause(300).await;
            assert!((0..14).all(|node| !sim.holds(node, &posts[0])) && has_all(&sim, away, &alice, &posts[1..]));
        }
    });
}

#[test]
fn an_anchor_that_lost_its_disk_gets_everything_back_from_those_that_keep_it() {
    let sim = sparse(515, 20, 1);
    sim.run(async {
        let mut all = Vec::new();
        for (node, user) in [(4, "alice"), (5, "bob")] {
            all.push(author(&sim, node, user, 3).await);
        }
        pause(60).await;
        sim.crash(0);
        sim.restore(0, &MemoryDisk::default());
        sim.start(0);
        let whole = async || all.iter().all(|(account, posts)| has_all(&sim, 0, account, posts));
        in_time(&sim, "the anchor has everything", Duration::from_secs(3600), whole).await;
    });
}

#[test]
fn anchors_bring_each_other_what_one_of_them_missed() {
    let sim = sparse(516, 20, 3);
    sim.run(async {
        joined(&sim, 5).await;
        register(&sim, 5, "bob").await.expect("bob registers");
        sim.crash(1);
        let (alice, posts) = author(&sim, 4, "alice", 3).await;
        follow(&sim, 5, "alice").await;
        reads(&sim, 5, &["alice 2"], SOON).await;
        sim.start(1);
        let whole = async || has_all(&sim, 1, &alice, &posts);
        in_time(&sim, "the anchor has what it missed", Duration::from_secs(720), whole).await;
        let followers = async || !sim.stored(1, &home(&alice), Section::Followers).is_empty();
        in_time(&sim, "and who follows", Duration::from_secs(60), followers).await;
    });
}

/// A record as it lies on disk, of which repair looks at no more than key, hash and end.
#[test]
fn what_a_revoked_device_signed_goes_at_those_too_whom_nobody_told() {
    const NODES: usize = 14;
    let sim = sparse(518, NODES, 1);
    sim.run(async {
        for node in 0..NODES {
            joined(&sim, node).await;
        }
        let bob = somebody(&sim, 1);
        let nearest = |account: &AccountId| replicas(&sim, NODES, account, 4);
        // Somebody's home none of whose holders, but for the anchor, keeps the home of him who follows.
        let apart = |account: &AccountId| {
            let keeps = nearest(&bob.account);
            nearest(account).iter().all(|node| *node != 0 && !keeps.contains(node))
        };
        let followed = (0u64..).map(|n| AccountId(timeline::keys::hash(&n.to_be_bytes()).0)).find(apart);
        let followed = followed.expect("there are endless ones");
        let (edge, holders) = (bob.edge(&sim, followed, true), nearest(&followed));
        let put = async |node: usize, key, records: &[&Record], proofs: &[Record]| {
            let bytes = |r: &Record| r.bytes().clone();
            let (records, proofs) = (records.iter().map(|r| bytes(r)).collect(), proofs.iter().map(bytes).collect());
            sim.doors(node).storage.accept(sim.id(node), key, records, proofs).await
        };
        for node in &holders {
            let statuses = put(*node, home(&followed), &[&edge], &bob.proofs).await;
            assert_eq!(statuses, [Status::Stored], "{sim:?}");
        }
        let revoking = bob.revoking(&sim);
        for node in nearest(&bob.account) {
            let statuses = put(node, home(&bob.account), &[&revoking, &bob.proofs[1]], &[]).await;
            assert_eq!(statuses, [Status::Stored; 2], "{sim:?}");
        }
        // One of those who keep the edge hears of it, as it is brought something else of the same account.
        let proofs = [revoking, bob.proofs[1].clone()];
        let refused = put(holders[0], home(&followed), &[&bob.edge(&sim, followed, false)], &proofs).await;
        assert_eq!(refused, [Status::Revoked], "{sim:?}");
        let lies = |node: &usize| !sim.stored(*node, &home(&followed), Section::Followers).is_empty();
        let gone = async || !holders.iter().any(lies);
        in_time(&sim, "the edge is gone everywhere", Duration::from_secs(2 * 3600), gone).await;
    });
}

fn filler(n: u64, key: Key) -> Stored {
    let hash = timeline::keys::hash(&n.to_be_bytes());
    let slot = Bytes::copy_from_slice(&hash.0);
    let (bytes, ends) = (Bytes::from(n.to_be_bytes().to_vec()), WallTime::NEVER);
    Stored { key, section: Section::Post, slot, hash, bytes, expires_at: ends, stored_at: WallTime(1) }
}

fn filled(records: Vec<Stored>) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let store = MemoryStore::on(disk.clone(), |_, _, _| Verdict::Keep { drop: Vec::new() });
    // Made at the call.
    drop(store.commit(Batch(records.into_iter().map(Op::Put).collect())));
    disk
}

#[test]
fn an_idle_node_with_ten_thousand_records_spends_little_on_repair() {
    const NODES: usize = 30;
    const K: usize = 20;
    let sim = Simulation::new(517, SimConfig { nodes: NODES, bootpeers: 3, k: K, ..SimConfig::default() });
    (0..NODES).for_each(|node| sim.crash(node));
    let mut disks: Vec<Vec<Stored>> = vec![Vec::new(); NODES];
    for n in 0..15_000u64 {
        // Three records a key, as a home has several and a name one.
        let key = Key(timeline::keys::hash(&(n / 3).to_le_bytes()).0);
        let mut nearest: Vec<usize> = (0..NODES).collect();
        nearest.sort_by_key(|node| sim.id(*node).key().distance(&key));
        let anchors = nearest[K..].iter().filter(|node| **node < 3);
        nearest[..K].iter().chain(anchors).for_each(|node| disks[*node].push(filler(n, key)));
    }
    let held: usize = disks[3..].iter().map(Vec::len).sum::<usize>() / (NODES - 3);
    assert!((9_000..11_000).contains(&held), "{held} records a node");
    disks.into_iter().enumerate().for_each(|(node, records)| sim.restore(node, &filled(records)));
    (0..NODES).for_each(|node| sim.start(node));
    sim.run(async {
        pause(120).await;
        for node in 0..NODES {
            synced(&sim, node, Duration::from_secs(60)).await;
        }
        let repair = |node: usize| {
            let bytes = sim.bytes_of(node);
            [Compare::NUMBER, Fetch::NUMBER, Put::NUMBER]
                .iter()
                .map(|n| bytes.get(n).copied().unwrap_or_default())
                .sum()
        };
        let fetches = |node: usize| sim.requests_of(node).get(&Fetch::NUMBER).copied().unwrap_or_default();
        let before: Vec<u64> = (0..NODES).map(repair).collect();
        let fetched: Vec<u64> = (0..NODES).map(fetches).collect();
        pause(3600).await;
        let spent: Vec<u64> = (0..NODES).map(|node| repair(node) - before[node]).collect();
        let (most, mean) = (spent.iter().max().expect("nodes"), spent.iter().sum::<u64>() / NODES as u64);
        println!("repair of {held} records a node: {mean} bytes an hour and node, at most {most}");
        assert!(*most < 200 * 1024, "{spent:?}");
        assert_eq!((0..NODES).map(fetches).collect::<Vec<_>>(), fetched, "nobody lacks anything");
    });
}
