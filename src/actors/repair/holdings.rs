//! What lies in this node's store, as repair sees it: sums over all of it, and what lies in a short stretch.
//!
//! A scan of everything takes as long as reading the store once: some 30 ms for 10,000 records in SQLite. It is made off the
//! arbiter, and its sums are used for a while, as what has changed since costs no more than a closer look.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::actors::context::Context;
use crate::actors::gc::marked_within;
use crate::repair::{Digest, Leaf, name_of, worth_repairing};
use crate::seam::{Lane, Lent, Reader, Usage, offload};
use crate::types::{Hash, Key, Section, Stretch, WallTime, place_of};

/// Sums are used for so long, whatever changes.
const FRESH: Duration = Duration::from_secs(20);
/// And for so many times as long as they took, so that no more than a part of one core is spent on them.
const TIMES: u32 = 50;
/// What takes less may be done whenever a neighbour comes or goes.
const CHEAP: Duration = Duration::from_millis(100);
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
    /// Tells whether they may be made at every change of the neighbourhood.
    pub(super) fn is_cheap(&self) -> bool {
        self.took < CHEAP
    }

    /// Tells whether nothing has changed since.
    pub(super) fn is_exact(&self, node: &Context) -> bool {
        self.usage == node.store.usage() && self.worth == worth_repairing(node.horizon())
    }

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
        let add = |row: &Lent<'_>| digest.add(row.key, &name_of(row.key, row.hash));
        let whole = scan(&mut *reader, Stretch::WHOLE, worth, usize::MAX, add);
        digest.shrink();
        whole.then_some(digest)
    };
    let digest = offload(&*node.offload, Lane::Bulk, job).await??;
    Some(Kept { digest: Arc::new(digest), at, took: at.elapsed(), usage, worth })
}

/// A record in the store.
pub(super) struct Row {
    pub key: Key,
    pub section: Section,
    pub hash: Hash,
    pub name: Hash,
    pub bytes: Bytes,
}

impl From<&Lent<'_>> for Row {
    fn from(lent: &Lent<'_>) -> Self {
        let name = name_of(lent.key, lent.hash);
        Self { key: *lent.key, section: lent.section, hash: *lent.hash, name, bytes: lent.bytes.to_bytes() }
    }
}

/// Walks over what is worth repairing of a stretch, by key, section and slot, at most `most` records of its keys; false when
/// the disk fails or there are more.
pub(super) fn scan(
    reader: &mut dyn Reader,
    stretch: Stretch,
    worth: WallTime,
    most: usize,
    mut note: impl FnMut(&Lent<'_>),
) -> bool {
    let (first, last) = stretch.keys();
    let (mut looked_at, mut whole) = (0, true);
    let walked = reader.walk(Some(&(first, Section::ALL[0], Bytes::new(), Hash([0; 32]))), &mut |row| {
        if *row.key > last {
            return ControlFlow::Break(());
        }
        if looked_at == most {
            whole = false;
            return ControlFlow::Break(());
        }
        looked_at += 1;
        let fits = stretch.contains(place_of(row.key, row.hash));
        if fits && !row.section.in_memory() && row.expires_at >= worth {
            note(row);
        }
        ControlFlow::Continue(())
    });
    walked.is_ok() && whole
}

/// Returns what lies in a stretch, no more than `most` records of its keys; `None` when there are more, or the disk fails.
pub(super) async fn rows(node: &Rc<Context>, stretch: Stretch, most: usize) -> Option<Vec<Row>> {
    let mut reader = node.store.reader().ok()?;
    let worth = worth_repairing(node.horizon());
    let job = move || {
        let mut rows = Vec::new();
        scan(&mut *reader, stretch, worth, most, |row| rows.push(Row::from(row))).then_some(rows)
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
