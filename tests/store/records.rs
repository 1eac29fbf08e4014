//! Records for tests, and a merge that shows all three ways a slot can behave.

use std::ops::ControlFlow;

use bytes::Bytes;
use timeline::seam::{Batch, Op, Outcome, Place, Reader, Space, Store, StoreError, Stored};
use timeline::store::Verdict;
use timeline::types::{Hash, Key, Section, SectionSet, WallTime};

pub const DAY: u64 = 24 * 3600 * 1000;
pub const NOW: u64 = 1_800_000_000_000;

/// The most posts of a slot that [`merge`] keeps.
pub const POSTS: usize = 3;

/// Heads: the larger bytes win. Posts: the three largest stay. All else: a set.
pub fn merge(section: Section, held: &[Bytes], new: &Bytes) -> Verdict {
    match section {
        Section::Heads if held.iter().any(|other| other >= new) => Verdict::Superseded,
        Section::Heads => Verdict::Keep { drop: (0..held.len()).collect() },
        Section::Post if held.len() >= POSTS => match (0..held.len()).min_by_key(|i| &held[*i]) {
            Some(least) if held[least] < *new => Verdict::Keep { drop: vec![least] },
            _ => Verdict::Superseded,
        },
        _ => Verdict::Keep { drop: vec![] },
    }
}

pub fn key(n: u8) -> Key {
    Key([n; 32])
}

pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Builds a record whose hash is that of its text, stored now and ending in a day.
pub fn record(section: Section, slot: &str, text: &str) -> Stored {
    Stored {
        key: key(1),
        section,
        slot: bytes(slot),
        hash: Hash(*blake3::hash(text.as_bytes()).as_bytes()),
        bytes: bytes(text),
        expires_at: WallTime(NOW + DAY),
        stored_at: WallTime(NOW),
    }
}

/// A test's short way to a store.
pub trait StoreExt {
    async fn make(&self, ops: Vec<Op>) -> Result<Vec<Outcome>, StoreError>;
    async fn put(&self, record: Stored) -> Outcome;
    fn all_of(&self, key: &Key) -> Vec<Stored>;
    fn texts(&self, section: Section) -> Vec<String>;
    fn locals(&self, space: Space) -> Vec<(Bytes, Bytes)>;
    fn scan_all(&self) -> Vec<Stored>;
}

impl StoreExt for dyn Store {
    async fn make(&self, ops: Vec<Op>) -> Result<Vec<Outcome>, StoreError> {
        self.commit(Batch(ops)).await.map(|applied| applied.0)
    }

    async fn put(&self, record: Stored) -> Outcome {
        let outcomes = self.make(vec![Op::Put(record)]).await.expect("committed");
        let [outcome] = outcomes.try_into().expect("one outcome for one change");
        outcome
    }

    fn all_of(&self, key: &Key) -> Vec<Stored> {
        self.read(key, SectionSet::all(), None, usize::MAX, WallTime(NOW)).expect("read")
    }

    fn texts(&self, section: Section) -> Vec<String> {
        let found = self.read(&key(1), SectionSet::of(&[section]), None, 100, WallTime(NOW)).expect("read");
        let mut texts: Vec<String> = found.iter().map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
        texts.sort();
        texts
    }

    fn locals(&self, space: Space) -> Vec<(Bytes, Bytes)> {
        self.local(space, b"", None, usize::MAX).expect("read")
    }

    fn scan_all(&self) -> Vec<Stored> {
        walk(&mut *self.reader().expect("reader"), None, usize::MAX).expect("walked")
    }
}

/// Returns where a record lies.
pub fn place(row: &Stored) -> Place {
    (row.key, row.section, row.slot.clone(), row.hash)
}

/// Walks over what lies behind a place, as far as the `most`th record.
pub fn walk(reader: &mut dyn Reader, after: Option<&Place>, most: usize) -> Result<Vec<Stored>, StoreError> {
    let mut found = Vec::new();
    let walked = reader.walk(after, &mut |row| {
        assert!(found.len() < most, "the walk was broken off");
        found.push(Stored::from(row));
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    walked.map(|()| found)
}
