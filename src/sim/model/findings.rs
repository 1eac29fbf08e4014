//! What is wrong, each in a line that says where to look.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::notes::Person;
use crate::types::Hash;

/// A difference between what was acknowledged and what is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
#[allow(missing_docs, reason = "who and which post; the variants say what is wrong")]
pub enum Finding {
    /// Nobody that is up holds a post that was published.
    Lost { author: Person, post: String, disks: usize },
    /// Somebody holds it, and a reader of the author's page does not get it.
    Unreadable { author: Person, post: String, live: usize },
    /// Somebody's page cannot be read at all.
    PageUnread { of: Person, why: String },
    /// It is said to be collected, though not all followers have seen it and nothing had to make room.
    CollectedEarly { author: Person, post: String },
    /// It is said to be collected, though nobody can have had it for long enough.
    CollectedYoung { author: Person, post: String },
    /// A feed lacks a post.
    FeedLacks { reader: Person, author: Person, post: String },
    /// A feed has a post that was deleted, has ended, or is of somebody who is not followed.
    FeedHas { reader: Person, author: Person, post: String, why: &'static str },
    /// A feed has rows out of order, or twice.
    FeedOrder { reader: Person },
    /// The mentions of somebody lack a post that names them.
    MentionsLack { of: Person, author: Person, post: String },
    /// They have one that was deleted, has ended, or names somebody else.
    MentionsHave { of: Person, author: Person, post: String, why: &'static str },
    /// A page has a post that was deleted or has ended, or a node has one that it has collected itself.
    CameBack { author: Person, post: String, why: &'static str },
    /// Something that was acknowledged as queued is not published yet.
    Pending { of: Person, items: usize },
    /// A list of people lacks somebody.
    ListLacks { list: &'static str, of: Person, who: Person },
    /// A list of people has somebody who is not in it.
    ListHas { list: &'static str, of: Person, who: Person },
    /// A page shows another display name than the one that was acknowledged.
    WrongName { of: Person, shown: String },
    /// The heads that the replicas have end before a post that was published.
    HeadBehind { author: Person, at: u64, published: u64 },
    /// Fewer replicas hold a post than have to.
    FewReplicas { author: Person, post: String, held: usize, of: usize },
    /// Replicas of a home that are up have different records.
    StatesDiffer { of: Person, states: usize },
}

impl Finding {
    /// Returns the word for this kind of finding.
    pub fn word(&self) -> &'static str {
        match self {
            Finding::Lost { .. } => "lost",
            Finding::Unreadable { .. } => "unreadable",
            Finding::PageUnread { .. } => "page_unread",
            Finding::CollectedEarly { .. } => "collected_early",
            Finding::CollectedYoung { .. } => "collected_young",
            Finding::FeedLacks { .. } => "feed_lacks",
            Finding::FeedHas { .. } => "feed_has",
            Finding::FeedOrder { .. } => "feed_order",
            Finding::MentionsLack { .. } => "mentions_lack",
            Finding::MentionsHave { .. } => "mentions_have",
            Finding::CameBack { .. } => "came_back",
            Finding::Pending { .. } => "pending",
            Finding::ListLacks { .. } => "list_lacks",
            Finding::ListHas { .. } => "list_has",
            Finding::WrongName { .. } => "wrong_name",
            Finding::HeadBehind { .. } => "head_behind",
            Finding::FewReplicas { .. } => "few_replicas",
            Finding::StatesDiffer { .. } => "states_differ",
        }
    }
}

/// Returns the beginning of a post's id, as people write it.
pub(super) fn short(id: &Hash) -> String {
    id.to_string()[..12].to_owned()
}

/// All that was found at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Tells whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many findings of each kind there are.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        self.0.iter().for_each(|finding| *counts.entry(finding.word()).or_default() += 1);
        counts
    }

    /// Returns how many findings of one kind there are.
    pub fn count(&self, word: &str) -> usize {
        self.0.iter().filter(|finding| finding.word() == word).count()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.counts().iter().map(|(word, n)| format!("{n} {word}")).collect();
        f.write_str(&words.join(", "))
    }
}
