//! The same seed gives the same run, message for message, whatever thread or process it is in.

use std::env;
use std::process::Command;
use std::thread;

use timeline::sim::Trace;

use super::town;

/// Set for the process that only runs the town of this seed.
const SEED: &str = "TIMELINE_SIM_TOWN";
const THIS: &str = "trace::the_same_seed_gives_the_same_run_and_another_seed_another";

/// More nodes than a replica set has, so that lookups matter.
fn run(seed: u64) -> Trace {
    town::town(seed, 50, 6)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "two threads are what this test is about")]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    if let Ok(seed) = env::var(SEED) {
        println!("trace: {:?}", run(seed.parse().expect("a number")));
        return;
    }
    let other = thread::spawn(|| run(2));
    let again = Command::new(env::current_exe().expect("this program"))
        .args([THIS, "--exact", "--nocapture", "--test-threads=1"])
        .env(SEED, "1")
        .output()
        .expect("this program runs");
    let first = run(1);
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(said.contains(&format!("trace: {first:?}")), "not the same as {first:?}: {said}");
    assert_ne!(other.join().expect("the other town").hash, first.hash);
}
