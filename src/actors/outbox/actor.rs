//! The outbox actor: which item is tried when.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::item::Item;
use super::messages::{Attempted, Dispatch, Items, Nudge, Progress, Waiting};
use super::send::{Waiter, attempt};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::seam::{Batch, Space};

/// How often the outbox looks for items whose time has come.
const TICK: Duration = Duration::from_millis(500);
/// The first wait after an attempt that was not enough; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Attempts under way at once when much has gathered.
const ATTEMPTS: usize = 16;
/// Items read from disk at once.
const READ: usize = 1000;

struct Entry {
    item: Item,
    attempts: u32,
    due: Instant,
    under_way: bool,
}

/// The actor.
pub struct OutboxActor {
    node: Rc<Context>,
    /// As many as are on disk; their makers are limited to so many posts and follows an hour.
    entries: BTreeMap<Bytes, Entry>,
}

impl OutboxActor {
    /// Builds the actor with what is on disk.
    pub fn new(node: Rc<Context>) -> Self {
        let mut entries = BTreeMap::new();
        let mut after: Option<Bytes> = None;
        loop {
            let rows = node.store.local(Space::Outbox, &[], after.as_deref(), READ).unwrap_or_default();
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, value) in &rows {
                match Item::read(value) {
                    Some(item) => {
                        entries.insert(key.clone(), Entry { item, attempts: 0, due: Instant::now(), under_way: false });
                    }
                    None => tracing::error!("an item of the outbox cannot be read and is left alone"),
                }
            }
        }
        Self { node, entries }
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
            if !entry.under_way && entry.due <= now {
                free -= 1;
                entry.under_way = true;
                let (told, _) = oneshot::channel();
                start(&self.node, entry.item.clone(), told);
            }
        }
    }
}

fn start(node: &Rc<Context>, item: Item, told: oneshot::Sender<Progress>) {
    let (node, before) = (node.clone(), item.clone());
    node.clone().spawn(async move {
        let waiter = Waiter::new(&item, told);
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
        arm(ctx);
        let node = self.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            loop {
                node.peers_changed.notified().await;
                node.doors().outbox.nudge();
            }
        }));
    }
}

fn arm(ctx: &mut Ctx<OutboxActor>) {
    ctx.run_later(TICK, |actor, ctx| {
        actor.try_due();
        arm(ctx);
    });
}

impl Handler<Dispatch> for OutboxActor {
    type Result = ResponseFuture<Progress>;

    fn handle(&mut self, Dispatch(item): Dispatch, _: &mut Ctx<Self>) -> Self::Result {
        let (told, progress) = oneshot::channel();
        let so_far = Progress::of(&item);
        let under_way = !self.node.clock.in_doubt();
        let entry = Entry { item: item.clone(), attempts: 0, due: Instant::now(), under_way };
        self.entries.insert(item.disk_key(), entry);
        if !under_way {
            return Box::pin(std::future::ready(so_far));
        }
        start(&self.node, item, told);
        Box::pin(async move { progress.await.unwrap_or(so_far) })
    }
}

impl Handler<Attempted> for OutboxActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Attempted(item): Attempted, _: &mut Ctx<Self>) -> Self::Result {
        let now = self.node.now();
        let over = item.is_over(now) && !self.node.clock.in_doubt();
        let op = if item.is_complete() || over {
            self.entries.remove(&item.disk_key());
            item.let_go()
        } else {
            let keep = item.keep();
            if let Some(entry) = self.entries.get_mut(&item.disk_key()) {
                entry.due = Instant::now() + wait(entry.attempts);
                entry.attempts += 1;
                entry.under_way = false;
                entry.item = item;
            }
            keep
        };
        let node = self.node.clone();
        Box::pin(async move {
            if let Err(error) = node.store.commit(Batch(vec![op])).await {
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

impl Handler<Items> for OutboxActor {
    type Result = MessageResult<Items>;

    fn handle(&mut self, _: Items, _: &mut Ctx<Self>) -> Self::Result {
        let in_doubt = self.node.clock.in_doubt();
        let waiting = |item: &Item| Waiting {
            id: item.id,
            label: item.label.clone(),
            since: item.since,
            progress: Progress::of(item),
            last_error: if in_doubt { Some("the clock is in doubt".to_owned()) } else { item.last_error.clone() },
        };
        MessageResult(self.entries.values().map(|e| waiting(&e.item)).collect())
    }
}
