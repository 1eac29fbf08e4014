//! What every record must meet, whoever signed it: size and time.

use std::time::Duration;

use super::envelope::RecordError;
use super::record::Record;
use crate::types::{Limits, WallTime};

/// How far ahead of a reader's clock a record may be stamped.
pub const FUTURE_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Checks size, stamp and end.
///
/// # Errors
/// `TooLarge`, `Future`, `Expired`.
pub fn admit(record: &Record, now: WallTime, limits: &Limits) -> Result<(), RecordError> {
    let most = match record {
        // Each state of a chain has the limit; the chain checks them itself.
        Record::Account(_) => u32::MAX,
        Record::Bundle(_) => limits.bundle_bytes,
        Record::Device(_) | Record::Directory(_) => limits.account_bytes,
        Record::Private(_) => limits.private_bytes,
        Record::Post(_) => limits.post_bytes,
        _ => limits.other_bytes,
    };
    if record.bytes().len() > most as usize {
        return Err(RecordError::TooLarge);
    }
    if record.hlc().is_some_and(|hlc| hlc.wall() > now.plus(FUTURE_TOLERANCE)) {
        return Err(RecordError::Future);
    }
    if record.expires_at() <= now {
        return Err(RecordError::Expired);
    }
    Ok(())
}
