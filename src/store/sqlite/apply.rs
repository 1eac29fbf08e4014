//! What each change does to the tables.
//!
//! Runs inside a savepoint that its caller releases or rolls back.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::read::{blob, millis, time};
use super::sum;
use crate::seam::{Applied, Batch, Lent, Op, Outcome, Space, Stored, Usage};
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
    let Slot { ids, held, damaged } = slot(connection, record)?;
    for (id, bytes) in damaged {
        connection.prepare_cached("DELETE FROM record WHERE id = ?1")?.execute([id])?;
        delta.removed(bytes);
    }
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

/// The records of a slot, in the order of their hashes.
#[derive(Default)]
struct Slot {
    ids: Vec<i64>,
    held: Vec<Held>,
    /// Row ids and lengths of those whose rows the disk has changed: they count for nothing.
    damaged: Vec<(i64, i64)>,
}

fn slot(connection: &Connection, record: &Stored) -> rusqlite::Result<Slot> {
    let mut select = connection.prepare_cached(
        "SELECT id, hash, bytes, expires_at, stored_at, sum, length(bytes) FROM record
         WHERE key = ?1 AND section = ?2 AND slot = ?3 ORDER BY hash",
    )?;
    let mut rows = select.query((&record.key.0, record.section.number(), &*record.slot))?;
    let mut slot = Slot::default();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let read = || -> rusqlite::Result<Stored> {
            let (expires_at, stored_at) = (time(row, 3)?, time(row, 4)?);
            let (hash, bytes) = (Hash(row.get(1)?), blob(row, 2)?);
            Ok(Stored { hash, bytes, expires_at, stored_at, ..record.clone() })
        };
        let sum: Option<i64> = row.get(5).ok();
        match read() {
            Ok(stored) if sum == Some(sum::of_record(&Lent::from(&stored))) => {
                slot.ids.push(id);
                slot.held.push(Held { hash: stored.hash, bytes: stored.bytes, expires_at: stored.expires_at });
            }
            _ => slot.damaged.push((id, row.get(6)?)),
        }
    }
    Ok(slot)
}

fn insert(connection: &Connection, record: &Stored) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO record (key, section, slot, hash, bytes, expires_at, stored_at, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute((
        &record.key.0,
        record.section.number(),
        &*record.slot,
        &record.hash.0,
        &*record.bytes,
        millis(record.expires_at),
        millis(record.stored_at),
        sum::of_record(&Lent::from(record)),
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
    let mut set =
        connection.prepare_cached("INSERT OR REPLACE INTO local (space, key, value, sum) VALUES (?1, ?2, ?3, ?4)")?;
    set.execute((space as u8, &**key, &**value, sum::of_local(space, key, value)))?;
    Ok(Outcome::Done)
}

fn set_local_once(connection: &Connection, space: Space, key: &Bytes, value: &Bytes) -> rusqlite::Result<Outcome> {
    let mut held = connection.prepare_cached("SELECT value, sum FROM local WHERE space = ?1 AND key = ?2")?;
    let read = |row: &Row<'_>| Ok((blob(row, 0)?, row.get::<_, i64>(1)?));
    match held.query_row((space as u8, &**key), read).optional()? {
        // What was said once is not said otherwise because the disk forgot it: there is something, and nobody can read it.
        Some((held, sum)) if sum != sum::of_local(space, key, &held) => Ok(Outcome::Held(Bytes::new())),
        Some((held, _)) => Ok(Outcome::Held(held)),
        None => set_local(connection, space, key, value),
    }
}

fn drop_local(connection: &Connection, space: Space, key: &Bytes) -> rusqlite::Result<Outcome> {
    let mut delete = connection.prepare_cached("DELETE FROM local WHERE space = ?1 AND key = ?2")?;
    delete.execute((space as u8, &**key))?;
    Ok(Outcome::Done)
}
