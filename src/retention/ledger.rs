//! The delivery ledger of one post: whom it was meant for, who has signed to have received and seen it, and who is owed it.
//!
//! Counts as collection does: the same followers, the same watermarks. Where all have seen a post here, it may be collected,
//! and the other way round.

use std::collections::BTreeMap;

use super::home::{Piece, Shelf, latest_since};
use crate::records::Record;
use crate::types::{AccountId, Hash, WallTime};

/// What is known of one post's way to those who follow its author.
#[derive(Clone, Debug)]
pub struct Ledger {
    piece: Piece,
    shelf: Shelf,
    /// How far each follower has received the post's log, beside how far it has seen it; as large as the pages it is read from.
    received: BTreeMap<AccountId, (u64, u64)>,
}

/// How far a post has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Those who followed when it was made.
    pub followers: u64,
    /// How many of them have received it.
    pub received: u64,
    /// How many of them have seen it.
    pub seen: u64,
    /// Those who have not received it, and since when they follow.
    pub owed: Vec<(AccountId, WallTime)>,
}

impl Ledger {
    /// Begins with a post and nobody who follows.
    pub fn of(piece: Piece) -> Self {
        let mut shelf = Shelf::default();
        // It may be gone from everywhere else.
        shelf.note_hash(piece.device, piece.seq, piece.hash);
        Self { piece, shelf, received: BTreeMap::new() }
    }

    /// Takes what a verified record at the home of `owner`, or on a page of its lists, says; in any order, any number of times.
    pub fn note(&mut self, owner: &AccountId, record: &Record) {
        self.shelf.note(owner, record, true);
        if let Record::Watermark(mark) = record
            && mark.body.author == *owner
            && mark.body.log == self.piece.device
        {
            // The whole record with the highest number seen counts, as everywhere.
            let known = self.received.entry(mark.body.follower).or_default();
            *known = (*known).max((mark.body.seen, mark.body.received));
        }
    }

    /// Takes the hash of another post of the log that is not here any more.
    pub fn note_hash(&mut self, seq: u64, hash: Hash) {
        self.shelf.note_hash(self.piece.device, seq, hash);
    }

    /// Tells whether the author's heads say that the post is collected or expired.
    pub fn is_final(&self) -> bool {
        self.shelf.is_final(&self.piece.device, self.piece.seq)
    }

    /// Returns how far the post has come.
    pub fn receipts(&self) -> Receipts {
        let Piece { device, seq, hlc, .. } = self.piece;
        let end = self.shelf.end(&device);
        let mut all = Receipts::default();
        for (account, since) in self.shelf.followers().filter(|(_, since)| *since <= latest_since(hlc)) {
            let seen = self.shelf.reach(account, &device);
            // Nobody has received what does not exist; the rest of that word stands.
            let received = self.received.get(account).map(|(_, received)| *received).filter(|n| *n <= end);
            let far = seen.map_or(0, |seen| seen.max(received.unwrap_or(0)));
            all.followers += 1;
            all.seen += u64::from(seen.is_some_and(|seen| seen >= seq));
            if far >= seq {
                all.received += 1;
            } else {
                all.owed.push((*account, since));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
