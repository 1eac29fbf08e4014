//! The delivery ledger: right while people are away, after crashes, in a cut network and after it has healed.

use std::time::Duration;

use timeline::actors::{LedgerView, ListRequest, Stage};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Code, Hash};

use super::gc::{COLLECTED, config, gone, in_time, look, three};
use super::people::{SOON, flushed, follow, joined, login, network, pause, post, publish, reads, settle};

async fn ledger(sim: &Simulation, node: usize, post: &Hash) -> LedgerView {
    let page = ListRequest { limit: 50, cursor: None };
    let ledger = sim.doors(node).people.ledger(post.to_string(), page).await;
    ledger.unwrap_or_else(|problem| panic!("{sim:?}: the ledger of {post} on node {node}: {problem:?}"))
}

/// What a ledger says of followers: how many, how many have received and seen it, and who has not received it.
fn receipts(ledger: &LedgerView) -> (u64, u64, u64, Vec<&str>) {
    assert_eq!(ledger.count.count, ledger.owed.len() as u64, "the page holds them all");
    let owed = ledger.owed.iter().map(|name| name.as_str()).collect();
    (ledger.followers, ledger.received, ledger.seen, owed)
}

/// Waits until a ledger says this of followers, and is sure of it.
async fn says(sim: &Simulation, node: usize, post: &Hash, expected: (u64, u64, u64, Vec<&str>)) {
    let said = async || {
        let ledger = ledger(sim, node, post).await;
        ledger.complete && !ledger.count.is_estimate && receipts(&ledger) == expected
    };
    in_time(sim, &format!("the ledger of {post} says {expected:?}"), COLLECTED, said).await;
}

/// Nothing is collected, so that the ledger is of posts that are there.
fn keeping() -> SimConfig {
    SimConfig { gc_interval: Duration::from_secs(60), ..SimConfig::default() }
}

#[test]
fn a_follower_who_was_away_is_owed_a_post_until_it_is_back() {
    let sim = Simulation::new(970, keeping());
    sim.run(async {
        three(&sim).await;
        flushed(&sim, 5, SOON).await;
        sim.crash(5);
        let id = publish(&sim, 3, "can you hear me").await.id;
        says(&sim, 3, &id, (2, 0, 0, vec!["bob", "carol"])).await;
        reads(&sim, 4, &["can you hear me"], SOON).await;
        look(&sim, 4).await;
        says(&sim, 3, &id, (2, 1, 1, vec!["carol"])).await;
        // Whoever follows now is not owed what was there before.
        settle(&sim, 6, "dave").await;
        pause(400).await;
        follow(&sim, 6, "alice").await;
        says(&sim, 3, &id, (2, 1, 1, vec!["carol"])).await;
        sim.start(5);
        reads(&sim, 5, &["can you hear me"], COLLECTED).await;
        look(&sim, 5).await;
        says(&sim, 3, &id, (2, 2, 2, vec![])).await;
        let last = ledger(&sim, 3, &id).await;
        assert_eq!(last.stage, Stage::Published);
        let (acked, wanted) = last.replicas.expect("this device put it");
        assert!(acked >= wanted && wanted >= 8, "{acked} of {wanted}");
    });
}

#[test]
fn an_author_who_crashed_still_knows_how_many_have_a_post() {
    let sim = Simulation::new(971, keeping());
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        reads(&sim, 4, &["one"], SOON).await;
        look(&sim, 4).await;
        flushed(&sim, 3, SOON).await;
        says(&sim, 3, &id, (2, 1, 1, vec!["carol"])).await;
        let before = ledger(&sim, 3, &id).await;
        sim.restart(3);
        joined(&sim, 3).await;
        let after = ledger(&sim, 3, &id).await;
        assert_eq!((after.replicas, receipts(&after)), (before.replicas, receipts(&before)));
        // A post that nobody could be reached with waits, also over a crash.
        let others: Vec<usize> = (0..10).filter(|node| *node != 3).collect();
        sim.cut(&[3], &others);
        let waiting = post(&sim, 3, "two").await;
        sim.restart(3);
        let queued = ledger(&sim, 3, &waiting.id).await;
        assert_eq!((queued.stage, queued.complete), (Stage::Queued, false));
        sim.heal();
        flushed(&sim, 3, Duration::from_secs(400)).await;
        reads(&sim, 5, &["two"], COLLECTED).await;
        look(&sim, 5).await;
        says(&sim, 3, &waiting.id, (2, 1, 1, vec!["bob"])).await;
        says(&sim, 3, &id, (2, 2, 2, vec![])).await;
        assert_eq!(ledger(&sim, 3, &waiting.id).await.stage, Stage::Published);
    });
}

