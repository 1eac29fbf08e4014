//! The outbox actor: which item is tried when.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::item::{Item, WATERMARK};
use super::live::Live;
use super::messages::{Attempted, Await, Dispatch, Items, Nudge, Progress, Tally, Waiting, Withdraw};
use super::send::{Waiter, attempt};
use super::tally::{note, noted};
use crate::actors::context::Context;
use crate::actors::door::{MAILBOX, rest_of};
use crate::seam::{Batch, Op};
use crate::types::Hash;

/// How often the outbox looks for items whose time has come.
const TICK: Duration = Duration::from_millis(500);
/// The first wait after an attempt that was not enough; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What is published so long after it was made is brought to followers once more: the first time many were not reached.
const LATE: Duration = Duration::from_secs(30);
/// Items let go of a moment ago, whose notes may not be on disk yet; as many as a disk takes in one commit.
const LET_GO: usize = 64;
/// Attempts under way at once when much has gathered.
const ATTEMPTS: usize = 16;

struct Entry {
    item: Item,
    attempts: u32,
    due: Instant,
    under_way: bool,
    /// How far the attempt under way has come.
    live: Live,
    /// Who waits for the next attempt.
    waiting: Option<oneshot::Sender<Progress>>,
}

impl Entry {
    fn new(item: Item, under_way: bool) -> Self {
        let live = Live::new(&item);
        Self { item, attempts: 0, due: Instant::now(), under_way, live, waiting: None }
    }
}

/// The actor.
pub struct OutboxActor {
    node: Rc<Context>,
    /// As many as are on disk; their makers are limited to so many posts and follows an hour.
    entries: BTreeMap<Bytes, Entry>,
    /// How far those had come that were let go of last.
    let_go: VecDeque<(Hash, Progress)>,
    began: Instant,
    armed: bool,
}

impl OutboxActor {
    /// Builds the actor with what is on disk.
    pub fn new(node: Rc<Context>) -> Self {
        let entry = |item: Item| (item.disk_key(), Entry::new(item, false));
        let entries = Item::all(&*node.store).into_iter().map(entry).collect();
        Self { node, entries, let_go: VecDeque::new(), began: Instant::now(), armed: false }
    }

    /// Arms the next look, a whole number of ticks after the start; an empty outbox needs none.
    fn arm(&mut self, ctx: &mut Ctx<Self>) {
        if self.armed || self.entries.is_empty() {
            return;
        }
        self.armed = true;
        ctx.run_later(rest_of(TICK, self.began), |actor, ctx| {
            actor.armed = false;
            actor.try_due();
            actor.arm(ctx);
        });
    }

    /// Forgets items that were taken from the disk. An attempt that ended in between has noted its progress, and with it put
    /// its item there once more: it goes again, or the next start would send what was overtaken.
    fn forget(&mut self, which: impl Fn(&Bytes, &Entry) -> bool) {
        let ops: Vec<Op> =
            self.entries.extract_if(.., |key, entry| which(key, entry)).map(|(_, e)| e.item.let_go()).collect();
        if ops.is_empty() {
            return;
        }
        let node = self.node.clone();
        self.node.spawn(async move {
            if let Err(error) = node.store.commit(Batch(ops)).await {
                tracing::warn!(%error, "what was withdrawn may be sent once more after a restart");
            }
        });
    }

    fn try_due(&mut self) {
        // A stamp that turns out wrong would be refused everywhere; what waits can wait longer.
        if self.node.clock.in_doubt() {
            return;
        }
        let now = Instant::now();
        let mut free = ATTEMPTS.saturating_sub(self.entries.values().filter(|e| e.under_way).count());
        for entry in self.entries.values_mut() {
            if free == 0 {
                break;
            }
            if !entry.under_way && !entry.item.held && entry.due <= now {
                free -= 1;
                entry.under_way = true;
                let told = entry.waiting.take().unwrap_or_else(|| oneshot::channel().0);
                start(&self.node, entry.item.clone(), entry.live.clone(), told);
            }
        }
    }
}

fn start(node: &Rc<Context>, item: Item, live: Live, told: oneshot::Sender<Progress>) {
    let (node, before) = (node.clone(), item.clone());
    node.clone().spawn(async move {
        let waiter = Waiter::new(&item, live, told);
        let attempt = tokio::task::spawn_local(attempt(node.clone(), item, waiter));
        // An attempt that panicked is a bug, and no reason never to make another one.
        let item = attempt.await.unwrap_or(before);
        node.doors().outbox.attempted(item).await;
    });
}

fn wait(attempts: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempts.min(10)).min(LONGEST_WAIT)
}

impl Actor for OutboxActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.arm(ctx);
        let node = self.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            loop {
                node.peers_changed.notified().await;
                node.doors().outbox.nudge();
            }
        }));
    }
}

