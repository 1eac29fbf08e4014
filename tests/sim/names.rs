//! A name has one owner, whatever races, crashes and partitions there are; and a registration that can end well does.

use std::time::Duration;

use futures_util::future::join_all;
use timeline::types::Code;

use super::people::{SOON, is_in, joined, login, network, pause, publish, register, settle};

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
    for (seed, after) in [(39, 40), (40, 90), (41, 150), (42, 220)] {
        let sim = network(seed, 8);
        sim.run(async {
            joined(&sim, 4).await;
            let registering = register(&sim, 4, "alice");
            let cut_short = tokio::time::timeout(Duration::from_millis(after), registering).await;
            sim.crash(4);
            pause(5).await;
            sim.start(4);
            sim.until("alice is registered", PURSUED, async || is_in(&sim, 4, "alice").await).await;
            assert!(cut_short.is_err() || cut_short.is_ok_and(|o| o.is_ok()));
            sim.until("alice can log in elsewhere", SOON, async || login(&sim, 5, "alice").await.is_ok()).await;
        });
    }
}
