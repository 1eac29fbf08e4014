//! The storage actor: all writes to records go through it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::intake::{Intake, Refused, put_op};
use super::keep::keep;
use super::local::drop_ended;
use super::messages::{Absorb, Accept, FindOne, Held, HowMuch, ReadList, WholeList};
use super::read::{One, find_one};
use super::room::{PAGE_BYTES, is_full};
use super::splits::mark;
use super::void::{sweep, void_ops};
use super::{Reading, read_list};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::actors::gc::{drop_final, is_collected};
use crate::actors::peers::Rates;
use crate::records::{MAX_PAGE_DEPTH, Record, home, slot};
use crate::seam::{Batch, Op, Space};
use crate::types::{Key, Section, SectionSet};
use crate::wire::Status;

/// How often ended marks and proofs go, and what sources keep is counted anew.
const TIDY: Duration = Duration::from_secs(3600);

/// How soon what became void goes: states come together with what proves others.
const SOON: Duration = Duration::from_secs(1);
/// How far apart walks over the whole store are, and by how many times as long as one takes: a part of one core, whoever
/// sends such states.
const APART: Duration = Duration::from_secs(60);
const TIMES: u32 = 50;

/// The actor.
pub struct StorageActor {
    node: Rc<Context>,
    rates: Rates,
    intake: Intake,
}

impl StorageActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, rates: Rates::default(), intake: Intake::default() }
    }
}

impl Actor for StorageActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        arm(ctx);
        ctx.spawn(wrap_future(tend_void(self.node.clone())));
    }
}

/// Has what became void removed, whenever any of what was learned takes something back.
async fn tend_void(node: Rc<Context>) {
    loop {
        node.voiding.notified().await;
        sleep(SOON).await;
        let began = Instant::now();
        sweep(&node).await;
        sleep((TIMES * began.elapsed()).max(APART)).await;
    }
}

fn arm(ctx: &mut Ctx<StorageActor>) {
    ctx.run_later(TIDY, |actor, ctx| {
        let (node, sources) = (actor.node.clone(), actor.intake.sources.clone());
        actor.node.spawn(async move {
            drop_ended(&node, Space::Splits).await;
            drop_ended(&node, Space::Proofs).await;
            sources.recount(&node).await;
        });
        arm(ctx);
    });
}

impl Handler<Accept> for StorageActor {
    type Result = ResponseFuture<Vec<Status>>;

    fn handle(&mut self, message: Accept, _: &mut Ctx<Self>) -> Self::Result {
        let Accept { from, wanted, key, records, proofs } = message;
        let most = self.node.network.limits().puts_per_minute;
        if !wanted && from != self.node.me && !self.rates.admit(from, records.len(), most) {
            return Box::pin(std::future::ready(vec![Status::RateLimited; records.len()]));
        }
        let proofs: Vec<Record> = proofs.into_iter().filter_map(|bytes| Record::decode(bytes).ok()).collect();
        self.node.learn(&proofs);
        let mut statuses = vec![Status::Invalid; records.len()];
        let (mut durable, mut fleeting, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for (i, bytes) in records.into_iter().enumerate() {
            match self.intake.judge(&self.node, &from, &key, bytes) {
                Err(Refused { status, first: change }) => {
                    statuses[i] = status;
                    first.extend(change.map(|change| *change));
                }
                Ok(passed) if passed.section.in_memory() => fleeting.push((i, passed.record)),
                Ok(passed) => {
                    // Later records of the same put may rest on this one.
                    self.node.learn(std::slice::from_ref(&passed.record));
                    durable.push((i, passed));
                }
            }
        }
        let node = self.node.clone();
        Box::pin(async move {
            if !fleeting.is_empty() {
                first.extend(hold(&node, key, fleeting, &mut statuses).await);
            }
            if !durable.is_empty() || !first.is_empty() {
                keep(&node, key, (durable, wanted), first, &mut statuses).await;
            }
            statuses
        })
    }
}

/// Hands over what is held in memory; where a page of interest is full, newcomers go to the page below. Returns its mark.
async fn hold(node: &Rc<Context>, key: Key, records: Vec<(usize, Record)>, statuses: &mut [Status]) -> Vec<Op> {
    let most = node.network.limits().page_entries as usize;
    let interest = SectionSet::of(&[Section::Interest]);
    let held = node.doors().presence.held(key, interest).await;
    let held = held.into_iter().filter_map(|bytes| Record::decode(bytes).ok());
    let mut bytes = 0;
    let mut slots: BTreeSet<Bytes> = BTreeSet::new();
    held.for_each(|record| {
        bytes += record.bytes().len();
        slots.insert(slot(&record, Section::Interest));
    });
    let (mut marks, mut taken, mut sent_on) = (Vec::new(), Vec::new(), Vec::new());
    for (i, record) in records {
        let page = record.page_at(&key);
        let slot = slot(&record, Section::Interest);
        let full = slots.len() >= most || bytes + record.bytes().len() > PAGE_BYTES as usize;
        statuses[i] = match page {
            Some(page) if full && !slots.contains(&slot) && page.depth < MAX_PAGE_DEPTH => {
                marks.extend(mark(node, &key, Section::Interest, record.expires_at()));
                sent_on.push(slot);
                Status::Split
            }
            page => {
                if page.is_some() && slots.insert(slot) {
                    bytes += record.bytes().len();
                }
                if page.is_some() && slots.len() >= most {
                    marks.extend(mark(node, &key, Section::Interest, record.expires_at()));
                }
                taken.push(record.bytes().clone());
                Status::Stored
            }
        };
    }
    if !taken.is_empty() {
        node.doors().presence.hold(key, taken);
    }
    if !sent_on.is_empty() {
        node.doors().presence.sent_on(key, sent_on);
    }
    marks
}

impl Handler<HowMuch> for StorageActor {
    type Result = MessageResult<HowMuch>;

