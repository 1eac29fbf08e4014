//! A put to one peer, with proofs when it asks for them.

use std::rc::Rc;

use bytes::Bytes;

use super::call::{CallError, Patience};
use super::context::Context;
use crate::records::{ProofNeed, Record};
use crate::types::Contact;
use crate::wire::{Blob, MAX_PUT_RECORDS, Put, Status};

/// Puts records at one peer. `Ok(None)` when it has them all, else the first refusal.
pub async fn put(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<Option<Status>, CallError> {
    let statuses = put_each(node, to, request, patience).await?;
    Ok(statuses.into_iter().find(|s| !s.is_acknowledged()))
}

/// Puts records at one peer, as many requests as it takes; returns what became of each, in order.
pub async fn put_each(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<Vec<Status>, CallError> {
    let Put { key, records, proofs } = request;
    let mut statuses = Vec::with_capacity(records.len());
    for some in records.chunks(MAX_PUT_RECORDS) {
        let some = Put { key, records: some.to_vec(), proofs: proofs.clone() };
        statuses.extend(put_some(node, to, some, patience).await?);
    }
    Ok(statuses)
}

async fn put_some(
    node: &Rc<Context>,
    to: &Contact,
    mut request: Put,
    patience: Patience,
) -> Result<Vec<Status>, CallError> {
    let mut done = node.call(to, &request, patience).await?;
    if done.statuses.contains(&Status::NeedProof.number()) {
        request.proofs = evidence(node, &request.records);
        done = node.call(to, &request, patience).await?;
    }
    if done.statuses.len() != request.records.len() {
        return Err(CallError::Malformed);
    }
    Ok(done.statuses.into_iter().map(Status::from_number).collect())
}

/// Returns what proves these records, each proof once.
pub fn evidence(node: &Rc<Context>, records: &[Blob]) -> Vec<Blob> {
    let mut proofs: Vec<Bytes> = records
        .iter()
        .filter_map(|blob| Record::decode(Bytes::copy_from_slice(&blob.0)).ok())
        .map(|record| record.need())
        .filter(|need| *need != ProofNeed::Nothing)
        .flat_map(|need| node.evidence(&need))
        .collect();
    proofs.sort_unstable();
    proofs.dedup();
    proofs.iter().map(Blob::from).collect()
}
