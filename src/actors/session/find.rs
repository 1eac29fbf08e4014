//! Finding a post that this node holds: in the feed, among the account's own, or anywhere in the store.

use std::rc::Rc;

use bytes::Bytes;

use super::state::Shared;
use crate::records::{PostBody, Record, Signed, TombstoneBody, home};
use crate::seam::{Lane, Space, offload};
use crate::timeline::FeedRow;
use crate::types::{Code, Hash, Problem, Section, SectionSet, WallTime};

/// The fewest digits of an id that are taken for it.
const SHORTEST_PREFIX: usize = 8;
/// Rows and records read at once.
const READ: usize = 1000;

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Signed<PostBody>),
    /// A post that its author has deleted.
    Deleted(Signed<TombstoneBody>),
}

impl Found {
    /// Returns the id.
    pub fn id(&self) -> Hash {
        match self {
            Found::Post(post) => post.hash(),
            Found::Deleted(tombstone) => tombstone.body.post,
        }
    }

    fn read(record: Record) -> Option<Self> {
        match record {
            Record::Post(post) => Some(Found::Post(post)),
            Record::Tombstone(tombstone) => Some(Found::Deleted(tombstone)),
            _ => None,
        }
    }
}

/// Finds the one post whose id begins like this.
///
/// # Errors
/// `no_such_post`; `usage` when it is no prefix, or one of several posts.
pub async fn find(shared: &Rc<Shared>, prefix: &str) -> Result<Found, Problem> {
    let digits = prefix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if prefix.len() < SHORTEST_PREFIX || prefix.len() > 64 || !digits {
        return Err(Problem::new(Code::Usage, "an id is 64 lower-case hex digits, or at least the first 8 of them"));
    }
    let mut found: Vec<Found> = Vec::new();
    let mut note = |new: Found| {
        if new.id().to_string().starts_with(prefix) && found.iter().all(|known| known.id() != new.id()) {
            found.push(new);
        }
    };
    own(shared).into_iter().for_each(&mut note);
    in_feed(shared).into_iter().for_each(&mut note);
    if found.is_empty() {
        found = anywhere(shared, prefix).await;
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Problem::new(Code::NoSuchPost, format!("this node knows no post {prefix}"))),
        _ => Err(Problem::new(Code::Usage, format!("several posts begin with {prefix}")).hint("give more digits")),
    }
}

/// Returns the account's own posts, its deleted ones included.
fn own(shared: &Shared) -> Vec<Found> {
    let Ok(session) = shared.session() else { return Vec::new() };
    let (node, sections) = (&shared.node, SectionSet::of(&[Section::Post]));
    let (mut out, mut after) = (Vec::new(), None);
    loop {
        let key = home(&session.account);
        let rows = node.store.read(&key, sections, after.as_ref(), READ, node.horizon()).unwrap_or_default();
        let Some(last) = rows.last() else { return out };
        after = Some((last.section, last.slot.clone(), last.hash));
        out.extend(rows.into_iter().filter_map(|row| Found::read(Record::decode(row.bytes).ok()?)));
    }
}

fn in_feed(shared: &Shared) -> Vec<Found> {
    let (mut out, mut after) = (Vec::new(), None::<Bytes>);
    loop {
        let rows = shared.node.store.local(Space::Feed, &[], after.as_deref(), READ).unwrap_or_default();
        let Some((last, _)) = rows.last() else { return out };
        after = Some(last.clone());
        out.extend(rows.iter().filter_map(|(_, value)| FeedRow::read(value)).map(|row| Found::Post(row.post)));
    }
}

/// Looks through everything that this node keeps for others.
async fn anywhere(shared: &Rc<Shared>, prefix: &str) -> Vec<Found> {
    let (node, prefix) = (&shared.node, prefix.to_owned());
    let (Ok(mut reader), now) = (node.store.reader(), node.horizon()) else { return Vec::new() };
    let scan = move || {
        let (mut out, mut after): (Vec<Found>, _) = (Vec::new(), None);
        while let Ok(rows) = reader.scan(after.as_ref(), READ) {
            let Some(last) = rows.last() else { break };
            after = Some((last.key, last.section, last.slot.clone(), last.hash));
            let posts = rows.into_iter().filter(|row| row.section == Section::Post && row.expires_at > now);
            for new in posts.filter_map(|row| Found::read(Record::decode(row.bytes).ok()?)) {
                let fits = new.id().to_string().starts_with(&prefix);
                if fits && out.iter().all(|known| known.id() != new.id()) && out.len() < 2 {
                    out.push(new);
                }
            }
        }
        out
    };
    offload(&*node.offload, Lane::Bulk, scan).await.unwrap_or_default()
}

/// Returns a post that has not ended.
///
/// # Errors
/// `no_such_post`.
pub fn alive(found: Found, now: WallTime) -> Result<Signed<PostBody>, Problem> {
    match found {
        Found::Post(post) if post.body.expires_at() > now => Ok(post),
        other => Err(Problem::new(Code::NoSuchPost, format!("the post {} is no more", other.id()))),
    }
}
