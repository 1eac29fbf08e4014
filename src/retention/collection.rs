//! Which posts are collected: those that every follower has seen, and those that have to make room.
//!
//! Says nothing of who may decide, or when; the gc actor asks only when it has reconciled the home with enough others.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::home::{Piece, Shelf, latest_since};
use crate::types::DeviceId;

/// What a node and its network want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether posts that every follower has seen are collected.
    pub collect_seen: bool,
    /// How many posts of an account are kept before those seen by the largest share of followers are collected.
    pub kept: usize,
}

/// Why a post is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The author's heads say so.
    Author,
    /// Every follower has seen it.
    Seen,
    /// The account has more posts than are kept.
    Room,
}

/// A post that is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collected {
    /// Which.
    pub piece: Piece,
    /// Why.
    pub why: Why,
}

/// How many followers a post waits for, and how many of them have seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    seen: u64,
    of: u64,
}

impl Share {
    fn is_whole(self) -> bool {
        self.of > 0 && self.seen == self.of
    }

    /// Millionths, rounded down: a share that is not whole is below one that is. A post without followers was seen by nobody.
    fn millionths(self) -> u64 {
        (self.seen * 1_000_000).checked_div(self.of).unwrap_or(0)
    }
}

impl Shelf {
    /// Returns what the author's heads have collected: final, whoever has seen it, however long it has lain here.
    pub fn final_ones(&self) -> Vec<Collected> {
        let gone = self.posts().map(|(piece, _)| *piece).filter(|p| self.is_final(&p.device, p.seq));
        gone.map(|piece| Collected { piece, why: Why::Author }).collect()
    }

    /// Returns what is to be collected now, in the order of a feed. Takes posts × followers steps.
    ///
    /// Posts that are not ripe count for the cap and are passed over when their turn comes.
    pub fn collectable(&self, rules: Rules) -> Vec<Collected> {
        let mut readers: BTreeMap<DeviceId, Vec<_>> = BTreeMap::new();
        let (mut out, mut left) = (Vec::new(), Vec::new());
        for (piece, ripe) in self.posts().filter(|(p, _)| !self.is_final(&p.device, p.seq)) {
            let readers = readers.entry(piece.device).or_insert_with(|| self.readers(&piece.device));
            let since = latest_since(piece.hlc);
            let due = readers.iter().filter(|(from, _)| *from <= since);
            let (of, seen) = due.fold((0, 0), |(of, seen), (_, n)| (of + 1, seen + u64::from(*n >= piece.seq)));
            let share = Share { seen, of };
            if rules.collect_seen && ripe && share.is_whole() {
                out.push(Collected { piece: *piece, why: Why::Seen });
            } else {
                left.push((Reverse(share.millionths()), *piece, ripe));
            }
        }
        let over = left.len().saturating_sub(rules.kept);
        left.sort_unstable();
        let room = left.into_iter().take(over).filter(|(_, _, ripe)| *ripe);
        out.extend(room.map(|(_, piece, _)| Collected { piece, why: Why::Room }));
        out.extend(self.final_ones());
        out.sort_unstable();
        out
    }
}

#[cfg(test)]
mod tests;
