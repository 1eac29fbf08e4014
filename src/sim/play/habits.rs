//! What people do, and how often.

use std::time::Duration;

use crate::sim::chance::next_of;
use crate::sim::scenario::People;
use crate::types::Rng;

/// Something that people do again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Post.
    Post,
    /// Look at the feed.
    Look,
    /// Delete a post.
    Delete,
    /// Follow somebody else than before.
    Refollow,
    /// Change the display name.
    Rename,
    /// Read somebody's page.
    Read,
    /// Look for the nodes nearest to some key.
    LookUp,
}

impl Habit {
    /// All of them.
    pub(super) const ALL: [Habit; 7] =
        [Habit::Post, Habit::Look, Habit::Delete, Habit::Refollow, Habit::Rename, Habit::Read, Habit::LookUp];

    /// Returns how often a person does this in an hour.
    fn rate(self, people: &People) -> f64 {
        match self {
            Habit::Post => people.posts,
            Habit::Look => people.looks,
            Habit::Delete => people.deletes,
            Habit::Refollow => people.unfollows,
            Habit::Rename => people.profiles,
            Habit::Read => people.reads,
            Habit::LookUp => people.lookups,
        }
    }

    /// Returns how long it is until the next time; `None` for never.
    pub(super) fn next(self, people: &People, rng: &mut Rng) -> Option<Duration> {
        next_of(rng, self.rate(people))
    }
}