impl Handler<Dispatch> for OutboxActor {
    type Result = ResponseFuture<Progress>;

    fn handle(&mut self, Dispatch(item): Dispatch, ctx: &mut Ctx<Self>) -> Self::Result {
        let (told, progress) = oneshot::channel();
        let sent = !item.held && !self.node.clock.in_doubt();
        let (so_far, entry) = (Progress::of(&item), Entry::new(item.clone(), sent));
        let live = entry.live.clone();
        if item.label == WATERMARK {
            // Its maker has taken the one before from the disk.
            let key = item.disk_key();
            self.forget(|held, entry| entry.item.id == item.id && *held != key);
        }
        self.entries.insert(item.disk_key(), entry);
        self.arm(ctx);
        if !sent {
            return Box::pin(std::future::ready(so_far));
        }
        start(&self.node, item, live, told);
        Box::pin(async move { progress.await.unwrap_or(so_far) })
    }
}

impl Handler<Await> for OutboxActor {
    type Result = ResponseFuture<Option<Progress>>;

    fn handle(&mut self, Await(id): Await, _: &mut Ctx<Self>) -> Self::Result {
        let Some(entry) = self.entries.values_mut().find(|entry| entry.item.id == id) else {
            return Box::pin(std::future::ready(None));
        };
        let (told, progress) = oneshot::channel();
        entry.waiting = Some(told);
        Box::pin(async move { progress.await.ok() })
    }
}

impl Handler<Attempted> for OutboxActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Attempted(item): Attempted, _: &mut Ctx<Self>) -> Self::Result {
        // It was withdrawn during the attempt, or something newer took its place: it must not come back to the disk.
        if !self.entries.contains_key(&item.disk_key()) {
            return Box::pin(std::future::ready(()));
        }
        let now = self.node.now();
        let before = self.entries.get(&item.disk_key()).is_some_and(|entry| entry.item.is_published());
        if item.is_published() && !before && now.since(item.since) >= LATE {
            self.node.doors().session.published_late(item.records());
        }
        let over = item.is_over(now) && !self.node.clock.in_doubt();
        let ops = if item.is_complete() || over {
            self.entries.remove(&item.disk_key());
            self.let_go.truncate(LET_GO - 1);
            self.let_go.push_front((item.id, Progress::of(&item)));
            let mut ops = note(&*self.node.store, &item, now);
            ops.push(item.let_go());
            ops
        } else {
            let keep = item.keep();
            if let Some(entry) = self.entries.get_mut(&item.disk_key()) {
                entry.due = Instant::now() + wait(entry.attempts);
                entry.attempts += 1;
                entry.under_way = false;
                entry.item = item;
            }
            vec![keep]
        };
        let node = self.node.clone();
        Box::pin(async move {
            if let Err(error) = node.store.commit(Batch(ops)).await {
                tracing::warn!(%error, "the outbox could not note its progress");
            }
        })
    }
}

impl Handler<Nudge> for OutboxActor {
    type Result = ();

    fn handle(&mut self, _: Nudge, _: &mut Ctx<Self>) {
        for entry in self.entries.values_mut() {
            // An attempt that is under way may have missed who came: if it fails, the next one is soon.
            entry.attempts = 0;
            if !entry.under_way {
                entry.due = Instant::now();
            }
        }
    }
}

impl Handler<Withdraw> for OutboxActor {
    type Result = ();

    fn handle(&mut self, Withdraw(items): Withdraw, _: &mut Ctx<Self>) {
        self.forget(|_, entry| items.contains(&entry.item.id));
    }
}

impl Handler<Items> for OutboxActor {
    type Result = MessageResult<Items>;

    fn handle(&mut self, _: Items, _: &mut Ctx<Self>) -> Self::Result {
        let in_doubt = self.node.clock.in_doubt();
        let waiting = |Entry { item, live, .. }: &Entry| Waiting {
            id: item.id,
            label: item.label.clone(),
            since: item.since,
            progress: live.progress(),
            last_error: if in_doubt { Some("the clock is in doubt".to_owned()) } else { item.last_error.clone() },
        };
        MessageResult(self.entries.values().map(waiting).collect())
    }
}

impl Handler<Tally> for OutboxActor {
    type Result = MessageResult<Tally>;

    fn handle(&mut self, Tally { post, ends, device, seq }: Tally, _: &mut Ctx<Self>) -> Self::Result {
        let waiting = self.entries.values().find(|entry| entry.item.id == post).map(|entry| entry.live.progress());
        let let_go = || self.let_go.iter().find(|(id, _)| *id == post).map(|(_, progress)| *progress);
        MessageResult(waiting.or_else(let_go).or_else(|| noted(&*self.node.store, ends, &device, seq)))
    }
}
