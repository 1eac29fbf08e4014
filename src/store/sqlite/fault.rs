//! Which of SQLite's and the file system's errors mean what to the owner of a store.

use std::io;
use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, ffi};

use super::files;
use crate::seam::StoreError;

/// Translates an error of SQLite.
pub(super) fn fault(error: &Error) -> StoreError {
    let detail = || error.to_string().into();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
        // The memory that readers and the writer share lies in a file too, which could not grow.
        _ if error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE) => StoreError::DiskFull,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            StoreError::Damaged(detail())
        }
        // "SQL logic error": our statements are fixed, so the tables are not those that we made.
        Some(ErrorCode::Unknown) => StoreError::Damaged(detail()),
        Some(_) => StoreError::Access(detail()),
        None => match error {
            Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::QueryReturnedNoRows => StoreError::Damaged(detail()),
            _ => StoreError::Access(detail()),
        },
    }
}

/// Translates an error of a connection that writes. SQLite calls a disk full only where the whole of it is, and not where a
/// quota is used up or a file may grow no further.
pub(super) fn write_fault(connection: &Connection, error: &Error) -> StoreError {
    let fault = fault(error);
    let io = error.sqlite_error().is_some_and(|e| e.code == ErrorCode::SystemIoFailure);
    let path = connection.path().filter(|_| io).map(Path::new);
    path.map_or(fault.clone(), |path| for_want_of_room(path, fault))
}

/// Calls an error that a store cannot be accessed a full disk, where nothing more can be written beside it.
pub(super) fn for_want_of_room(path: &Path, fault: StoreError) -> StoreError {
    match fault {
        StoreError::Access(_) if files::room_beside(path).is_err_and(|e| is_no_room(&e)) => StoreError::DiskFull,
        fault => fault,
    }
}

/// Translates an error of the file system.
pub(super) fn io_fault(error: &io::Error) -> StoreError {
    if is_no_room(error) { StoreError::DiskFull } else { StoreError::Access(error.to_string().into()) }
}

fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_a_full_disk() {
        let of = |code| fault(&Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(of(ffi::SQLITE_FULL), StoreError::DiskFull);
        assert_eq!(of(ffi::SQLITE_IOERR_SHMSIZE), StoreError::DiskFull);
        for code in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_READ, ffi::SQLITE_READONLY, ffi::SQLITE_CANTOPEN] {
            assert!(matches!(of(code), StoreError::Access(_)), "{code}");
        }
        assert!(matches!(of(ffi::SQLITE_CORRUPT), StoreError::Damaged(_)));
        #[cfg(unix)]
        for (error, full) in [("ENOSPC", 28), ("EDQUOT", 122), ("EFBIG", 27)] {
            // The numbers are those of Linux.
            let full = io::Error::from_raw_os_error(full);
            assert!(!cfg!(target_os = "linux") || io_fault(&full) == StoreError::DiskFull, "{error}");
        }
        assert!(matches!(io_fault(&io::ErrorKind::PermissionDenied.into()), StoreError::Access(_)));
    }
}
