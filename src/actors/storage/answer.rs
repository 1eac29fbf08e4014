//! Answering reads straight from the store, on the connection's task.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;

use super::splits::split;
use crate::actors::context::Context;
use crate::actors::gc::marks_at;
use crate::actors::routing::nearest_for;
use crate::records::{Part, Record, home, to_bytes};
use crate::seam::Stored;
use crate::types::{Contact, Hash, Key, NodeId, Section, SectionSet};
use crate::wire::{Blob, Cursor, Get, Got, MAX_MARKS};

/// Most records in one answer.
const MOST_RECORDS: usize = 500;
/// Most bytes of records in one answer: with proofs and contacts it stays within a message.
const MOST_BYTES: usize = 128 * 1024;
/// Contacts that are shown beside a put: more than hold what is put, so that some may be gone.
const NAMED: usize = 8;
/// Most bytes of proofs in one answer; where records leave room, that as well.
pub const MOST_PROOF_BYTES: usize = 64 * 1024;

/// Reads what a peer asks for; `from` is none when this node asks itself.
pub async fn answer_get(node: &Rc<Context>, from: Option<NodeId>, get: Get) -> Got {
    let limit = (get.limit as usize).clamp(1, MOST_RECORDS);
    let after = get.after.clone().and_then(Cursor::position);
    let fleeting = SectionSet::of(&[Section::Presence, Section::Interest]);
    let durable = SectionSet(get.sections.0 & !fleeting.0);
    let read = node.store.read(&get.key, durable, after.as_ref(), limit + 1, node.horizon());
    let mut records = read.unwrap_or_else(|error| {
        tracing::error!(%error, "a read failed");
        Vec::new()
    });
    let next = cut(&mut records, limit);
    let mut bytes: Vec<Bytes> = records.into_iter().map(|s| s.bytes).collect();
    let mut interested = None;
    if next.is_none() && get.sections.0 & fleeting.0 != 0 {
        let mut room = MOST_BYTES.saturating_sub(bytes.iter().map(Bytes::len).sum());
        let held = match get.sections.contains(Section::Interest) && (get.part.is_some() || get.spread.is_some()) {
            false => node.doors().presence.held(get.key, get.sections).await,
            true => {
                let (held, about) = some_interest(node, &get).await;
                interested = get.spread.is_some().then(|| u32::try_from(about).unwrap_or(u32::MAX));
                held
            }
        };
        // More than fit are more than anybody is brought posts directly; an answer that does not fit brings nobody any.
        bytes.extend(held.into_iter().take_while(|record| {
            let fits = record.len() <= room;
            room = room.saturating_sub(record.len());
            fits
        }));
    }
    let room = MOST_BYTES.saturating_sub(bytes.iter().map(Bytes::len).sum());
    let proofs = proofs(node, &get.key, &bytes, MOST_PROOF_BYTES + room);
    let posts = get.sections.contains(Section::Post) && get.after.is_none();
    let marks = if posts { marks_at(node, &get.key, MAX_MARKS) } else { Vec::new() };
    let contacts = match get.brief && !bytes.is_empty() {
        true => Vec::new(),
        false => nearest_for(node, from, get.key).await,
    };
    let records = bytes.iter().map(Blob::from).collect();
    let split = split(node, &get.key, get.sections);
    let unsynced = !node.is_synced();
    Got { records, proofs, next, contacts: signed(contacts), split, marks, unsynced, interested }
}

/// Shows a peer that puts something what else lies there and is kept on disk: the map that answers a GET, with the few nearest.
pub async fn answer_glance(node: &Rc<Context>, from: NodeId, key: Key, sections: SectionSet) -> Blob {
    let on_disk = sections.iter().filter(|section| !section.in_memory()).collect::<Vec<_>>();
    let sections = SectionSet::of(&on_disk);
    let limit = u32::try_from(MOST_RECORDS).unwrap_or(u32::MAX);
    let mut got = answer_get(node, Some(from), Get::all(key, sections, limit, None)).await;
    got.contacts.truncate(NAMED);
    Blob::from(to_bytes(&got))
}

/// Returns what is held of a part of the interest in an account, some of it where only some is wanted, behind what else is
/// wanted of what is held in memory; and about how many are interested in all.
async fn some_interest(node: &Rc<Context>, get: &Get) -> (Vec<Bytes>, u64) {
    let presence = &node.doors().presence;
    let others = SectionSet(get.sections.0 & SectionSet::of(&[Section::Presence]).0);
    let mut held = presence.held(get.key, others).await;
    let most = get.spread.map_or(usize::MAX, |most| most as usize);
    let (interest, about) = presence.held_interest(get.key, get.part.unwrap_or(Part::WHOLE), most).await;
    held.extend(interest);
    (held, about)
}

/// Returns the signed bytes of contacts; hints are left out.
pub fn signed(contacts: Vec<Contact>) -> Vec<Blob> {
    contacts.iter().filter_map(|c| c.proof.as_ref()).map(|proof| Blob::from(&proof.0)).collect()
}

/// Cuts a list to `limit` records and [`MOST_BYTES`]; returns where it goes on.
fn cut(records: &mut Vec<Stored>, limit: usize) -> Option<Cursor> {
    let mut bytes = 0;
    let fits = records
        .iter()
        .take(limit)
        .take_while(|s| {
            bytes += s.bytes.len();
            bytes <= MOST_BYTES
        })
        .count()
        .max(1);
    if fits >= records.len() {
        return None;
    }
    records.truncate(fits);
    records.last().map(|s| Cursor { section: s.section.number(), slot: s.slot.to_vec(), hash: s.hash })
}

/// Returns the proofs of accounts whose home is elsewhere, as far as they are known here and within so many bytes.
pub fn proofs(node: &Rc<Context>, key: &Key, records: &[Bytes], mut room: usize) -> Vec<Blob> {
    let mut sent: BTreeSet<Hash> = BTreeSet::new();
    let mut out = Vec::new();
    for bytes in records {
        let Ok(record) = Record::decode(bytes.clone()) else { continue };
        if record.account().is_some_and(|account| home(&account) == *key) {
            continue;
        }
        for proof in node.evidence(&record.need()) {
            if proof.len() <= room && sent.insert(crate::keys::hash(&proof)) {
                room -= proof.len();
                out.push(Blob::from(&proof));
            }
        }
    }
    out
}
