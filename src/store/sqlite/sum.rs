//! A sum over the content of each row: what tells a row that was written from one that the disk has changed since.
//!
//! SQLite keeps none, and a wrong bit within a value looks like any other value. A row whose sum is wrong is left out by those
//! who read, as if it had been lost, and gives way when its like is written again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::read::millis;
use crate::seam::{Lent, Space};

/// Whether it was said that a row is damaged; each read would say it anew.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Returns the sum of a record's row.
pub(super) fn of_record(row: &Lent<'_>) -> i64 {
    let times = [millis(row.expires_at), millis(row.stored_at)];
    of_parts(&[
        &row.key.0,
        &[row.section.number()],
        row.slot,
        &row.hash.0,
        &row.bytes,
        &times[0].to_le_bytes(),
        &times[1].to_le_bytes(),
    ])
}

/// Returns the sum of a local value's row.
pub(super) fn of_local(space: Space, key: &[u8], value: &[u8]) -> i64 {
    of_parts(&[&[space as u8], key, value])
}

/// Returns the sum of columns; of the second schema, so it is never changed.
pub(super) fn of_parts(parts: &[&[u8]]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut sum = [0; 8];
    hasher.finalize_xof().fill(&mut sum);
    i64::from_le_bytes(sum)
}

/// Says once that the store has a damaged row.
pub(super) fn tell() {
    if !TOLD.swap(true, Ordering::Relaxed) {
        tracing::error!("the disk has changed a row of the store: it is left out; others have what was published");
    }
}
