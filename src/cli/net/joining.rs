//! Waiting until every node knows the others.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::child::LOOK_AGAIN;
use crate::cli::client::Client;
use crate::cli::words::number_at;

/// How long nodes get to find each other. Later they still do; it is only no longer waited for.
const JOIN_WITHIN: Duration = Duration::from_secs(30);
/// How long one node may take to say whom it knows.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A node that does not know enough others yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Laggard {
    /// Its place in the list.
    pub index: usize,
    /// How many it knows.
    pub known: u64,
}

/// Waits until each node knows `wanted` others, and returns those that do not in time.
pub fn wait(data_dirs: &[&Path], wanted: u64, is_stopped: impl Fn() -> bool) -> Vec<Laggard> {
    let deadline = Instant::now() + JOIN_WITHIN;
    let mut waiting: Vec<Laggard> = (0..data_dirs.len()).map(|index| Laggard { index, known: 0 }).collect();
    loop {
        for node in &mut waiting {
            node.known = known(data_dirs[node.index]).unwrap_or_default();
        }
        waiting.retain(|node| node.known < wanted);
        if waiting.is_empty() || is_stopped() || Instant::now() > deadline {
            return waiting;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Returns how many others a node must know in a network of `nodes` with replica sets of `k`: a table need not hold more.
pub fn enough(nodes: usize, k: usize) -> u64 {
    nodes.saturating_sub(1).min(k) as u64
}

fn known(data_dir: &Path) -> Option<u64> {
    let status = Client::of_data_dir(data_dir, ANSWER_WITHIN).ok()?.get("/status", &[]).ok()?;
    Some(number_at(&status, "/peers/known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_is_everybody_else_or_a_replica_set() {
        assert_eq!([enough(8, 20), enough(50, 20), enough(1, 20), enough(0, 20), enough(8, 3)], [7, 20, 0, 0, 3]);
    }

    #[test]
    fn a_node_alone_has_joined_and_one_that_is_not_there_has_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(wait(&[folder.path()], 0, || false), []);
        assert_eq!(wait(&[folder.path()], 1, || true), [Laggard { index: 0, known: 0 }]);
    }
}
