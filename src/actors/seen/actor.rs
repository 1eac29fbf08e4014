//! The seen actor: which watermark is signed when.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, ResponseFuture};
use bytes::Bytes;
use tokio::time::Instant;

use super::messages::{Begin, End, Gained, Progress, Showed, Unkept};
use super::pair::{Pair, Signed};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::actors::gc::marked_hash;
use crate::actors::outbox::{Item, WATERMARK};
use crate::actors::storage::put_op;
use crate::keys::{SecretKey, hash};
use crate::records::{Record, Signed as SignedRecord, WatermarkBody, home};
use crate::seam::{Batch, Op, Space};
use crate::types::{AccountId, DeviceId, Hash, Hlc, Section, SectionSet};

/// Most logs remembered: those of all that an account may follow, four devices each.
const PAIRS: usize = 20_000;
/// A watermark lives for 60 days; one as old as this is signed anew when its feed is shown.
const RENEW: Duration = Duration::from_secs(30 * 24 * 3600);

/// The actor.
pub struct SeenActor {
    node: Rc<Context>,
    me: Option<(AccountId, SecretKey)>,
    pairs: BTreeMap<DeviceId, Pair>,
    armed: bool,
}

impl SeenActor {
    /// Builds the actor; it signs nothing before somebody is logged in.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, me: None, pairs: BTreeMap::new(), armed: false }
    }

    fn note(&mut self, progress: &Progress) {
        let Progress { author, log, received, seen } = *progress;
        let old = self.node.horizon().minus(RENEW);
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&log) {
            return;
        }
        let pair = self.pairs.entry(log).or_default();
        let news = pair.signed.as_ref().is_none_or(|s| s.at < old || (s.seen, s.received) < (seen, received));
        // What nobody was shown yet says nothing; numbers never fall.
        if news && received > 0 {
            let waits = pair.waits.map_or((received, seen), |(_, r, n)| (r.max(received), n.max(seen)));
            pair.waits = Some((author, waits.0, waits.1));
        }
    }

    /// Signs what waits and is due.
    fn sign(&mut self) -> Batched {
        let mut batched = Batched::default();
        let Some((me, device)) = &self.me else { return batched };
        // A stamp of a doubtful clock may be refused everywhere.
        if self.node.clock.in_doubt() {
            return batched;
        }
        let Batched { ops, items, pairs } = &mut batched;
        let (now, least) = (Instant::now(), self.node.settings.retention.seen_interval);
        for (log, pair) in &mut self.pairs {
            if pair.sent.is_some_and(|at| now.duration_since(at) < least) {
                continue;
            }
            let Some((author, received, seen)) = pair.waits.take() else { continue };
            let body = WatermarkBody {
                follower: *me,
                device: DeviceId(device.public().0),
                hlc: self.node.stamp(Hlc::default()),
                author,
                log: *log,
                received,
                seen,
                seen_hash: (seen > 0).then(|| hash_of(&self.node, &author, log, seen)).flatten(),
            };
            let record = Record::Watermark(SignedRecord::sign(body, device, &self.node.network.id));
            let item = Item::pack(WATERMARK, id_of(me, log), std::slice::from_ref(&record), self.node.horizon());
            // The one before says less; it need not be sent any more.
            if let Some(before) = &pair.signed {
                ops.push(Op::DropLocal(Space::Outbox, Item::key(before.at, &item.id)));
            }
            let signed = Signed { author, received, seen, at: item.since };
            ops.extend([signed.keep(me, log), item.keep()]);
            ops.push(put_op(&record, home(&author), Section::Seen, self.node.horizon()));
            self.node.homes.stored(&record, Section::Seen);
            pairs.push((*log, signed.clone(), pair.signed.replace(signed)));
            pair.sent = Some(now);
            items.push(item);
        }
        batched
    }

    /// Signs again in a while, where anything waits.
    fn arm(&mut self, ctx: &mut Ctx<Self>) {
        if !self.armed && self.pairs.values().any(|pair| pair.waits.is_some()) {
            self.armed = true;
            ctx.run_later(self.node.settings.retention.seen_interval.max(SHORTEST), |actor, ctx| {
                actor.armed = false;
                let sending = actor.send(ctx);
                actor.node.spawn(sending);
            });
        }
    }

    fn send(&mut self, ctx: &mut Ctx<Self>) -> ResponseFuture<()> {
        let Batched { ops, items, pairs } = self.sign();
        self.arm(ctx);
        let node = self.node.clone();
        Box::pin(async move {
            if ops.is_empty() {
                return;
            }
            if let Err(error) = node.store.commit(Batch(ops)).await {
                tracing::warn!(%error, "how far was read could not be written");
                return node.doors().seen.unkept(Unkept(pairs)).await;
            }
            for item in items {
                let outbox = node.doors().outbox.clone();
                node.spawn(async move {
                    outbox.dispatch(item).await;
                });
            }
        })
    }
}

