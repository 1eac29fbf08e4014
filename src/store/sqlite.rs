//! A store in one SQLite file, in WAL mode.
//!
//! One thread writes, with group commit; point reads run on the caller's thread over a connection of their own.
//! A commit is acknowledged when it is synced to disk. The file is owned by one process: keeping others away is
//! for the owner of the data directory.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use rusqlite::Connection;

use super::merge::Merge;
use crate::seam::{Applied, Batch, Later, Reader, Space, Store, StoreError, Stored, Usage};
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

mod apply;
mod fault;
mod files;
mod open;
mod queue;
mod read;
mod schema;
mod sum;
mod wal;
mod writer;

pub use schema::{SCHEMA, STEPS, Setup, Step};

use fault::fault;
use queue::Queue;
use read::{SqliteReader, measure_records, read_local, read_records};

/// Numbers that the writer keeps and everybody may read.
#[derive(Default)]
struct Gauges {
    records: AtomicU64,
    bytes: AtomicU64,
    transactions: AtomicU64,
    /// Those that changed anything.
    commits: AtomicU64,
}

impl Gauges {
    fn set_usage(&self, usage: Usage) {
        self.records.store(usage.records, Ordering::Release);
        self.bytes.store(usage.bytes, Ordering::Release);
    }
}

/// A [`Store`] in a file. Dropping it finishes what is queued and waits for that, like [`Store::close`].
pub struct SqliteStore {
    path: PathBuf,
    /// `None` once closed.
    reads: RefCell<Option<Connection>>,
    queue: Arc<Queue>,
    gauges: Arc<Gauges>,
    /// Frames of the log that were lost by damage, as found at opening.
    cut: u64,
    writer: Cell<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, whose folder must exist; makes it with mode 0600 where there is none.
    ///
    /// A file of an older schema is migrated on a copy that then takes its place.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Damaged`] leave the file as it was; [`StoreError::Access`] and
    /// [`StoreError::DiskFull`] may be cured and the call repeated.
    pub fn open(path: &Path, merge: Merge) -> Result<Self, StoreError> {
        Self::open_with(path, merge, &Setup::default())
    }

    /// Tells whether anything is at `path` that [`SqliteStore::open`] would open instead of making a new store.
    ///
    /// # Errors
    /// [`StoreError::Access`].
    pub fn is_at(path: &Path) -> Result<bool, StoreError> {
        open::is_at(path, &Setup::default())
    }

    /// Opens a store as [`SqliteStore::open`] does, with another history of schemas or less room; for tests.
    #[doc(hidden)]
    pub fn open_with(path: &Path, merge: Merge, setup: &Setup) -> Result<Self, StoreError> {
        let opened = open::open(path, setup)?;
        let reads = read::connect(&opened.path).map_err(|e| fault(&e))?;
        let queue = Arc::new(Queue::default());
        let gauges = Arc::new(Gauges::default());
        gauges.set_usage(opened.usage);
        let writer = writer::start(opened.connection, opened.usage, merge, Arc::clone(&queue), Arc::clone(&gauges))?;
        let (path, cut) = (opened.path, opened.cut);
        Ok(Self { path, reads: RefCell::new(Some(reads)), queue, gauges, cut, writer: Cell::new(Some(writer)) })
    }

    /// Returns how many transactions were committed since the store was opened; fewer than batches under load.
    pub fn transactions(&self) -> u64 {
        self.gauges.transactions.load(Ordering::Acquire)
    }

    fn on_reads<T>(&self, job: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        match &*self.reads.borrow() {
            Some(connection) => job(connection).map_err(|e| fault(&e)),
            None => Err(StoreError::Closed),
        }
    }
}

impl Store for SqliteStore {
    fn read(
        &self,
        key: &Key,
        sections: SectionSet,
        after: Option<&(Section, Bytes, Hash)>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Stored>, StoreError> {
        self.on_reads(|connection| read_records(connection, key, sections, after, limit, now))
    }

    fn measure(&self, key: &Key, section: Section, below: Option<&[u8]>, now: WallTime) -> Result<Usage, StoreError> {
        self.on_reads(|connection| measure_records(connection, key, section, below, now))
    }

    fn local(
        &self,
        space: Space,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.on_reads(|connection| read_local(connection, space, prefix, after, limit))
    }

    /// Takes its place in the order of commits at the call. Under load the future first waits for room in the
    /// queue, and a future dropped before it got room takes its changes with it.
    fn commit(&self, batch: Batch) -> Later<Result<Applied, StoreError>> {
        self.queue.submit(batch)
    }

    fn commits(&self) -> u64 {
        self.gauges.commits.load(Ordering::Acquire)
    }

    fn cut(&self) -> u64 {
        self.cut
    }

    fn usage(&self) -> Usage {
        Usage { records: self.gauges.records.load(Ordering::Acquire), bytes: self.gauges.bytes.load(Ordering::Acquire) }
    }

    #[cfg(unix)]
    fn free_bytes(&self) -> Option<u64> {
        let about = rustix::fs::statvfs(self.path.parent()?).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send>, StoreError> {
        if self.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        let connection = read::connect(&self.path).map_err(|e| fault(&e))?;
        Ok(Box::new(SqliteReader::new(connection, Arc::clone(&self.queue))))
    }

    fn close(&self) -> Later<()> {
        self.reads.take();
        self.queue.close();
        let queue = Arc::clone(&self.queue);
        let writer = self.writer.take();
        Box::pin(async move {
            queue.ended().await;
            if let Some(writer) = writer {
                // Its last act was to report its end, so this does not wait.
                let _ = writer.join();
            }
        })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue.close();
        self.reads.take();
        if let Some(writer) = self.writer.take() {
            // What is queued is bounded, so the wait is.
            let _ = writer.join();
        }
    }
}
