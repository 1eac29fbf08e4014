//! Which posts of the feed were not shown yet, and which of them are news.

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

use crate::cli::words::{list_at, text_at};

/// Unread posts that are counted: as many as a page has. More are shown as `500+`.
pub const MAX_COUNTED: usize = 500;

/// Posts that were told of lately, so that one that comes in two ways is told of once.
const MAX_RECENT: usize = 64;

/// The unread posts of who is logged in.
#[derive(Debug, Default)]
pub struct Unread {
    me: String,
    ids: BTreeSet<String>,
    /// Posts that came before those of earlier were counted; at most [`MAX_COUNTED`].
    held: Option<Vec<Value>>,
    /// At most [`MAX_RECENT`].
    recent: VecDeque<String>,
}

impl Unread {
    /// Starts anew for somebody: what comes is held until [`Unread::counted`] tells what is old.
    pub fn begin(me: &str) -> Self {
        Self { me: me.to_owned(), ids: BTreeSet::new(), held: Some(Vec::new()), recent: VecDeque::new() }
    }

    /// Takes the posts of a page as known, and returns what came meanwhile and is news.
    pub fn counted(&mut self, page: &Value) -> Vec<Value> {
        let unseen = list_at(page, "/posts").iter().filter(|post| post["seen"] == false && !self.is_mine(post));
        self.ids = unseen.map(|post| text_at(post, "/id").to_owned()).take(MAX_COUNTED).collect();
        let held = self.held.take().unwrap_or_default();
        held.into_iter().filter(|post| self.arrive(post)).collect()
    }

    /// Takes a post that came, and tells whether it is news for a person who waits.
    pub fn arrive(&mut self, post: &Value) -> bool {
        let id = text_at(post, "/id");
        if self.me.is_empty() || id.is_empty() || self.is_mine(post) || post["seen"] == true {
            return false;
        }
        match &mut self.held {
            Some(held) => {
                if held.len() < MAX_COUNTED {
                    held.push(post.clone());
                }
                false
            }
            None if self.ids.contains(id) => false,
            None => {
                if self.ids.len() < MAX_COUNTED {
                    self.ids.insert(id.to_owned());
                }
                self.is_news(post)
            }
        }
    }

    /// Takes a post that is to be told of, and tells whether it was not, lately.
    pub fn is_news(&mut self, post: &Value) -> bool {
        let id = text_at(post, "/id");
        if self.me.is_empty() || self.is_mine(post) || self.recent.iter().any(|told| told == id) {
            return false;
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(id.to_owned());
        true
    }

    /// Counts posts as read, or gone.
    pub fn remove<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            self.ids.remove(id);
        }
    }

    /// Returns the number for the heading.
    pub fn count(&self) -> String {
        match self.ids.len() {
            n @ MAX_COUNTED.. => format!("{n}+"),
            n => n.to_string(),
        }
    }

    fn is_mine(&self, post: &Value) -> bool {
        text_at(post, "/author/username") == self.me
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(id: &str, author: &str) -> Value {
        json!({ "id": id, "author": { "username": author }, "seen": false })
    }

    #[test]
    fn what_was_there_before_is_counted_and_not_announced() {
        let mut unread = Unread::begin("me");
        assert!(!unread.arrive(&post("old", "bob")));
        assert!(!unread.arrive(&post("new", "bob")));
        let page = json!({ "posts": [post("old", "bob"), post("mine", "me"), { "id": "read", "seen": true }] });
        let news = unread.counted(&page);
        assert_eq!(news, [post("new", "bob")]);
        assert_eq!(unread.count(), "2");
        assert!(!unread.arrive(&post("old", "bob")));
        assert!(!unread.arrive(&post("mine2", "me")));
        assert!(unread.arrive(&post("newer", "bob")));
        assert!(!unread.arrive(&post("newer", "bob")));
        unread.remove(["old", "newer", "unknown"]);
        assert_eq!(unread.count(), "1");
    }

    #[test]
    fn a_post_that_comes_in_two_ways_is_told_of_once() {
        let mut unread = Unread::begin("me");
        unread.counted(&json!({}));
        assert!(unread.is_news(&post("a", "bob")));
        assert!(!unread.arrive(&post("a", "bob")));
        assert!(unread.arrive(&post("b", "bob")));
        assert!(!unread.is_news(&post("b", "bob")));
        assert!(!unread.is_news(&post("c", "me")));
        assert_eq!(unread.count(), "2");
    }

    #[test]
    fn the_count_has_an_end_and_news_do_not() {
        let mut unread = Unread::begin("me");
        unread.counted(&json!({}));
        for i in 0..MAX_COUNTED + 5 {
            assert!(unread.arrive(&post(&format!("p{i}"), "bob")));
        }
        assert_eq!(unread.count(), "500+");
        assert!(!Unread::default().arrive(&post("a", "bob")), "nobody is logged in");
    }
}
