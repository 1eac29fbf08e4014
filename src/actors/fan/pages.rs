//! Who is interested in an author, as far as some pages of the list tell.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use futures_util::future::join_all;

use crate::actors::context::Context;
use crate::actors::presence::{Follower, follower};
use crate::actors::storage::{PartOf, PartRead, read_part};
use crate::records::{Page, Part, Record};
use crate::timeline::fan::Found;
use crate::types::{AccountId, DeviceId, Section};

/// Entries of the first page that an author asks for: two or three for each part of the list.
const SAMPLE: u32 = 160;

/// Followers on some pages.
#[derive(Default)]
pub struct Interested {
    /// Where each was found.
    pub found: Vec<Found>,
    /// The same ones, and how to reach them.
    pub followers: Vec<Follower>,
    /// Whether more lies on the pages below.
    pub more: bool,
}

impl Interested {
    /// Adds those on the pages below; who was found above stays there.
    pub fn and(mut self, below: Self) -> Self {
        self.more = below.more;
        for (found, follower) in below.found.into_iter().zip(below.followers) {
            if !self.found.iter().any(|f| (f.account, f.device) == (found.account, found.device)) {
                self.found.push(found);
                self.followers.push(follower);
            }
        }
        self
    }
}

/// The first page of a list.
#[derive(Default)]
pub struct Root {
    /// Who is on it; where they are many, some of them.
    pub interested: Interested,
    /// About how many there are in all.
    pub about: u64,
    /// Whether a holder has counted them.
    pub counted: bool,
    /// Whether enough holders answered.
    pub complete: bool,
}

/// Reads the first page of an author's own list: its holders are those of the author's presence.
pub async fn read_root(node: &Rc<Context>, author: AccountId) -> Root {
    let page = Page::first(Section::Interest, author);
    let wanted = PartOf { page, part: Part::WHOLE, spread: Some(SAMPLE) };
    let read = read_part(node, wanted, node.doors().presence.holders(author).await).await;
    let (about, complete) = (read.interested, read.answered > 1);
    let interested = gather(node, vec![(page, read)], 0);
    let known = interested.found.len() as u64;
    Root { interested, about: about.unwrap_or_default().max(known), counted: about.is_some(), complete }
}

/// Reads so many levels of a part from `floor` on, side by side; no more pages than `left`, which become less.
pub async fn read_levels(
    node: &Rc<Context>,
    author: AccountId,
    part: Part,
    (floor, levels): (u8, u8),
    left: &Cell<usize>,
) -> Interested {
    let pages = (floor..floor + levels).flat_map(|depth| part.pages(Section::Interest, author, depth));
    let pages: Vec<Page> = pages.take(left.get()).collect();
    left.set(left.get() - pages.len());
    let deepest = pages.iter().map(|page| page.depth).max().unwrap_or(floor);
    let reads = pages.into_iter().map(|page| async move {
        // Who holds this node's own interest holds the first page.
        let holders = if page.depth == 0 { node.doors().presence.holders(author).await } else { Vec::new() };
        (page, read_part(node, PartOf { page, part, spread: None }, holders).await)
    });
    gather(node, join_all(reads).await, deepest)
}

/// Takes what a reading brought of the first page.
pub fn root_of(node: &Context, records: Vec<Record>, split: bool, complete: bool) -> Root {
    let page = Page::first(Section::Interest, AccountId([0; 32]));
    let read = PartRead { records, split, ..PartRead::default() };
    let interested = gather(node, vec![(page, read)], 0);
    Root { about: interested.found.len() as u64, counted: !split, interested, complete }
}

/// Puts together what pages say: of each device its last word, and the least deep page on which it is.
fn gather(node: &Context, pages: Vec<(Page, PartRead)>, deepest: u8) -> Interested {
    let mut said: BTreeMap<(AccountId, DeviceId), (u64, u8, Option<Follower>)> = BTreeMap::new();
    let mut more = false;
    for (page, read) in pages {
        more |= read.split && page.depth == deepest;
        for record in &read.records {
            let Record::Interest(interest) = record else { continue };
            let word = (interest.body.seq, page.depth, follower(node, record));
            match said.entry((interest.body.follower, interest.body.device)) {
                Entry::Vacant(place) => drop(place.insert(word)),
                Entry::Occupied(mut place) => {
                    let depth = place.get().1.min(word.1);
                    if word.0 > place.get().0 {
                        place.insert(word);
                    }
                    place.get_mut().1 = depth;
                }
            }
        }
    }
    let mut interested = Interested { more, ..Interested::default() };
    for ((account, device), (_, page, follower)) in said {
        if let Some(follower) = follower.filter(|follower| follower.contact.node != node.me) {
            interested.found.push(Found { account, device, page });
            interested.followers.push(follower);
        }
    }
    interested
}
