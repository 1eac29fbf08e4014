//! Finding a post of the account itself, a deleted one included. Posts of others are the feed's to find.

use bytes::Bytes;

use super::state::{Session, Shared};
use crate::records::{PostBody, Record, Signed, TombstoneBody, home};
use crate::seam::Space;
use crate::timeline::FeedRow;
use crate::types::{Hash, Section, SectionSet};

/// Rows and records read at once.
const READ: usize = 1000;

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Signed<PostBody>),
    /// A post that was deleted.
    Deleted(Signed<TombstoneBody>),
}

impl Found {
    /// Reads it out of a record, if it is about this post.
    pub fn read(record: Record, id: &Hash) -> Option<Self> {
        match record {
            Record::Post(post) if post.hash() == *id => Some(Found::Post(post)),
            Record::Tombstone(tombstone) if tombstone.body.post == *id => Some(Found::Deleted(tombstone)),
            _ => None,
        }
    }
}

/// Finds a post of the account on this disk: at its home, or, while it is held back, in the feed alone.
pub fn find_own(shared: &Shared, session: &Session, id: &Hash) -> Option<Found> {
    at_home(shared, session, id).or_else(|| in_feed(shared, session, id))
}

fn at_home(shared: &Shared, session: &Session, id: &Hash) -> Option<Found> {
    let (node, key, sections) = (&shared.node, home(&session.account), SectionSet::of(&[Section::Post]));
    let mut after = None;
    loop {
        let rows = node.store.read(&key, sections, after.as_ref(), READ, node.horizon()).ok()?;
        let last = rows.last()?;
        after = Some((last.section, last.slot.clone(), last.hash));
        let found = rows.into_iter().find_map(|row| Found::read(Record::decode(row.bytes).ok()?, id));
        if found.is_some() {
            return found;
        }
    }
}

fn in_feed(shared: &Shared, session: &Session, id: &Hash) -> Option<Found> {
    let mut after = None::<Bytes>;
    loop {
        let rows = shared.node.store.local(Space::Feed, &[], after.as_deref(), READ).ok()?;
        after = Some(rows.last()?.0.clone());
        let posts = rows.iter().filter_map(|(_, value)| FeedRow::read(value)).map(|row| row.post);
        let found = posts.filter(|post| post.body.account == session.account).find(|post| post.hash() == *id);
        if found.is_some() {
            return found.map(Found::Post);
        }
    }
}
