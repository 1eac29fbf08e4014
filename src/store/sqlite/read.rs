//! Reading: point reads, local values, and walks over everything.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, Error, OpenFlags, Row};

use super::fault::fault;
use super::queue::Queue;
use super::sum;
use crate::seam::{Lent, LentBytes, Place, Reader, Space, StoreError, Stored, Usage};
use crate::store::merge::{kept, latest_end};
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

/// How long a read waits for a lock; in WAL mode none is held but for an instant, at opening and recovery.
const BUSY: Duration = Duration::from_secs(1);

/// The columns that [`lend`] takes, in its order.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT key, section, slot, hash, bytes, expires_at, stored_at, sum FROM record ", $rest)
    };
}

/// Rows lent as of one moment: a walk that takes long must not keep the log from being written over.
const AT_ONCE: usize = 1000;

/// What [`measure_records`] asks.
macro_rules! measure {
    ($rest:literal) => {
        concat!(
            "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM record WHERE key = ?1 AND section = ?2 AND expires_at > ?3 ",
            $rest
        )
    };
}

/// Opens a connection that cannot write.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// Reads some sections of a key, all as of one moment.
pub(super) fn read_records(
    connection: &Connection,
    key: &Key,
    sections: SectionSet,
    after: Option<&(Section, Bytes, Hash)>,
    limit: usize,
    now: WallTime,
) -> rusqlite::Result<Vec<Stored>> {
    let several = sections.iter().nth(1).is_some();
    let _moment = several.then(|| connection.unchecked_transaction()).transpose()?;
    let mut select = connection.prepare_cached(select!(
        "WHERE key = ?1 AND section = ?2 AND (slot, hash) > (?3, ?4) AND expires_at > ?5
         ORDER BY slot, hash"
    ))?;
    let mut found: Vec<Stored> = Vec::new();
    for section in sections.iter().filter(|section| after.is_none_or(|a| *section >= a.0)) {
        let room = limit - found.len();
        if room == 0 {
            break;
        }
        // Every slot and hash is greater than a pair of empty ones.
        let (slot, hash): (&[u8], &[u8]) =
            after.filter(|a| a.0 == section).map_or((&[], &[]), |a| (&a.1, a.2.as_bytes()));
        let now = millis(latest_end(now));
        let rows = select.query_map((&key.0, section.number(), slot, hash, now), stored)?;
        sound(rows, room, &mut found)?;
    }
    Ok(found)
}

/// Counts records of a section of a key and adds up their lengths, which are read without what they are the lengths of.
pub(super) fn measure_records(
    connection: &Connection,
    key: &Key,
    section: Section,
    below: Option<&[u8]>,
    now: WallTime,
) -> rusqlite::Result<Usage> {
    let mut measure = connection.prepare_cached(match below {
        Some(_) => measure!("AND slot < ?4"),
        None => measure!("AND ?4 IS NULL"),
    })?;
    let now = millis(latest_end(now));
    measure.query_row((&key.0, section.number(), now, below), |row| {
        Ok(Usage { records: unsigned(row, 0)?, bytes: unsigned(row, 1)? })
    })
}

