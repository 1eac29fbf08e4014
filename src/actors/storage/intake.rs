//! Judging records that peers bring: each gets a status, those that pass become changes to the store.

use std::rc::Rc;

use bytes::Bytes;

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
}

/// Judges one record that a peer brings to `key`.
pub fn judge(node: &Rc<Context>, key: &Key, bytes: Bytes) -> Result<Passed, Status> {
    let record = Record::decode(bytes).map_err(refusal)?;
    let section = section_at(&record, key).ok_or(Status::Misplaced)?;
    admit(&record, node.now(), node.network.limits()).map_err(refusal)?;
    node.verify(&record).map_err(disbelief)?;
    room(node, key, section, &record)?;
    Ok(Passed { record, section })
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

/// Checks the limits of pages and devices, and this node's quota.
fn room(node: &Rc<Context>, key: &Key, section: Section, record: &Record) -> Result<(), Status> {
    let limits = node.network.limits();
    match section {
        Section::Following | Section::Followers => {
            full(node, key, section, record, limits.page_entries as usize, Status::Split)?;
        }
        Section::Device => devices(node, key, record, limits.devices as usize)?,
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
    );
    if !always && !section.in_memory() && is_full(node) {
        return Err(if node.is_anchor() { Status::AnchorFull } else { Status::Quota });
    }
    Ok(())
}

/// Tells whether this node takes no more records of strangers.
pub fn is_full(node: &Context) -> bool {
    let little_free = node.store.free_bytes().is_some_and(|free| free < node.settings.store_min_free);
    little_free || node.store.usage().bytes >= node.settings.store_quota
}

fn full(
    node: &Rc<Context>,
    key: &Key,
    section: Section,
    record: &Record,
    most: usize,
    refused: Status,
) -> Result<(), Status> {
    let held =
        node.store.read(key, SectionSet::of(&[section]), None, most, node.now()).map_err(|_| Status::StoreFailed)?;
    let slot = slot(record, section);
    let renewed = held.iter().any(|s| s.slot == slot);
    if held.len() >= most && !renewed { Err(refused) } else { Ok(()) }
}

fn devices(node: &Rc<Context>, key: &Key, record: &Record, most: usize) -> Result<(), Status> {
    /// Certificates and retirements looked at: an account that made more has other troubles.
    const LOOKED_AT: usize = 1024;
    let sections = SectionSet::of(&[Section::Device, Section::Retirement]);
    let held = node.store.read(key, sections, None, LOOKED_AT, node.now()).map_err(|_| Status::StoreFailed)?;
    let (certificates, retirements): (Vec<_>, Vec<_>) = held.into_iter().partition(|s| s.section == Section::Device);
    let slot = slot(record, Section::Device);
    let live = certificates.iter().filter(|c| !retirements.iter().any(|r| r.slot == c.slot)).count();
    let renewed = certificates.iter().any(|c| c.slot == slot);
    if live >= most && !renewed { Err(Status::TooManyDevices) } else { Ok(()) }
}
