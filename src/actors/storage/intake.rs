//! Judging records that peers bring: each gets a status, those that pass become changes to the store.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;

use super::coming::{Coming, Place};
use super::quota::Share;
use crate::actors::context::Context;
use crate::records::{ChainError, ProofError, Record, RecordError, admit, section_at, slot};
use crate::seam::{Op, Stored};
use crate::types::{Key, RecordKind, Section, SectionSet, WallTime};
use crate::wire::Status;

/// A record that passed, with the section it belongs to.
pub struct Passed {
    /// The record.
    pub record: Record,
    /// Its section at the key.
    pub section: Section,
    /// Its share of its account's quota, taken by whoever keeps it.
    pub share: Option<Share>,
    /// Its place in a limited list, held until the record is on disk.
    _place: Option<Place>,
}

/// Judges one record that a peer brings to `key`; those that passed before and are not on disk yet count as well.
pub fn judge(node: &Rc<Context>, coming: &Coming, key: &Key, bytes: Bytes) -> Result<Passed, Status> {
    let record = Record::decode(bytes).map_err(refusal)?;
    let section = section_at(&record, key).ok_or(Status::Misplaced)?;
    admit(&record, node.now(), node.network.limits()).map_err(refusal)?;
    node.verify(&record).map_err(disbelief)?;
    let place = room(node, coming, key, section, &record)?;
    Ok(Passed { record, section, share: None, _place: place })
}

/// Returns the change that stores a record.
pub fn put_op(record: &Record, key: Key, section: Section, now: WallTime) -> Op {
    Op::Put(Stored {
        key,
        section,
        slot: slot(record, section),
        hash: record.hash(),
        bytes: record.bytes().clone(),
        expires_at: record.expires_at(),
        stored_at: now,
    })
}

/// Says how a record that cannot be read or admitted is refused.
pub fn refusal(error: RecordError) -> Status {
    match error {
        RecordError::Kind(_) | RecordError::Suite => Status::UnsupportedKind,
        RecordError::TooLarge => Status::TooLarge,
        RecordError::Future => Status::Future,
        RecordError::Expired => Status::Expired,
        RecordError::Short | RecordError::Fields(_) | RecordError::Value | RecordError::Signature => Status::Invalid,
    }
}

/// Says how a record that is not believed is refused.
pub fn disbelief(error: ProofError) -> Status {
    match error {
        ProofError::Needed => Status::NeedProof,
        ProofError::Chain(ChainError::NotCertified(_)) => Status::NotCertified,
        ProofError::Revoked => Status::Revoked,
        ProofError::Chain(_) | ProofError::Signature | ProofError::OtherBundle => Status::Invalid,
    }
}

/// Checks the limits of pages and devices, and this node's quota; returns the place that the record takes in a list.
fn room(
    node: &Rc<Context>,
    coming: &Coming,
    key: &Key,
    section: Section,
    record: &Record,
) -> Result<Option<Place>, Status> {
    let limits = node.network.limits();
    match section {
        Section::Following | Section::Followers => {
            page(node, coming, key, section, record, limits.page_entries as usize)?;
        }
        Section::Device => devices(node, coming, key, record, limits.devices as usize)?,
        _ => {}
    }
    // What certifies an account, and what says how far its logs go, is always kept.
    let always = matches!(
        record.kind(),
        RecordKind::Account
            | RecordKind::Bundle
            | RecordKind::Device
            | RecordKind::Retirement
            | RecordKind::Edge
            | RecordKind::Heads
            | RecordKind::Tombstone
            | RecordKind::Directory
    );
    if !always && !section.in_memory() && is_full(node) {
        return Err(if node.is_anchor() { Status::AnchorFull } else { Status::Quota });
    }
    let limited = matches!(section, Section::Following | Section::Followers | Section::Device | Section::Retirement);
    Ok(limited.then(|| coming.take(*key, section, slot(record, section))))
}

/// Tells whether this node takes no more records of strangers.
pub fn is_full(node: &Context) -> bool {
    let little_free = node.store.free_bytes().is_some_and(|free| free < node.settings.store_min_free);
    little_free || node.store.usage().bytes >= node.settings.store_quota
}

fn page(
    node: &Rc<Context>,
    coming: &Coming,
    key: &Key,
    section: Section,
    record: &Record,
    most: usize,
) -> Result<(), Status> {
    let held = node
        .store
        .read(key, SectionSet::of(&[section]), None, most, node.horizon())
        .map_err(|_| Status::StoreFailed)?;
    let mut entries = coming.slots(key, section);
    entries.extend(held.into_iter().map(|s| s.slot));
    let renewed = entries.contains(&slot(record, section));
    if entries.len() >= most && !renewed { Err(Status::Split) } else { Ok(()) }
}

fn devices(node: &Rc<Context>, coming: &Coming, key: &Key, record: &Record, most: usize) -> Result<(), Status> {
    /// Certificates and retirements looked at: an account that made more has other troubles.
    const LOOKED_AT: usize = 1024;
    let sections = SectionSet::of(&[Section::Device, Section::Retirement]);
    let held = node.store.read(key, sections, None, LOOKED_AT, node.horizon()).map_err(|_| Status::StoreFailed)?;
    let all = |section: Section| -> BTreeSet<Bytes> {
        let stored = held.iter().filter(|s| s.section == section).map(|s| s.slot.clone());
        stored.chain(coming.slots(key, section)).collect()
    };
    let (certified, retired) = (all(Section::Device), all(Section::Retirement));
    let live = certified.difference(&retired).count();
    let renewed = certified.contains(&slot(record, Section::Device));
    if live >= most && !renewed { Err(Status::TooManyDevices) } else { Ok(()) }
}
