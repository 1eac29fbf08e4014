//! Answers to peers that compare a home, or ask for a page of a list in brief.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;

use super::home::{compared, is_split, read};
use super::marks::marks_at;
use crate::actors::context::Context;
use crate::actors::storage::{MOST_PROOF_BYTES, proofs};
use crate::records::{Record, home, section_at};
use crate::seam::Stored;
use crate::types::{AccountId, Section, SectionSet};
use crate::wire::{
    Blob, Cursor, FollowerEntry, MAX_ENTRIES, MAX_HASHES, MAX_MARKS, MAX_WANTED, Mark, ReachEntry, Reconcile,
    Reconciled, Summary, Summed,
};

fn cursor(last: &Stored) -> Cursor {
    Cursor { section: last.section.number(), slot: last.slot.to_vec(), hash: last.hash }
}

/// Says what lies at a home; what the peer has collected is a hint to look at it.
pub fn answer_reconcile(node: &Rc<Context>, request: Reconcile) -> Reconciled {
    let key = home(&request.account);
    let unsynced = !node.is_synced();
    let mut answer =
        Reconciled { hashes: vec![], next: None, marks: vec![], records: vec![], proofs: vec![], unsynced };
    if !request.want.is_empty() {
        let wanted: BTreeSet<_> = request.want.into_iter().take(MAX_WANTED).collect();
        let found: Vec<Bytes> =
            read(node, &key).into_iter().filter(|s| wanted.contains(&s.hash)).map(|s| s.bytes).collect();
        answer.proofs = proofs(node, &key, &found, MOST_PROOF_BYTES);
        answer.records = found.iter().map(Blob::from).collect();
        return answer;
    }
    let after = request.after.and_then(Cursor::position);
    let read = node.store.read(&key, compared(), after.as_ref(), MAX_HASHES + 1, node.horizon());
    let mut stored = read.unwrap_or_default();
    if stored.len() > MAX_HASHES {
        stored.truncate(MAX_HASHES);
        answer.next = stored.last().map(cursor);
    }
    take_hint(node, request.account, &request.marks);
    answer.hashes = Reconciled::pack(stored.iter().map(|s| (s.section, s.hash)));
    if after.is_none() {
        answer.marks = marks_at(node, &key, MAX_MARKS);
    }
    answer
}

/// Looks at a home again where others have collected a post of it that is held here.
pub(super) fn take_hint(node: &Rc<Context>, account: AccountId, marks: &[Mark]) {
    let key = home(&account);
    let held = |mark: &Mark| {
        let slot: Bytes = [&mark.device.0[..], &mark.seq.to_be_bytes()].concat().into();
        let before = (Section::Post, slot.clone(), crate::types::Hash([0; 32]));
        let sections = SectionSet::of(&[Section::Post]);
        let there = node.store.read(&key, sections, Some(&before), 2, node.horizon()).unwrap_or_default();
        there.iter().any(|s| s.slot == slot && s.hash == mark.hash)
    };
    if marks.iter().take(MAX_MARKS).any(held) {
        node.homes.hinted(account);
    }
}

/// Says what lies on a page of followers, or of watermarks, in brief.
pub fn answer_summary(node: &Rc<Context>, request: Summary) -> Summed {
    let unsynced = !node.is_synced();
    let mut answer = Summed { followers: vec![], reaches: vec![], split: false, next: None, unsynced };
    let section = Section::from_number(request.section);
    let Some(section) = section.filter(|s| matches!(s, Section::Followers | Section::Seen)) else { return answer };
    let after = request.after.and_then(Cursor::position);
    let sections = SectionSet::of(&[section]);
    let mut stored =
        node.store.read(&request.key, sections, after.as_ref(), MAX_ENTRIES + 1, node.horizon()).unwrap_or_default();
    if stored.len() > MAX_ENTRIES {
        stored.truncate(MAX_ENTRIES);
        answer.next = stored.last().map(cursor);
    }
    answer.split = is_split(node, &request.key, section, &stored);
    for record in stored.into_iter().filter_map(|s| Record::decode(s.bytes).ok()) {
        if section_at(&record, &request.key) != Some(section) {
            continue;
        }
        match &record {
            Record::Edge(edge) if edge.body.followed == request.account => answer.followers.push(FollowerEntry {
                follower: edge.body.follower,
                hlc: edge.body.hlc,
                follows: edge.body.follows,
                since: edge.body.since,
            }),
            Record::Watermark(mark) if mark.body.author == request.account => answer.reaches.push(ReachEntry {
                follower: mark.body.follower,
                log: mark.body.log,
                seen: mark.body.seen,
                hash: mark.body.seen_hash,
            }),
            _ => {}
        }
    }
    answer
}
