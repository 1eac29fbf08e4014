//! Pages: where a long list goes on.
//!
//! A list of other accounts' records begins at its owner's home. A holder whose page is full answers `split`; the record
//! then goes to one of two children, chosen by the next bit of BLAKE3(the other account's id), and so on. Records at
//! every level are valid, so nothing has to be moved when a page splits.

use super::places::home;
use super::record::Record;
use crate::keys::{hash, place};
use crate::types::{AccountId, Key, Section};

/// How deep pages go: 2^16 pages of 500 are more than any list has.
pub const MAX_PAGE_DEPTH: u8 = 16;

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page {
    /// Which list.
    pub section: Section,
    /// Whose list it is.
    pub owner: AccountId,
    /// How many bits lead to the page; 0 for the first.
    pub depth: u8,
    /// Those bits, the first one highest; the others are zero.
    bits: u16,
}

impl Page {
    /// Returns the first page of a list, at its owner's home.
    pub const fn first(section: Section, owner: AccountId) -> Self {
        Self { section, owner, depth: 0, bits: 0 }
    }

    /// Returns the page at `depth` to which the records of `other` belong.
    pub fn of(section: Section, owner: AccountId, other: &AccountId, depth: u8) -> Self {
        let digest = hash(other.as_bytes()).0;
        Self::at(section, owner, depth.min(MAX_PAGE_DEPTH), u16::from_be_bytes([digest[0], digest[1]]))
    }

    /// Returns the page at `depth` to which the first of these bits lead.
    pub(super) fn at(section: Section, owner: AccountId, depth: u8, bits: u16) -> Self {
        Self { section, owner, depth, bits: bits & mask(depth) }
    }

    /// Returns both pages below this one; none below the deepest.
    pub fn children(&self) -> Option<[Page; 2]> {
        if self.depth >= MAX_PAGE_DEPTH {
            return None;
        }
        let depth = self.depth + 1;
        let one = self.bits | 1 << (16 - depth);
        Some([Page { depth, ..*self }, Page { depth, bits: one, ..*self }])
    }

    /// Returns the key: the owner's home for the first page, else H(list, owner, bits) with the bits as digits 0 and 1.
    pub fn key(&self) -> Key {
        if self.depth == 0 {
            return home(&self.owner);
        }
        let digit = |i: u8| if self.bits & 1 << (15 - i) == 0 { b'0' } else { b'1' };
        let digits: Vec<u8> = (0..self.depth).map(digit).collect();
        place(label(self.section), &[self.owner.as_bytes(), &digits])
    }
}

fn mask(depth: u8) -> u16 {
    u16::MAX.checked_shl(16 - u32::from(depth)).unwrap_or(0)
}

fn label(section: Section) -> &'static str {
    match section {
        Section::Followers => "followers",
        Section::Seen => "seen",
        Section::Inbox => "inbox",
        Section::Interest => "interest",
        _ => "following",
    }
}

impl Record {
    /// Returns the lists that the record belongs to: which, whose, and the account that decides about the page.
    pub fn lists(&self) -> Vec<(Section, AccountId, AccountId)> {
        match self {
            Record::Edge(r) => vec![
                (Section::Following, r.body.follower, r.body.followed),
                (Section::Followers, r.body.followed, r.body.follower),
            ],
            Record::Watermark(r) => vec![(Section::Seen, r.body.author, r.body.follower)],
            Record::Mention(r) => vec![(Section::Inbox, r.body.mentioned, r.body.account)],
            Record::Interest(r) => vec![(Section::Interest, r.body.author, r.body.follower)],
            _ => Vec::new(),
        }
    }

    /// Returns the page of a list below the one at `key`, on this record's way down.
    pub fn page_below(&self, key: &Key) -> Option<Page> {
        let page = self.page_at(key).filter(|page| page.depth < MAX_PAGE_DEPTH)?;
        let of_list =
            |(section, owner, _): &(Section, AccountId, AccountId)| (*section, *owner) == (page.section, page.owner);
        let (section, owner, other) = self.lists().into_iter().find(of_list)?;
        Some(Page::of(section, owner, &other, page.depth + 1))
    }

    /// Returns the page of a list at `key`, where the record belongs to one there.
    pub fn page_at(&self, key: &Key) -> Option<Page> {
        let pages = |(section, owner, other): (Section, AccountId, AccountId)| {
            (0..=MAX_PAGE_DEPTH).map(move |depth| Page::of(section, owner, &other, depth))
        };
        self.lists().into_iter().flat_map(pages).find(|page| page.key() == *key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_account_has_one_way_down(owner: [u8; 32], other: [u8; 32]) {
            let (owner, other) = (AccountId(owner), AccountId(other));
            let mut page = Page::first(Section::Followers, owner);
            for depth in 1..=MAX_PAGE_DEPTH {
                let next = Page::of(Section::Followers, owner, &other, depth);
                let children = page.children().expect("not the deepest");
                prop_assert_eq!(children.iter().filter(|c| **c == next).count(), 1);
                prop_assert!(children[0].key() != children[1].key() && children[0].key() != page.key());
                page = next;
            }
            prop_assert!(page.children().is_none());
        }
    }

    #[test]
    fn lists_of_one_owner_part_ways_below_the_home() {
        let owner = AccountId([1; 32]);
        let first = |section| Page::first(section, owner);
        assert_eq!(first(Section::Seen).key(), first(Section::Followers).key());
        let child = |section| first(section).children().expect("children")[0].key();
        assert_ne!(child(Section::Seen), child(Section::Followers));
        assert_eq!(child(Section::Seen), place("seen", &[owner.as_bytes(), b"0"]));
    }
}
