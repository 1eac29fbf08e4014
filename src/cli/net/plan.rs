//! What a folder's network consists of; kept in the folder, where it also marks the folder as made by `net`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::types::{Code, Problem};

/// The file's name.
pub const PLAN_FILE: &str = "net.json";

/// All nodes of a network on one machine, bootpeers first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Plan {
    /// Everything that the plan speaks of exists. Without it, founding was interrupted.
    pub complete: bool,
    /// What was given for the network document.
    pub network_set: Vec<String>,
    /// The nodes; at most those that one command line can ask for.
    pub nodes: Vec<Planned>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its name, and the name of its folder.
    pub name: String,
    /// The node's id, 64 hex digits.
    pub node_id: String,
    /// What it is.
    pub role: PlannedRole,
    /// Its QUIC port on loopback.
    pub port: u16,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedRole {
    /// A way in, an anchor and a registrar.
    Bootpeer,
    /// Somebody's node.
    Peer,
}

impl PlannedRole {
    /// Returns the command that runs such a node, which is also its word.
    pub const fn word(self) -> &'static str {
        match self {
            PlannedRole::Bootpeer => "bootpeer",
            PlannedRole::Peer => "peer",
        }
    }

    /// Returns the name of the `n`th node of this role, counted from 1.
    pub fn name(self, n: usize) -> String {
        match self {
            PlannedRole::Bootpeer => format!("boot-{n}"),
            PlannedRole::Peer => format!("peer-{n}"),
        }
    }
}

impl Plan {
    /// Reads the plan of a folder; `None` when `net` never was there.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is none of ours.
    pub fn read(folder: &Path) -> Result<Option<Self>, Problem> {
        let path = folder.join(PLAN_FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                Problem::new(Code::BadConfig, format!("{} is damaged: {error}", path.display()))
                    .hint("remove the folder, or name another one with --dir")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_problem(&path, &error)),
        }
    }

    /// Replaces the plan of a folder, whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn write(&self, folder: &Path) -> Result<(), Problem> {
        let (path, fresh) = (folder.join(PLAN_FILE), folder.join("net.json.new"));
        let text = serde_json::to_string_pretty(self).expect("a plan always encodes");
        let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
        written.map_err(|error| io_problem(&path, &error))
    }

    /// Returns the nodes of one role.
    pub fn of_role(&self, role: PlannedRole) -> impl Iterator<Item = &Planned> {
        self.nodes.iter().filter(move |node| node.role == role)
    }
}

impl Planned {
    /// Returns the node's folder, which is its data dir.
    pub fn data_dir(&self, folder: &Path) -> PathBuf {
        folder.join(&self.name)
    }

    /// Returns where the node's log is written.
    pub fn log(&self, folder: &Path) -> PathBuf {
        self.data_dir(folder).join("log")
    }
}

/// Tells what a refusal of the disk means.
pub fn io_problem(path: &Path, error: &std::io::Error) -> Problem {
    let message = format!("{}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull => Problem::new(Code::DiskFull, message).hint("make room on the disk"),
        _ => Problem::new(Code::Usage, message).hint("check that the folder is yours, or name another one with --dir"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_back_and_a_damaged_one_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Plan::read(folder.path()), Ok(None));
        let node = Planned { name: "boot-1".into(), node_id: "ab".into(), role: PlannedRole::Bootpeer, port: 4747 };
        let plan = Plan { complete: true, network_set: vec!["k=3".into()], nodes: vec![node] };
        plan.write(folder.path()).expect("writable");
        assert_eq!(Plan::read(folder.path()), Ok(Some(plan)));
        fs::write(folder.path().join(PLAN_FILE), "{").expect("writable");
        assert_eq!(Plan::read(folder.path()).map_err(|problem| problem.code), Err(Code::BadConfig));
    }
}
