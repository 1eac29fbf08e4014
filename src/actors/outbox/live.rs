//! How far an attempt has come, while it is under way: for whoever stops waiting before it ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::item::{Item, Parcel};
use super::messages::Progress;
use crate::types::Key;

/// Whether a parcel is published, how many replicas have it, and how many are wanted.
type Standing = (bool, u32, u32);

/// How far each parcel of an item has come; clones show the same.
#[derive(Clone, Default)]
pub struct Live(Rc<RefCell<BTreeMap<Key, Standing>>>);

impl Live {
    /// Starts with what earlier attempts brought.
    pub fn new(item: &Item) -> Self {
        let live = Self::default();
        item.parcels.iter().for_each(|parcel| live.note(parcel));
        live
    }

    /// Notes how far a parcel has come.
    pub fn note(&self, parcel: &Parcel) {
        self.0.borrow_mut().insert(parcel.key, (parcel.published, parcel.replicas_acked, parcel.wanted));
    }

    /// Returns how far the parcel with the fewest replicas has come.
    pub fn progress(&self) -> Progress {
        let parcels = self.0.borrow();
        let last = parcels.values().min_by_key(|(published, acked, _)| (*published, *acked));
        Progress {
            published: parcels.values().all(|(published, ..)| *published),
            acked: last.map_or(0, |(_, acked, _)| *acked),
            wanted: last.map_or(0, |(.., wanted)| *wanted),
            hopeful: false,
        }
    }
}
