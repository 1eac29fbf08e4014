//! A store in memory, for simulated nodes and for tests.
//!
//! Everything happens at the call, in the order of calls, on the caller's thread. The "disk" outlives the store
//! on it, as a disk outlives a process. Nothing is written anywhere.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

mod pool;

pub use pool::Pool;

use self::pool::{At, Lying, Row, Value};
use super::merge::{Held, Merge, ended, kept, latest_end, plan};
use crate::seam::{
    Applied, Batch, Later, Lent, LentBytes, Op, Outcome, Place, Reader, Space, Store, StoreError, Stored, Usage,
};
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

/// When each record came here, by its place.
type Records = BTreeMap<At, WallTime>;

/// Its size is bounded by what the owner of the store admits, like that of a real disk.
#[derive(Clone, Default)]
struct Contents {
    /// Shared with readers; copied only when a change comes while a reader is open.
    records: Arc<Records>,
    /// Those that end at some time.
    by_end: BTreeSet<(WallTime, At)>,
    local: BTreeSet<Row>,
    usage: Usage,
    full: bool,
    pool: Option<Rc<Pool>>,
}

/// What a simulated node keeps when it crashes. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Rc<RefCell<Contents>>);

impl MemoryDisk {
    /// Returns an empty disk that holds what others with the same pool hold too together with them.
    pub fn sharing(pool: Rc<Pool>) -> Self {
        Self(Rc::new(RefCell::new(Contents { pool: Some(pool), ..Contents::default() })))
    }

    /// Returns another disk with the same contents.
    pub fn copy(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Shows every record to `look`, by key, section, slot and hash; ended ones included.
    pub fn each(&self, mut look: impl FnMut(&Key, Section, &Hash, &Bytes)) {
        let contents = self.0.borrow();
        contents.records.keys().for_each(|At(row)| look(&row.place.0, row.place.1, &row.place.3, &row.bytes));
    }

    /// Returns how much is held.
    pub fn usage(&self) -> Usage {
        self.0.borrow().usage
    }

    /// Makes commits fail with [`StoreError::DiskFull`] until it is called with `false`.
    pub fn set_full(&self, full: bool) {
        self.0.borrow_mut().full = full;
    }
}

/// A [`Store`] on a [`MemoryDisk`]. Commits are made at the call, whether or not their future is polled.
pub struct MemoryStore {
    disk: MemoryDisk,
    merge: Merge,
    closed: Arc<AtomicBool>,
}

impl MemoryStore {
    /// Opens an empty store on a disk of its own.
    pub fn new(merge: Merge) -> Self {
        Self::on(MemoryDisk::default(), merge)
    }

    /// Opens the store that lies on `disk`.
    pub fn on(disk: MemoryDisk, merge: Merge) -> Self {
        Self { disk, merge, closed: Arc::default() }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn make(&self, batch: Batch) -> Result<Applied, StoreError> {
        self.check_open()?;
        let mut contents = self.disk.0.borrow_mut();
        if contents.full {
            return Err(StoreError::DiskFull);
        }
        Ok(Applied(batch.0.into_iter().map(|op| contents.apply(op, self.merge)).collect()))
    }
}

impl Contents {
    fn apply(&mut self, op: Op, merge: Merge) -> Outcome {
        match op {
            Op::Put(record) => return self.put(record, merge),
            Op::Delete { key, section, hash } => {
                let found = section_of(&self.records, key, section).filter(|(at, _)| at.0.place.3 == hash);
                let gone: Vec<At> = found.map(|(at, _)| at.clone()).collect();
                gone.iter().for_each(|at| self.remove(at));
            }
            Op::Expire(now) => {
                let end = latest_end(now);
                while let Some((_, at)) = self.by_end.first().filter(|first| first.0 <= end).cloned() {
                    self.remove(&at);
                }
            }
            Op::SetLocal(space, key, value) => self.set(space, key, value),
            Op::SetLocalOnce(space, key, value) => match self.local.get(&(space, key.clone())) {
                Some(Row(held)) => return Outcome::Held(held.value.clone()),
                None => self.set(space, key, value),
            },
            Op::DropLocal(space, key) => {
                self.local.remove(&(space, key));
            }
        }
        Outcome::Done
    }

    fn set(&mut self, space: Space, key: Bytes, value: Bytes) {
        let value = Value { at: (space, key), value };
        self.local.replace(match &self.pool {
            Some(pool) => pool.row(value),
            None => Row(Arc::new(value)),
        });
    }

    fn put(&mut self, record: Stored, merge: Merge) -> Outcome {
        let from = (record.key, record.section, record.slot.clone(), Hash([0; 32]));
        let slot = self.records.range::<Place, _>(from..).map(|(at, _)| at);
        let slot: Vec<At> = slot
            .take_while(|At(row)| {
                let place = &row.place;
                place.0 == record.key && place.1 == record.section && place.2 == record.slot
            })
            .cloned()
            .collect();
        let held = |At(row): &At| Held { hash: row.place.3, bytes: row.bytes.clone(), expires_at: row.expires_at };
        let held: Vec<Held> = slot.iter().map(held).collect();
        let plan = plan(merge, &held, &record);
        plan.gone.iter().for_each(|i| self.remove(&slot[*i]));
        if plan.outcome == Outcome::Done {
            self.insert(record);
        }
        plan.outcome
    }

