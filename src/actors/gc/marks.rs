//! Marks: posts that were collected here, remembered until they would have ended, so that they do not come back.

use bytes::Bytes;

use super::finals::is_final;
use crate::actors::context::Context;
use crate::records::{PostBody, Signed};
use crate::retention::Piece;
use crate::seam::{Op, Space, Store};
use crate::types::{DeviceId, Hash, Key, WallTime};
use crate::wire::Mark;

/// How long a mark outlives its post: clocks of replicas differ by less.
const AFTERLIFE: std::time::Duration = std::time::Duration::from_secs(10 * 60);
/// Most marks of one home: five posts an hour for as long as a post may live. Beyond it nothing is collected, as keeping is safe.
pub(super) const MARKS_AT_HOME: usize = 4_000;
/// Most marks of a node: some 30 MB on disk. Beyond it nothing is collected but what the author's heads say.
pub(super) const MARKS: usize = 200_000;
/// Marks read at once.
const READ: usize = 1000;

/// Home, device, number, hash.
const KEY_BYTES: usize = 32 + 32 + 8 + 32;

fn disk_key(home: &Key, device: &DeviceId, seq: u64, hash: &Hash) -> Bytes {
    [&home.0[..], &device.0, &seq.to_be_bytes(), &hash.0].concat().into()
}

/// Returns the change that keeps a mark.
pub(super) fn mark_op(home: &Key, piece: &Piece) -> Op {
    let ends = piece.ends.plus(AFTERLIFE);
    let value = Bytes::copy_from_slice(&ends.0.to_be_bytes());
    Op::SetLocal(Space::Marks, disk_key(home, &piece.device, piece.seq, &piece.hash), value)
}

/// Returns the home, the mark and the end of the mark of a row.
pub(super) fn read_row(key: &[u8], value: &[u8]) -> Option<(Key, Mark, WallTime)> {
    let (mark, ends) = read(key, value)?;
    Some((Key(*key.first_chunk()?), mark, ends))
}

fn read(key: &[u8], value: &[u8]) -> Option<(Mark, WallTime)> {
    let key: &[u8; KEY_BYTES] = key.try_into().ok()?;
    let ends = WallTime(u64::from_be_bytes(value.try_into().ok()?));
    let device = DeviceId(key[32..64].try_into().ok()?);
    let seq = u64::from_be_bytes(key[64..72].try_into().ok()?);
    let hash = Hash(key[72..].try_into().ok()?);
    Some((Mark { device, seq, hash, ends: ends.minus(AFTERLIFE) }, ends))
}

/// Returns the marks of a home, by device and number; where there are more than `limit`, those that end last.
pub fn marks_at(node: &Context, home: &Key, limit: usize) -> Vec<Mark> {
    marks_in(&*node.store, node.horizon(), home, limit)
}

/// The same by a store alone.
pub(super) fn marks_in(store: &dyn Store, now: WallTime, home: &Key, limit: usize) -> Vec<Mark> {
    let rows = store.local(Space::Marks, &home.0, None, MARKS_AT_HOME).unwrap_or_default();
    let live = rows.iter().filter_map(|(key, value)| read(key, value)).filter(|(_, ends)| *ends > now);
    let mut marks: Vec<Mark> = live.map(|(mark, _)| mark).collect();
    if marks.len() > limit {
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.ends));
        marks.truncate(limit);
        marks.sort();
    }
    marks
}

/// Returns the homes and hashes of posts that were collected here, of all homes from `first` to `last`.
pub fn marked_within(node: &Context, first: &Key, last: &Key) -> Vec<(Key, Hash)> {
    let now = node.horizon();
    let (mut found, mut after) = (Vec::new(), Bytes::copy_from_slice(&first.0));
    loop {
        let rows = node.store.local(Space::Marks, &[], Some(&after), READ).unwrap_or_default();
        let full = rows.len() == READ;
        for (key, value) in rows {
            let Some(home) = key.first_chunk().map(|home| Key(*home)).filter(|home| home <= last) else { return found };
            let live = read(&key, &value).filter(|(_, ends)| *ends > now);
            found.extend(live.map(|(mark, _)| (home, mark.hash)));
            after = key;
        }
        if !full {
            return found;
        }
    }
}

/// Tells whether a post at its home was collected by whoever has this store.
pub(super) fn is_marked(store: &dyn Store, now: WallTime, home: &Key, post: &Signed<PostBody>) -> bool {
    let key = disk_key(home, &post.body.device, post.body.seq, &post.hash());
    let row = store.local(Space::Marks, &key, None, 1).unwrap_or_default();
    row.first().and_then(|(key, value)| read(key, value)).is_some_and(|(_, ends)| ends > now)
}

/// Returns the hash of a post that was collected here.
pub fn marked_hash(node: &Context, home: &Key, device: &DeviceId, seq: u64) -> Option<Hash> {
    let prefix = [&home.0[..], &device.0, &seq.to_be_bytes()].concat();
    let rows = node.store.local(Space::Marks, &prefix, None, 1).unwrap_or_default();
    rows.first().and_then(|(key, value)| read(key, value)).map(|(mark, _)| mark.hash)
}

/// Tells whether a post at its home is collected: here, or by its author's word in the heads that are held here.
pub fn is_collected(node: &Context, home: &Key, post: &Signed<PostBody>) -> bool {
    is_gone(&*node.store, node.horizon(), home, post)
}

/// The same by a store alone.
pub(super) fn is_gone(store: &dyn Store, now: WallTime, home: &Key, post: &Signed<PostBody>) -> bool {
    is_marked(store, now, home, post) || is_final(store, now, home, &post.body.device, post.body.seq)
}

/// Walks some marks from behind `after`; returns the changes that drop those that have ended, where to go on, and how many
/// were looked at.
pub(super) fn ended(node: &Context, after: Option<&Bytes>) -> (Vec<Op>, Option<Bytes>, usize) {
    let now = node.horizon();
    let rows = node.store.local(Space::Marks, &[], after.map(|a| &a[..]), READ).unwrap_or_default();
    let next = (rows.len() == READ).then(|| rows.last().map(|(key, _)| key.clone())).flatten();
    let looked_at = rows.len();
    let over = |key: &Bytes, value: &Bytes| read(key, value).is_none_or(|(_, ends)| ends <= now);
    let gone = rows.into_iter().filter(|(key, value)| over(key, value));
    (gone.map(|(key, _)| Op::DropLocal(Space::Marks, key)).collect(), next, looked_at)
}

/// Counts all marks.
pub(super) fn count(node: &Context) -> usize {
    let (mut sum, mut after) = (0, None::<Bytes>);
    loop {
        let rows = node.store.local(Space::Marks, &[], after.as_deref(), READ).unwrap_or_default();
        sum += rows.len();
        match rows.into_iter().nth(READ - 1) {
            Some((last, _)) if sum < MARKS => after = Some(last),
            _ => return sum,
        }
    }
}
