//! Which of SQLite's and the file system's errors mean what to the owner of a store.

use std::io;

use rusqlite::{Error, ErrorCode, ffi};

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

/// Translates an error of the file system.
pub(super) fn io_fault(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => StoreError::Access(error.to_string().into()),
    }
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
    }
}