#[test]
fn a_split_replica_set_says_what_it_cannot_know_and_is_right_after_it_healed() {
    let sim = network(972, 16);
    sim.run(async {
        for (node, user) in [(3, "alice"), (4, "bob"), (12, "carol")] {
            settle(&sim, node, user).await;
        }
        follow(&sim, 4, "alice").await;
        follow(&sim, 12, "alice").await;
        let before = publish(&sim, 3, "before").await.id;
        for node in [4, 12] {
            reads(&sim, node, &["before"], SOON).await;
        }
        pause(30).await;
        // Each half has a bootpeer, and half of the replicas.
        let (one, other): (Vec<usize>, Vec<usize>) = (0..16).partition(|node| *node == 0 || (3..10).contains(node));
        sim.cut(&one, &other);
        let during = post(&sim, 3, "during").await.id;
        reads(&sim, 4, &["during"], SOON).await;
        look(&sim, 4).await;
        look(&sim, 12).await;
        pause(10).await;
        let cut = ledger(&sim, 3, &during).await;
        assert!(!cut.complete && cut.count.is_estimate, "half of the holders are out of reach: {cut:?}");
        assert_eq!(receipts(&cut), (2, 1, 1, vec!["carol"]));
        let seen_there = ledger(&sim, 3, &before).await;
        assert_eq!(receipts(&seen_there), (2, 1, 1, vec!["carol"]), "her word is on the other side");
        sim.heal();
        says(&sim, 3, &before, (2, 2, 2, vec![])).await;
        reads(&sim, 12, &["during"], Duration::from_secs(180)).await;
        look(&sim, 12).await;
        says(&sim, 3, &during, (2, 2, 2, vec![])).await;
        flushed(&sim, 3, Duration::from_secs(400)).await;
        assert_eq!(ledger(&sim, 3, &during).await.stage, Stage::Published);
    });
}

#[test]
fn what_was_received_and_not_looked_at_is_not_owed() {
    let sim = Simulation::new(973, keeping());
    sim.run(async {
        three(&sim).await;
        let ids = [publish(&sim, 3, "one").await.id, publish(&sim, 3, "two").await.id];
        reads(&sim, 4, &["one", "two"], SOON).await;
        sim.doors(4).feed.shown(vec![ids[0]]).await.expect("shown");
        says(&sim, 3, &ids[0], (2, 1, 1, vec!["carol"])).await;
        says(&sim, 3, &ids[1], (2, 1, 0, vec!["carol"])).await;
    });
}

#[test]
fn a_post_that_all_have_seen_says_so_when_it_is_gone() {
    let sim = Simulation::new(974, config());
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        for node in [4, 5] {
            reads(&sim, node, &["one"], SOON).await;
            look(&sim, node).await;
        }
        gone(&sim, 9, &id).await;
        says(&sim, 3, &id, (2, 2, 2, vec![])).await;
        assert_eq!(ledger(&sim, 3, &id).await.stage, Stage::Collected);
        sim.restart(3);
        joined(&sim, 3).await;
        let after = ledger(&sim, 3, &id).await;
        assert_eq!((after.stage, receipts(&after)), (Stage::Collected, (2, 2, 2, vec![])));
    });
}

#[test]
fn a_ledger_is_for_the_author_on_whatever_device() {
    let sim = Simulation::new(975, keeping());
    sim.run(async {
        three(&sim).await;
        let id = publish(&sim, 3, "one").await.id;
        reads(&sim, 4, &["one"], SOON).await;
        joined(&sim, 7).await;
        let page = || ListRequest { limit: 50, cursor: None };
        let asked = async |node: usize, id: String| sim.doors(node).people.ledger(id, page()).await.map_err(|p| p.code);
        assert_eq!(asked(4, id.to_string()).await, Err(Code::NotAuthor));
        assert_eq!(asked(7, id.to_string()).await, Err(Code::NotLoggedIn));
        assert_eq!(asked(3, "0".repeat(64)).await, Err(Code::NoSuchPost));
        assert_eq!(asked(3, "00000000".to_owned()).await, Err(Code::NoSuchPost));
        assert_eq!(asked(3, "x".to_owned()).await, Err(Code::Usage));
        login(&sim, 7, "alice").await.expect("alice logs in on a second node");
        // At once, before that node has the post.
        says(&sim, 7, &id, (2, 0, 0, vec!["bob", "carol"])).await;
        assert_eq!(ledger(&sim, 7, &id).await.replicas, None, "it was put by another device");
        let page = |cursor| ListRequest { limit: 1, cursor };
        let first = sim.doors(3).people.ledger(id.to_string(), page(None)).await.expect("a page");
        let second = sim.doors(3).people.ledger(id.to_string(), page(first.next.clone())).await.expect("a page");
        let names: Vec<&str> = first.owed.iter().chain(&second.owed).map(|name| name.as_str()).collect();
        assert_eq!((names, first.count.count, second.next), (vec!["bob", "carol"], 2, None));
        sim.doors(3).session.delete_within(id, SOON).await.expect("deleted");
        assert_eq!(asked(3, id.to_string()).await, Err(Code::NoSuchPost));
    });
}
