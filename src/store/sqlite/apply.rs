//! What each change does to the tables.
//!
//! Runs inside a savepoint that its caller releases or rolls back.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use super::read::{blob, millis, time};
use crate::seam::{Applied, Batch, Op, Outcome, Space, Stored, Usage};
use crate::store::merge::{Held, Merge, latest_end, plan};
use crate::types::{Hash, Key, Section, WallTime};

/// How a batch changes what is held.
#[derive(Default)]
pub(super) struct Delta {
    records: i64,
    bytes: i64,
}

impl Delta {
    /// Adds another change to this one.
    pub fn add(&mut self, other: &Delta) {
        self.records += other.records;
        self.bytes += other.bytes;
    }

    /// Returns what is held after the change.
    pub fn applied_to(&self, usage: Usage) -> Usage {
        Usage {
            records: usage.records.saturating_add_signed(self.records),
            bytes: usage.bytes.saturating_add_signed(self.bytes),
        }
    }

    fn removed(&mut self, bytes: i64) {
        self.records -= 1;
        self.bytes -= bytes;
    }
}

/// Makes the changes of one batch.
pub(super) fn apply(
    connection: &Connection,
    merge: Merge,
    batch: &Batch,
    delta: &mut Delta,
) -> rusqlite::Result<Applied> {
    let mut make = |op: &Op| match op {
        Op::Put(record) => put(connection, merge, record, delta),
        Op::Delete { key, section, hash } => delete(connection, key, *section, hash, delta),
        Op::Expire(now) => expire(connection, *now, delta),
        Op::SetLocal(space, key, value) => set_local(connection, *space, key, value),
        Op::SetLocalOnce(space, key, value) => set_local_once(connection, *space, key, value),
        Op::DropLocal(space, key) => drop_local(connection, *space, key),
    };
    batch.0.iter().map(&mut make).collect::<rusqlite::Result<_>>().map(Applied)
}

fn put(connection: &Connection, merge: Merge, record: &Stored, delta: &mut Delta) -> rusqlite::Result<Outcome> {
    let (ids, held) = slot(connection, record)?;
    let plan = plan(merge, &held, record);
    for index in plan.gone {
        connection.prepare_cached("DELETE FROM record WHERE id = ?1")?.execute([ids[index]])?;
        delta.removed(held[index].bytes.len() as i64);
    }
    if plan.outcome == Outcome::Done {
        insert(connection, record)?;
        delta.records += 1;
        delta.bytes += record.bytes.len() as i64;
    }
    Ok(plan.outcome)
}

/// Returns the records of a slot with their row ids, in the order of their hashes.
fn slot(connection: &Connection, record: &Stored) -> rusqlite::Result<(Vec<i64>, Vec<Held>)> {
    let mut select = connection.prepare_cached(
        "SELECT id, hash, bytes, expires_at FROM record
         WHERE key = ?1 AND section = ?2 AND slot = ?3 ORDER BY hash",
    )?;
    let rows = select.query_map((&record.key.0, record.section.number(), &*record.slot), |row| {
        let held = Held { hash: Hash(row.get(1)?), bytes: blob(row, 2)?, expires_at: time(row, 3)? };
        Ok((row.get(0)?, held))
    })?;
    rows.collect::<rusqlite::Result<Vec<(i64, Held)>>>().map(|rows| rows.into_iter().unzip())
}

fn insert(connection: &Connection, record: &Stored) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO record (key, section, slot, hash, bytes, expires_at, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute((
        &record.key.0,
        record.section.number(),
        &*record.slot,
        &record.hash.0,
        &*record.bytes,
        millis(record.expires_at),
        millis(record.stored_at),
    ))?;
    Ok(())
}

fn delete(
    connection: &Connection,
    key: &Key,
    section: Section,
    hash: &Hash,
    delta: &mut Delta,
) -> rusqlite::Result<Outcome> {
    let mut delete = connection
        .prepare_cached("DELETE FROM record WHERE key = ?1 AND section = ?2 AND hash = ?3 RETURNING length(bytes)")?;
    for bytes in delete.query_map((&key.0, section.number(), &hash.0), |row| row.get(0))? {
        delta.removed(bytes?);
    }
    Ok(Outcome::Done)
}

fn expire(connection: &Connection, now: WallTime, delta: &mut Delta) -> rusqlite::Result<Outcome> {
    let mut delete = connection.prepare_cached("DELETE FROM record WHERE expires_at <= ?1 RETURNING length(bytes)")?;
    for bytes in delete.query_map([millis(latest_end(now))], |row| row.get(0))? {
        delta.removed(bytes?);
    }
    Ok(Outcome::Done)
}

fn set_local(connection: &Connection, space: Space, key: &Bytes, value: &Bytes) -> rusqlite::Result<Outcome> {
    let mut set = connection.prepare_cached("INSERT OR REPLACE INTO local (space, key, value) VALUES (?1, ?2, ?3)")?;
    set.execute((space as u8, &**key, &**value))?;
    Ok(Outcome::Done)
}

fn set_local_once(connection: &Connection, space: Space, key: &Bytes, value: &Bytes) -> rusqlite::Result<Outcome> {
    let mut held = connection.prepare_cached("SELECT value FROM local WHERE space = ?1 AND key = ?2")?;
    match held.query_row((space as u8, &**key), |row| blob(row, 0)).optional()? {
        Some(held) => Ok(Outcome::Held(held)),
        None => set_local(connection, space, key, value),
    }
}

fn drop_local(connection: &Connection, space: Space, key: &Bytes) -> rusqlite::Result<Outcome> {
    let mut delete = connection.prepare_cached("DELETE FROM local WHERE space = ?1 AND key = ?2")?;
    delete.execute((space as u8, &**key))?;
    Ok(Outcome::Done)
}
