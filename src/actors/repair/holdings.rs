//! What lies in this node's store, as repair sees it: sums over all of it, and what lies in a short stretch.
//!
//! A scan of everything takes as long as reading the store once: some 30 ms for 10,000 records in SQLite. It is made off the
//! arbiter, and its sums are used for a while, as what has changed since costs no more than a closer look.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::actors::context::Context;
use crate::actors::gc::marked_within;
use crate::repair::{Digest, Leaf, name_of, worth_repairing};
use crate::seam::{Lane, Reader, Usage, offload};
use crate::types::{Hash, Key, Section, Stretch, WallTime, place_of};

/// Records scanned at once, at first and at most: short stretches have few.
const SCAN: [usize; 2] = [32, 1000];
/// Sums are used for so long, whatever changes.
const FRESH: Duration = Duration::from_secs(20);
/// And for so many times as long as they took, so that no more than a part of one core is spent on them.
const TIMES: u32 = 50;
/// For so long where nothing seems to change.
const LONGEST: Duration = Duration::from_secs(600);

/// Sums over a store as they were some time ago.
pub(super) struct Kept {
    pub digest: Arc<Digest>,
    at: Instant,
    took: Duration,
    usage: Usage,
    worth: WallTime,
}

impl Kept {
    /// Tells whether they are as good as new ones.
    pub(super) fn is_good(&self, node: &Context) -> bool {
        let (age, unchanged) = (self.at.elapsed(), self.usage == node.store.usage());
        let fresh = age < FRESH.max(self.took.saturating_mul(TIMES)) || (unchanged && age < LONGEST);
        fresh && self.worth == worth_repairing(node.horizon())
    }
}

/// Sums up everything that is worth repairing; `None` when the disk fails.
pub(super) async fn sum_up(node: &Rc<Context>) -> Option<Kept> {
    let (at, usage, worth) = (Instant::now(), node.store.usage(), worth_repairing(node.horizon()));
    let mut reader = node.store.reader().ok()?;
    let job = move || {
        let mut digest = Digest::default();
        scan(&mut *reader, Stretch::WHOLE, worth, usize::MAX, |row| digest.add(&row.key, &row.name)).then_some(digest)
    };
    let digest = offload(&*node.offload, Lane::Bulk, job).await??;
    Some(Kept { digest: Arc::new(digest), at, took: at.elapsed(), usage, worth })
}

/// A record in the store.
#[derive(Clone)]
pub(super) struct Row {
    pub key: Key,
    pub section: Section,
    pub hash: Hash,
    pub name: Hash,
    pub bytes: Bytes,
}

/// Walks over what is worth repairing of a stretch, by key, section and slot, at most about `most` records of its keys; false
/// when the disk fails or there are more.
pub(super) fn scan(
    reader: &mut dyn Reader,
    stretch: Stretch,
    worth: WallTime,
    most: usize,
    mut note: impl FnMut(Row),
) -> bool {
    let (first, last) = stretch.keys();
    let mut after = (first, Section::ALL[0], Bytes::new(), Hash([0; 32]));
    let (mut looked_at, [mut batch, largest]) = (0, SCAN);
    loop {
        let Ok(rows) = reader.scan(Some(&after), batch) else { return false };
        let end = rows.len() < batch || rows.last().is_none_or(|row| row.key > last);
        looked_at += rows.len();
        batch = (2 * batch).min(largest);
        if let Some(row) = rows.last() {
            after = (row.key, row.section, row.slot.clone(), row.hash);
        }
        for row in rows.into_iter().take_while(|row| row.key <= last) {
            let fits = stretch.contains(place_of(&row.key, &row.hash));
            if fits && !row.section.in_memory() && row.expires_at >= worth {
                let name = name_of(&row.key, &row.hash);
                note(Row { key: row.key, section: row.section, hash: row.hash, name, bytes: row.bytes });
            }
        }
        if end || looked_at >= most {
            return end;
        }
    }
}

/// Returns what lies in a stretch, no more than about `most` records; `None` when there are more, or the disk fails.
pub(super) async fn rows(node: &Rc<Context>, stretch: Stretch, most: usize) -> Option<Vec<Row>> {
    let mut reader = node.store.reader().ok()?;
    let worth = worth_repairing(node.horizon());
    let job = move || {
        let mut rows = Vec::new();
        scan(&mut *reader, stretch, worth, most, |row| rows.push(row)).then_some(rows)
    };
    offload(&*node.offload, Lane::Bulk, job).await?
}

/// Returns what is known of a stretch whose records are these.
pub(super) fn leaf(node: &Context, stretch: Stretch, rows: &[Row]) -> Leaf {
    let records = rows.iter().map(|row| row.name).collect();
    Leaf { records, marked: marks(node, stretch, usize::MAX).into_iter().collect() }
}

/// Returns the names of posts of a stretch that were collected here, at most `most`.
pub(super) fn marks(node: &Context, stretch: Stretch, most: usize) -> Vec<Hash> {
    let (first, last) = stretch.keys();
    let found = marked_within(node, &first, &last).into_iter();
    let within = found.filter(|(key, hash)| stretch.contains(place_of(key, hash)));
    within.map(|(key, hash)| name_of(&key, &hash)).take(most).collect()
}
