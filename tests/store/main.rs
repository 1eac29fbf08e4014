//! One contract for every store, and what only a store in a file can promise: files, crashes, group commit.

mod contract;
mod crash;
mod damage;
mod fixture;
mod flips;
mod group;
mod migration;
mod persistence;
mod property;
mod records;
mod wal;

/// How many rounds the random tests make.
const ROUNDS: &str = "TIMELINE_TEST_ROUNDS";

/// Returns how many rounds to make, `usually` where nobody said.
fn rounds(usually: u32) -> u32 {
    std::env::var(ROUNDS).map_or(usually, |n| n.parse().expect("TIMELINE_TEST_ROUNDS is a number"))
}
