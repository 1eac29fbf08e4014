//! Reading a whole list: its first page at the owner's home, and where a holder says that it is split, the pages below.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream::FuturesUnordered;

use super::read::{Reading, read};
use crate::actors::context::Context;
use crate::records::{Merged, Page, Record, merge, section_at, slot};
use crate::seam::Later;
use crate::types::{AccountId, Section, SectionSet};

/// Most pages read of one list. With 500 entries each they hold 64,000, some 20 MB; whoever has more is counted, not listed.
const PAGES: usize = 128;
/// Most of them without a single entry. Honest pages are seldom empty: this is where a holder leads that always says "split".
const EMPTY_PAGES: usize = 24;
/// Pages read at once: a lookup has up to ten requests under way.
const AT_ONCE: usize = 6;

/// Which pages are read next, and how many may be.
struct Plan {
    /// Children of pages that had entries: these come first, so that empty ones take nobody's turn.
    likely: VecDeque<Page>,
    /// Children of empty pages.
    doubtful: VecDeque<Page>,
    pages: usize,
    empty: usize,
}

impl Plan {
    fn next(&mut self) -> Option<Page> {
        if self.pages == 0 {
            return None;
        }
        let doubtful = if self.empty > 0 { &mut self.doubtful } else { &mut VecDeque::new() };
        let page = self.likely.pop_front().or_else(|| doubtful.pop_front())?;
        self.pages -= 1;
        Some(page)
    }

    /// Notes what a page brought.
    fn read(&mut self, page: &Page, is_empty: bool, is_split: bool) {
        self.empty -= usize::from(is_empty).min(self.empty);
        let children = page.children().filter(|_| is_split);
        let queue = if is_empty { &mut self.doubtful } else { &mut self.likely };
        queue.extend(children.into_iter().flatten());
    }

    fn is_exhausted(&self) -> bool {
        // What is left in doubt lies below pages in which nobody found anything.
        !self.likely.is_empty()
    }
}

/// Reads a list of an account whose home was read already, this list included.
pub async fn read_list_of_home(node: &Rc<Context>, section: Section, owner: AccountId, home: &Reading) -> Reading {
    let page = Page::first(section, owner);
    let of_list = |record: &&Record| section_at(record, &page.key()) == Some(section);
    let records = home.records.iter().filter(of_list).cloned().collect();
    go_on(node, page, Some(Reading { records, complete: home.complete, split: home.split, ..Reading::default() })).await
}

/// Reads a list of an account: every page to which a holder points, merged by slot. Never fails; `complete` tells.
///
/// Of the owner's own edges, the first page brings its account and devices as well. At most 128 pages are read.
pub async fn read_list(node: &Rc<Context>, section: Section, owner: AccountId) -> Reading {
    go_on(node, Page::first(section, owner), None).await
}

/// Reads the pages of a list from the first one on, which may have been read already.
async fn go_on(node: &Rc<Context>, first: Page, mut before: Option<Reading>) -> Reading {
    let section = first.section;
    let mut plan = Plan { likely: VecDeque::new(), doubtful: VecDeque::new(), pages: PAGES, empty: EMPTY_PAGES };
    plan.likely.push_back(first);
    let mut slots: BTreeMap<(Section, Bytes), Vec<Record>> = BTreeMap::new();
    let mut whole = Reading { complete: true, ..Reading::default() };
    let mut reading: FuturesUnordered<Later<(Page, Reading)>> = FuturesUnordered::new();
    loop {
        while reading.len() < AT_ONCE
            && let Some(page) = plan.next()
        {
            reading.push(match before.take() {
                Some(brought) => Box::pin(ready((page, brought))),
                None => read_page(node.clone(), page),
            });
        }
        let Some((page, brought)) = reading.next().await else { break };
        let of_list = |record: &&Record| section_at(record, &page.key()) == Some(section);
        let is_empty = !brought.records.iter().any(|record| of_list(&record));
        plan.read(&page, is_empty, brought.split.contains(section));
        whole.complete &= brought.complete;
        whole.split = whole.split.with(brought.split);
        for record in brought.records {
            let Some(section) = section_at(&record, &page.key()) else { continue };
            add(slots.entry((section, slot(&record, section))).or_default(), section, record);
        }
    }
    whole.complete &= !plan.is_exhausted();
    whole.records = slots.into_values().flatten().collect();
    whole
}

fn read_page(node: Rc<Context>, page: Page) -> Later<(Page, Reading)> {
    // At its owner's home the owner's own edges are sent without what proves them: that lies beside them.
    let own = page.depth == 0 && page.section == Section::Following;
    let proof = if own { SectionSet::of(&[Section::Account, Section::Device]) } else { SectionSet::default() };
    let sections = SectionSet::of(&[page.section]).with(proof);
    Box::pin(async move { (page, read(&node, page.key(), sections).await) })
}

/// Merges a verified record into those of its slot.
pub(super) fn add(held: &mut Vec<Record>, section: Section, record: Record) {
    let bytes: Vec<Bytes> = held.iter().map(|r| r.bytes().clone()).collect();
    if let Merged::Keep { drop } = merge(section, &bytes, record.bytes()) {
        drop.into_iter().rev().for_each(|i| {
            held.remove(i);
        });
        held.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_below_entries_come_before_those_below_nothing_and_both_are_bounded() {
        let root = Page::first(Section::Followers, AccountId([1; 32]));
        let fresh = || Plan { likely: VecDeque::from([root]), doubtful: VecDeque::new(), pages: 40, empty: 5 };
        let mut plan = fresh();
        let first = plan.next().expect("the first page");
        plan.read(&first, true, true);
        let [left, right] = root.children().expect("two");
        assert_eq!(plan.next(), Some(left));
        plan.read(&left, false, true);
        assert_eq!(plan.next().map(|page| page.depth), Some(2), "below entries first");
        assert_eq!(plan.next().map(|page| page.depth), Some(2));
        assert_eq!(plan.next(), Some(right));
        // Whoever always says "split" and shows nothing is believed for a while, whoever shows entries for longer.
        for (is_empty, expected) in [(true, 5), (false, 40)] {
            let (mut plan, mut read) = (fresh(), 0);
            while let Some(page) = plan.next() {
                read += 1;
                plan.read(&page, is_empty, true);
            }
            assert_eq!((read, plan.is_exhausted()), (expected, !is_empty));
        }
    }
}
