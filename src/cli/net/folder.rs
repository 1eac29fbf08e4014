//! The folder of a network: held by one `net` at a time, and emptied only when `net` made it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::plan::{PLAN_FILE, Plan, io_problem};
use crate::types::{Code, Problem};

/// The file that is locked while a `net` runs. It stays when the folder is emptied.
const LOCK_FILE: &str = "net.lock";

/// A folder held by this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made if it is not there, and locks it.
    ///
    /// # Errors
    ///
    /// `data_dir_in_use` when another `net` runs there; `usage` for a folder that holds something else.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let path = absolute(path)?;
        fs::create_dir_all(&path).map_err(|error| io_problem(&path, &error))?;
        check_ours(&path)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(|error| io_problem(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Problem::new(Code::DataDirInUse, format!("another `timeline net` runs in {}", path.display()))
                    .hint("end it with Ctrl-C there, or name another folder with --dir"))
            }
            Err(TryLockError::Error(error)) => Err(io_problem(&lock_path, &error)),
        }
    }

    /// Returns the folder, an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the network that is there, `None` when there is none or only half of one.
    ///
    /// # Errors
    ///
    /// A plan that cannot be read.
    pub fn plan(&self) -> Result<Option<Plan>, Problem> {
        Ok(Plan::read(&self.path)?.filter(|plan| plan.complete))
    }

    /// Removes everything but the lock, and marks the folder as ours before anything new is in it.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn empty(&self) -> Result<(), Problem> {
        Plan::default().write(&self.path)?;
        for entry in fs::read_dir(&self.path).map_err(|error| io_problem(&self.path, &error))? {
            let entry = entry.map_err(|error| io_problem(&self.path, &error))?;
            if [LOCK_FILE, PLAN_FILE].iter().any(|kept| entry.file_name() == *kept) {
                continue;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| io_problem(&path, &error))?;
        }
        Ok(())
    }
}

/// Returns the path from the root.
///
/// # Errors
///
/// An empty path.
pub fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| io_problem(path, &error))
}

fn check_ours(path: &Path) -> Result<(), Problem> {
    let entries = fs::read_dir(path).map_err(|error| io_problem(path, &error))?;
    let names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    if names.is_empty() || names.iter().any(|name| name == PLAN_FILE || name == LOCK_FILE) {
        return Ok(());
    }
    Err(Problem::new(Code::Usage, format!("{} holds something that `timeline net` did not make", path.display()))
        .hint("name an empty folder, or one that does not exist, with --dir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_net_holds_a_folder_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = Folder::open(folder.path()).expect("free");
        assert_eq!(Folder::open(folder.path()).map_err(|problem| problem.code).err(), Some(Code::DataDirInUse));
        drop(held);
        assert!(Folder::open(folder.path()).is_ok());
    }

    #[test]
    fn a_strangers_folder_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("thesis.txt"), "years of work").expect("writable");
        assert_eq!(Folder::open(folder.path()).map_err(|problem| problem.code).err(), Some(Code::Usage));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn emptying_keeps_lock_and_marker_and_nothing_else() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(&temporary.path().join("net")).expect("free");
        fs::create_dir_all(folder.path().join("peer-1/deep")).expect("writable");
        fs::write(folder.path().join("network.toml"), "").expect("writable");
        folder.empty().expect("ours");
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).expect("readable").map(|entry| entry.expect("readable").file_name()).collect();
        names.sort();
        assert_eq!(names, [PLAN_FILE, LOCK_FILE]);
        // Half a network is as good as none: the next run founds anew.
        assert_eq!(folder.plan(), Ok(None));
        let path = folder.path().to_owned();
        drop(folder);
        assert!(Folder::open(&path).is_ok());
    }
}
