//! A name has one owner, whatever races, crashes and partitions there are; and a registration that can end well does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{AccountId, Code, Rng};

use super::people::{PASSWORD, is_in, joined, login, name, network, pause, publish, register, seeds, settle};

/// Within this a pending registration is tried again and ends.
const PURSUED: Duration = Duration::from_secs(60);

#[test]
fn of_several_who_claim_a_name_at_once_one_gets_it() {
    for seed in 30..34 {
        let sim = network(seed, 8);
        sim.run(async {
            let claimants = [4, 5, 6];
            for node in claimants {
                joined(&sim, node).await;
            }
            let outcomes = join_all(claimants.map(|node| register(&sim, node, "alice"))).await;
            let owners = outcomes.iter().filter(|o| o.is_ok()).count();
            assert_eq!(owners, 1, "{sim:?}: {outcomes:?}");
            for problem in outcomes.iter().filter_map(|o| o.as_ref().err()) {
                assert!(matches!(problem.code, Code::NameTaken | Code::NameContested), "{problem:?}");
            }
            pause(120).await;
            let mut logged_in = 0;
            for node in claimants {
                logged_in += usize::from(is_in(&sim, node, "alice").await);
            }
            assert_eq!(logged_in, 1, "losers stay losers");
        });
    }
}

#[test]
fn at_most_one_gets_a_name_where_registrars_are_cut_off_from_some() {
    for seed in 34..37 {
        let sim = network(seed, 8);
        sim.run(async {
            for node in [4, 5] {
                joined(&sim, node).await;
            }
            // Each sees a quorum, the registrar in the middle sees both.
            sim.cut(&[4], &[0]);
            sim.cut(&[5], &[2]);
            let outcomes = join_all([4, 5].map(|node| register(&sim, node, "alice"))).await;
            sim.heal();
            pause(120).await;
            let mut owners = 0;
            for node in [4, 5] {
                owners += usize::from(is_in(&sim, node, "alice").await);
            }
            assert!(owners <= 1, "{sim:?}: {outcomes:?}");
            let found = login(&sim, 7, "alice").await;
            assert!(owners == 0 || found.is_ok(), "{sim:?}: {outcomes:?} {found:?}");
        });
    }
}

#[test]
fn two_registrars_of_three_are_enough() {
    let sim = network(37, 8);
    sim.run(async {
        joined(&sim, 4).await;
        sim.crash(0);
        settle(&sim, 4, "alice").await;
        publish(&sim, 4, "hello").await;
        login(&sim, 5, "alice").await.expect("she logs in elsewhere");
    });
}

#[test]
fn a_registration_without_enough_registrars_finishes_by_itself() {
    let sim = network(38, 8);
    sim.run(async {
        joined(&sim, 4).await;
        sim.crash(0);
        sim.crash(1);
        let problem = register(&sim, 4, "alice").await.expect_err("one of three cannot sign alone");
        assert_eq!(problem.code, Code::NoRegistrars);
        let problem = login(&sim, 5, "alice").await.expect_err("pending gives no rights");
        assert!(matches!(problem.code, Code::NamePending | Code::NoSuchUser), "{problem:?}");
        // The claimant crashes too, and comes back before the registrars.
        sim.crash(4);
        pause(30).await;
        sim.start(4);
        pause(30).await;
        assert!(!is_in(&sim, 4, "alice").await);
        sim.start(0);
        sim.until("alice is registered", PURSUED, async || is_in(&sim, 4, "alice").await).await;
        publish(&sim, 4, "at last").await;
    });
}

#[test]
fn a_claimant_that_crashes_half_way_finishes_after_its_restart() {
    let mut by_itself = 0;
    for (seed, after) in [(39, 60), (40, 150), (41, 250), (42, 400)] {
        let sim = network(seed, 8);
        sim.run(async {
            joined(&sim, 4).await;
            let registering = tokio::time::timeout(Duration::from_millis(after), register(&sim, 4, "alice"));
            let cut_short = registering.await.is_err();
            sim.restart(4);
            pause(30).await;
            let finished = is_in(&sim, 4, "alice").await;
            by_itself += u32::from(finished && cut_short);
            // Whoever crashed before the claim was on disk has asked nobody and begins anew.
            if !finished {
                register(&sim, 4, "alice").await.expect("the name is free");
            }
            login(&sim, 5, "alice").await.expect("she logs in elsewhere");
        });
    }
    assert!(by_itself > 0, "no crash came between the claim and its end");
}

/// Whatever happens to claimants and registrars: who was told that a name is theirs keeps it, and nobody else has it.
#[test]
fn names_keep_their_owners_through_random_faults() {
    for seed in seeds(300..304) {
        println!("to repeat this life: make soak SEEDS={seed}..{}", seed + 1);
        let bootpeers = 3 + (seed % 3) as usize;
        let sim = Simulation::new(seed, SimConfig { nodes: 12, bootpeers, ..SimConfig::default() });
        let rng = RefCell::new(Rng::from_seed([seed as u8; 32]));
        let below = |bound: usize| rng.borrow_mut().below(bound as u64) as usize;
        let told: RefCell<BTreeMap<&str, BTreeSet<AccountId>>> = RefCell::default();
        let names = ["alice", "bob"];
        sim.run(async {
            for node in bootpeers..12 {
                joined(&sim, node).await;
            }
            let mut claims = FuturesUnordered::new();
            for _ in 0..40 {
                let (node, any, user) = (bootpeers + below(12 - bootpeers), below(12), names[below(2)]);
                match below(8) {
                    0..=3 if sim.is_running(node) => {
                        let (session, told) = (sim.doors(node).session, &told);
                        claims.push(async move {
                            if let Ok(owner) = session.register(name(user), PASSWORD.to_owned().into()).await {
                                told.borrow_mut().entry(user).or_default().insert(owner.account);
                            }
                        });
                    }
                    4 if sim.is_running(any) => sim.crash(any),
                    4 | 5 if !sim.is_running(any) => sim.start(any),
                    6 => sim.cut(&[node], &[any, below(12), below(12)]),
                    _ => sim.heal(),
                }
                let busy = async { while claims.next().await.is_some() {} };
                // Claims that are under way go on beside what happens next.
                let _ = tokio::time::timeout(Duration::from_millis(below(400) as u64), busy).await;
            }
            sim.heal();
            (0..12).filter(|node| !sim.is_running(*node)).for_each(|node| sim.start(node));
            while claims.next().await.is_some() {}
            pause(120).await;
            for user in names {
                let mut owners = told.borrow().get(user).cloned().unwrap_or_default();
                for node in 0..12 {
                    let who = sim.doors(node).session.who().await.expect("a session");
                    owners.extend(who.filter(|w| w.device.username == name(user)).map(|w| w.device.account));
                }
                assert!(owners.len() <= 1, "{sim:?}: {user} has several owners: {owners:?}");
                let fresh = sim.add();
                joined(&sim, fresh).await;
                let found = login(&sim, fresh, user).await.map(|owner| owner.account);
                assert_eq!(found.ok(), owners.first().copied(), "{sim:?}: {user}");
            }
        });
    }
}