    fn handle(&mut self, _: HowMuch, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(Held {
            usage: self.node.store.usage(),
            commits: self.node.store.commits(),
            quota: self.node.settings.store_quota,
            free: self.node.store.free_bytes(),
            full: is_full(&self.node),
            cut: self.node.store.cut(),
        })
    }
}

impl Handler<FindOne> for StorageActor {
    type Result = ResponseFuture<Option<One>>;

    fn handle(&mut self, FindOne { key, section, slot, hash }: FindOne, _: &mut Ctx<Self>) -> Self::Result {
        let node = self.node.clone();
        Box::pin(async move { find_one(&node, key, section, slot, hash).await })
    }
}

impl Handler<ReadList> for StorageActor {
    type Result = ResponseFuture<WholeList>;

    fn handle(&mut self, ReadList(section, owner): ReadList, _: &mut Ctx<Self>) -> Self::Result {
        let node = self.node.clone();
        Box::pin(async move {
            let Reading { records, complete, .. } = read_list(&node, section, owner).await;
            let of_list = |record: &&Record| record.lists().iter().any(|(s, o, _)| (*s, *o) == (section, owner));
            WholeList { records: records.iter().filter(of_list).map(|r| r.bytes().clone()).collect(), complete }
        })
    }
}

/// Removes the posts that are gone by the word of their authors' heads, as far as new records are concerned.
async fn drop_final_of(node: &Context, new: &[Record]) {
    let mut homes: BTreeMap<Key, Vec<&Record>> = BTreeMap::new();
    for (account, record) in new.iter().filter_map(|record| Some((record.account()?, record))) {
        homes.entry(home(&account)).or_default().push(record);
    }
    for (at, records) in homes {
        drop_final(node, &at, &records).await;
    }
}

impl Handler<Absorb> for StorageActor {
    type Result = ResponseFuture<()>;

    /// Keeps local copies: accounts, devices, profiles, heads, posts, tombstones and edges at their authors' homes.
    fn handle(&mut self, Absorb(records): Absorb, _: &mut Ctx<Self>) -> Self::Result {
        let now = self.node.horizon();
        let records: Vec<Record> = records.into_iter().filter_map(|v| Record::decode(v.0).ok()).collect();
        let keep = |record: &Record| {
            let at = home(&record.account()?);
            let destination = record.destinations().into_iter().find(|d| d.key == at)?;
            let wanted = matches!(
                destination.section,
                Section::Account
                    | Section::Device
                    | Section::Retirement
                    | Section::Heads
                    | Section::Post
                    | Section::Profile
                    | Section::Following
            );
            if let Record::Post(post) = record
                && is_collected(&self.node, &at, post)
            {
                return None;
            }
            self.node.homes.stored(record, destination.section);
            let void = void_ops(&self.node, &at, &[record]).into_iter();
            (wanted && !self.node.is_void(record))
                .then(|| void.chain([put_op(record, at, destination.section, now)]).collect::<Vec<Op>>())
        };
        let ops: Vec<Op> = records.iter().filter_map(keep).flatten().collect();
        let node = self.node.clone();
        Box::pin(async move {
            if ops.is_empty() {
                return;
            }
            match node.store.commit(Batch(ops)).await {
                Ok(_) => drop_final_of(&node, &records).await,
                Err(error) => tracing::warn!(%error, "local copies could not be written"),
            }
        })
    }
}
