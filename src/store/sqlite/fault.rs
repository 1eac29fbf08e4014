//! Which of SQLite's and the file system's errors mean what to the owner of a store.

use std::io;

use rusqlite::{Error, ErrorCode};

use crate::seam::StoreError;

/// Translates an error of SQLite.
pub(super) fn fault(error: &Error) -> StoreError {
    let detail = || error.to_string().into();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
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
