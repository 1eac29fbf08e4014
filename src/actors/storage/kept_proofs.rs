//! Proofs of accounts whose home is not kept here, as long as a record of theirs is: whoever reads it needs them.

use std::rc::Rc;

use bytes::Bytes;

use super::local::{behind_end, until};
use crate::actors::context::Context;
use crate::records::{ProofNeed, Record, home};
use crate::seam::{Op, Space, Store};
use crate::types::{AccountId, DeviceId, Key};

/// Bytes of the end, before the proof.
const END: usize = 8;

fn place(account: &AccountId, device: Option<&DeviceId>) -> Bytes {
    [&account.0[..], device.map_or(&[], |d| &d.0[..])].concat().into()
}

fn read(store: &dyn Store, place: &Bytes) -> Option<Bytes> {
    let rows = store.local(Space::Proofs, place, None, 1).ok()?;
    rows.into_iter().next().filter(|(found, value)| found == place && value.len() >= END).map(|(_, value)| value)
}

/// Returns what is kept of the proofs that are needed, the account first.
pub fn kept_proofs(store: &dyn Store, need: &ProofNeed) -> Vec<Bytes> {
    let places = match need {
        ProofNeed::Nothing | ProofNeed::Name(_) => vec![],
        ProofNeed::Account(account) => vec![place(account, None)],
        ProofNeed::Device(account, device) => vec![place(account, None), place(account, Some(device))],
    };
    places.iter().filter_map(|place| read(store, place)).map(|value| value.slice(END..)).collect()
}

/// Returns the changes that keep the proofs of a record at `key` for as long as the record lives.
pub fn keep_proofs(node: &Rc<Context>, key: &Key, record: &Record) -> Vec<Op> {
    let ProofNeed::Device(account, device) = record.need() else { return Vec::new() };
    if home(&account) == *key {
        return Vec::new();
    }
    let evidence = node.evidence(&ProofNeed::Device(account, device));
    let places = [place(&account, None), place(&account, Some(&device))];
    let keep = |(place, proof): (Bytes, Bytes)| {
        let held = read(&*node.store, &place);
        let end = held.as_ref().map_or(record.expires_at(), |held| until(held).max(record.expires_at()));
        let value = behind_end(end, &proof);
        (held.as_ref() != Some(&value)).then_some(Op::SetLocal(Space::Proofs, place, value))
    };
    places.into_iter().zip(evidence).filter_map(keep).collect()
}
