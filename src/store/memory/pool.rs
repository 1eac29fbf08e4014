//! What several disks in memory hold alike, kept once.
//!
//! Only simulations give their disks a pool: the replicas of a record lie in one process there.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::seam::{Place, Space};
use crate::types::WallTime;

/// A record as it lies on a disk, but for when it came there.
pub(super) struct Lying {
    pub place: Place,
    pub bytes: Bytes,
    pub expires_at: WallTime,
}

/// The same, told apart by its place.
#[derive(Clone)]
pub(super) struct At(pub Arc<Lying>);

impl Borrow<Place> for At {
    fn borrow(&self) -> &Place {
        &self.0.place
    }
}

impl PartialEq for At {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.place == other.0.place
    }
}

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.place.cmp(&other.0.place) }
    }
}

/// A local value as it lies on a disk.
pub(super) struct Value {
    pub at: (Space, Bytes),
    pub value: Bytes,
}

/// The same, told apart by its key.
#[derive(Clone)]
pub(super) struct Row(pub Arc<Value>);

impl Borrow<(Space, Bytes)> for Row {
    fn borrow(&self) -> &(Space, Bytes) {
        &self.0.at
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Row {}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.at.cmp(&other.0.at)
    }
}

/// Local values that are shorter than this are not worth looking for.
const SHORT: usize = 32;
/// Things held before those that no disk holds any more are swept out for the first time.
const FEW: usize = 1024;

/// Records, local rows and values that several disks hold; bounded by twice what all of them hold.
#[derive(Default)]
pub struct Pool {
    records: RefCell<BTreeSet<At>>,
    rows: RefCell<BTreeSet<Row>>,
    values: RefCell<BTreeSet<Bytes>>,
    /// How many of each there may be before the next sweep.
    limits: [Cell<usize>; 3],
}

impl Pool {
    /// Returns the record that lies there already, where it is the very same one.
    pub(super) fn record(&self, lying: Lying) -> At {
        let mut held = self.records.borrow_mut();
        if let Some(known) = held.get(&lying.place)
            && known.0.bytes == lying.bytes
            && known.0.expires_at == lying.expires_at
        {
            return known.clone();
        }
        make_room(&mut held, &self.limits[0], |at| Arc::strong_count(&at.0) > 1);
        let (key, section, slot, hash) = &lying.place;
        // Neither keeps the message in memory that it came in.
        let place = (*key, *section, Bytes::copy_from_slice(slot), *hash);
        let bytes = Bytes::copy_from_slice(&lying.bytes);
        let at = At(Arc::new(Lying { place, bytes, expires_at: lying.expires_at }));
        held.replace(at.clone());
        at
    }

    /// Returns the row that lies there already, where it says the very same.
    pub(super) fn row(&self, new: Value) -> Row {
        let mut held = self.rows.borrow_mut();
        if let Some(known) = held.get(&new.at).filter(|known| known.0.value == new.value) {
            return known.clone();
        }
        make_room(&mut held, &self.limits[1], |row| Arc::strong_count(&row.0) > 1);
        let at = (new.at.0, Bytes::copy_from_slice(&new.at.1));
        let row = Row(Arc::new(Value { at, value: self.value(new.value) }));
        held.replace(row.clone());
        row
    }

    /// Returns the same bytes, from the pool where they are there: other rows may have them.
    fn value(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < SHORT {
            return bytes;
        }
        let mut held = self.values.borrow_mut();
        if let Some(known) = held.get(&bytes) {
            return known.clone();
        }
        make_room(&mut held, &self.limits[2], |bytes| !bytes.is_unique());
        let bytes = Bytes::copy_from_slice(&bytes);
        held.insert(bytes.clone());
        bytes
    }
}

fn make_room<T: Ord>(held: &mut BTreeSet<T>, limit: &Cell<usize>, wanted: impl Fn(&T) -> bool) {
    if held.len() >= limit.get().max(FEW) {
        held.retain(wanted);
        limit.set(2 * held.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Key, Section};

    fn lying(n: u32, ends: u64) -> Lying {
        let hash = crate::keys::hash(&n.to_be_bytes());
        Lying {
            place: (Key(hash.0), Section::Post, Bytes::new(), hash),
            bytes: Bytes::from(n.to_be_bytes().to_vec()),
            expires_at: WallTime(ends),
        }
    }

    #[test]
    fn the_same_record_is_held_once_and_what_nobody_holds_is_swept_out() {
        let pool = Pool::default();
        let kept = pool.record(lying(0, 5));
        assert!(Arc::ptr_eq(&kept.0, &pool.record(lying(0, 5)).0));
        let other = pool.record(lying(0, 6));
        assert!(!Arc::ptr_eq(&kept.0, &other.0) && other.0.expires_at == WallTime(6));
        (1..3 * FEW as u32).for_each(|n| drop(pool.record(lying(n, 5))));
        assert!(pool.records.borrow().len() <= 2 * FEW, "{}", pool.records.borrow().len());
        assert!(Arc::ptr_eq(&other.0, &pool.record(lying(0, 6)).0), "somebody holds it");
    }

    #[test]
    fn the_same_row_is_held_once() {
        let pool = Pool::default();
        let row = |n: u32, value: u8| {
            let at = (Space::Contacts, Bytes::copy_from_slice(&n.to_be_bytes()));
            pool.row(Value { at, value: Bytes::from(vec![value; SHORT]) })
        };
        let kept = row(0, 7);
        assert!(Arc::ptr_eq(&kept.0, &row(0, 7).0) && !Arc::ptr_eq(&kept.0, &row(0, 8).0));
        assert_eq!(row(1, 7).0.value.as_ptr(), kept.0.value.as_ptr(), "other rows may say the same");
        (1..3 * FEW as u32).for_each(|n| drop(row(n, 7)));
        assert!(pool.rows.borrow().len() <= 2 * FEW, "{}", pool.rows.borrow().len());
    }

    #[test]
    fn long_values_are_held_once() {
        let pool = Pool::default();
        let value = |n: u32| Bytes::from([&[7; SHORT][..], &n.to_be_bytes()].concat());
        let kept = pool.value(value(0));
        assert_eq!(kept.as_ptr(), pool.value(value(0)).as_ptr());
        (1..3 * FEW as u32).for_each(|n| drop(pool.value(value(n))));
        assert!(pool.values.borrow().len() <= 2 * FEW);
        assert_eq!(kept.as_ptr(), pool.value(value(0)).as_ptr(), "somebody holds it");
        let short = Bytes::from_static(b"short");
        assert_eq!(pool.value(short.clone()).as_ptr(), short.as_ptr());
    }
}