    fn insert(&mut self, record: Stored) {
        let place = (record.key, record.section, record.slot, record.hash);
        let lying = Lying { place, bytes: record.bytes, expires_at: kept(record.expires_at) };
        let at = match &self.pool {
            Some(pool) => pool.record(lying),
            None => At(Arc::new(lying)),
        };
        self.usage.records += 1;
        self.usage.bytes += at.0.bytes.len() as u64;
        if at.0.expires_at < WallTime::NEVER {
            self.by_end.insert((at.0.expires_at, at.clone()));
        }
        Arc::make_mut(&mut self.records).insert(at, kept(record.stored_at));
    }

    fn remove(&mut self, at: &At) {
        self.by_end.remove(&(at.0.expires_at, at.clone()));
        if Arc::make_mut(&mut self.records).remove(at).is_some() {
            self.usage.records -= 1;
            self.usage.bytes -= at.0.bytes.len() as u64;
        }
    }
}

impl Store for MemoryStore {
    fn read(
        &self,
        key: &Key,
        sections: SectionSet,
        after: Option<&(Section, Bytes, Hash)>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Stored>, StoreError> {
        self.check_open()?;
        let contents = self.disk.0.borrow();
        let behind = |place: &Place| after.is_none_or(|a| (place.1, &place.2, place.3) > (a.0, &a.1, a.2));
        let from = after.map_or(Section::ALL[0], |a| a.0);
        Ok(sections
            .iter()
            .filter(|section| *section >= from)
            .flat_map(|section| {
                let start = after.filter(|a| a.0 == section).map(|a| (*key, a.0, a.1.clone(), a.2));
                section_from(&contents.records, *key, section, start)
            })
            .filter(|(At(row), _)| behind(&row.place) && !ended(row.expires_at, now))
            .take(limit)
            .map(stored)
            .collect())
    }

    fn measure(&self, key: &Key, section: Section, below: Option<&[u8]>, now: WallTime) -> Result<Usage, StoreError> {
        self.check_open()?;
        let contents = self.disk.0.borrow();
        let rows = section_of(&contents.records, *key, section).map(|(At(row), _)| row);
        let rows = rows.take_while(|row| below.is_none_or(|below| *row.place.2 < *below));
        let live = rows.filter(|row| !ended(row.expires_at, now));
        Ok(live.fold(Usage::default(), |all, row| Usage {
            records: all.records + 1,
            bytes: all.bytes + row.bytes.len() as u64,
        }))
    }

    fn local(
        &self,
        space: Space,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.check_open()?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded((space, Bytes::copy_from_slice(after))),
            _ => Bound::Included((space, Bytes::copy_from_slice(prefix))),
        };
        let contents = self.disk.0.borrow();
        let rows = contents.local.range::<(Space, Bytes), _>((from, Bound::Unbounded)).map(|Row(row)| row);
        let within = rows.take_while(|row| row.at.0 == space && row.at.1.starts_with(prefix)).take(limit);
        Ok(within.map(|row| (row.at.1.clone(), row.value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Later<Result<Applied, StoreError>> {
        let result = self.make(batch);
        Box::pin(async move { result })
    }

    fn usage(&self) -> Usage {
        self.disk.0.borrow().usage
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send>, StoreError> {
        self.check_open()?;
        let records = Arc::clone(&self.disk.0.borrow().records);
        Ok(Box::new(MemoryReader { records, closed: Arc::clone(&self.closed) }))
    }

    fn close(&self) -> Later<()> {
        self.closed.store(true, Ordering::Release);
        Box::pin(async {})
    }
}

/// Sees the records as they were when it was opened.
struct MemoryReader {
    records: Arc<Records>,
    closed: Arc<AtomicBool>,
}

impl Reader for MemoryReader {
    fn walk(
        &mut self,
        after: Option<&Place>,
        look: &mut dyn FnMut(&Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = self.records.range::<Place, _>((from, Bound::Unbounded));
        // Whether it was broken off or came to the end is all the same.
        let _ = rows.try_for_each(|row| look(&lent(row)));
        Ok(())
    }
}

fn section_of(records: &Records, key: Key, section: Section) -> impl Iterator<Item = (&At, &WallTime)> + use<'_> {
    section_from(records, key, section, None)
}

fn section_from(
    records: &Records,
    key: Key,
    section: Section,
    start: Option<Place>,
) -> impl Iterator<Item = (&At, &WallTime)> + use<'_> {
    let start = start.unwrap_or((key, section, Bytes::new(), Hash([0; 32])));
    records.range::<Place, _>(start..).take_while(move |(at, _)| at.0.place.0 == key && at.0.place.1 == section)
}

fn stored((At(row), stored_at): (&At, &WallTime)) -> Stored {
    let (key, section, slot, hash) = row.place.clone();
    Stored { key, section, slot, hash, bytes: row.bytes.clone(), expires_at: row.expires_at, stored_at: *stored_at }
}

fn lent<'a>((At(row), stored_at): (&'a At, &WallTime)) -> Lent<'a> {
    let (key, section, slot, hash) = &row.place;
    let (section, bytes) = (*section, LentBytes::Held(&row.bytes));
    Lent { key, section, slot, hash, bytes, expires_at: row.expires_at, stored_at: *stored_at }
}
