//! Real faults under real processes: kills at any moment, full and read-only disks, damaged files, and networks that lose
//! packets, fall apart and come together again.
//!
//! [`ROUNDS`] in the environment makes the random ones longer.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of real processes live in real time and on threads"
)]

mod away;
mod crew;
mod damage;
mod disk;
mod hosts;
mod kills;
mod lan;
mod links;
mod partitions;
mod relay;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of commands, which use all of it")]
mod support;

/// How many rounds the random tests make.
const ROUNDS: &str = "TIMELINE_TEST_ROUNDS";

/// Returns how many rounds to make, `usually` where nobody said.
fn rounds(usually: u64) -> u64 {
    std::env::var(ROUNDS).map_or(usually, |n| n.parse().expect("TIMELINE_TEST_ROUNDS is a number"))
}

/// Says that a test was not made, and why, past the capture of what tests write.
fn skipped(test: &str, why: &str) {
    use std::io::Write;

    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Makes a random stream, and says from which seed, so that a failed run can be looked at.
fn random() -> timeline::types::Rng {
    let seed = std::process::id();
    eprintln!("random choices are made from {seed}");
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    timeline::types::Rng::from_seed(bytes)
}

/// Makes one function that takes its own name a scenario with that name.
macro_rules! scenarios {
    ($($module:ident::$name:ident),+ $(,)?) => { [$((stringify!($name), $module::$name as fn(&str))),+] };
}

/// Whole networks that fail, side by side: they wait far more than they work. `TIMELINE_TEST_ONLY` names one of them.
#[test]
fn networks_that_fail_lose_nothing() {
    let all = scenarios![
        away::a_node_that_was_stopped_for_longer_than_connections_live_catches_up,
        away::a_node_whose_address_changes_catches_up_and_is_reached_at_the_new_one,
        links::everything_arrives_where_every_twentieth_packet_is_lost,
        links::a_feed_is_whole_again_after_the_link_was_down,
        partitions::a_partition_heals_and_all_that_was_pending_finishes_by_itself,
        partitions::who_is_not_heard_by_one_or_hears_nobody_loses_nothing,
        relay::people_live_with_a_tenth_of_a_second_to_everybody,
    ];
    let only = std::env::var("TIMELINE_TEST_ONLY").unwrap_or_default();
    let chosen = all.into_iter().filter(|(name, _)| name.contains(&only));
    let running: Vec<_> = chosen
        .map(|(name, scenario)| {
            let run = move || scenario(name);
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread");
            (name, thread)
        })
        .collect();
    assert!(!running.is_empty(), "there is no scenario {only}");
    let failed: Vec<&str> =
        running.into_iter().filter_map(|(name, thread)| thread.join().is_err().then_some(name)).collect();
    assert_eq!(failed, Vec::<&str>::new(), "see above");
}
