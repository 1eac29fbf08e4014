//! The tables, and the steps that lead from each schema to the next.
//!
//! Steps are appended, never edited: somebody's file is at every one of them.

use rusqlite::Transaction;

/// Leads from one schema to the next, inside a transaction.
pub type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// The steps; the one with index n makes schema n + 1.
pub const STEPS: &[Step] = &[first];

/// The schema that this program writes.
pub const SCHEMA: u32 = STEPS.len() as u32;

/// How a store is opened.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The history of schemas, the last one current.
    pub steps: &'static [Step],
    /// The most pages of the file, for tests of full disks.
    pub max_pages: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { steps: STEPS, max_pages: None }
    }
}

/// A row in `clean_close` means that the last close was clean, and what the store held then. `record` is an
/// ordinary rowid table because rows of some hundred bytes in the leaves of a primary key would spread it out.
fn first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE record (
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            section INTEGER NOT NULL,
            slot BLOB NOT NULL,
            hash BLOB NOT NULL,
            bytes BLOB NOT NULL,
            expires_at INTEGER NOT NULL,
            stored_at INTEGER NOT NULL,
            UNIQUE (key, section, slot, hash)
        ) STRICT;
        CREATE INDEX record_end ON record (expires_at);
        CREATE TABLE local (
            space INTEGER NOT NULL,
            key BLOB NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (space, key)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE clean_close (
            id INTEGER PRIMARY KEY CHECK (id = 0),
            records INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;",
    )
}
