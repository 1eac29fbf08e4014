//! Reading the directory: the page of a prefix, and where it is full, those of its longer prefixes.

use std::rc::Rc;

use futures_util::future::{LocalBoxFuture, join_all};

use super::messages::{Listed, Listing};
use crate::actors::context::Context;
use crate::actors::storage::{Reading, read, read_account};
use crate::records::{Record, users_key};
use crate::types::{Code, Problem, Section, SectionSet, Username};

/// Most pages read for one answer: ten levels of a prefix whose pages are all full.
const PAGES: usize = 400;
/// Pages read at once.
const AT_ONCE: usize = 8;
/// The letters of names, in the order of their bytes.
const LETTERS: &str = "0123456789_abcdefghijklmnopqrstuvwxyz";
/// The longest name.
const LONGEST: usize = 20;

/// A listing that is being put together, in the order of names.
struct Search<'a> {
    node: &'a Rc<Context>,
    after: Option<&'a Username>,
    limit: usize,
    left: usize,
    out: Listing,
}

/// Returns a page of users.
///
/// # Errors
/// `unreachable` when there is nobody to list and too few answered to believe that.
pub async fn list(
    node: &Rc<Context>,
    prefix: &str,
    after: Option<&Username>,
    limit: usize,
) -> Result<Listing, Problem> {
    let out = Listing { complete: true, ..Listing::default() };
    let mut search = Search { node, after, limit, left: PAGES, out };
    let first = page(node, prefix).await;
    search.visit(prefix.to_owned(), first).await;
    let mut out = search.out;
    if out.users.is_empty() && !out.complete {
        return Err(Problem::new(Code::Unreachable, "nobody who keeps the directory of users was reached"));
    }
    out.more |= out.users.len() > limit;
    out.users.truncate(limit);
    Ok(out)
}

impl Search<'_> {
    /// Adds the users of a page, or where it is full those of all longer prefixes.
    fn visit(&mut self, prefix: String, reading: Reading) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            self.out.complete &= reading.complete;
            if !reading.split.contains(Section::Directory) || prefix.len() >= LONGEST {
                return self.take(entries(&prefix, &reading));
            }
            // The entry of this very name may have had to make room, and lies under no longer prefix.
            self.take(exact(self.node, &prefix).await.into_iter().collect());
            let children = longer(&prefix, self.after);
            for some in children.chunks(AT_ONCE) {
                if self.out.users.len() > self.limit {
                    return;
                }
                if self.left < some.len() {
                    self.out.more = true;
                    return;
                }
                self.left -= some.len();
                let pages = join_all(some.iter().map(|prefix| page(self.node, prefix))).await;
                for (prefix, reading) in some.iter().zip(pages) {
                    self.visit(prefix.clone(), reading).await;
                }
            }
        })
    }

    fn take(&mut self, mut some: Vec<Listed>) {
        some.retain(|user| self.after.is_none_or(|after| user.username > *after));
        some.sort_by(|a, b| a.username.cmp(&b.username));
        self.out.users.extend(some);
    }
}

async fn page(node: &Rc<Context>, prefix: &str) -> Reading {
    read(node, users_key(prefix), SectionSet::of(&[Section::Directory])).await
}

fn entries(prefix: &str, reading: &Reading) -> Vec<Listed> {
    let listed = |record: &Record| match record {
        Record::Directory(entry) if entry.body.username.as_str().starts_with(prefix) => {
            Some(Listed { username: entry.body.username.clone(), account: entry.body.account })
        }
        _ => None,
    };
    reading.records.iter().filter_map(listed).collect()
}

async fn exact(node: &Rc<Context>, name: &str) -> Option<Listed> {
    let chain = read_account(node, &name.parse().ok()?).await.ok()??;
    Some(Listed { username: chain.username().clone(), account: chain.account })
}

/// Returns the prefixes that are one letter longer, without those whose names all come before `after`.
fn longer(prefix: &str, after: Option<&Username>) -> Vec<String> {
    let behind =
        |child: &String| after.is_none_or(|a| a.as_str().starts_with(child.as_str()) || *child.as_str() > *a.as_str());
    LETTERS.chars().map(|letter| format!("{prefix}{letter}")).filter(behind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_before_the_last_name_are_passed_over() {
        let after: Username = "bob".parse().expect("a name");
        let children = longer("b", Some(&after));
        assert_eq!(children.first().map(String::as_str), Some("bo"));
        assert_eq!(longer("", None).len(), LETTERS.len());
        assert!(LETTERS.as_bytes().is_sorted(), "in the order of names");
        assert_eq!(longer("bob", Some(&after)).len(), LETTERS.len());
    }
}