/// Reads local values.
pub(super) fn read_local(
    connection: &Connection,
    space: Space,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> rusqlite::Result<Vec<(Bytes, Bytes)>> {
    // The least key greater than `after` is `after` and a zero byte.
    let behind = after.map(|after| [after, &[0]].concat()).unwrap_or_default();
    let from = behind.as_slice().max(prefix);
    let mut select =
        connection.prepare_cached("SELECT key, value, sum FROM local WHERE space = ?1 AND key >= ?2 ORDER BY key")?;
    let rows = select.query_map((space as u8, from), |row| {
        let (key, value) = (blob(row, 0)?, blob(row, 1)?);
        let is_sound = row.get::<_, i64>(2)? == sum::of_local(space, &key, &value);
        Ok((key, is_sound.then_some(value)))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (key, value) = row?;
        if found.len() >= limit || !key.starts_with(prefix) {
            break;
        }
        match value {
            Some(value) => found.push((key, value)),
            None => sum::tell(),
        }
    }
    Ok(found)
}

/// Takes rows until there are enough, and leaves out damaged ones: whoever gets less than asked for takes it for the end.
fn sound(
    rows: impl Iterator<Item = rusqlite::Result<Option<Stored>>>,
    room: usize,
    found: &mut Vec<Stored>,
) -> rusqlite::Result<()> {
    let enough = found.len().saturating_add(room);
    // Looked at first: the next row need not be read.
    let mut rows = rows;
    while found.len() < enough {
        match rows.next().transpose()? {
            Some(Some(row)) => found.push(row),
            Some(None) => sum::tell(),
            None => break,
        }
    }
    Ok(())
}

/// Walks over all records.
pub(super) struct SqliteReader {
    connection: Connection,
    queue: Arc<Queue>,
}

impl SqliteReader {
    /// Builds a reader that ends when the store is closed.
    pub fn new(connection: Connection, queue: Arc<Queue>) -> Self {
        Self { connection, queue }
    }

    /// Lends some rows behind a place; returns the place of the last one where there may be more.
    fn lend_some(
        &self,
        after: Option<&Place>,
        look: &mut dyn FnMut(&Lent<'_>) -> ControlFlow<()>,
    ) -> rusqlite::Result<Option<Place>> {
        let mut select = self.connection.prepare_cached(select!(
            "WHERE (key, section, slot, hash) > (?1, ?2, ?3, ?4) ORDER BY key, section, slot, hash"
        ))?;
        let (key, section, slot, hash): (&[u8], u8, &[u8], &[u8]) =
            after.map_or((&[], 0, &[], &[]), |a| (a.0.as_bytes(), a.1.number(), &a.2, a.3.as_bytes()));
        let mut rows = select.query((key, section, slot, hash))?;
        let mut room = AT_ONCE;
        while let Some(row) = rows.next()? {
            room = room.saturating_sub(1);
            let looked = lend(row, |lent| (look(lent), (room == 0).then(|| lent.place())))?;
            match looked {
                Some((ControlFlow::Break(()), _)) => return Ok(None),
                Some((ControlFlow::Continue(()), None)) => {}
                Some((ControlFlow::Continue(()), last)) => return Ok(last),
                None => sum::tell(),
            }
        }
        Ok(None)
    }
}

impl Reader for SqliteReader {
    fn walk(
        &mut self,
        after: Option<&Place>,
        look: &mut dyn FnMut(&Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut after = after.cloned();
        loop {
            if self.queue.is_closed() {
                return Err(StoreError::Closed);
            }
            after = self.lend_some(after.as_ref(), look).map_err(|e| fault(&e))?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Returns a record, `None` when its row is damaged.
fn stored(row: &Row<'_>) -> rusqlite::Result<Option<Stored>> {
    lend(row, |lent| Stored::from(lent))
}

/// Lends a row for a look; `None` when it is damaged.
fn lend<T>(row: &Row<'_>, look: impl FnOnce(&Lent<'_>) -> T) -> rusqlite::Result<Option<T>> {
    let read = || -> rusqlite::Result<(Key, Section, Hash, WallTime, WallTime)> {
        let number: u8 = row.get(1)?;
        let section = Section::from_number(number)
            .ok_or_else(|| Error::FromSqlConversionFailure(1, Type::Integer, FromSqlError::InvalidType.into()))?;
        Ok((Key(row.get(0)?), section, Hash(row.get(3)?), time(row, 5)?, time(row, 6)?))
    };
    let columns = read().and_then(|columns| Ok((columns, raw(row, 2)?, raw(row, 4)?)));
    let ((key, section, hash, expires_at, stored_at), slot, bytes) = match columns {
        Ok(columns) => columns,
        // Not what we write into these columns.
        Err(error) if error.sqlite_error().is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = LentBytes::Read(bytes);
    let lent = Lent { key: &key, section, slot, hash: &hash, bytes, expires_at, stored_at };
    Ok((row.get(7).ok() == Some(sum::of_record(&lent))).then(|| look(&lent)))
}

/// Returns a column of bytes.
pub(super) fn blob(row: &Row<'_>, index: usize) -> rusqlite::Result<Bytes> {
    raw(row, index).map(Bytes::copy_from_slice)
}

/// Returns a column of bytes as it lies in the row.
fn raw<'a>(row: &'a Row<'_>, index: usize) -> rusqlite::Result<&'a [u8]> {
    let value = row.get_ref(index)?;
    value.as_blob().map_err(|_| Error::InvalidColumnType(index, String::new(), value.data_type()))
}

/// Returns a column of time.
pub(super) fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<WallTime> {
    unsigned(row, index).map(WallTime)
}

/// Returns a column of numbers that are never negative.
pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(index, number))
}

/// Returns a time as it is kept in an integer column.
pub(super) fn millis(time: WallTime) -> i64 {
    kept(time).0 as i64
}
