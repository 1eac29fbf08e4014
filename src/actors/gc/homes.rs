//! Which homes on this node have changed since they were last looked at: an idle home costs nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::records::Record;
use crate::types::{AccountId, Section};

/// Most homes remembered; when more have changed than that, all are looked at again.
const HOMES: usize = 100_000;

/// Homes that changed; filled where records are stored, emptied by the gc actor.
#[derive(Default)]
pub struct Homes {
    changed: RefCell<BTreeMap<AccountId, bool>>,
    missed: Cell<bool>,
}

impl Homes {
    /// Notes that a record was stored, in that section of its key.
    pub fn stored(&self, record: &Record, section: Section) {
        let account = match (record, section) {
            (Record::Edge(edge), Section::Followers) => Some(edge.body.followed),
            (Record::Watermark(mark), _) => Some(mark.body.author),
            (Record::Post(_) | Record::Tombstone(_) | Record::Heads(_), _) => record.account(),
            _ => None,
        };
        if let Some(account) = account {
            self.note(account, false);
        }
    }

    /// Notes that somebody has collected a post that is held here: others may know more.
    pub fn hinted(&self, account: AccountId) {
        self.note(account, true);
    }

    fn note(&self, account: AccountId, ask: bool) {
        let mut changed = self.changed.borrow_mut();
        if changed.len() >= HOMES && !changed.contains_key(&account) {
            return self.missed.set(true);
        }
        *changed.entry(account).or_default() |= ask;
    }

    /// Takes what has changed: each account with whether others are to be asked even where nothing seems to be collectable.
    pub(super) fn take(&self) -> BTreeMap<AccountId, bool> {
        std::mem::take(&mut *self.changed.borrow_mut())
    }

    /// Tells whether changes were missed since the last call.
    pub(super) fn has_missed(&self) -> bool {
        self.missed.take()
    }
}
