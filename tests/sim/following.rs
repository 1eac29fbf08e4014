//! What it costs to follow, and that whoever follows so cheaply is found all the same.

use std::time::Duration;

use timeline::records::home;
use timeline::sim::ready::{Following, following};
use timeline::sim::{SimConfig, Simulation};
use timeline::timeline::Via;
use timeline::types::{AccountId, Section, SectionSet};

use super::people::{feed, follow, network, pause, publish, reads, register, settle};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn following_costs_the_glances_and_little_more() {
    let settle = Duration::from_secs(600);
    let wanted = Following { seed: 611, nodes: 24, followees: 12, settle, duration: HOUR, ..Following::default() };
    let report = following(wanted, &());
    println!("{}", report.for_people());
    let more = |kind: &str| {
        let of = |requests: &std::collections::BTreeMap<&str, f64>| requests.get(kind).copied().unwrap_or_default();
        (of(&report.following.requests) - of(&report.idle.requests)) / wanted.followees as f64
    };
    // One look in two minutes, of which some bring interest along, and the whole reads.
    assert!(report.requests_a_followee_and_hour < 40.0, "{report:?}");
    assert!((3.0..20.0).contains(&more("PUT")), "interest is at three holders, renewed in passing: {report:?}");
    assert!(more("FIND_NODE") < 4.0, "nobody is looked up who is known: {report:?}");
}

#[test]
fn the_same_seed_gives_the_same_count() {
    let few = Duration::from_secs(300);
    let post_every = Some(Duration::from_secs(120));
    let wanted = Following { nodes: 24, followees: 5, settle: few, duration: few, post_every, ..Following::default() };
    let [one, other] = [612, 612].map(|seed| following(Following { seed, ..wanted }, &()));
    assert_eq!(one, other);
    assert_eq!(one.following.refused, 0);
    assert_ne!(one.following.trace, following(Following { seed: 613, ..wanted }, &()).following.trace);
}

/// Returns the nodes nearest to an account's home that run, the nearest first.
fn nearest(sim: &Simulation, account: &AccountId, but: usize) -> Vec<usize> {
    let mut nodes: Vec<usize> = (0..sim.count()).filter(|node| *node != but && sim.is_running(*node)).collect();
    nodes.sort_by_key(|node| sim.id(*node).key().distance(&home(account)));
    nodes
}

#[test]
fn interest_is_at_its_three_holders_all_the_time() {
    let sim = network(614, 12);
    sim.run(async {
        let alice = register(&sim, 4, "alice").await.expect("alice registers").account;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(60).await;
        let interest = SectionSet::of(&[Section::Interest]);
        for minute in (0..130).step_by(5) {
            for holder in nearest(&sim, &alice, 5).into_iter().take(3) {
                let held = sim.doors(holder).presence.held(home(&alice), interest).await;
                assert_eq!(held.len(), 1, "after {minute} minutes at node {holder}");
            }
            pause(300).await;
        }
    });
}

#[test]
fn a_follower_whose_holders_die_again_and_again_is_brought_posts_all_the_same() {
    let sim = Simulation::new(615, SimConfig { nodes: 40, k: 8, ..SimConfig::default() });
    sim.run(async {
        let alice = register(&sim, 4, "alice").await.expect("alice registers").account;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(900).await;
        for round in ["one", "two", "three"] {
            let holders = nearest(&sim, &alice, 5).into_iter().filter(|node| *node > 4).take(3);
            holders.for_each(|node| sim.crash(node));
            // Bob looks at each home every two minutes at least, and finds nobody there.
            pause(400).await;
            // Alice has to look for him.
            sim.restart(4);
            pause(30).await;
            let posted = publish(&sim, 4, round).await;
            assert_eq!((posted.online, posted.delivered), (1, 1), "{round}: {posted:?}");
            reads(&sim, 5, &[round], Duration::ZERO).await;
            let shown = feed(&sim, 5).await;
            assert!(shown.iter().any(|post| post.text == round && post.via == Via::Direct), "{shown:?}");
        }
    });
}
