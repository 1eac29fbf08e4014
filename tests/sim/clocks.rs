//! Clocks that are wrong: nothing is lost by them, and what they spoil is mended when they are right again.

use std::time::Duration;

use timeline::actors::ClockState;
use timeline::clock::Doubt;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Code;

use super::people::{
    SOON, feed, flushed, follow, joined, login, network, pause, post, publish, reads, register, settle, texts,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NONE: Duration = Duration::ZERO;

async fn clock(sim: &Simulation, node: usize) -> ClockState {
    sim.doors(node).clock.state().await.expect("the clock says how it is")
}

async fn trusted(sim: &Simulation, node: usize) {
    sim.until(&format!("the clock of node {node} is beyond doubt"), SOON, async || !clock(sim, node).await.in_doubt)
        .await;
}

/// Tells how far a node's own clock is off, in milliseconds.
async fn error_ms(sim: &Simulation, node: usize) -> u64 {
    clock(sim, node).await.now.0.abs_diff(sim.now().0)
}

/// Starts a node anew with these time servers, its system's clock being so far ahead.
fn start_with_servers(sim: &Simulation, node: usize, names: &[&str], ahead: Duration, set_system: bool) {
    sim.crash(node);
    sim.use_time_servers(node, names, set_system);
    sim.skew(node, ahead, NONE, false);
    sim.start(node);
}

#[test]
fn a_clock_that_was_ahead_for_a_while_does_not_silence_its_user() {
    let sim = network(100, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "today").await;
        // It starts like that, and nobody has told it the time yet.
        sim.crash(4);
        sim.skew(4, DAY, NONE, false);
        sim.start(4);
        let posted = post(&sim, 4, "tomorrow").await;
        assert!(!posted.published, "nobody takes what is stamped a day ahead: {posted:?}");
        sim.skew(4, NONE, NONE, false);
        trusted(&sim, 4).await;
        publish(&sim, 4, "today again").await;
        reads(&sim, 5, &["today", "today again"], SOON).await;
        // After a restart as well.
        sim.restart(4);
        pause(10).await;
        publish(&sim, 4, "and later").await;
        reads(&sim, 5, &["and later"], SOON).await;
        assert_eq!(texts(&sim, 5).await.len(), 3);
    });
}

#[test]
fn a_clock_that_fell_behind_is_in_doubt_also_after_a_restart_and_posts_wait_in_their_order() {
    let sim = network(101, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "first").await;
        sim.skew(4, NONE, HOUR, false);
        assert!(clock(&sim, 4).await.in_doubt, "at once");
        assert!(!post(&sim, 4, "second").await.published);
        pause(30).await;
        assert_eq!(clock(&sim, 4).await.doubt, Some(Doubt::Step(-3_600_000)), "the peers see another time");
        sim.restart(4);
        assert!(clock(&sim, 4).await.in_doubt, "a restart is no reason to trust it");
        assert!(!post(&sim, 4, "third").await.published);
        pause(30).await;
        // Who asks this very node for its user's posts may have them; it sends them nowhere.
        assert!(clock(&sim, 4).await.in_doubt);
        let waiting = sim.doors(4).outbox.items().await.expect("the outbox answers");
        let waits = |item: &&timeline::actors::Waiting| item.label == "post" && !item.progress.published;
        assert_eq!(waiting.iter().filter(waits).count(), 2, "{waiting:?}");
        sim.skew(4, NONE, NONE, false);
        trusted(&sim, 4).await;
        reads(&sim, 5, &["first", "second", "third"], SOON).await;
        assert_eq!(texts(&sim, 5).await, ["third", "second", "first"], "an author's posts keep their order");
        flushed(&sim, 4, SOON).await;
    });
}

