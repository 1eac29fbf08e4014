//! Posts of the feed that the user has not been shown yet, by log: how far a log was seen is told by the first of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::rows;
use crate::actors::context::Context;
use crate::seam::{Op, Space};
use crate::timeline::FeedRow;
use crate::types::DeviceId;

/// Numbers of rows that were not shown; no more than there are rows in the feed.
#[derive(Default)]
pub struct Unshown(RefCell<BTreeMap<DeviceId, BTreeSet<u64>>>);

impl Unshown {
    /// Reads the feed on disk.
    pub fn read(node: &Rc<Context>) -> Self {
        let unshown = Self::default();
        let walked = rows::walk(node, Space::Feed, None, |_, row| {
            unshown.note(&row);
            true
        });
        if let Err(error) = walked {
            tracing::warn!(%error, "the feed could not be read");
        }
        unshown
    }

    fn note(&self, row: &FeedRow) {
        let (device, seq) = (row.post.body.device, row.post.body.seq);
        if !row.shown {
            self.0.borrow_mut().entry(device).or_default().insert(seq);
        } else {
            self.forget(&device, seq);
        }
    }

    fn forget(&self, device: &DeviceId, seq: u64) {
        let mut all = self.0.borrow_mut();
        if let Some(log) = all.get_mut(device) {
            log.remove(&seq);
            if log.is_empty() {
                all.remove(device);
            }
        }
    }

    /// Follows changes of the feed.
    pub fn follow(&self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::SetLocal(Space::Feed, _, value) => FeedRow::read(value).iter().for_each(|row| self.note(row)),
                Op::DropLocal(Space::Feed, key) => {
                    if let Some((device, seq)) = FeedRow::read_key(key) {
                        self.forget(&device, seq);
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns the first number of a log that was not shown.
    pub fn first(&self, device: &DeviceId) -> Option<u64> {
        self.0.borrow().get(device).and_then(|log| log.first().copied())
    }
}
