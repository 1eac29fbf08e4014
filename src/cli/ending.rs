//! Ending a node through its API, and knowing when it is over.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::json;

use super::client::Client;
use crate::types::{Code, Problem};

/// How often it is looked whether the node has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Ends the node that runs in `dir`, and returns when the folder is free again.
///
/// # Errors
///
/// `no_node` when none runs there; `unreachable` when it is still ending after `within`.
pub fn end_node(dir: &Path, within: Duration) -> Result<(), Problem> {
    Client::of_data_dir(dir, within)?.send("/stop", &json!({}))?;
    let deadline = Instant::now() + within;
    while !is_free(dir) {
        if Instant::now() > deadline {
            return Err(Problem::new(Code::Unreachable, "the node is still stopping").hint("look at its log"));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Tells whether the node of `dir` has ended: it took away its address, and its number out of the lock file.
fn is_free(dir: &Path) -> bool {
    let holder = fs::metadata(dir.join("lock")).map_or(0, |lock| lock.len());
    holder == 0 && !dir.join("api.json").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_when_address_and_holder_are_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(is_free(dir.path()));
        fs::write(dir.path().join("lock"), "123\n").expect("writable");
        assert!(!is_free(dir.path()));
        fs::write(dir.path().join("lock"), "").expect("writable");
        fs::write(dir.path().join("api.json"), "{}").expect("writable");
        assert!(!is_free(dir.path()));
        fs::remove_file(dir.path().join("api.json")).expect("there");
        assert!(is_free(dir.path()));
    }

    #[test]
    fn nothing_runs_in_an_empty_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let ended = end_node(dir.path(), Duration::from_secs(1));
        assert_eq!(ended.map_err(|problem| problem.code), Err(Code::NoNode));
    }
}
