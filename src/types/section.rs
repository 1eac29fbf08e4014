//! Kinds of records, and the sections of a key in which they are kept.
//!
//! Kind and section are the same but for edges, one record that is kept in the section `following` at the follower's key
//! and in the section `followers` at the followed account's key, and tombstones, which lie among the posts.

use serde::{Deserialize, Serialize};

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number),+ }

        impl $name {
            /// All of them, in numeric order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Returns the one with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Returns its number on the wire and on disk.
            pub const fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

numbered!(
    /// The numeric kind that follows the suite in every record. Numbers are never reused; 32 to 63 are reserved.
    RecordKind {
        /// Chain of certified account records: who owns a name, and with which root key.
        Account = 1,
        /// Root secret and settings key, sealed under the password.
        Bundle = 2,
        /// Certificate of a device key by the account's root key.
        Device = 3,
        /// End of a device.
        Retirement = 4,
        /// Display name and bio.
        Profile = 5,
        /// State of a device's log.
        Heads = 6,
        /// A post.
        Post = 7,
        /// The author's word that a post is deleted.
        Tombstone = 8,
        /// Follow or unfollow.
        Edge = 9,
        /// How far a follower has received and seen a device's log.
        Watermark = 11,
        /// A sealed entry of an account's own: a mute, a block.
        Private = 12,
        /// Somebody is named in a post.
        Mention = 13,
        /// Where an account's device can be reached.
        Presence = 14,
        /// Where a follower of an author can be reached.
        Interest = 15,
        /// A certified name, for the directory of users.
        Directory = 16,
    }
);

numbered!(
    /// What a key keeps apart: the unit of reading and of page limits.
    Section {
        /// Account chains.
        Account = 1,
        /// Password bundles.
        Bundle = 2,
        /// Device certificates.
        Device = 3,
        /// Retirements.
        Retirement = 4,
        /// Profiles.
        Profile = 5,
        /// Heads.
        Heads = 6,
        /// Posts, and the tombstones of deleted ones.
        Post = 7,
        /// Edges at the follower's key.
        Following = 9,
        /// Edges at the followed account's key.
        Followers = 10,
        /// Watermarks of followers at the author's key.
        Seen = 11,
        /// Private entries.
        Private = 12,
        /// Mentions at the key of whoever is named.
        Inbox = 13,
        /// Presence, in memory only.
        Presence = 14,
        /// Interest, in memory only.
        Interest = 15,
        /// Users whose names begin alike.
        Directory = 16,
    }
);

impl Section {
    /// Tells whether the section is a list of many other accounts' records, which is split over several keys when it is long.
    pub const fn is_paged(self) -> bool {
        matches!(self, Section::Following | Section::Followers | Section::Seen | Section::Inbox | Section::Interest)
    }

    /// Tells whether the section is held in memory only: never on disk, never repaired, never at anchors.
    pub const fn in_memory(self) -> bool {
        matches!(self, Section::Presence | Section::Interest)
    }
}

/// A set of sections: bit n stands for the section with number n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct SectionSet(pub u64);

impl SectionSet {
    /// Every section that exists.
    pub fn all() -> Self {
        Self::of(Section::ALL)
    }

    /// Builds a set.
    pub fn of(sections: &[Section]) -> Self {
        Self(sections.iter().fold(0, |bits, s| bits | 1 << s.number()))
    }

    /// Tells whether the section is in the set.
    pub const fn contains(self, section: Section) -> bool {
        self.0 & (1 << section.number()) != 0
    }

    /// Returns the sections that are in one of the two sets.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the sections of the set that this version knows, in numeric order.
    pub fn iter(self) -> impl Iterator<Item = Section> {
        Section::ALL.iter().copied().filter(move |s| self.contains(*s))
    }
}
