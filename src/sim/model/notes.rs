//! What people were told: posts, deletions, follows, profiles, and what they were shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::types::{DeviceId, Hash, WallTime};

/// Somebody, by number.
pub type Person = usize;

/// A post, by number.
pub type PostNumber = u32;

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// It was never begun.
    No,
    /// It was begun, and the answer never came: it may have been done or not.
    Perhaps,
    /// It was acknowledged at this time.
    Yes(WallTime),
}

/// A post that was acknowledged.
#[derive(Clone, Debug)]
pub struct PostNote {
    /// Its id.
    pub id: Hash,
    /// Who made it.
    pub author: Person,
    /// On which device.
    pub device: DeviceId,
    /// Its number there.
    pub seq: u64,
    /// When it was made, by its author's clock.
    pub made_at: WallTime,
    /// When it was acknowledged, by the true clock.
    pub told_at: WallTime,
    /// When it ends.
    pub ends: WallTime,
    /// When it was said to be published.
    pub published: Option<WallTime>,
    /// Whether it was deleted.
    pub deleted: Sure,
    /// Whom it names.
    pub mentions: Option<Person>,
}

/// How somebody stands to somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Tie {
    /// Whether one follows the other, `None` where that was asked for and not answered.
    pub follows: Option<bool>,
    /// When the last answer came.
    pub since: WallTime,
}

/// Something that a person begins; until it ends nothing is certain about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Deletes a post.
    Delete(PostNumber),
    /// Follows somebody, or no longer does.
    Relate(Person, Person),
    /// Changes the display name.
    Rename(Person),
}

/// What was acknowledged. Grows with the run: a simulation is as long as its scenario says.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(super) posts: Vec<PostNote>,
    pub(super) by_id: BTreeMap<Hash, PostNumber>,
    pub(super) by_author: BTreeMap<Person, Vec<PostNumber>>,
    pub(super) ties: BTreeMap<(Person, Person), Tie>,
    /// Who ever had a tie to somebody.
    pub(super) tied_to: BTreeMap<Person, BTreeSet<Person>>,
    /// Who was shown what.
    pub(super) shown: BTreeSet<(PostNumber, Person)>,
    /// Which posts somebody's feed had at some time, and had no reason to let go since; the same of their mentions.
    pub(super) had: BTreeSet<(Person, PostNumber)>,
    pub(super) had_named: BTreeSet<(Person, PostNumber)>,
    /// Display names; `None` where one was being changed and no answer came.
    pub(super) names: BTreeMap<Person, Option<String>>,
    /// How many posts of an account are kept.
    pub(super) kept: usize,
    /// How long nodes keep a post at least before they collect it.
    pub(super) min_age: Duration,
    /// Authors who had more posts at once.
    pub(super) crowded: BTreeSet<Person>,
}

impl Model {
    /// Makes an empty model of a network that keeps so many posts of an account, each for so long at least.
    pub fn new(kept: usize, min_age: Duration) -> Self {
        Self { kept, min_age, ..Self::default() }
    }

    /// Notes a post that was acknowledged.
    pub fn posted(&mut self, note: PostNote) -> PostNumber {
        let number = self.posts.len() as PostNumber;
        self.by_id.insert(note.id, number);
        let of_author = self.by_author.entry(note.author).or_default();
        of_author.push(number);
        let live = of_author.iter().filter(|n| self.posts.get(**n as usize).is_none_or(|p| p.ends > note.told_at));
        if live.count() > self.kept {
            self.crowded.insert(note.author);
        }
        self.posts.push(note);
        number
    }

    /// Notes that a post is published.
    pub fn published(&mut self, id: &Hash, now: WallTime) {
        if let Some(number) = self.by_id.get(id) {
            self.posts[*number as usize].published.get_or_insert(now);
        }
    }

    /// Notes that something is begun.
    pub fn begun(&mut self, deed: Deed) {
        match deed {
            Deed::Delete(post) => {
                let deleted = &mut self.posts[post as usize].deleted;
                if *deleted == Sure::No {
                    *deleted = Sure::Perhaps;
                }
            }
            Deed::Relate(one, other) => {
                let tie = Tie { follows: Some(false), since: WallTime::default() };
                self.ties.entry((one, other)).or_insert(tie).follows = None;
                self.lets_go(one, other);
                self.tied_to.entry(other).or_default().insert(one);
            }
            Deed::Rename(person) => {
                self.names.insert(person, None);
            }
        }
    }