/// Watermarks that are signed at once.
#[derive(Default)]
struct Batched {
    ops: Vec<Op>,
    /// What goes to the outbox with them.
    items: Vec<Item>,
    /// The logs that they are about, with what is signed of each and what was before.
    pairs: Vec<(DeviceId, Signed, Option<Signed>)>,
}

/// Intervals between watermarks are no shorter, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(100);

/// Returns the name under which the watermarks of one pair follow each other in the outbox.
fn id_of(follower: &AccountId, log: &DeviceId) -> Hash {
    hash(&[follower.0, log.0].concat())
}

/// Returns the hash of a post, where it lies here or was collected here.
fn hash_of(node: &Context, author: &AccountId, log: &DeviceId, seq: u64) -> Option<Hash> {
    let slot: Bytes = [&log.0[..], &seq.to_be_bytes()].concat().into();
    let (before, posts) = ((Section::Post, slot.clone(), Hash([0; 32])), SectionSet::of(&[Section::Post]));
    let held = node.store.read(&home(author), posts, Some(&before), 1, node.horizon()).unwrap_or_default();
    let post = held.into_iter().find(|s| s.slot == slot).and_then(|s| match Record::decode(s.bytes).ok()? {
        Record::Post(post) => Some(post.hash()),
        Record::Tombstone(dead) => Some(dead.body.post),
        _ => None,
    });
    post.or_else(|| marked_hash(node, &home(author), log, seq))
}

impl Actor for SeenActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Begin> for SeenActor {
    type Result = ();

    fn handle(&mut self, Begin { account, device }: Begin, _: &mut Ctx<Self>) {
        if self.me.as_ref().is_none_or(|(me, _)| *me != account) {
            let rows = self.node.store.local(Space::Seen, &account.0, None, PAIRS).unwrap_or_default();
            let signed = rows.iter().filter_map(|(key, value)| Signed::read(key, value));
            self.pairs = signed.map(|(log, signed)| (log, Pair { signed: Some(signed), ..Pair::default() })).collect();
        }
        self.me = Some((account, device));
    }
}

impl Handler<End> for SeenActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        let (node, pairs) = (self.node.clone(), std::mem::take(&mut self.pairs));
        let me = self.me.take();
        let forget = |(me, _): (AccountId, SecretKey)| pairs.keys().map(|log| Signed::forget(&me, log)).collect();
        let ops: Vec<Op> = me.map(forget).unwrap_or_default();
        Box::pin(async move {
            if !ops.is_empty()
                && let Err(error) = node.store.commit(Batch(ops)).await
            {
                tracing::warn!(%error, "how far was read could not be forgotten");
            }
        })
    }
}

impl Handler<Showed> for SeenActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Showed(progress): Showed, ctx: &mut Ctx<Self>) -> Self::Result {
        if !self.node.settings.retention.publish_seen {
            return Box::pin(std::future::ready(()));
        }
        progress.iter().for_each(|progress| self.note(progress));
        self.send(ctx)
    }
}

impl Handler<Gained> for SeenActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Gained(progress): Gained, ctx: &mut Ctx<Self>) -> Self::Result {
        let signed = |p: &Progress| self.pairs.get(&p.log).and_then(|pair| pair.signed.as_ref()).map_or(0, |s| s.seen);
        // What was received alone is told when the feed is shown.
        let further: Vec<Progress> = progress.into_iter().filter(|p| p.seen > signed(p)).collect();
        if further.is_empty() || !self.node.settings.retention.publish_seen {
            return Box::pin(std::future::ready(()));
        }
        further.iter().for_each(|progress| self.note(progress));
        self.send(ctx)
    }
}

impl Handler<Unkept> for SeenActor {
    type Result = ();

    fn handle(&mut self, Unkept(unkept): Unkept, ctx: &mut Ctx<Self>) {
        for (log, tried, before) in unkept {
            let Some(pair) = self.pairs.get_mut(&log).filter(|pair| pair.signed.as_ref() == Some(&tried)) else {
                continue;
            };
            pair.signed = before;
            let waits = pair.waits.map_or((0, 0), |(_, received, seen)| (received, seen));
            pair.waits = Some((tried.author, waits.0.max(tried.received), waits.1.max(tried.seen)));
        }
        self.arm(ctx);
    }
}
