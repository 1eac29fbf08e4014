//! The storage actor: all writes to records go through it.

use std::collections::BTreeMap;
use std::rc::Rc;

use actix::{Actor, Context as Ctx, Handler, MessageResult, ResponseFuture};
use bytes::Bytes;

use super::coming::Coming;
use super::intake::{Passed, is_full, judge, put_op};
use super::messages::{Absorb, Accept, Held, HowMuch};
use super::quota::{Quotas, Share, UsedUp};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::records::{Record, home};
use crate::seam::{Batch, Op, Outcome, StoreError};
use crate::types::{NodeId, Section, WallTime};
use crate::wire::Status;

/// Most peers whose puts are counted; beyond that the one counted longest ago starts anew.
const COUNTED_PEERS: usize = 4096;

/// The actor.
pub struct StorageActor {
    node: Rc<Context>,
    /// Puts of each peer within its current minute.
    counts: BTreeMap<NodeId, (WallTime, u32)>,
    coming: Coming,
    quotas: Quotas,
}

impl StorageActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, counts: BTreeMap::new(), coming: Coming::default(), quotas: Quotas::default() }
    }

    /// Counts puts of a peer; false when it is over its limit.
    fn within_rate(&mut self, peer: NodeId, puts: u32) -> bool {
        let now = self.node.now();
        if self.counts.len() >= COUNTED_PEERS && !self.counts.contains_key(&peer) {
            let oldest = self.counts.iter().min_by_key(|(id, (since, _))| (*since, **id)).map(|(id, _)| *id);
            oldest.map(|id| self.counts.remove(&id));
        }
        let (since, count) = self.counts.entry(peer).or_insert((now, 0));
        if now.since(*since).as_secs() >= 60 || now < *since {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(puts);
        *count <= self.node.network.limits().puts_per_minute
    }

    fn keep(
        &self,
        passed: Vec<(usize, Passed)>,
        key: crate::types::Key,
        mut statuses: Vec<Status>,
    ) -> ResponseFuture<Vec<Status>> {
        let now = self.node.horizon();
        let ops: Vec<Op> = passed.iter().map(|(_, p)| put_op(&p.record, key, p.section, now)).collect();
        let node = self.node.clone();
        Box::pin(async move {
            match node.store.commit(Batch(ops)).await {
                Ok(applied) => {
                    for ((i, passed), outcome) in passed.iter().zip(applied.0) {
                        statuses[*i] = match outcome {
                            Outcome::Done => {
                                passed.share.iter().for_each(Share::keep);
                                if matches!(passed.record, Record::Post(_) | Record::Tombstone(_)) {
                                    node.doors().feed.replicated(passed.record.bytes().clone());
                                }
                                Status::Stored
                            }
                            Outcome::Known | Outcome::Held(_) => Status::Known,
                            Outcome::Superseded => Status::Superseded,
                        };
                    }
                }
                Err(error) => {
                    let status = match error {
                        StoreError::DiskFull if node.is_anchor() => Status::AnchorFull,
                        StoreError::DiskFull => Status::Quota,
                        _ => Status::StoreFailed,
                    };
                    tracing::error!(%error, "records could not be written");
                    passed.iter().for_each(|(i, _)| statuses[*i] = status);
                }
            }
            statuses
        })
    }
}

impl Actor for StorageActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Accept> for StorageActor {
    type Result = ResponseFuture<Vec<Status>>;

    fn handle(&mut self, message: Accept, _: &mut Ctx<Self>) -> Self::Result {
        let Accept { from, key, records, proofs } = message;
        if from != self.node.me && !self.within_rate(from, records.len() as u32) {
            return Box::pin(std::future::ready(vec![Status::RateLimited; records.len()]));
        }
        let proofs: Vec<Record> = proofs.into_iter().filter_map(|bytes| Record::decode(bytes).ok()).collect();
        self.node.learn(&proofs);
        let mut statuses = vec![Status::Invalid; records.len()];
        let (mut durable, mut fleeting) = (Vec::new(), Vec::new());
        for (i, bytes) in records.into_iter().enumerate() {
            match judge(&self.node, &self.coming, &key, bytes) {
                Err(status) => statuses[i] = status,
                Ok(passed) if passed.section.in_memory() => {
                    fleeting.push(passed.record.bytes().clone());
                    statuses[i] = Status::Stored;
                }
                Ok(mut passed) => match self.quotas.take(&self.node, &key, passed.section, &passed.record) {
                    Err(UsedUp) => statuses[i] = Status::Quota,
                    Ok(share) => {
                        passed.share = share;
                        // Later records of the same put may rest on this one.
                        self.node.learn(std::slice::from_ref(&passed.record));
                        durable.push((i, passed));
                    }
                },
            }
        }
        if !fleeting.is_empty() {
            self.node.doors().presence.hold(key, fleeting);
        }
        if durable.is_empty() {
            return Box::pin(std::future::ready(statuses));
        }
        self.keep(durable, key, statuses)
    }
}

impl Handler<HowMuch> for StorageActor {
    type Result = MessageResult<HowMuch>;

    fn handle(&mut self, _: HowMuch, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(Held {
            usage: self.node.store.usage(),
            quota: self.node.settings.store_quota,
            free: self.node.store.free_bytes(),
            full: is_full(&self.node),
        })
    }
}

impl Handler<Absorb> for StorageActor {
    type Result = ResponseFuture<()>;

    /// Keeps local copies: accounts, devices, heads, posts and edges at their authors' homes.
    fn handle(&mut self, Absorb(records): Absorb, _: &mut Ctx<Self>) -> Self::Result {
        let now = self.node.horizon();
        let keep = |bytes: Bytes| {
            let record = Record::decode(bytes).ok()?;
            let at = home(&record.account()?);
            let destination = record.destinations().into_iter().find(|d| d.key == at)?;
            let wanted = matches!(
                destination.section,
                Section::Account
                    | Section::Device
                    | Section::Retirement
                    | Section::Heads
                    | Section::Post
                    | Section::Following
            );
            wanted.then(|| put_op(&record, at, destination.section, now))
        };
        let ops: Vec<Op> = records.into_iter().filter_map(|verified| keep(verified.0)).collect();
        let node = self.node.clone();
        Box::pin(async move {
            if !ops.is_empty()
                && let Err(error) = node.store.commit(Batch(ops)).await
            {
                tracing::warn!(%error, "local copies could not be written");
            }
        })
    }
}
