//! Mentions: which posts belong into somebody's list of them, and whether they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::findings::{Finding, short};
use super::followed::Belongs;
use super::notes::{DOUBT, Model, Person, PostNote, PostNumber, Sure};
use super::observed::Observed;
use crate::types::{Hash, WallTime};

/// Who does not follow an author hears of deletions when that author's home is looked at again, which takes some time.
const HEARS_LATE: Duration = Duration::from_secs(20 * 60);

/// Compares lists of mentions with the model.
pub(super) fn check_mentions(model: &Model, seen: &Observed, found: &mut Vec<Finding>) {
    let mut naming = BTreeMap::<Person, BTreeSet<PostNumber>>::new();
    for (number, post) in model.posts().iter().enumerate() {
        if let Some(of) = post.mentions.filter(|of| seen.mentions.contains_key(of)) {
            naming.entry(of).or_default().insert(number as PostNumber);
        }
    }
    for (of, ids) in &seen.mentions {
        let mut numbers = naming.remove(of).unwrap_or_default();
        numbers.extend(ids.iter().filter_map(|id| model.by_id.get(id)));
        for number in numbers {
            check_one(model, seen, (*of, ids), number, found);
        }
    }
}

fn check_one(
    model: &Model,
    seen: &Observed,
    (of, ids): (Person, &BTreeSet<Hash>),
    number: PostNumber,
    found: &mut Vec<Finding>,
) {
    let post = &model.posts()[number as usize];
    let (author, listed) = (post.author, ids.contains(&post.id));
    match model.is_mention(of, post, seen.now) {
        Belongs::MustNot(why) if listed => {
            found.push(Finding::MentionsHave { of, author, post: short(&post.id), why });
        }
        Belongs::Must if !listed => {
            // Who follows the author gets it with the feed, everybody else when the author's node has told of it.
            let collected = seen.collected.contains(&post.id);
            let told = model.is_followed(of, post) || seen.pending.get(&author) == Some(&0);
            if model.had_named(of, number) || !collected && told {
                found.push(Finding::MentionsLack { of, author, post: short(&post.id) });
            }
        }
        _ => {}
    }
}

impl Model {
    /// Returns who certainly follows somebody.
    pub fn followers_of(&self, author: Person) -> Vec<Person> {
        let tied = self.tied_to.get(&author).into_iter().flatten().copied();
        tied.filter(|who| self.tie(*who, author).is_some_and(|tie| tie.follows == Some(true))).collect()
    }

    /// Tells whether somebody has followed the author of a post since before it was made.
    fn is_followed(&self, reader: Person, post: &PostNote) -> bool {
        self.tie(reader, post.author).is_some_and(|tie| tie.follows == Some(true) && tie.since <= post.told_at)
    }

    /// Tells whether a post belongs into the mentions of somebody at `now`.
    fn is_mention(&self, of: Person, post: &PostNote, now: WallTime) -> Belongs {
        if post.mentions != Some(of) {
            return Belongs::MustNot("it does not name them");
        }
        if let Sure::Yes(at) = post.deleted {
            let heard = self.is_followed(of, post) || at.plus(HEARS_LATE) < now;
            return if heard { Belongs::MustNot("it was deleted") } else { Belongs::May };
        }
        if post.ends.plus(DOUBT) < now {
            return Belongs::MustNot("it has ended");
        }
        let certain = post.published.is_some() && post.deleted == Sure::No && post.ends > now.plus(DOUBT);
        if certain { Belongs::Must } else { Belongs::May }
    }
}
