//! What a node has taken on of others' posts: each part of a post once, so many posts of an author in a minute, and on which
//! page it was found itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::records::Part;
use crate::types::{AccountId, Hash};

/// Most posts that are remembered: more than come in ten minutes from many authors.
const POSTS: usize = 2048;
/// Parts of one post that a node cares for: its own, and those of others that fell out.
const PARTS: usize = 3;
/// Most authors whose posts are counted: the followees that an account may have.
const AUTHORS: usize = 5000;
const MINUTE: Duration = Duration::from_secs(60);

/// Why a part is not taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was, or a part that covers it.
    Again,
    /// Enough of this post, or of this author, for now.
    Enough,
}

#[derive(Default)]
struct Of {
    parts: Vec<Part>,
    /// The page on which whoever brought the post first had found this node.
    page: Option<u8>,
    /// Whether this node was asked to forward it and counted itself.
    counted: bool,
}

/// The memory.
#[derive(Default)]
pub struct Taken {
    /// At most [`POSTS`].
    posts: BTreeMap<Hash, Of>,
    /// The same posts, the oldest first.
    order: VecDeque<Hash>,
    /// When posts of which author were taken on, within a minute; at most [`AUTHORS`].
    authors: BTreeMap<AccountId, (Duration, u32)>,
}

impl Taken {
    fn of(&mut self, post: Hash) -> &mut Of {
        if !self.posts.contains_key(&post) {
            self.order.push_back(post);
            if self.order.len() > POSTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.posts.remove(&oldest);
            }
        }
        self.posts.entry(post).or_default()
    }

    /// Takes a part of a post on, at `now` of some clock that nobody sets; an author's posts count towards `most` a minute.
    ///
    /// # Errors
    /// Why not.
    pub fn take(
        &mut self,
        (post, author): (Hash, AccountId),
        part: Part,
        now: Duration,
        most: u32,
    ) -> Result<(), Refusal> {
        let held = self.posts.get(&post).map(|of| &of.parts[..]).unwrap_or_default();
        if held.iter().any(|before| before.covers(part)) {
            return Err(Refusal::Again);
        }
        if held.len() >= PARTS || (held.is_empty() && !self.count(author, now, most)) {
            return Err(Refusal::Enough);
        }
        self.of(post).parts.push(part);
        Ok(())
    }

    fn count(&mut self, author: AccountId, now: Duration, most: u32) -> bool {
        if self.authors.len() >= AUTHORS && !self.authors.contains_key(&author) {
            self.authors.retain(|_, (since, _)| now.saturating_sub(*since) < MINUTE);
            if self.authors.len() >= AUTHORS {
                return false;
            }
        }
        let (since, count) = self.authors.entry(author).or_insert((now, 0));
        if now.saturating_sub(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= most
    }

    /// Notes that somebody brought a post who found this node on a page; true where that counts elsewhere: somebody found it on
    /// another page before, or asked it to forward the post.
    pub fn brought(&mut self, post: Hash, page: u8) -> bool {
        let of = self.of(post);
        let before = *of.page.get_or_insert(page);
        of.counted || before != page
    }

    /// Notes that somebody asked to forward a post; true where this node counts elsewhere already.
    pub fn asked(&mut self, post: Hash) -> bool {
        let of = self.of(post);
        std::mem::replace(&mut of.counted, true) || of.page.is_some()
    }
}
