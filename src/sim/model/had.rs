//! What readers have had: a feed never goes backwards, whatever becomes of the copies of others.

use super::notes::{Model, Person, PostNumber};
use super::observed::Observed;
use crate::types::Hash;

impl Model {
    /// Notes that somebody's feed has posts, for good.
    pub fn has_had<'a>(&mut self, reader: Person, ids: impl IntoIterator<Item = &'a Hash>) {
        let numbers = ids.into_iter().filter_map(|id| self.by_id.get(id));
        self.had.extend(numbers.map(|number| (reader, *number)));
    }

    /// Notes what feeds and lists of mentions have.
    pub fn note_had(&mut self, seen: &Observed) {
        for (reader, feed) in &seen.feeds {
            self.has_had(*reader, feed.rows.iter().map(|row| &row.id));
        }
        for (of, ids) in &seen.mentions {
            let numbers = ids.iter().filter_map(|id| self.by_id.get(id));
            self.had_named.extend(numbers.map(|number| (*of, *number)));
        }
    }

    /// Tells whether somebody's feed once had a post, and had no reason to let it go since.
    pub(super) fn had(&self, reader: Person, number: PostNumber) -> bool {
        self.had.contains(&(reader, number))
    }

    /// The same of the mentions of somebody.
    pub(super) fn had_named(&self, of: Person, number: PostNumber) -> bool {
        self.had_named.contains(&(of, number))
    }

    /// Notes that somebody's feed may let go of an author's posts: whoever is followed anew need not get back what was collected.
    pub(super) fn lets_go(&mut self, reader: Person, author: Person) {
        for number in self.by_author.get(&author).into_iter().flatten() {
            self.had.remove(&(reader, *number));
        }
    }

    /// Notes that somebody's disk is gone, and with it what nobody else may have.
    pub(super) fn lets_all_go(&mut self, reader: Person) {
        for had in [&mut self.had, &mut self.had_named] {
            let behind = had.split_off(&(reader, 0));
            had.extend(behind.into_iter().filter(|(of, _)| *of != reader));
        }
    }
}
