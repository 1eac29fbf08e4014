//! Parts of a list: all entries of accounts whose hashes begin with the same bits.
//!
//! Implements `docs/PROTOCOL.md`, section "Delivering": whom a forwarder cares for is said by a part, never by names.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::pages::{MAX_PAGE_DEPTH, Page};
use crate::keys::hash;
use crate::types::{AccountId, Section};

/// All accounts whose BLAKE3 begins with the same bits, at most [`MAX_PAGE_DEPTH`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    depth: u8,
    /// The bits, the first one highest; the others are zero.
    bits: u16,
}

/// The bytes of a part on the wire: the number of bits, then the bits.
const BYTES: usize = 3;

impl Part {
    /// Everybody.
    pub const WHOLE: Self = Self { depth: 0, bits: 0 };

    /// Returns the part of so many bits in which an account is.
    pub fn of(account: &AccountId, depth: u8) -> Self {
        Self { depth: MAX_PAGE_DEPTH, bits: head(account) }.up_to(depth)
    }

    /// Returns how many bits those in it have in common.
    pub const fn depth(self) -> u8 {
        self.depth
    }

    /// Tells whether an account is in it.
    pub fn contains(self, account: &AccountId) -> bool {
        self.covers(Self::of(account, MAX_PAGE_DEPTH))
    }

    /// Tells whether everybody of another part is in this one.
    pub fn covers(self, other: Self) -> bool {
        self.depth <= other.depth && other.up_to(self.depth) == self
    }

    /// Returns both halves; none of the smallest.
    pub fn halves(self) -> Option<[Self; 2]> {
        let depth = self.depth + 1;
        (depth <= MAX_PAGE_DEPTH)
            .then(|| [Self { depth, ..self }, Self { depth, bits: self.bits | 1 << (16 - u16::from(depth)) }])
    }

    /// Returns the pages of a list at a depth on which entries of this part lie: one, or all of those below it.
    pub fn pages(self, section: Section, owner: AccountId, depth: u8) -> Vec<Page> {
        let depth = depth.min(MAX_PAGE_DEPTH);
        if depth <= self.depth {
            return vec![Page::at(section, owner, depth, self.bits)];
        }
        let step = 1_u32 << (16 - u32::from(depth));
        let count = 1_u32 << (depth - self.depth);
        let page = |n: u32| Page::at(section, owner, depth, (u32::from(self.bits) + n * step) as u16);
        (0..count).map(page).collect()
    }

    /// Returns the part of at most so many bits in which this one is.
    fn up_to(self, depth: u8) -> Self {
        let depth = depth.min(self.depth);
        let mask = u16::MAX.checked_shl(16 - u32::from(depth)).unwrap_or(0);
        Self { depth, bits: self.bits & mask }
    }

    /// Returns the bytes that name it.
    pub fn to_bytes(self) -> [u8; BYTES] {
        let [high, low] = self.bits.to_be_bytes();
        [self.depth, high, low]
    }

    /// Reads what names a part; `None` for more bits than there are, and for bits behind the last.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [depth, high, low] = *<&[u8; BYTES]>::try_from(bytes).ok()?;
        let part = Self { depth, bits: u16::from_be_bytes([high, low]) };
        (depth <= MAX_PAGE_DEPTH && part.up_to(depth) == part).then_some(part)
    }
}

fn head(account: &AccountId) -> u16 {
    let digest = hash(account.as_bytes()).0;
    u16::from_be_bytes([digest[0], digest[1]])
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Self::from_bytes(&bytes).ok_or_else(|| de::Error::custom("no part of a list"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(n: u64) -> AccountId {
        AccountId(hash(&n.to_be_bytes()).0)
    }

    proptest! {
        #[test]
        fn an_account_is_in_one_half_of_every_part_it_is_in(n: u64) {
            let account = account(n);
            let mut part = Part::WHOLE;
            while let Some(halves) = part.halves() {
                prop_assert!(part.contains(&account) && halves.iter().all(|half| part.covers(*half)));
                prop_assert!(!halves[0].covers(halves[1]) && !halves[0].covers(part));
                let of = halves.into_iter().filter(|half| half.contains(&account)).collect::<Vec<_>>();
                prop_assert_eq!(of.len(), 1);
                part = of[0];
            }
            prop_assert_eq!(part.depth(), MAX_PAGE_DEPTH);
        }

        #[test]
        fn every_entry_of_a_part_lies_on_one_of_its_pages(n: u64, owner: [u8; 32], bits in 0_u8..=16, depth in 0_u8..=16) {
            let (account, owner) = (account(n), AccountId(owner));
            let part = Part::of(&account, bits);
            if depth > bits + 6 {
                return Ok(());
            }
            let pages = part.pages(Section::Interest, owner, depth);
            prop_assert_eq!(pages.len(), 1 << depth.saturating_sub(bits));
            let own = Page::of(Section::Interest, owner, &account, depth);
            prop_assert_eq!(pages.iter().filter(|page| **page == own).count(), 1);
        }

        #[test]
        fn what_is_read_is_what_was_written_and_nothing_else_names_a_part(n: u64, depth in 0_u8..=16, wrong: [u8; 3]) {
            let part = Part::of(&account(n), depth);
            prop_assert_eq!(Part::from_bytes(&part.to_bytes()), Some(part));
            if let Some(read) = Part::from_bytes(&wrong) {
                prop_assert_eq!(read.to_bytes(), wrong);
            }
        }
    }

    #[test]
    fn too_many_bits_and_bits_behind_the_last_are_refused() {
        for bytes in [&[17, 0, 0][..], &[1, 0x40, 0], &[0, 0x80, 0], &[1, 0x80], &[]] {
            assert_eq!(Part::from_bytes(bytes), None, "{bytes:?}");
        }
        assert_eq!(Part::from_bytes(&[1, 0x80, 0]), Part::WHOLE.halves().map(|halves| halves[1]));
    }
}
