//! A put to one peer, with proofs when it asks for them.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::call::{CallError, Patience};
use super::context::Context;
use super::presence::nearest;
use crate::records::{ProofNeed, Record, from_bytes};
use crate::types::{Contact, Key};
use crate::wire::{Blob, Got, MAX_PUT_RECORDS, Put, Status};

/// The nearest that hold what is kept in memory only.
const HOLDERS: usize = 3;

/// Puts records at one peer. `Ok(None)` when it has them all, else the first refusal. What is held in memory only, and for
/// which the peer's page is full, is put at the page below: no outbox does that for it.
pub async fn put(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<Option<Status>, CallError> {
    put_and_look(node, to, request, patience).await.map(|(refused, _)| refused)
}

/// Puts records likewise, and returns what the peer shows beside, as if a GET had asked for it: nothing where it does not know how.
pub async fn put_and_look(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<(Option<Status>, Option<Got>), CallError> {
    let (key, records) = (request.key, request.records.clone());
    let (mut statuses, shown) = put_all(node, to, request, patience).await?;
    for (status, blob) in statuses.iter_mut().zip(&records).filter(|(s, _)| **s == Status::Split) {
        if put_below(node, key, blob).await {
            *status = Status::Stored;
        }
    }
    Ok((statuses.into_iter().find(|s| !s.is_acknowledged()), shown))
}

/// Puts a record that is held in memory at the first page below that takes it.
///
/// A goodbye goes to the nearest known as well, without a lookup: whoever ends waits for nothing long.
async fn put_below(node: &Rc<Context>, key: Key, blob: &Blob) -> bool {
    let Ok(record) = Record::decode(blob.0.clone()) else { return false };
    let is_goodbye = matches!(&record, Record::Interest(interest) if !interest.body.online);
    let at_once = async { is_goodbye && descend(node, key, &record, blob, false).await };
    let (at_once, looked_up) = tokio::join!(at_once, descend(node, key, &record, blob, true));
    at_once || looked_up
}

/// Goes down from page to page until one takes the record; at most as many as there are levels.
async fn descend(node: &Rc<Context>, mut key: Key, record: &Record, blob: &Blob, looks_up: bool) -> bool {
    while let Some(page) = record.page_below(&key).filter(|page| page.section.in_memory()) {
        key = page.key();
        let holders = match looks_up {
            true => nearest(node, key, HOLDERS).await,
            false => node.doors().routing.closest(key, HOLDERS).await,
        };
        let puts = holders.iter().take(HOLDERS).map(|to| {
            let request = Put { key, records: vec![blob.clone()], proofs: vec![], show: None };
            put_each(node, to, request, Patience::Read)
        });
        let said: Vec<Status> = join_all(puts).await.into_iter().flatten().flatten().collect();
        if !said.contains(&Status::Split) {
            return said.iter().any(|status| status.is_acknowledged());
        }
    }
    false
}

/// Puts records at one peer, as many requests as it takes; returns what became of each, in order.
pub async fn put_each(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<Vec<Status>, CallError> {
    put_all(node, to, request, patience).await.map(|(statuses, _)| statuses)
}

async fn put_all(
    node: &Rc<Context>,
    to: &Contact,
    request: Put,
    patience: Patience,
) -> Result<(Vec<Status>, Option<Got>), CallError> {
    let Put { key, records, proofs, mut show } = request;
    let (mut statuses, mut shown) = (Vec::with_capacity(records.len()), None);
    for some in records.chunks(MAX_PUT_RECORDS) {
        let some = Put { key, records: some.to_vec(), proofs: proofs.clone(), show: show.take() };
        let (said, seen) = put_some(node, to, some, patience).await?;
        statuses.extend(said);
        shown = shown.or(seen);
    }
    Ok((statuses, shown))
}

async fn put_some(
    node: &Rc<Context>,
    to: &Contact,
    mut request: Put,
    patience: Patience,
) -> Result<(Vec<Status>, Option<Got>), CallError> {
    let mut done = node.call(to, &request, patience).await?;
    let shown = done.shown.take().and_then(|shown| from_bytes(&shown.0).ok());
    if done.statuses.contains(&Status::NeedProof.number()) {
        request.proofs = evidence(node, &request.records);
        request.show = None;
        done = node.call(to, &request, patience).await?;
    }
    if done.statuses.len() != request.records.len() {
        return Err(CallError::Malformed);
    }
    Ok((done.statuses.into_iter().map(Status::from_number).collect(), shown))
}

/// Returns what proves these records, each proof once.
pub fn evidence(node: &Rc<Context>, records: &[Blob]) -> Vec<Blob> {
    let mut proofs: Vec<Bytes> = records
        .iter()
        .filter_map(|blob| Record::decode(blob.0.clone()).ok())
        .map(|record| record.need())
        .filter(|need| *need != ProofNeed::Nothing)
        .flat_map(|need| node.evidence(&need))
        .collect();
    proofs.sort_unstable();
    proofs.dedup();
    proofs.iter().map(Blob::from).collect()
}
