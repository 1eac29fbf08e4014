//! Reading: point reads, local values, and scans over everything.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, Error, OpenFlags, Row};

use super::fault::fault;
use super::queue::Queue;
use super::sum;
use crate::seam::{Reader, Space, StoreError, Stored};
use crate::store::merge::{kept, latest_end};
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

/// How long a read waits for a lock; in WAL mode none is held but for an instant, at opening and recovery.
const BUSY: Duration = Duration::from_secs(1);

/// The columns that [`stored`] takes, in its order.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT key, section, slot, hash, bytes, expires_at, stored_at, sum FROM record ", $rest)
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

/// Scans over all records, each call as of its own moment.
pub(super) struct SqliteReader {
    connection: Connection,
    queue: Arc<Queue>,
}

impl SqliteReader {
    /// Builds a reader that ends when the store is closed.
    pub fn new(connection: Connection, queue: Arc<Queue>) -> Self {
        Self { connection, queue }
    }

    fn try_scan(&self, after: Option<&(Key, Section, Bytes, Hash)>, limit: usize) -> rusqlite::Result<Vec<Stored>> {
        let mut select = self.connection.prepare_cached(select!(
            "WHERE (key, section, slot, hash) > (?1, ?2, ?3, ?4) ORDER BY key, section, slot, hash"
        ))?;
        let (key, section, slot, hash): (&[u8], u8, &[u8], &[u8]) =
            after.map_or((&[], 0, &[], &[]), |a| (a.0.as_bytes(), a.1.number(), &a.2, a.3.as_bytes()));
        let rows = select.query_map((key, section, slot, hash), stored)?;
        let mut found = Vec::new();
        sound(rows, limit, &mut found)?;
        Ok(found)
    }
}

impl Reader for SqliteReader {
    fn scan(&mut self, after: Option<&(Key, Section, Bytes, Hash)>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        if self.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        self.try_scan(after, limit).map_err(|e| fault(&e))
    }
}

/// Returns a record, `None` when its row is damaged.
fn stored(row: &Row<'_>) -> rusqlite::Result<Option<Stored>> {
    let sum = row.get(7).ok();
    match columns(row) {
        Ok(stored) => Ok(Some(stored).filter(|stored| sum == Some(sum::of_record(stored)))),
        // Not what we write into these columns.
        Err(error) if error.sqlite_error().is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let number: u8 = row.get(1)?;
    let section = Section::from_number(number)
        .ok_or_else(|| Error::FromSqlConversionFailure(1, Type::Integer, FromSqlError::InvalidType.into()))?;
    Ok(Stored {
        key: Key(row.get(0)?),
        section,
        slot: blob(row, 2)?,
        hash: Hash(row.get(3)?),
        bytes: blob(row, 4)?,
        expires_at: time(row, 5)?,
        stored_at: time(row, 6)?,
    })
}

/// Returns a column of bytes.
pub(super) fn blob(row: &Row<'_>, index: usize) -> rusqlite::Result<Bytes> {
    let value = row.get_ref(index)?;
    let bytes = value.as_blob().map_err(|_| Error::InvalidColumnType(index, String::new(), value.data_type()))?;
    Ok(Bytes::copy_from_slice(bytes))
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