    /// Notes that a post was deleted.
    pub fn deleted(&mut self, post: PostNumber, now: WallTime) {
        self.posts[post as usize].deleted = Sure::Yes(now);
    }

    /// Notes that somebody follows somebody, or no longer does.
    pub fn related(&mut self, one: Person, other: Person, follows: bool, now: WallTime) {
        self.ties.insert((one, other), Tie { follows: Some(follows), since: now });
        self.lets_go(one, other);
        self.tied_to.entry(other).or_default().insert(one);
    }

    /// Notes a display name.
    pub fn renamed(&mut self, person: Person, name: String) {
        self.names.insert(person, Some(name));
    }

    /// Notes that somebody is about to be shown posts: from here on they may count as seen.
    pub fn shown<'a>(&mut self, person: Person, ids: impl IntoIterator<Item = &'a Hash>) {
        for number in ids.into_iter().filter_map(|id| self.by_id.get(id)) {
            self.shown.insert((*number, person));
        }
    }

    /// Notes that the disk with somebody's only copies is gone: what was never published may be gone with it.
    pub fn disk_lost(&mut self, person: Person) {
        self.lets_all_go(person);
        for number in self.by_author.get(&person).cloned().unwrap_or_default() {
            if self.posts[number as usize].published.is_none() {
                self.begun(Deed::Delete(number));
            }
        }
    }

    /// Tells whether this is a post that was acknowledged.
    pub fn knows(&self, id: &Hash) -> bool {
        self.by_id.contains_key(id)
    }

    /// Returns a post that was acknowledged.
    pub fn post(&self, id: &Hash) -> Option<&PostNote> {
        self.by_id.get(id).map(|number| &self.posts[*number as usize])
    }

    /// Returns all posts that were acknowledged.
    pub fn posts(&self) -> &[PostNote] {
        &self.posts
    }

    /// Returns the posts of somebody, the oldest first.
    pub fn posts_of(&self, author: Person) -> impl Iterator<Item = (PostNumber, &PostNote)> {
        self.by_author.get(&author).into_iter().flatten().map(|n| (*n, &self.posts[*n as usize]))
    }

    /// Returns all to whom somebody ever had a tie.
    pub fn ties_of(&self, one: Person) -> impl Iterator<Item = (Person, &Tie)> {
        self.ties.range((one, 0)..=(one, Person::MAX)).map(|((_, other), tie)| (*other, tie))
    }

    /// Returns how somebody stands to somebody else.
    pub fn tie(&self, one: Person, other: Person) -> Option<&Tie> {
        self.ties.get(&(one, other))
    }

    /// Returns whether a post has to be there at `now`: published, neither deleted nor ended, and not about to end.
    pub fn is_due(&self, post: &PostNote, now: WallTime) -> bool {
        post.published.is_some() && post.deleted == Sure::No && post.ends > now.plus(DOUBT)
    }

    /// Tells whether a node may have had a post for long enough to collect it. What it is told of a post takes a moment.
    pub(super) fn is_ripe(&self, post: &PostNote, now: WallTime) -> bool {
        now.plus(MOMENT) >= post.told_at.plus(self.min_age)
    }

    /// Returns how many hours all posts that were published have lived, or had to live, by `now`.
    pub fn post_hours(&self, now: WallTime) -> f64 {
        let life = |post: &PostNote| {
            let from = post.published?;
            let deleted = if let Sure::Yes(at) = post.deleted { at } else { WallTime::NEVER };
            Some(now.min(post.ends).min(deleted).since(from))
        };
        self.posts.iter().filter_map(life).sum::<Duration>().as_secs_f64() / 3600.0
    }
}

/// Clocks of nodes differ by less: whether a post that ends this soon is there proves nothing.
pub(super) const DOUBT: Duration = Duration::from_secs(15 * 60);
/// A post was on disks at most so long before its author was told of it, clocks that drift included.
const MOMENT: Duration = Duration::from_secs(60);