#[test]
fn a_clock_that_jumps_ahead_ends_nothing() {
    let sim = network(102, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        let short = sim.doors(4).session.post("for ten minutes".into(), Some(10 * MINUTE)).await.expect("posted");
        reads(&sim, 5, &["for ten minutes"], SOON).await;
        // Until nobody brings anybody anything any more.
        pause(60).await;
        for node in [5, 6] {
            let before = sim.doors(node).storage.held().await.expect("held").usage.records;
            sim.skew(node, 2 * HOUR, NONE, false);
            // Before the clock is looked at, and after.
            for _ in 0..2 {
                sim.doors(node).gc.sweep().await.expect("swept");
                assert_eq!(sim.doors(node).storage.held().await.expect("held").usage.records, before, "node {node}");
                pause(3).await;
            }
        }
        assert_eq!(texts(&sim, 5).await, ["for ten minutes"], "nor is it hidden");
        for node in [5, 6] {
            sim.skew(node, NONE, NONE, false);
            trusted(&sim, node).await;
        }
        // When it has really ended, it goes.
        tokio::time::sleep(10 * MINUTE).await;
        assert!(sim.now() > short.expires_at);
        sim.doors(5).gc.sweep().await.expect("swept");
        assert_eq!(feed(&sim, 5).await, []);
    });
}

#[test]
fn in_doubt_nobody_registers_or_logs_in_and_registrars_decide_nothing() {
    let sim = network(103, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        joined(&sim, 5).await;
        sim.skew(5, HOUR, NONE, false);
        for refused in [register(&sim, 5, "bob").await, login(&sim, 5, "alice").await] {
            assert_eq!(refused.expect_err("refused").code, Code::ClockInDoubt);
        }
        sim.skew(5, NONE, NONE, false);
        trusted(&sim, 5).await;
        (0..3).for_each(|registrar| sim.skew(registrar, NONE, NONE, true));
        assert_eq!(register(&sim, 5, "bob").await.expect_err("undecided").code, Code::NoRegistrars);
        (0..3).for_each(|registrar| sim.skew(registrar, NONE, NONE, false));
        register(&sim, 5, "bob").await.expect("decided");
    });
}

#[test]
fn three_peers_that_see_another_time_are_enough_for_doubt() {
    let sim = network(104, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        // It starts like that: there is no step to be seen.
        sim.crash(4);
        sim.skew(4, HOUR, NONE, false);
        sim.start(4);
        let doubt = async || matches!(clock(&sim, 4).await.doubt, Some(Doubt::Peers(ahead)) if ahead < -3_590_000);
        sim.until("peers put the clock in doubt", SOON, doubt).await;
        assert!(!post(&sim, 4, "waits").await.published);
        assert!(!clock(&sim, 5).await.in_doubt, "one peer that is wrong is no reason for the others");
        sim.skew(4, NONE, NONE, false);
        trusted(&sim, 4).await;
        publish(&sim, 4, "in time").await;
        reads(&sim, 5, &["in time"], SOON).await;
    });
}

#[test]
fn whoever_makes_many_nodes_that_see_another_time_keeps_nobody_from_publishing() {
    let sim = network(110, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        for _ in 0..40 {
            let stranger = sim.build();
            sim.skew(stranger, HOUR, NONE, false);
            sim.start(stranger);
        }
        let heard = async || clock(&sim, 4).await.peers_ahead_ms > 3_500_000;
        sim.until("most of those that were heard are strangers", Duration::from_secs(120), heard).await;
        pause(10).await;
        publish(&sim, 4, "in time").await;
        reads(&sim, 5, &["in time"], SOON).await;
        let doubts = async |node| clock(&sim, node).await.in_doubt;
        assert!(!doubts(4).await && !doubts(5).await && !doubts(0).await);
    });
}

