//! What the nearest replicas do not have is found where it is: with others, and with the anchors.

use timeline::actors::PageRequest;
use timeline::records::home;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::AccountId;

use super::people::{SOON, follow, joined, login, pause, publish, reads, register};

const NODES: usize = 24;

/// A network in which a home has three replicas, so that most nodes, and most anchors, are none.
fn sparse(seed: u64, bootpeers: usize) -> Simulation {
    Simulation::new(seed, SimConfig { nodes: NODES, bootpeers, k: 3, ..SimConfig::default() })
}

/// Returns all nodes, those nearest to the home of an account first.
fn nearest(sim: &Simulation, account: &AccountId) -> Vec<usize> {
    let mut nodes: Vec<usize> = (0..NODES).collect();
    nodes.sort_by_key(|node| sim.id(*node).key().distance(&home(account)));
    nodes
}

#[test]
fn posts_that_the_present_replicas_lack_are_read_from_the_anchors() {
    let sim = sparse(74, 1);
    sim.run(async {
        joined(&sim, 4).await;
        joined(&sim, 5).await;
        let alice = register(&sim, 4, "alice").await.expect("alice registers").account;
        register(&sim, 5, "bob").await.expect("bob registers");
        follow(&sim, 5, "alice").await;
        sim.crash(5);
        for text in ["one", "two", "three"] {
            publish(&sim, 4, text).await;
        }
        // Those that keep them go, and others take their place, with what is new alone.
        sim.crash(4);
        let nearest = nearest(&sim, &alice);
        assert!(nearest.iter().position(|node| *node == 0) > Some(8), "another seed, please: {nearest:?}");
        nearest[..4].iter().for_each(|node| sim.crash(*node));
        pause(200).await;
        let second = sim.add();
        joined(&sim, second).await;
        login(&sim, second, "alice").await.expect("alice logs in elsewhere");
        publish(&sim, second, "four").await;
        sim.crash(second);
        let fresh = sim.add();
        joined(&sim, fresh).await;
        login(&sim, fresh, "bob").await.expect("bob logs in elsewhere");
        reads(&sim, fresh, &["one", "two", "three", "four"], SOON).await;
        let page = sim.doors(fresh).feed.page(PageRequest { limit: 10, ..PageRequest::default() }).await;
        assert_eq!(page.expect("a page").missing, []);
    });
}

#[test]
fn an_anchor_that_lacks_something_does_not_hide_one_that_has_it() {
    for (seed, (late, gone)) in [(71, (0, 1)), (72, (1, 2)), (73, (2, 0))] {
        let sim = sparse(seed, 3);
        sim.run(async {
            joined(&sim, 4).await;
            joined(&sim, 5).await;
            let alice = register(&sim, 4, "alice").await.expect("alice registers").account;
            register(&sim, 5, "bob").await.expect("bob registers");
            follow(&sim, 5, "alice").await;
            sim.crash(5);
            sim.crash(late);
            publish(&sim, 4, "kept by two anchors").await;
            sim.crash(4);
            nearest(&sim, &alice).into_iter().filter(|node| *node > 2).take(8).for_each(|node| sim.crash(node));
            sim.crash(gone);
            sim.start(late);
            pause(200).await;
            let fresh = sim.add();
            joined(&sim, fresh).await;
            login(&sim, fresh, "bob").await.expect("bob logs in elsewhere");
            reads(&sim, fresh, &["kept by two anchors"], SOON).await;
        });
    }
}
