//! One record that is known by its hash: it never changes, so the first copy that is verified says it all.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::account_of;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Goal, search};
use crate::records::{ProofError, Record, admit};
use crate::seam::Later;
use crate::types::{Contact, Hash, Key, Section, SectionSet};
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
    let after = Cursor { section: section.number(), slot: slot.to_vec(), hash: Hash([0; 32]) };
    let get = Get { brief: true, ..Get::all(key, sections, RIVALS as u32, Some(after)) };
    let found = Rc::new(RefCell::new(None));
    let ask = |contact: Contact| -> Later<Asked<bool>> {
        let (node, get, found) = (node.clone(), get.clone(), found.clone());
        Box::pin(async move {
            let got = node.call(&contact, &get, Patience::Read).await?;
            let closer = node.open_contacts(got.contacts);
            for bytes in got.records.into_iter().take(RIVALS).map(Blob::into_bytes) {
                if is_good(&node, &bytes, &hash).await {
                    *found.borrow_mut() = Some(bytes);
                }
            }
            let has = found.borrow().is_some();
            Ok((has, closer))
        })
    };
    search(node, key, Goal { first: true, alone: true, ..Goal::of(|has: &bool| *has, 1) }, ask).await;
    found.take().map(|bytes| One { bytes, here: false })
}

/// Tells whether bytes are the record that is looked for, and hold.
async fn is_good(node: &Rc<Context>, bytes: &Bytes, hash: &Hash) -> bool {
    let Ok(record) = Record::decode(bytes.clone()) else { return false };
    if record.hash() != *hash || admit(&record, node.now(), node.network.limits()).is_err() {
        return false;
    }
    match (node.verify(&record), record.account()) {
        (Err(ProofError::Needed), Some(account)) => {
            account_of(node, account).await.is_some() && node.verify(&record).is_ok()
        }
        (verdict, _) => verdict.is_ok(),
    }
}
