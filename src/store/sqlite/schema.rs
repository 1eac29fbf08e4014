//! The tables, and the steps that lead from each schema to the next.
//!
//! Steps are appended, never edited: somebody's file is at every one of them.

use bytes::Bytes;
use rusqlite::Transaction;

use super::read::blob;
use super::sum;

/// Leads from one schema to the next, inside a transaction.
pub type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// The steps; the one with index n makes schema n + 1.
pub const STEPS: &[Step] = &[first, sums];

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

/// Rows summed at once.
const AT_ONCE: i64 = 1000;

/// Gives every row a sum of its content.
fn sums(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "ALTER TABLE record ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE local ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;",
    )?;
    let mut last = i64::MIN;
    while let Some(id) = sum_records(transaction, last)? {
        last = id;
    }
    let mut last = None;
    while let Some(place) = sum_locals(transaction, last.as_ref())? {
        last = Some(place);
    }
    Ok(())
}

/// Sums some records behind an id; returns the last one's, `None` when there are no more.
fn sum_records(transaction: &Transaction<'_>, after: i64) -> rusqlite::Result<Option<i64>> {
    let mut select = transaction.prepare_cached(
        "SELECT id, key, section, slot, hash, bytes, expires_at, stored_at FROM record WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = select.query_map((after, AT_ONCE), |row| {
        let (section, times): (u8, [i64; 2]) = (row.get(2)?, [row.get(6)?, row.get(7)?]);
        let blobs = [blob(row, 1)?, blob(row, 3)?, blob(row, 4)?, blob(row, 5)?];
        let [key, slot, hash, bytes] = &blobs;
        let times = times.map(i64::to_le_bytes);
        let id: i64 = row.get(0)?;
        Ok((id, sum::of_parts(&[key, &[section], slot, hash, bytes, &times[0], &times[1]])))
    })?;
    let sums: Vec<(i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update = transaction.prepare_cached("UPDATE record SET sum = ?2 WHERE id = ?1")?;
    for sum in &sums {
        update.execute(*sum)?;
    }
    Ok(sums.last().map(|(id, _)| *id))
}

/// Sums some local values behind a space and a key; returns the last one's, `None` when there are no more.
fn sum_locals(transaction: &Transaction<'_>, after: Option<&(u8, Bytes)>) -> rusqlite::Result<Option<(u8, Bytes)>> {
    let mut select = transaction.prepare_cached(
        "SELECT space, key, value FROM local WHERE (space, key) > (?1, ?2) ORDER BY space, key LIMIT ?3",
    )?;
    // The number of a space is never negative.
    let (space, key): (i64, &[u8]) = after.map_or((-1, &[]), |(space, key)| (i64::from(*space), key));
    let rows = select.query_map((space, key, AT_ONCE), |row| {
        let (space, key, value): (u8, _, _) = (row.get(0)?, blob(row, 1)?, blob(row, 2)?);
        let sum = sum::of_parts(&[&[space], &key, &value]);
        Ok(((space, key), sum))
    })?;
    let sums: Vec<((u8, Bytes), i64)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update = transaction.prepare_cached("UPDATE local SET sum = ?3 WHERE space = ?1 AND key = ?2")?;
    for ((space, key), sum) in &sums {
        update.execute((space, &**key, sum))?;
    }
    Ok(sums.into_iter().last().map(|(place, _)| place))
}
