//! The writing thread: one transaction for all batches that wait, one savepoint for each.
//!
//! Does not know what a change does to the tables; `apply` does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, OptionalExtension};
use tracing::{debug, error};

use super::Gauges;
use super::apply::{Delta, apply};
use super::fault::{io_fault, write_fault};
use super::queue::{Job, Queue};
use crate::seam::{Applied, Batch, Op, StoreError, Usage};
use crate::store::merge::Merge;

/// How many free pages are given back to the file system after an `Expire`: 4 MiB, some milliseconds. What is left
/// over is used again by new records, or given back the next time.
const VACUUM_PAGES: u32 = 1024;

type Results = Vec<Result<Applied, StoreError>>;

/// Starts the writer; it runs until the queue is closed and empty.
#[allow(
    clippy::disallowed_methods,
    reason = "SQLite's commits block, so the writer is a thread; simulated nodes have the memory store"
)]
pub(super) fn start(
    connection: Connection,
    usage: Usage,
    merge: Merge,
    queue: Arc<Queue>,
    gauges: Arc<Gauges>,
) -> Result<JoinHandle<()>, StoreError> {
    let run = move || {
        // Dropped last, also when this thread panics: nobody waits for it for ever.
        let _end = End(Arc::clone(&queue));
        Writer { connection, usage, merge, gauges }.run(&queue);
    };
    Builder::new().name("store".to_owned()).spawn(run).map_err(|e| io_fault(&e))
}

struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Writer {
    connection: Connection,
    usage: Usage,
    merge: Merge,
    gauges: Arc<Gauges>,
}

impl Writer {
    fn run(mut self, queue: &Queue) {
        while let Some(jobs) = queue.take() {
            let (batches, answers): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job: Job| (job.batch, job.answer)).unzip();
            let results = self.make(&batches);
            for (answer, result) in answers.into_iter().zip(results) {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(result);
            }
            if batches.iter().any(|batch| batch.0.iter().any(|op| matches!(op, Op::Expire(_)))) {
                self.give_back_pages();
            }
        }
        self.finish();
    }

    /// Makes all batches together; where that fails as a whole, one by one, so that each fails for itself.
    fn make(&mut self, batches: &[Batch]) -> Results {
        match self.transaction(batches) {
            Ok(results) => results,
            Err(cause) if batches.len() == 1 => vec![Err(cause)],
            Err(cause) => {
                debug!(%cause, batches = batches.len(), "group commit failed");
                let alone = |batch| self.transaction(std::slice::from_ref(batch));
                batches.iter().map(alone).map(|result| result.and_then(|mut all| all.remove(0))).collect()
            }
        }
    }

    fn transaction(&mut self, batches: &[Batch]) -> Result<Results, StoreError> {
        let result = self.try_transaction(batches);
        if result.is_err() && !self.connection.is_autocommit() {
            // A failure here leaves the transaction open; the next BEGIN then fails, and so does every later batch.
            if let Err(cause) = self.connection.execute_batch("ROLLBACK") {
                error!(%cause, "rollback failed");
            }
        }
        result.map_err(|e| write_fault(&self.connection, &e))
    }

    fn try_transaction(&mut self, batches: &[Batch]) -> rusqlite::Result<Results> {
        let mut total = Delta::default();
        let mut results = Vec::with_capacity(batches.len());
        let before = self.connection.total_changes();
        self.execute("BEGIN IMMEDIATE")?;
        for batch in batches {
            self.execute("SAVEPOINT batch")?;
            let mut delta = Delta::default();
            match apply(&self.connection, self.merge, batch, &mut delta) {
                Ok(applied) => {
                    total.add(&delta);
                    results.push(Ok(applied));
                }
                // SQLite ended the whole transaction, as it may when the disk is full.
                Err(cause) if self.connection.is_autocommit() => return Err(cause),
                Err(cause) => {
                    self.execute("ROLLBACK TO batch")?;
                    results.push(Err(write_fault(&self.connection, &cause)));
                }
            }
            self.execute("RELEASE batch")?;
        }
        self.execute("COMMIT")?;
        self.usage = total.applied_to(self.usage);
        self.gauges.set_usage(self.usage);
        self.gauges.transactions.fetch_add(1, Ordering::AcqRel);
        let changed = self.connection.total_changes() != before;
        self.gauges.commits.fetch_add(u64::from(changed), Ordering::AcqRel);
        Ok(results)
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn give_back_pages(&self) {
        let vacuum = || {
            let mut pragma = self.connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
            let mut rows = pragma.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        if let Err::<(), rusqlite::Error>(cause) = vacuum() {
            debug!(%cause, "no pages given back");
        }
    }

    /// Leaves the mark of a clean close and moves everything from the WAL into the file.
    fn finish(self) {
        let finish = || {
            let mark = "INSERT OR REPLACE INTO clean_close (id, records, bytes) VALUES (0, ?1, ?2)";
            self.connection.execute(mark, (self.usage.records as i64, self.usage.bytes as i64))?;
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).optional()
        };
        if let Err(cause) = finish() {
            // Nothing acknowledged is lost: the next opening recovers the WAL and counts anew.
            debug!(%cause, "close was not clean");
        }
    }
}
