//! A name has one owner, whatever races, crashes and partitions there are; and a registration that can end well does.

use std::time::Duration;

use futures_util::future::join_all;
use timeline::types::Code;

use super::people::{is_in, joined, login, network, pause, publish, register, settle};

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
