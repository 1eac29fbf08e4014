//! Putting records that passed on disk, with everything that goes with them, and saying what became of them.

use std::rc::Rc;

use super::intake::{Passed, put_op};
use super::kept_proofs::keep_proofs;
use super::splits::mark;
use super::void::{drop_late, void_ops};
use crate::actors::context::Context;
use crate::actors::gc::drop_final;
use crate::records::Record;
use crate::seam::{Batch, Op, Outcome, StoreError, Stored};
use crate::types::{Hash, Key, Section, SectionSet, WallTime};
use crate::wire::Status;

/// Entries of a directory page beyond the most that are put out at once: more puts are not under way.
const SURPLUS: usize = 1000;

/// Keeps records that passed, each with its place among the statuses; `first` goes with them. What was `asked` for by this
/// node fills its store and is no news: a post among it may be gone everywhere else, which the feed finds out when it reads.
pub async fn keep(
    node: &Rc<Context>,
    key: Key,
    (mut passed, asked): (Vec<(usize, Passed)>, bool),
    first: Vec<Op>,
    statuses: &mut [Status],
) {
    let now = node.horizon();
    let mut ops: Vec<Op> = passed.iter().map(|(_, p)| put_op(&p.record, key, p.section, now)).collect();
    ops.extend(first);
    for (_, passed) in &passed {
        ops.extend(passed.note.clone());
        ops.extend(keep_proofs(node, &key, &passed.record));
        ops.extend(passed.charge.iter().flat_map(|charge| charge.ops()));
    }
    ops.extend(void_ops(node, &key, &passed.iter().map(|(_, p)| &p.record).collect::<Vec<_>>()));
    match node.store.commit(Batch(ops)).await {
        Ok(applied) => {
            for ((i, passed), outcome) in passed.iter_mut().zip(applied.0) {
                statuses[*i] = done(node, passed, outcome, asked);
            }
            trim_directory(node, &key, &passed, statuses).await;
            drop_late(node, &key, &passed, statuses).await;
            let new: Vec<&Record> = passed.iter().map(|(_, p)| &p.record).collect();
            drop_final(node, &key, &new).await;
        }
        Err(error) => {
            node.note_unkept();
            let status = match error {
                StoreError::DiskFull if node.is_anchor() => Status::AnchorFull,
                StoreError::DiskFull => Status::Quota,
                _ => Status::StoreFailed,
            };
            tracing::error!(%error, "records could not be written");
            // What was refused because its page is full is not refused for good: its mark is missing.
            let spoilt = |s: &&mut Status| **s == Status::Split;
            statuses.iter_mut().filter(spoilt).for_each(|s| *s = status);
            passed.iter().for_each(|(i, _)| statuses[*i] = status);
        }
    }
}

fn done(node: &Rc<Context>, passed: &mut Passed, outcome: Outcome, asked: bool) -> Status {
    match outcome {
        Outcome::Done => {
            passed.share.iter_mut().for_each(|share| share.keep());
            passed.charge.iter_mut().for_each(|charge| charge.keep());
            node.homes.stored(&passed.record, passed.section);
            let news = match passed.record {
                Record::Post(_) => !asked,
                _ => matches!(passed.record, Record::Tombstone(_)),
            };
            if news {
                node.doors().feed.replicated(passed.record.bytes().clone());
            }
            Status::Stored
        }
        Outcome::Known | Outcome::Held(_) => Status::Known,
        Outcome::Superseded => Status::Superseded,
    }
}

/// Puts those out of a directory page that are too many, the largest accounts first; several may have come at once.
async fn trim_directory(node: &Rc<Context>, key: &Key, passed: &[(usize, Passed)], statuses: &mut [Status]) {
    if !passed.iter().any(|(_, p)| p.section == Section::Directory) {
        return;
    }
    let most = node.network.limits().page_entries as usize;
    let measured = node.store.measure(key, Section::Directory, None, node.horizon());
    if measured.is_ok_and(|held| held.records <= most as u64) {
        return;
    }
    let sections = SectionSet::of(&[Section::Directory]);
    let held = node.store.read(key, sections, None, most + SURPLUS, node.horizon()).unwrap_or_default();
    let out: Vec<&Stored> = held.iter().skip(most).collect();
    if out.is_empty() {
        return;
    }
    let drop = |row: &&Stored| Op::Delete { key: *key, section: Section::Directory, hash: row.hash };
    let mut ops: Vec<Op> = out.iter().map(drop).collect();
    ops.extend(mark(node, key, Section::Directory, WallTime::NEVER));
    if let Err(error) = node.store.commit(Batch(ops)).await {
        return tracing::error!(%error, "a directory page could not be cut");
    }
    let is_out = |hash: Hash| out.iter().any(|row| row.hash == hash);
    for (i, passed) in passed {
        if is_out(passed.record.hash()) {
            statuses[*i] = Status::Superseded;
        }
    }
}