#[test]
fn a_lying_time_server_is_outvoted_and_the_offset_is_applied() {
    let sim = network(105, 8);
    sim.run(async {
        for (name, ahead) in [("one", Some(0)), ("two", Some(3)), ("liar", Some(3_600_000))] {
            sim.time_server(name, ahead);
        }
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        start_with_servers(&sim, 4, &["liar", "one", "two"], 10 * MINUTE, false);
        sim.until("the clock is right", SOON, async || error_ms(&sim, 4).await <= 20).await;
        let state = clock(&sim, 4).await;
        assert_ne!(state.server.as_deref(), Some("liar"));
        assert!(state.offset_ms.is_some_and(|ms| (-600_020..=-599_980).contains(&ms)) && !state.in_doubt, "{state:?}");
        publish(&sim, 4, "in time").await;
        reads(&sim, 5, &["in time"], SOON).await;
        // The system's clock is set right by somebody: doubt, until servers confirm the new offset.
        sim.skew(4, NONE, NONE, false);
        assert!(clock(&sim, 4).await.in_doubt);
        trusted(&sim, 4).await;
        assert!(error_ms(&sim, 4).await <= 20);
        // Two that agree on nothing, and one alone of three: no time, so it stays in doubt after the next step.
        sim.time_server("one", None);
        sim.skew(4, MINUTE, NONE, false);
        pause(120).await;
        let state = clock(&sim, 4).await;
        assert_eq!((state.doubt, state.failing), (Some(Doubt::Step(60_000)), true), "{state:?}");
        sim.time_server("one", Some(0));
        sim.until("servers agree again", 5 * MINUTE, async || !clock(&sim, 4).await.in_doubt).await;
        assert!(error_ms(&sim, 4).await <= 20);
    });
}

#[test]
fn a_day_without_time_servers_is_remembered_over_a_restart_and_what_waits_is_sent_when_they_are_back() {
    let sim = network(106, 6);
    sim.run(async {
        sim.time_server("one", Some(0));
        start_with_servers(&sim, 4, &["one"], NONE, false);
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        assert!(clock(&sim, 4).await.last.is_some(), "the server was asked at once");
        sim.time_server("one", None);
        (0..6).for_each(|node| sim.crash(node));
        tokio::time::sleep(DAY - HOUR).await;
        (0..6).for_each(|node| sim.start(node));
        pause(30).await;
        assert!(!clock(&sim, 4).await.in_doubt, "not a day yet");
        (0..6).for_each(|node| sim.crash(node));
        tokio::time::sleep(2 * HOUR).await;
        (0..6).for_each(|node| sim.start(node));
        joined(&sim, 4).await;
        assert_eq!(clock(&sim, 4).await.doubt, Some(Doubt::Servers));
        assert!(!post(&sim, 4, "waits").await.published);
        sim.time_server("one", Some(0));
        sim.until("the server is asked again", 10 * MINUTE, async || !clock(&sim, 4).await.in_doubt).await;
        reads(&sim, 5, &["waits"], SOON).await;
    });
}

#[test]
fn the_systems_clock_is_set_where_that_was_asked_for() {
    let sim = network(107, 6);
    sim.run(async {
        sim.time_server("one", Some(0));
        for (set, offset) in [(false, -600_000), (true, 0)] {
            start_with_servers(&sim, 4, &["one"], 10 * MINUTE, set);
            sim.until("the clock is right", SOON, async || error_ms(&sim, 4).await <= 20).await;
            pause(5).await;
            let state = clock(&sim, 4).await;
            assert!(state.offset_ms.is_some_and(|ms: i64| (ms - offset).abs() <= 20), "{state:?}");
            assert!(!state.in_doubt && state.not_set.is_none(), "its own step is explained: {state:?}");
        }
    });
}

#[test]
fn a_machine_that_slept_catches_up_as_soon_as_it_wakes() {
    // Few replicas of many nodes: the sleeper is none of them, to which the outbox would bring the post.
    let sim = Simulation::new(108, SimConfig { nodes: 24, k: 3, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "before").await;
        reads(&sim, 5, &["before"], SOON).await;
        let others: Vec<usize> = (0..24).filter(|node| *node != 5).collect();
        sim.set_asleep(5, true);
        // What is sent to it meanwhile is lost, not waiting for it.
        sim.cut(&[5], &others);
        publish(&sim, 4, "meanwhile").await;
        pause(15).await;
        sim.heal();
        sim.set_asleep(5, false);
        reads(&sim, 5, &["meanwhile"], Duration::from_secs(5)).await;
        assert!(!clock(&sim, 5).await.in_doubt, "time that passed is no step");
    });
}
