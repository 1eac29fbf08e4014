//! One home as it lies in this node's store.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::marks::marks_in;
use crate::actors::context::Context;
use crate::actors::storage::split;
use crate::records::{Record, home};
use crate::retention::Shelf;
use crate::seam::{Store, Stored};
use crate::types::{AccountId, Hash, Key, Section, SectionSet, WallTime};

/// Records read at once.
const READ: usize = 1000;
/// Most records of one home: more than its owner's quota and its first pages hold.
const MOST: usize = 40_000;

/// What replicas compare: everything a decision rests on, and what proves it.
pub(super) fn compared() -> SectionSet {
    SectionSet::of(&[
        Section::Account,
        Section::Device,
        Section::Retirement,
        Section::Heads,
        Section::Post,
        Section::Followers,
        Section::Seen,
    ])
}

/// Reads everything that replicas compare.
pub(super) fn read(node: &Context, key: &Key) -> Vec<Stored> {
    read_store(&*node.store, key, node.horizon())
}

fn read_store(store: &dyn Store, key: &Key, now: WallTime) -> Vec<Stored> {
    let (mut all, mut after) = (Vec::new(), None);
    while all.len() < MOST {
        let some = store.read(key, compared(), after.as_ref(), READ, now).unwrap_or_default();
        after = some.last().map(|s: &Stored| (s.section, s.slot.clone(), s.hash));
        let end = some.len() < READ;
        all.extend(some);
        if end {
            break;
        }
    }
    all
}

/// Since when posts have lain here, as far as the clock can be trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ripening {
    /// How long a post has to lie here.
    pub min_age: Duration,
    /// When the clock last jumped: what lies here since before counts from then.
    pub jumped: WallTime,
}

impl Ripening {
    /// Returns when a post becomes ripe.
    pub(super) fn at(&self, stored: WallTime) -> WallTime {
        stored.max(self.jumped).plus(self.min_age)
    }
}

/// What is known of a home here.
pub(super) struct Known {
    /// What the rule needs.
    pub shelf: Shelf,
    /// The same as if every post were ripe.
    pub later: Shelf,
    /// When the next post becomes ripe.
    pub ripens: Option<WallTime>,
    /// Lists that go on at other pages.
    pub split: Vec<Section>,
    /// Posts that are here.
    pub posts: usize,
}

/// Reads a home as the rule sees it.
pub(super) fn know(node: &Rc<Context>, account: &AccountId, ripening: Ripening) -> Known {
    let key = home(account);
    let (mut known, stored) = know_store(&*node.store, account, ripening, node.horizon());
    for section in [Section::Followers, Section::Seen] {
        if is_split(node, &key, section, &stored) {
            known.split.push(section);
        }
    }
    known
}

/// Reads a home out of a store, its first pages alone; returns also what was read.
pub(super) fn know_store(
    store: &dyn Store,
    account: &AccountId,
    ripening: Ripening,
    now: WallTime,
) -> (Known, Vec<Stored>) {
    let mut known =
        Known { shelf: Shelf::default(), later: Shelf::default(), ripens: None, split: Vec::new(), posts: 0 };
    let stored = read_store(store, &home(account), now);
    // What was collected tells still which hash a number has: a watermark may name it, though a twin of the post came later.
    for mark in marks_in(store, now, &home(account), usize::MAX) {
        known.shelf.note_hash(mark.device, mark.seq, mark.hash);
        known.later.note_hash(mark.device, mark.seq, mark.hash);
    }
    for Stored { bytes, section, stored_at, .. } in &stored {
        let Ok(record) = Record::decode(bytes.clone()) else { continue };
        let ripe_at = ripening.at(*stored_at);
        if matches!(record, Record::Post(_)) {
            known.posts += 1;
            if ripe_at > now {
                known.ripens = Some(known.ripens.map_or(ripe_at, |soonest| soonest.min(ripe_at)));
            }
        }
        // At a home lie the edges of both directions.
        if *section != Section::Following {
            known.shelf.note(account, &record, ripe_at <= now);
            known.later.note(account, &record, true);
        }
    }
    (known, stored)
}

/// Tells whether a list goes on at other pages: where the first one is full, or was, whatever this node was told of it.
pub(super) fn is_split(node: &Rc<Context>, key: &Key, section: Section, stored: &[Stored]) -> bool {
    let entries = stored.iter().filter(|s| s.section == section).count();
    let full = entries >= node.network.limits().page_entries as usize;
    full || split(node, key, SectionSet::of(&[section])).contains(section)
}

/// Returns the hashes of what lies at a home.
pub(super) fn hashes(stored: &[Stored]) -> BTreeSet<Hash> {
    stored.iter().map(|s| s.hash).collect()
}
