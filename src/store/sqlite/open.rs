//! Opening a file: making it, migrating it, and finding out whether it is sound.
//!
//! A file appears, and changes its schema, only by a rename of a finished and synced copy: an interrupted
//! attempt leaves the file as it was, and the next one starts afresh.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::fault::{fault, for_want_of_room, io_fault};
use super::files::{self, APPLICATION_ID, beside};
use super::read::unsigned;
use super::schema::Setup;
use super::wal;
use crate::seam::{StoreError, Usage};

/// How long to wait for a lock. Only a reader that holds up a checkpoint, or somebody looking into the file with
/// another program, can hold one.
const BUSY: Duration = Duration::from_secs(5);

/// Up to this many bytes, a file whose last close was not clean is checked whole: about a second of reading.
/// A crash alone does not damage a file, so larger ones are taken as they are.
const CHECKED_BYTES: u64 = 256 << 20;

/// Up to this many bytes, a file is checked at every opening: some milliseconds.
const ALWAYS_CHECKED_BYTES: u64 = 4 << 20;

/// Up to this many bytes, a check also compares the indexes with the tables, which takes three to eight times as long: half a
/// second. One wrong bit in an index can hide several records and leave both sound in themselves.
const COMPARED_BYTES: u64 = 64 << 20;

/// How large the WAL may stay after it was once larger: some group commits.
const WAL_KEPT_BYTES: u64 = 16 << 20;

/// A store that is ready for its writer.
pub(super) struct Opened {
    /// Where it lies.
    pub path: PathBuf,
    /// The connection of the writer.
    pub connection: Connection,
    /// What it holds.
    pub usage: Usage,
    /// Frames of its log that lie behind damage, and are lost.
    pub cut: u64,
}

/// Opens the store at `path`, making or migrating it first where that is needed.
pub(super) fn open(path: &Path, setup: &Setup) -> Result<Opened, StoreError> {
    open_at(path, setup).map_err(|fault| for_want_of_room(path, fault))
}

fn open_at(path: &Path, setup: &Setup) -> Result<Opened, StoreError> {
    // A renamed copy must take the place of the file, not of a link to it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let current = setup.steps.len() as u32;
    take_back_original(&path, current)?;
    let found = match files::schema_of(&path)? {
        Some(found) if found > current => return Err(StoreError::Newer { found, known: current }),
        found => found,
    };
    // Before anything opens it: SQLite writes over what it passes over.
    let cut = if found.is_some() { wal::frames_behind_damage(&path)? } else { 0 };
    files::remove_database(&beside(&path, ".migrating"))?;
    match found {
        None => create(&path, setup)?,
        Some(found) if found < current => migrate(&path, found, setup)?,
        Some(_) => {}
    }
    let (connection, usage) = open_current(&path, setup)?;
    for schema in 1..current {
        files::remove(&original(&path, schema))?;
    }
    Ok(Opened { path, connection, usage, cut })
}

