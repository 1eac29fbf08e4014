//! Judging records that peers bring: each gets a status, those that pass become changes to the store.

use std::rc::Rc;

use bytes::Bytes;

use super::coming::{Coming, Place};
use super::quota::Share;
use super::room::{Spot, has_room, is_own};
use super::sources::{Charge, Sources};
use crate::actors::context::Context;
use crate::actors::gc::is_collected;
use crate::records::{ChainError, ProofError, Record, RecordError, admit, section_at, slot};
use crate::seam::{Op, Stored};
use crate::types::{Hash, Key, NodeId, Section, SectionSet, WallTime};
use crate::wire::Status;

/// A record that passed, with the section it belongs to.
pub struct Passed {
    /// The record.
    pub record: Record,
    /// Its section at the key.
    pub section: Section,
    /// Its share of its account's limits, taken by whoever keeps it.
    pub share: Option<Share>,
    /// What it costs whoever pays for its account.
    pub charge: Option<Charge>,
    /// A change that goes with it.
    pub note: Option<Op>,
    /// Its place in a limited list, held until the record is on disk.
    _place: Option<Place>,
}

/// A record that did not pass.
pub struct Refused {
    /// What is said of it.
    pub status: Status,
    /// A change that has to be on disk before it is said.
    pub first: Option<Box<Op>>,
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self { status, first: None }
    }
}

/// What is under way, as far as it decides about others.
#[derive(Default)]
pub struct Intake {
    coming: Coming,
    /// Who is charged how much.
    pub sources: Sources,
}

/// Records looked at in one slot: no section keeps more there.
const RIVALS: usize = 4;

impl Intake {
    /// Judges one record that a peer brings to `key`; those that passed before and are not on disk yet count as well.
    pub fn judge(&self, node: &Rc<Context>, from: &NodeId, key: &Key, bytes: Bytes) -> Result<Passed, Refused> {
        let record = Record::decode(bytes).map_err(refusal)?;
        let section = section_at(&record, key).ok_or(Status::Misplaced)?;
        admit(&record, node.now(), node.network.limits()).map_err(refusal)?;
        node.verify(&record).map_err(disbelief)?;
        if section.in_memory() {
            return Ok(Passed { record, section, share: None, charge: None, note: None, _place: None });
        }
        if let Record::Post(post) = &record
            && is_collected(node, key, post)
        {
            return Err(Status::Collected.into());
        }
        let slot = slot(&record, section);
        let rivals = rivals(node, key, section, &slot)?;
        if rivals.iter().any(|held| held.hash == record.hash()) {
            return Err(Status::Known.into());
        }
        // A second post with the number of another takes room of its own; everything else replaces what it renews.
        let renews = !rivals.is_empty() && !matches!(record, Record::Post(_));
        let spot = Spot { node, coming: &self.coming, key, section, slot: &slot, record: &record };
        let mut note = None;
        if !renews {
            note = spot.fits()?;
            has_room(node, key, &record)?;
        }
        let share = if renews { None } else { node.quotas.take(node, key, section, &record)? };
        let charge = if renews || is_own(node, &record) { None } else { self.sources.take(node, from, &record)? };
        let limited = section.is_paged() || matches!(section, Section::Device | Section::Retirement);
        let place = limited.then(|| self.coming.take(*key, section, slot, record.bytes().len()));
        Ok(Passed { record, section, share, charge, note, _place: place })
    }
}

/// Tells whether this very record is on disk at a key.
pub fn is_held(node: &Context, key: &Key, section: Section, record: &Record) -> bool {
    let rivals = rivals(node, key, section, &slot(record, section)).unwrap_or_default();
    rivals.iter().any(|held| held.hash == record.hash())
}

/// Returns what is held in a slot.
pub(super) fn rivals(node: &Context, key: &Key, section: Section, slot: &Bytes) -> Result<Vec<Stored>, Status> {
    let before = (section, slot.clone(), Hash([0; 32]));
    let rows = node.store.read(key, SectionSet::of(&[section]), Some(&before), RIVALS, node.horizon());
    let rows = rows.map_err(|_| Status::StoreFailed)?;
    Ok(rows.into_iter().filter(|row| row.slot == *slot).collect())
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
