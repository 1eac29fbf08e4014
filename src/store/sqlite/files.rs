//! The files of a store: their names, their header, and changes to them that a crash cannot tear.
//!
//! Reads the header without SQLite, because opening a file with SQLite may already change it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::fault::io_fault;
use crate::seam::StoreError;

/// Marks a file as ours ("time" in ASCII), in the application id of its header.
pub(super) const APPLICATION_ID: u32 = 0x7469_6d65;

/// The length of the header (SQLite file format, section 1.3).
const HEADER_BYTES: usize = 100;

/// The size of a page, in every store.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Those bytes of the header that are the same in every store: offset and content.
const FIXED: [(usize, &[u8]); 7] = [
    (0, b"SQLite format 3\0"),
    // Page size 4,096; WAL for writing and reading; nothing reserved; the three payload fractions.
    (16, &[0x10, 0x00, 2, 2, 0, 64, 32, 32]),
    // Schema format.
    (44, &[0, 0, 0, 4]),
    // UTF-8.
    (56, &[0, 0, 0, 1]),
    // Incremental vacuum.
    (64, &[0, 0, 0, 1]),
    (68, &APPLICATION_ID.to_be_bytes()),
    (72, &[0; 20]),
];

/// Returns the schema of the store in a file, `None` where there is no file.
///
/// The header in the file is always right about it: schemas change in a copy only, which has no WAL when it
/// takes its place.
pub(super) fn schema_of(path: &Path) -> Result<Option<u32>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_fault(&error)),
    };
    let mut header = [0; HEADER_BYTES];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(StoreError::Damaged("it is too short".into()));
        }
        Err(error) => return Err(io_fault(&error)),
    }
    if FIXED.iter().any(|(at, bytes)| header[*at..*at + bytes.len()] != **bytes) {
        return Err(StoreError::Damaged("it is not the file of a store".into()));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let file_bytes = file.metadata().map_err(|e| io_fault(&e))?.len();
    // SQLite reads what is missing of a last page as zeros. With a WAL the rest may be in there.
    if file_bytes < u64::from(number(28)) * PAGE_BYTES && !has_wal(path)? {
        return Err(StoreError::Damaged("its end is missing".into()));
    }
    match number(60) {
        0 => Err(StoreError::Damaged("it has no schema".into())),
        schema => Ok(Some(schema)),
    }
}

/// Tells whether a WAL lies beside a file: somebody has it open, or did not close it.
pub(super) fn has_wal(path: &Path) -> Result<bool, StoreError> {
    beside(path, "-wal").try_exists().map_err(|e| io_fault(&e))
}

/// Returns the path with something appended to its last part.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes an empty file that only its owner may read.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|e| io_fault(&e))
}

/// Room that a store needs to go on: some pages.
const ROOM_BYTES: u64 = 64 << 10;

/// Tries whether a store, or its WAL, could grow: with a file of its own, which does not stay.
pub(super) fn room_beside(path: &Path) -> io::Result<()> {
    let probe = beside(path, ".room");
    let length = |path: PathBuf| fs::metadata(path).map_or(0, |about| about.len());
    let longest = length(path.to_owned()).max(length(beside(path, "-wal")));
    let grow = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
        // Takes no room, but may be more than one file may have.
        file.set_len(longest + ROOM_BYTES)?;
        file.set_len(0)?;
        file.write_all(&[1; ROOM_BYTES as usize])?;
        file.sync_all()
    };
    let grown = grow();
    // Where it could not be made there is nothing to remove.
    let _ = fs::remove_file(&probe);
    grown
}

/// Removes a database and what SQLite keeps beside it.
pub(super) fn remove_database(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-journal", "-wal", "-shm", ""] {
        remove(&beside(path, suffix))?;
    }
    Ok(())
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_fault(&error)),
        _ => Ok(()),
    }
}

/// Gives a file another name, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|e| io_fault(&e))?;
    sync_folder_of(to)
}

/// Makes sure that a file's content is on disk.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    // Not every system syncs a file that was opened for reading only.
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.sync_all()).map_err(|e| io_fault(&e))
}

/// Makes sure that the names in a file's folder are on disk; elsewhere than on Unix, folders cannot be synced.
fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(folder) if cfg!(unix) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| io_fault(&e))
        }
        _ => Ok(()),
    }
}
