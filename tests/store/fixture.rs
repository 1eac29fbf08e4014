//! How a test gets a store, closes it, crashes it and opens it again.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;
use timeline::seam::{Store, StoreError};
use timeline::store::{MemoryDisk, MemoryStore, SqliteStore};
use tokio::task::LocalSet;

use crate::records::merge;

/// A kind of store under test.
pub trait Fixture {
    fn open() -> Self;
    fn store(&self) -> Rc<dyn Store>;
    async fn reopen_after_close(&mut self);
    /// Opens what a process that is killed now would leave behind.
    fn reopen_after_crash(&mut self);
    /// Lets commits fail for want of room from now on.
    fn fill(&mut self);
}

pub struct Memory {
    disk: MemoryDisk,
    store: Rc<dyn Store>,
}

impl Fixture for Memory {
    fn open() -> Self {
        let disk = MemoryDisk::default();
        Self { store: Rc::new(MemoryStore::on(disk.clone(), merge)), disk }
    }

    fn store(&self) -> Rc<dyn Store> {
        Rc::clone(&self.store)
    }

    async fn reopen_after_close(&mut self) {
        self.store.close().await;
        self.store = Rc::new(MemoryStore::on(self.disk.clone(), merge));
    }

    fn reopen_after_crash(&mut self) {
        self.store = Rc::new(MemoryStore::on(self.disk.clone(), merge));
    }

    fn fill(&mut self) {
        self.disk.set_full(true);
    }
}

pub struct Sqlite {
    folder: TempDir,
    store: Rc<dyn Store>,
}

impl Fixture for Sqlite {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        Self { store: open(&folder), folder }
    }

    fn store(&self) -> Rc<dyn Store> {
        Rc::clone(&self.store)
    }

    async fn reopen_after_close(&mut self) {
        self.store.close().await;
        assert!(!file(self.folder.path(), "-wal").exists(), "a clean close leaves one file");
        self.store = open(&self.folder);
    }

    fn reopen_after_crash(&mut self) {
        let folder = crash_image(self.folder.path());
        self.store = open(&folder);
        self.folder = folder;
    }

    fn fill(&mut self) {
        let folder = crash_image(self.folder.path());
        let setup = timeline::store::Setup { max_pages: Some(1), ..Default::default() };
        let store = SqliteStore::open_with(&file(folder.path(), ""), merge, &setup);
        self.store = Rc::new(store.expect("opened"));
        self.folder = folder;
    }
}

fn open(folder: &TempDir) -> Rc<dyn Store> {
    Rc::new(open_in(folder.path()).expect("opened"))
}

/// Opens the store of a folder.
pub fn open_in(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&file(folder, ""), merge)
}

/// Returns the path of the store of a folder, or of a file beside it.
pub fn file(folder: &Path, suffix: &str) -> PathBuf {
    folder.join(format!("store.db{suffix}"))
}

/// Copies what is on disk now: the file and its WAL, the shared memory of a process not being on disk.
///
/// No commit may be under way.
pub fn crash_image(folder: &Path) -> TempDir {
    let image = tempfile::tempdir().expect("folder");
    for suffix in ["", "-wal"] {
        fs::copy(file(folder, suffix), file(image.path(), suffix)).expect("copied");
    }
    image
}

/// Runs a test on one thread, as a node runs.
pub fn on_arbiter<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    LocalSet::new().block_on(&runtime, test)
}

/// Makes each function of a contract a test of both stores.
macro_rules! for_both {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $name() {
                crate::fixture::on_arbiter(super::$name(<crate::fixture::Memory as crate::fixture::Fixture>::open()));
            })+
        }
        mod sqlite {
            $(#[test] fn $name() {
                crate::fixture::on_arbiter(super::$name(<crate::fixture::Sqlite as crate::fixture::Fixture>::open()));
            })+
        }
    };
}
pub(crate) use for_both;
