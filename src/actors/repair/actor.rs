//! The repair actor: answers peers, and makes a round every ten minutes, and where the neighbourhood changes.

use std::rc::Rc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use tokio::time::{Instant, sleep_until};

use super::answer;
use super::messages::{CompareWith, FetchFor, IsSynced, Rest, Woke};
use super::round::round;
use super::shared::Shared;
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::wire::{Differences, ErrorCode, Fetched};

/// The first round after a start: the table has filled and the node has joined by then.
const START: Duration = Duration::from_secs(2);
/// Every stretch is compared so often, give or take a tenth.
const INTERVAL: Duration = Duration::from_secs(600);
/// So long after a change of the neighbourhood: several come together.
const SETTLE: Duration = Duration::from_secs(5);
/// And so long where it changed within the last [`OFTEN`] as well: while many come and go, more of them are taken together.
const SETTLE_AGAIN: Duration = Duration::from_secs(12);
const OFTEN: Duration = Duration::from_secs(20);
/// While this node may lack what it should have.
const HURRY: Duration = Duration::from_secs(8);

/// The actor.
pub struct RepairActor {
    shared: Rc<Shared>,
}

impl RepairActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { shared: Rc::new(Shared::new(node, START)) }
    }
}

impl Actor for RepairActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.spawn(wrap_future(rounds(self.shared.clone())));
        ctx.spawn(wrap_future(watch(self.shared.clone())));
    }
}

/// Asks for a round whenever peers come or go.
async fn watch(shared: Rc<Shared>) {
    loop {
        shared.node.peers_changed.notified().await;
        let jitter = shared.rng.borrow_mut().below(SETTLE.as_millis() as u64);
        let often = shared.changed.get().is_some_and(|at| at.elapsed() < OFTEN);
        shared.nudge(if often { SETTLE_AGAIN } else { SETTLE } + Duration::from_millis(jitter));
    }
}

async fn rounds(shared: Rc<Shared>) {
    let node = shared.node.clone();
    loop {
        wait(&shared).await;
        if node.is_closing() {
            return;
        }
        let away = shared.absence.watch(&node);
        if shared.absence.has_stepped() {
            // By a wrong clock much had ended, or was from the future, and was not taken.
            shared.declined.borrow_mut().clear();
            shared.settled.borrow_mut().clear();
            shared.due.set(Instant::now());
        }
        let full = away || !node.is_synced() || Instant::now() >= shared.due.get();
        if full {
            shared.absence.keep(&node);
            let tenth = INTERVAL / 10;
            let jitter = shared.rng.borrow_mut().below(2 * tenth.as_millis() as u64);
            shared.due.set(Instant::now() + INTERVAL - tenth + Duration::from_millis(jitter));
        }
        // In memory only while it is made: this task lives as long as the node.
        Box::pin(round(&shared, full)).await;
        if !node.is_synced() {
            shared.due.set(shared.due.get().min(Instant::now() + HURRY));
        }
    }
}

/// Waits until a round is due.
async fn wait(shared: &Shared) {
    loop {
        let soon = shared.soon.get();
        let at = soon.map_or(shared.due.get(), |soon| soon.min(shared.due.get()));
        tokio::select! {
            biased;
            () = shared.nudged.notified() => {}
            () = sleep_until(at) => {
                shared.soon.set(None);
                return;
            }
        }
    }
}

impl Handler<CompareWith> for RepairActor {
    type Result = ResponseFuture<Result<Differences, ErrorCode>>;

    fn handle(&mut self, CompareWith { from, stretches }: CompareWith, _: &mut Ctx<Self>) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move { answer::compare(&shared, from, stretches).await })
    }
}

impl Handler<FetchFor> for RepairActor {
    type Result = ResponseFuture<Result<Fetched, ErrorCode>>;

    fn handle(&mut self, FetchFor { from, fetch }: FetchFor, _: &mut Ctx<Self>) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move { answer::fetch(&shared, from, fetch).await })
    }
}

impl Handler<Woke> for RepairActor {
    type Result = ();

    fn handle(&mut self, _: Woke, _: &mut Ctx<Self>) {
        if self.shared.absence.watch(&self.shared.node) {
            self.shared.due.set(Instant::now());
            self.shared.nudge(START);
        }
    }
}

impl Handler<Rest> for RepairActor {
    type Result = ();

    fn handle(&mut self, Rest(time): Rest, _: &mut Ctx<Self>) {
        self.shared.soon.set(None);
        self.shared.due.set(Instant::now() + time);
        self.shared.nudged.notify_one();
    }
}

impl Handler<IsSynced> for RepairActor {
    type Result = MessageResult<IsSynced>;

    fn handle(&mut self, _: IsSynced, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.shared.node.is_synced())
    }
}