/// Tells whether a store is at `path`, also where a migration was interrupted between its two renames.
pub(super) fn is_at(path: &Path, setup: &Setup) -> Result<bool, StoreError> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let olds = (1..setup.steps.len() as u32).map(|schema| original(&path, schema));
    for file in std::iter::once(path.clone()).chain(olds) {
        if file.try_exists().map_err(|e| io_fault(&e))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the file of an older schema lies until the migrated one has been opened.
fn original(path: &Path, schema: u32) -> PathBuf {
    beside(path, &format!(".v{schema}"))
}

/// Undoes the first of a migration's two renames when the second was not made.
fn take_back_original(path: &Path, current: u32) -> Result<(), StoreError> {
    let exists = |path: &Path| path.try_exists().map_err(|e| io_fault(&e));
    if exists(path)? {
        return Ok(());
    }
    for schema in (1..current).rev() {
        let original = original(path, schema);
        if exists(&original)? {
            return files::rename(&original, path);
        }
    }
    Ok(())
}

fn create(path: &Path, setup: &Setup) -> Result<(), StoreError> {
    let copy = beside(path, ".migrating");
    files::create_private(&copy)?;
    let mut connection = connect(&copy)?;
    connection.execute_batch("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL").map_err(|e| fault(&e))?;
    run_steps(&mut connection, 0, setup)?;
    finish(connection, &copy)?;
    // SQLite would play a WAL left by a lost file into this one.
    files::remove(&beside(path, "-wal"))?;
    files::remove(&beside(path, "-shm"))?;
    files::rename(&copy, path)
}

fn migrate(path: &Path, found: u32, setup: &Setup) -> Result<(), StoreError> {
    let copy = beside(path, ".migrating");
    files::create_private(&copy)?;
    let mut connection = connect(&copy)?;
    let source = connect(path)?;
    Backup::new(&source, &mut connection)
        .and_then(|backup| backup.run_to_completion(i32::MAX, Duration::ZERO, None))
        .map_err(|e| fault(&e))?;
    // Closing the last connection plays the WAL into the file and removes it, so that it cannot be taken for the copy's.
    source.close().map_err(|(_, e)| fault(&e))?;
    run_steps(&mut connection, found, setup)?;
    check_whole(&connection, 0)?;
    finish(connection, &copy)?;
    if files::has_wal(path)? {
        return Err(StoreError::Access("another program has it open".into()));
    }
    files::rename(path, &original(path, found))?;
    files::rename(&copy, path)
}

/// Opens a connection that writes.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES as i64)?;
        Ok(connection)
    };
    connect().map_err(|e| fault(&e))
}

fn run_steps(connection: &mut Connection, from: u32, setup: &Setup) -> Result<(), StoreError> {
    let mut run = || {
        let transaction = connection.transaction()?;
        for step in &setup.steps[from as usize..] {
            step(&transaction)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", setup.steps.len() as i64)?;
        // A step may change how much is held, so that it must be counted anew.
        transaction.execute("DELETE FROM clean_close", [])?;
        transaction.commit()
    };
    run().map_err(|e| fault(&e))
}

/// Puts a copy into WAL mode, closes it and makes sure that it is on disk.
fn finish(connection: Connection, copy: &Path) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL").map_err(|e| fault(&e))?;
    connection.close().map_err(|(_, e)| fault(&e))?;
    files::sync(copy)
}

/// Opens a file of the current schema, checks it and marks it as in use.
fn open_current(path: &Path, setup: &Setup) -> Result<(Connection, Usage), StoreError> {
    let left_over = files::has_wal(path)?;
    let file_bytes = fs::metadata(path).map_err(|e| io_fault(&e))?.len();
    let connection = connect(path)?;
    let keep_wal = |keep| {
        // Closing a file that is found damaged must not play its WAL into it.
        let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep && left_over);
        set.map(drop).map_err(|e| fault(&e))
    };
    keep_wal(true)?;
    let clean = clean_usage(&connection).map_err(|e| fault(&e))?;
    let checked = if clean.is_some() { ALWAYS_CHECKED_BYTES } else { CHECKED_BYTES };
    if file_bytes <= checked {
        check_whole(&connection, file_bytes)?;
    }
    let usage = match clean {
        Some(usage) => usage,
        None => count(&connection).map_err(|e| fault(&e))?,
    };
    keep_wal(false)?;
    let mark = || {
        if let Some(pages) = setup.max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        // Written even when there is nothing to delete: a file that cannot be written is to be found now.
        connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM clean_close; COMMIT")
    };
    mark().map_err(|e| fault(&e))?;
    Ok((connection, usage))
}

fn clean_usage(connection: &Connection) -> rusqlite::Result<Option<Usage>> {
    let row = "SELECT records, bytes FROM clean_close";
    connection.query_row(row, [], usage).optional()
}

fn count(connection: &Connection) -> rusqlite::Result<Usage> {
    let all = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM record";
    connection.query_row(all, [], usage)
}

fn usage(row: &Row<'_>) -> rusqlite::Result<Usage> {
    Ok(Usage { records: unsigned(row, 0)?, bytes: unsigned(row, 1)? })
}

/// Checks a file of this size.
fn check_whole(connection: &Connection, file_bytes: u64) -> Result<(), StoreError> {
    let check = if file_bytes <= COMPARED_BYTES { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let found: String = connection.query_row(check, [], |row| row.get(0)).map_err(|e| fault(&e))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found.into())) }
}
