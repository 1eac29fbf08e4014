//! Numbers that an author's own heads call gone: final wherever those heads are held, without asking anybody.
//!
//! Such a post is refused when it comes after the heads, and goes when it came before them, so that what is held does not
//! depend on which came first.

use bytes::Bytes;

use super::marks::is_marked;
use crate::actors::context::Context;
use crate::records::{HeadsBody, Record, home};
use crate::seam::{Batch, Op, Store};
use crate::types::{DeviceId, Hash, Key, Section, SectionSet, WallTime};

/// A slot of heads keeps one record for each of its ranks.
const HEADS: usize = 3;
/// Records read at once.
const READ: usize = 100;

/// Tells whether the heads of a device that are held here say that a number is gone.
pub(super) fn is_final(store: &dyn Store, now: WallTime, home: &Key, device: &DeviceId, seq: u64) -> bool {
    gone(&heads(store, now, home, device)).iter().any(|(first, last)| (*first..=*last).contains(&seq))
}

/// Removes the posts of a home that the heads of their device call gone, as far as new records of that home are concerned;
/// and new posts that were collected here while they were on their way to the disk.
pub async fn drop_final(node: &Context, at: &Key, new: &[&Record]) {
    if node.clock.in_doubt() {
        return;
    }
    let (store, now) = (&*node.store, node.horizon());
    let mut ops = final_ops(store, now, at, new);
    ops.extend(marked_ops(store, now, at, new));
    if !ops.is_empty()
        && let Err(error) = node.store.commit(Batch(ops)).await
    {
        tracing::warn!(%error, "posts that are gone could not be removed");
    }
}

/// Returns the changes that remove them.
pub(super) fn final_ops(store: &dyn Store, now: WallTime, at: &Key, new: &[&Record]) -> Vec<Op> {
    let mut ops = Vec::new();
    for record in new {
        match record {
            Record::Heads(r) if home(&r.body.account) == *at => {
                for (first, last) in gone(&heads(store, now, at, &r.body.device)) {
                    ops.extend(drops(store, now, at, &r.body.device, (first, last)));
                }
            }
            Record::Post(r) if is_final(store, now, at, &r.body.device, r.body.seq) => {
                ops.extend(drops(store, now, at, &r.body.device, (r.body.seq, r.body.seq)));
            }
            _ => {}
        }
    }
    ops
}

/// Returns the changes that remove new posts of which a mark lies here: they were collected while they were on their way.
pub(super) fn marked_ops(store: &dyn Store, now: WallTime, at: &Key, new: &[&Record]) -> Vec<Op> {
    let marked = new.iter().filter(|record| matches!(record, Record::Post(post) if is_marked(store, now, at, post)));
    marked.map(|record| Op::Delete { key: *at, section: Section::Post, hash: record.hash() }).collect()
}

fn heads(store: &dyn Store, now: WallTime, home: &Key, device: &DeviceId) -> Vec<HeadsBody> {
    let before = (Section::Heads, Bytes::copy_from_slice(&device.0), Hash([0; 32]));
    let sections = SectionSet::of(&[Section::Heads]);
    let stored = store.read(home, sections, Some(&before), HEADS, now).unwrap_or_default();
    let body = |bytes| match Record::decode(bytes) {
        Ok(Record::Heads(heads)) if heads.body.device == *device => Some(heads.body),
        _ => None,
    };
    stored.into_iter().filter_map(|s| body(s.bytes)).collect()
}

/// Returns the ranges of numbers that are gone: up to the highest floor, and what the newest heads list.
fn gone(heads: &[HeadsBody]) -> Vec<(u64, u64)> {
    let floor = heads.iter().map(|body| body.floor).max().unwrap_or(0);
    let newest = heads.iter().max_by_key(|body| body.version);
    let listed = newest.into_iter().flat_map(|body| body.collected.iter().copied());
    std::iter::once((1, floor)).filter(|(first, last)| first <= last).chain(listed).collect()
}

/// Returns the changes that remove the posts of a range.
fn drops(store: &dyn Store, now: WallTime, at: &Key, device: &DeviceId, (first, last): (u64, u64)) -> Vec<Op> {
    let slot = |seq: u64| Bytes::from([&device.0[..], &seq.to_be_bytes()].concat());
    let sections = SectionSet::of(&[Section::Post]);
    let (mut ops, mut after) = (Vec::new(), (Section::Post, slot(first), Hash([0; 32])));
    loop {
        let mut rows = store.read(at, sections, Some(&after), READ, now).unwrap_or_default();
        let full = rows.len() == READ;
        rows.retain(|row| row.slot <= slot(last));
        let Some(end) = rows.last().map(|row| (row.section, row.slot.clone(), row.hash)) else { break };
        let more = full && rows.len() == READ;
        // A tombstone in the same slot stays until it ends.
        let posts = rows.into_iter().filter(|row| matches!(Record::decode(row.bytes.clone()), Ok(Record::Post(_))));
        ops.extend(posts.map(|row| Op::Delete { key: *at, section: Section::Post, hash: row.hash }));
        if !more {
            break;
        }
        after = end;
    }
    ops
}
