//! What follows from ties: which posts somebody's feed owes, and which may be collected.

use std::time::Duration;

use super::notes::{DOUBT, Model, Person, PostNote, PostNumber, Sure};
use crate::types::WallTime;

/// Whoever began to follow this long after a post was made still counts among those it waits for.
const LATE_FOLLOWER: Duration = Duration::from_secs(5 * 60);

/// Whether a post belongs into a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    /// It has to be there.
    Must,
    /// It may be there or not.
    May,
    /// It must not be there, for this reason.
    MustNot(&'static str),
}

impl Model {
    /// Tells whether a post belongs into somebody's feed at `now`, where whoever was told is not in doubt.
    pub(super) fn belongs(&self, reader: Person, post: &PostNote, now: WallTime) -> Belongs {
        if let Sure::Yes(_) = post.deleted {
            return Belongs::MustNot("it was deleted");
        }
        if post.ends.plus(DOUBT) < now {
            return Belongs::MustNot("it has ended");
        }
        if post.deleted == Sure::Perhaps || post.ends < now.plus(DOUBT) {
            return Belongs::May;
        }
        if reader == post.author {
            return Belongs::Must;
        }
        match self.tie(reader, post.author).map(|tie| (tie.follows, tie.since)) {
            None | Some((Some(false), _)) => Belongs::MustNot("its author is not followed"),
            Some((None, _)) => Belongs::May,
            // What was only queued reaches followers when its author's node can bring it.
            Some((Some(true), since)) if since <= post.told_at && post.published.is_some() => Belongs::Must,
            // Whoever had it keeps it.
            Some((Some(true), _)) if self.by_id.get(&post.id).is_some_and(|n| self.had(reader, *n)) => Belongs::Must,
            Some((Some(true), _)) => Belongs::May,
        }
    }

    /// Tells whether a post may be collected: all its followers were shown it, and there was one; or it had to make room.
    pub fn may_be_collected(&self, number: PostNumber) -> bool {
        let post = &self.posts[number as usize];
        post.deleted != Sure::No || self.crowded.contains(&post.author) || self.was_seen_by_all(number)
    }

    /// Tells whether a post was shown to somebody who follows its author, and to everybody who did when it was made.
    pub(super) fn was_seen_by_all(&self, number: PostNumber) -> bool {
        let post = &self.posts[number as usize];
        let latest = post.made_at.plus(LATE_FOLLOWER);
        let mut seen = false;
        for follower in self.tied_to.get(&post.author).into_iter().flatten() {
            let Some(tie) = self.tie(*follower, post.author) else { continue };
            let was_shown = self.shown.contains(&(number, *follower));
            if tie.follows == Some(true) && tie.since <= latest && !was_shown {
                return false;
            }
            seen |= was_shown;
        }
        seen
    }

    /// Returns how many posts of a crowded author may have made room: all but those that are kept.
    pub(super) fn room_made(&self, author: Person) -> usize {
        self.by_author.get(&author).map_or(0, Vec::len).saturating_sub(self.kept)
    }
}
