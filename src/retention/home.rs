//! What a node knows of one account's posts and of how far its followers are: the ground on which collection is decided.
//!
//! Implements `docs/PROTOCOL.md`, section "Collection". Records come in any order, any number of times, from any page of a
//! list; what is known afterwards is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::records::{FUTURE_TOLERANCE, HeadsBody, Record};
use crate::types::{AccountId, DeviceId, Hash, Hlc, WallTime};

/// A post, as far as collection is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// When it was made; first, so that pieces are in the order of a feed.
    pub hlc: Hlc,
    /// The device whose post it is.
    pub device: DeviceId,
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub hash: Hash,
    /// When it ends.
    pub ends: WallTime,
}

/// What a device says of its own log.
#[derive(Clone, Debug, Default)]
struct Heads {
    version: Option<(u64, Hash)>,
    last_seq: u64,
    floor: u64,
    collected: Vec<(u64, u64)>,
}

/// How far a follower has seen a log: the number, and the hash of that post where the follower knows it.
type Reach = (u64, Option<Hash>);

/// Everything known of one account that bears on which of its posts are kept. As large as the pages it is read from.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    posts: BTreeMap<Piece, bool>,
    edges: BTreeMap<AccountId, (Hlc, bool, WallTime)>,
    reaches: BTreeMap<(AccountId, DeviceId), Reach>,
    heads: BTreeMap<DeviceId, Heads>,
    hashes: BTreeMap<(DeviceId, u64), BTreeSet<Hash>>,
}

impl Shelf {
    /// Takes what a verified record at the home of `owner`, or on a page of its lists, says.
    ///
    /// `ripe` tells whether the record has lain here for long enough to be collected.
    pub fn note(&mut self, owner: &AccountId, record: &Record, ripe: bool) {
        match record {
            Record::Post(post) if post.body.account == *owner => {
                let body = &post.body;
                let (device, seq, hash) = (body.device, body.seq, post.hash());
                let piece = Piece { hlc: body.hlc, device, seq, hash, ends: body.expires_at() };
                // A copy that came twice lies here since the first time.
                *self.posts.entry(piece).or_default() |= ripe;
                self.note_hash(device, seq, hash);
                if let Some(prev) = body.prev {
                    self.note_hash(device, seq - 1, prev);
                }
            }
            Record::Tombstone(dead) if dead.body.account == *owner => {
                self.note_hash(dead.body.of, dead.body.seq, dead.body.post);
            }
            Record::Heads(heads) if heads.body.account == *owner => self.note_heads(&heads.body, heads.hash()),
            Record::Edge(edge) if edge.body.followed == *owner => {
                self.note_edge(edge.body.follower, edge.body.hlc, edge.body.follows, edge.body.since);
            }
            Record::Watermark(mark) if mark.body.author == *owner => {
                self.note_reach(mark.body.follower, mark.body.log, mark.body.seen, mark.body.seen_hash);
            }
            _ => {}
        }
    }

    fn note_heads(&mut self, body: &HeadsBody, hash: Hash) {
        if let Some(last) = body.last_hash {
            self.note_hash(body.device, body.last_seq, last);
        }
        let known = self.heads.entry(body.device).or_default();
        if Some((body.version, hash)) > known.version {
            (known.version, known.collected) = (Some((body.version, hash)), body.collected.clone());
        }
        known.last_seq = known.last_seq.max(body.last_seq);
        known.floor = known.floor.max(body.floor);
    }

    /// Takes an edge: the latest one of a pair counts; of two with one stamp, the one that follows, as keeping is safe.
    pub fn note_edge(&mut self, follower: AccountId, hlc: Hlc, follows: bool, since: WallTime) {
        let edge = self.edges.entry(follower).or_insert((hlc, follows, since));
        // Of two equal ones the one with the earlier beginning holds more posts back.
        let rank = |(hlc, follows, since): (Hlc, bool, WallTime)| (hlc, follows, std::cmp::Reverse(since));
        if rank((hlc, follows, since)) > rank(*edge) {
            *edge = (hlc, follows, since);
        }
    }

    /// Takes how far a follower has seen a log: the highest number counts, whole.
    pub fn note_reach(&mut self, follower: AccountId, log: DeviceId, seen: u64, hash: Option<Hash>) {
        let reach = self.reaches.entry((follower, log)).or_default();
        *reach = (*reach).max((seen, hash));
    }

    /// Takes the hash of a post that is not here any more.
    pub fn note_hash(&mut self, device: DeviceId, seq: u64, hash: Hash) {
        self.hashes.entry((device, seq)).or_default().insert(hash);
    }

    /// Returns all posts in the order of a feed, each with whether it is ripe.
    pub fn posts(&self) -> impl Iterator<Item = (&Piece, bool)> {
        self.posts.iter().map(|(piece, ripe)| (piece, *ripe))
    }

    /// Tells whether the author's heads say that a number is collected or expired: that is final.
    pub fn is_final(&self, device: &DeviceId, seq: u64) -> bool {
        let gone = |h: &Heads| seq <= h.floor || h.collected.iter().any(|(a, b)| (*a..=*b).contains(&seq));
        self.heads.get(device).is_some_and(gone)
    }

    /// Returns every account that follows, and since when.
    pub(super) fn followers(&self) -> impl Iterator<Item = (&AccountId, WallTime)> {
        self.edges.iter().filter(|(_, (_, follows, _))| *follows).map(|(account, (_, _, since))| (account, *since))
    }

    /// Returns how far an account has seen a log, as far as that counts.
    pub(super) fn reach(&self, account: &AccountId, log: &DeviceId) -> Option<u64> {
        let reach = self.reaches.get(&(*account, *log)).filter(|reach| self.counts(log, reach));
        reach.map(|(seen, _)| *seen)
    }

    /// Returns for every account that follows: since when, and how far it has seen one log as far as that counts.
    pub(super) fn readers(&self, log: &DeviceId) -> Vec<(WallTime, u64)> {
        self.followers().map(|(account, since)| (since, self.reach(account, log).unwrap_or(0))).collect()
    }

    /// Returns the number of the last post of a log that is known to exist.
    pub(super) fn end(&self, log: &DeviceId) -> u64 {
        let by_posts = self.hashes.range((*log, 0)..=(*log, u64::MAX)).next_back().map_or(0, |((_, seq), _)| *seq);
        self.heads.get(log).map_or(0, |h| h.last_seq).max(by_posts)
    }

    /// Tells whether a watermark counts: not above the log's end, and not with another hash than that post has.
    fn counts(&self, log: &DeviceId, (seen, hash): &Reach) -> bool {
        let known = self.hashes.get(&(*log, *seen));
        let fits = match (known, hash) {
            (Some(known), Some(hash)) => known.contains(hash),
            // Nobody here knows the hash, or the follower does not: the post was gone before.
            _ => true,
        };
        *seen <= self.end(log) && fits
    }
}

/// Returns until when a follower has to have followed for a post to wait for it: clocks may differ by so much.
pub(super) fn latest_since(made: Hlc) -> WallTime {
    made.wall().plus(TOLERANCE)
}

const TOLERANCE: Duration = FUTURE_TOLERANCE;
