//! What a later state of an account voids, as the records of a revoked device: it goes when that state comes, whichever was first.
//!
//! At the account's own home it goes in the transaction that brings the state. On other accounts' pages, where nobody brings
//! that state but as a proof, it goes soon after, by a walk over the whole store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use super::intake::Passed;
use crate::actors::context::Context;
use crate::records::{Record, home};
use crate::seam::{Batch, Lane, Op, Place, Reader, Store, StoreError, Stored, offload};
use crate::types::{AccountId, Key, Section, SectionSet, WallTime};
use crate::wire::Status;

/// Records read at once.
const READ: usize = 1000;
/// Records of the accounts in question that are judged at once.
const JUDGED: usize = 4000;
/// Sections of a home in which lies what the account's own devices signed, and what certifies them.
const SIGNED: [Section; 7] = [
    Section::Device,
    Section::Retirement,
    Section::Heads,
    Section::Post,
    Section::Profile,
    Section::Following,
    Section::Private,
];

/// Returns what is void at a home once `new` records are known there; none of it where none of them takes anything back.
pub fn void_at_home(
    store: &dyn Store,
    now: WallTime,
    at: &Key,
    new: &[&Record],
    is_void: &dyn Fn(&Record) -> bool,
) -> Vec<(Record, Op)> {
    let takes_back = |record: &&&Record| match record {
        Record::Account(chain) => chain.voids(),
        Record::Retirement(_) => true,
        _ => false,
    };
    let account = new.iter().filter(takes_back).filter_map(|record| record.account()).find(|a| home(a) == *at);
    let Some(account) = account else { return Vec::new() };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let rows = store.read(at, SectionSet::of(&SIGNED), after.as_ref(), READ, now).unwrap_or_default();
        let full = rows.len() == READ;
        after = rows.last().map(|row| (row.section, row.slot.clone(), row.hash));
        found.extend(rows.into_iter().filter_map(|row| void_row(row, is_void, |of| of == account)));
        if !full {
            return found;
        }
    }
}

/// Returns the record of a row and the change that removes it, where it is void.
fn void_row(
    row: Stored,
    is_void: &dyn Fn(&Record) -> bool,
    concerns: impl Fn(AccountId) -> bool,
) -> Option<(Record, Op)> {
    let record = Record::decode(row.bytes).ok()?;
    let void = record.account().is_some_and(concerns) && is_void(&record);
    void.then_some((record, Op::Delete { key: row.key, section: row.section, hash: row.hash }))
}

/// Returns the changes that remove what is void at a home, to be made together with those that bring `new`.
pub(super) fn void_ops(node: &Rc<Context>, at: &Key, new: &[&Record]) -> Vec<Op> {
    let void = void_at_home(&*node.store, node.horizon(), at, new, &|record| node.is_void(record));
    void.into_iter().map(|(record, op)| gone(node, &record, op)).collect()
}

/// Has whoever rests on a record look again, as it goes.
fn gone(node: &Rc<Context>, record: &Record, op: Op) -> Op {
    if let Op::Delete { section, .. } = &op {
        node.homes.stored(record, *section);
    }
    op
}

/// Removes those of what was just stored that became void while they were on their way to the disk.
pub(super) async fn drop_late(node: &Rc<Context>, key: &Key, passed: &[(usize, Passed)], statuses: &mut [Status]) {
    let mut ops = Vec::new();
    for (i, passed) in passed.iter().filter(|(_, passed)| node.is_void(&passed.record)) {
        statuses[*i] = Status::Revoked;
        let op = Op::Delete { key: *key, section: passed.section, hash: passed.record.hash() };
        ops.push(gone(node, &passed.record, op));
    }
    if !ops.is_empty()
        && let Err(error) = node.store.commit(Batch(ops)).await
    {
        tracing::warn!(%error, "what is void could not be removed");
        node.void_again(passed.iter().filter_map(|(_, passed)| passed.record.account()));
    }
}

/// Removes everything that is void of accounts that took something back of late, wherever it lies here.
pub(super) async fn sweep(node: &Rc<Context>) {
    let accounts = Arc::new(node.take_voiding());
    let mut walk = Walk::default();
    while !accounts.is_empty() && !walk.ended {
        match walk_on(node, walk, accounts.clone()).await {
            Ok(next) => walk = next,
            Err(error) => {
                tracing::warn!(%error, "what is void could not be removed");
                return node.void_again(accounts.iter().copied());
            }
        }
    }
}

/// How far a walk over the store has come.
#[derive(Default)]
pub struct Walk {
    after: Option<Place>,
    /// Whether nothing is left.
    pub ended: bool,
}

async fn walk_on(node: &Rc<Context>, mut walk: Walk, of: Arc<BTreeSet<AccountId>>) -> Result<Walk, StoreError> {
    let mut reader = node.store.reader()?;
    let job = move || {
        let rows = walk.signed_by(&mut *reader, &of)?;
        Ok((walk, rows))
    };
    let (walk, rows) = offload(&*node.offload, Lane::Bulk, job).await.ok_or(StoreError::Closed)??;
    let void = rows.into_iter().filter_map(|row| void_row(row, &|record| node.is_void(record), |_| true));
    let ops: Vec<Op> = void.map(|(record, op)| gone(node, &record, op)).collect();
    if !ops.is_empty() {
        tracing::info!(records = ops.len(), "what is void goes");
        node.store.commit(Batch(ops)).await?;
    }
    Ok(walk)
}

impl Walk {
    /// Returns the next records of some accounts.
    ///
    /// # Errors
    /// Those of the store.
    pub fn signed_by(
        &mut self,
        reader: &mut dyn Reader,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Vec<Stored>, StoreError> {
        let (mut found, after) = (Vec::new(), self.after.take());
        reader.walk(after.as_ref(), &mut |row| {
            let account = Record::decode(row.bytes.to_bytes()).ok().and_then(|record| record.account());
            if account.is_some_and(|of| accounts.contains(&of)) {
                found.push(Stored::from(row));
            }
            if found.len() < JUDGED {
                return ControlFlow::Continue(());
            }
            self.after = Some(row.place());
            ControlFlow::Break(())
        })?;
        self.ended = self.after.is_none();
        Ok(found)
    }
}
