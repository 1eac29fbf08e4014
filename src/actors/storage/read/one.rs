//! One record that is known by its hash: it never changes, so the first copy that is verified says it all.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::read;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Goal, search};
use crate::records::{ProofError, Record, admit, home};
use crate::seam::Later;
use crate::types::{AccountId, Contact, Hash, Key, Section, SectionSet};
use crate::wire::{Blob, Cursor, Get};

/// Records looked at in a slot: a post, and another one with its number, or its tombstone.
const RIVALS: usize = 2;

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    /// The record as it was signed.
    pub bytes: Bytes,
    /// Whether it lay on this node.
    pub here: bool,
}

/// Finds the record with a hash that lies in a slot of a key: here, else with whoever of those near has it first.
pub async fn find_one(node: &Rc<Context>, key: Key, section: Section, slot: Bytes, hash: Hash) -> Option<One> {
    let sections = SectionSet::of(&[section]);
    let before = (section, slot.clone(), Hash([0; 32]));
    let held = node.store.read(&key, sections, Some(&before), RIVALS, node.horizon()).unwrap_or_default();
    if let Some(row) = held.into_iter().find(|row| row.slot == slot && row.hash == hash) {
        return Some(One { bytes: row.bytes, here: true });
    }
    // What is signed by somebody not known here is believed only once that account was read; then it is looked for again.
    for _ in 0..2 {
        match look_for(node, key, section, &slot, hash).await? {
            Candidate::Good(bytes) => return Some(One { bytes, here: false }),
            // Where the account is known its device need not be.
            Candidate::Of(account) => {
                read(node, home(&account), SectionSet::of(&[Section::Account, Section::Device])).await;
            }
        }
    }
    None
}

/// What a holder brought.
enum Candidate {
    /// The record, verified.
    Good(Bytes),
    /// Something that looks like it, by an account that is not known here.
    Of(AccountId),
}

async fn look_for(node: &Rc<Context>, key: Key, section: Section, slot: &Bytes, hash: Hash) -> Option<Candidate> {
    let after = Cursor { section: section.number(), slot: slot.to_vec(), hash: Hash([0; 32]) };
    let get = Get { brief: true, ..Get::all(key, SectionSet::of(&[section]), RIVALS as u32, Some(after)) };
    let found = Rc::new(RefCell::new(None));
    let ask = |contact: Contact| -> Later<Asked<bool>> {
        let (node, get, found) = (node.clone(), get.clone(), found.clone());
        Box::pin(async move {
            let got = node.call(&contact, &get, Patience::Read).await?;
            let closer = node.open_contacts(got.contacts);
            let records = got.records.into_iter().take(RIVALS).map(Blob::into_bytes);
            // Nobody else's word is needed, nor checked, once somebody has brought it.
            if !matches!(*found.borrow(), Some(Candidate::Good(_)))
                && let Some(candidate) = records.into_iter().find_map(|bytes| judge(&node, bytes, &hash))
            {
                *found.borrow_mut() = Some(candidate);
            }
            let has = found.borrow().is_some();
            Ok((has, closer))
        })
    };
    search(node, key, Goal { first: true, alone: true, ..Goal::of(|has: &bool| *has, 1) }, ask).await;
    found.take()
}

/// Sees whether bytes are the record that is looked for, and hold.
fn judge(node: &Rc<Context>, bytes: Bytes, hash: &Hash) -> Option<Candidate> {
    let record = Record::decode(bytes.clone()).ok().filter(|record| record.hash() == *hash)?;
    admit(&record, node.now(), node.network.limits()).ok()?;
    match node.verify(&record) {
        Ok(()) => Some(Candidate::Good(bytes)),
        Err(ProofError::Needed) => record.account().map(Candidate::Of),
        Err(_) => None,
    }
}
