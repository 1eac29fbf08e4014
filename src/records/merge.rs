//! How records of one slot merge: commutative, associative, idempotent.
//!
//! A slot keeps, for each of the ranks of its section, the record that is first by it. As every rank is a total
//! order, the kept set depends on which records came, not on how often or in which order.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use super::record::Record;
use crate::types::{DeviceId, Hash, Section};

/// What becomes of a new record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is kept; the held records with these indices go.
    Keep {
        /// Indices into what was held, ascending.
        drop: Vec<usize>,
    },
    /// What is held wins over it.
    Superseded,
}

/// Returns what a record competes for within its section of a key.
pub fn slot(record: &Record, section: Section) -> Bytes {
    match (record, section) {
        (Record::Edge(r), Section::Following) => Bytes::copy_from_slice(r.body.followed.as_bytes()),
        (Record::Edge(r), _) => Bytes::copy_from_slice(r.body.follower.as_bytes()),
        (Record::Post(r), _) => post_slot(&r.body.device, r.body.seq),
        (Record::Tombstone(r), _) => post_slot(&r.body.of, r.body.seq),
        (Record::Interest(r), _) => Bytes::from([r.body.follower.0, r.body.device.0].concat()),
        (Record::Watermark(r), _) => Bytes::from([r.body.follower.0, r.body.log.0].concat()),
        // All mentions of one sender lie together.
        (Record::Mention(r), _) => Bytes::from([r.body.account.0, r.body.post.0].concat()),
        (Record::Private(r), _) => Bytes::copy_from_slice(r.body.tag.as_bytes()),
        (Record::Profile(_), _) => Bytes::new(),
        (Record::Directory(r), _) => Bytes::copy_from_slice(r.body.account.as_bytes()),
        (Record::Account(_) | Record::Bundle(_), _) => Bytes::new(),
        _ => record.device().map(|d| Bytes::copy_from_slice(d.as_bytes())).unwrap_or_default(),
    }
}

fn post_slot(device: &DeviceId, seq: u64) -> Bytes {
    let mut slot = BytesMut::with_capacity(40);
    slot.put_slice(device.as_bytes());
    slot.put_u64(seq);
    slot.freeze()
}

/// How many posts with one number are kept: two prove that a device key was copied, more prove nothing more.
const TWINS: usize = 2;

/// Merges a new record into those held in its slot.
///
/// A record that is held already changes nothing. Bytes that cannot be read lose.
pub fn merge(section: Section, held: &[Bytes], new: &Bytes) -> Merged {
    let Ok(new) = Record::decode(new.clone()) else { return Merged::Superseded };
    let mut all: Vec<Option<Record>> = held.iter().map(|bytes| Record::decode(bytes.clone()).ok()).collect();
    // Two signatures over the same bytes are one record: the second must not pass for a twin.
    if all.iter().flatten().any(|r| r.hash() == new.hash()) {
        return Merged::Superseded;
    }
    all.push(Some(new));
    let kept = kept(section, &all);
    if !kept.contains(&held.len()) {
        return Merged::Superseded;
    }
    Merged::Keep { drop: (0..held.len()).filter(|i| !kept.contains(i)).collect() }
}

fn kept(section: Section, all: &[Option<Record>]) -> Vec<usize> {
    if section == Section::Post {
        return kept_posts(all);
    }
    let ranked: Vec<(usize, Vec<Rank>)> =
        all.iter().enumerate().filter_map(|(i, r)| r.as_ref().map(|r| (i, ranks(r)))).collect();
    let dimensions = ranked.iter().map(|(_, ranks)| ranks.len()).max().unwrap_or(0);
    (0..dimensions)
        .filter_map(|d| ranked.iter().filter(|(_, r)| d < r.len()).max_by_key(|(_, r)| r[d]).map(|(i, _)| *i))
        .collect()
}

/// Keeps the posts with the highest hashes, a tombstone in the place of the post that it deletes: a hash that is deleted
/// goes on taking its place, so that what is kept does not depend on whether post or tombstone came first.
fn kept_posts(all: &[Option<Record>]) -> Vec<usize> {
    let mut places: BTreeMap<Hash, ((bool, u64, Hash), usize)> = BTreeMap::new();
    for (i, record) in all.iter().enumerate() {
        let (of, rank) = match record {
            Some(Record::Tombstone(r)) => (r.body.post, (true, r.body.hlc.0, r.hash())),
            Some(record) => (record.hash(), (false, 0, record.hash())),
            None => continue,
        };
        let place = places.entry(of).or_insert((rank, i));
        *place = (*place).max((rank, i));
    }
    places.into_values().rev().take(TWINS).map(|(_, i)| i).collect()
}

/// First what counts, then what breaks a tie, last the hash: a total order.
type Rank = (u64, u64, Hash);

fn ranks(record: &Record) -> Vec<Rank> {
    let hash = record.hash();
    let one = |value: u64| vec![(value, 0, hash)];
    match record {
        Record::Account(chain) => one(chain.last().seq),
        Record::Bundle(r) => one(r.body.seq),
        // By the account's state first: a root key that was replaced cannot put its certificate over a later one.
        Record::Device(r) => vec![(r.body.seq, r.body.hlc.0, hash)],
        Record::Retirement(r) => one(r.body.hlc.0),
        // The highest version counts whole; last number and floor never fall, so their holders stay too.
        Record::Heads(r) => vec![
            (r.body.version, 0, hash),
            (r.body.last_seq, r.body.version, hash),
            (r.body.floor, r.body.version, hash),
        ],
        Record::Edge(r) => one(r.body.hlc.0),
        Record::Presence(r) => one(r.body.seq),
        Record::Interest(r) => one(r.body.seq),
        Record::Profile(r) => one(r.body.hlc.0),
        Record::Private(r) => one(r.body.hlc.0),
        // The highest number seen counts, then the highest received.
        Record::Watermark(r) => vec![(r.body.seen, r.body.received, hash)],
        Record::Mention(r) => one(r.body.hlc.0),
        Record::Directory(_) => one(0),
        Record::Post(r) => one(r.body.seq),
        Record::Tombstone(r) => one(r.body.seq),
    }
}

#[cfg(test)]
mod tests;
