//! The gc actor and its door.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context as Ctx, Handler, Message, ResponseFuture};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::home::Ripening;
use super::look::{Next, look};
use super::marks;
use crate::actors::context::Context;
use crate::actors::door::{Door, Gone};
use crate::records::Record;
use crate::seam::{Batch, Lane, Op, Reader, offload};
use crate::types::{AccountId, Section, WallTime};

/// Removes what has ended by now, and collects what may be; ready when it is gone.
#[derive(Message)]
#[rtype(result = "()")]
struct Sweep;

/// Sweeps are at least this far apart, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(100);
/// Between two sweeps, homes whose time has come are looked at this far apart.
const SOON: Duration = Duration::from_secs(10);
/// Homes looked at in one sweep; the others wait for the next.
const HOMES: usize = 64;
/// Homes looked at side by side.
const AT_ONCE: usize = 8;
/// Most homes that are due at some time; more are found by the scan after the next start.
const DUE: usize = 200_000;
/// A clock that ran so much further than time did has jumped.
const JUMP: Duration = Duration::from_secs(5);
/// A node that was not there for so long beyond its interval may have missed anything.
const AWAY: Duration = Duration::from_secs(600);

/// The actor.
pub struct GcActor {
    shared: Rc<Shared>,
}

struct Shared {
    node: Rc<Context>,
    state: Mutex<State>,
}

/// When a home is looked at.
#[derive(Clone, Copy)]
struct Due {
    /// When what lies here is looked at.
    at: Instant,
    /// From when on others are asked as well, even where nothing seems to be collectable; no earlier than `at`.
    ask: Option<Instant>,
}

/// Which homes are due when. One sweep at a time holds it.
struct State {
    due: BTreeMap<AccountId, Due>,
    scanned: bool,
    marks: usize,
    /// Where the walk over ended marks goes on.
    walk: Option<Bytes>,
    /// The time of the last sweep by both clocks.
    last: (Instant, WallTime),
    /// When the clock last jumped.
    jumped: WallTime,
}

impl GcActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        let state = State {
            due: BTreeMap::new(),
            scanned: false,
            marks: marks::count(&node),
            walk: None,
            last: (Instant::now(), node.now()),
            jumped: WallTime::default(),
        };
        Self { shared: Rc::new(Shared { node, state: Mutex::new(state) }) }
    }
}

impl Actor for GcActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        let every = self.shared.node.settings.gc_interval.max(SHORTEST);
        arm(ctx, every, Instant::now() + every, None);
    }
}

/// Arms the next sweep, or before it a look at homes whose time comes `first`; what follows only when that has ended, as a
/// long login may hold it up.
fn arm(ctx: &mut Ctx<GcActor>, every: Duration, sweep_at: Instant, first: Option<Instant>) {
    let soon = first.map(|first| first.max(Instant::now() + SOON)).filter(|soon| *soon < sweep_at);
    let wait = soon.unwrap_or(sweep_at).saturating_duration_since(Instant::now());
    ctx.run_later(wait, move |actor, ctx| {
        let shared = actor.shared.clone();
        let work = async move { if soon.is_some() { look_again(shared).await } else { sweep(shared).await } };
        let next = move |first, _: &mut GcActor, ctx: &mut Ctx<GcActor>| {
            let sweep_at = if soon.is_some() { sweep_at } else { Instant::now() + every };
            arm(ctx, every, sweep_at, first);
        };
        ctx.spawn(wrap_future::<_, GcActor>(work).map(next));
    });
}

/// Looks at homes whose time has come; returns when that of the next one comes.
async fn look_again(shared: Rc<Shared>) -> Option<Instant> {
    let mut state = shared.state.lock().await;
    if !shared.node.clock.in_doubt() {
        state.look_at_due(&shared.node).await;
    }
    state.next_due()
}

/// Does all that comes with time; returns when that of the next home comes.
async fn sweep(shared: Rc<Shared>) -> Option<Instant> {
    let node = &shared.node;
    let mut state = shared.state.lock().await;
    state.watch_clock(node);
    // Keeping too long does no harm; deleting by a wrong clock does.
    if node.clock.in_doubt() {
        tracing::warn!("the clock is in doubt: nothing is removed");
        return None;
    }
    node.doors().session.tend_log().await;
    node.doors().feed.expire().await;
    let (mut ops, walk, _) = marks::ended(node, state.walk.as_ref());
    (state.walk, state.marks) = (walk, state.marks.saturating_sub(ops.len()));
    ops.push(Op::Expire(node.horizon()));
    if let Err(error) = node.store.commit(Batch(ops)).await {
        tracing::warn!(%error, "what has ended was not removed");
    }
    state.collect(node).await;
    state.next_due()
}

impl State {
    /// Notices that the clock jumped, or that the node slept.
    fn watch_clock(&mut self, node: &Rc<Context>) {
        let (now, wall) = (Instant::now(), node.now());
        let (passed, by_clock) = (now.duration_since(self.last.0), wall.since(self.last.1));
        if by_clock > passed + JUMP || wall < self.last.1 {
            self.jumped = wall;
        }
        if passed.max(by_clock) > node.settings.gc_interval + AWAY {
            self.due.values_mut().for_each(|due| *due = Due { at: now, ask: Some(now) });
        }
        self.last = (now, wall);
    }

    /// Looks at the homes that have changed and at those that are due.
    async fn collect(&mut self, node: &Rc<Context>) {
        if !self.scanned || node.homes.has_missed() {
            self.scanned = self.scan(node).await;
        }
        let now = Instant::now();
        for (account, ask) in node.homes.take() {
            self.put_off(account, now, ask.then_some(now));
        }
        self.look_at_due(node).await;
    }

    /// Returns when the time of the next home comes.
    fn next_due(&self) -> Option<Instant> {
        self.due.values().map(|due| due.at).min()
    }

    /// Looks at the homes that are due, as many as a sweep takes.
    async fn look_at_due(&mut self, node: &Rc<Context>) {
        let now = Instant::now();
        let due = self.due.iter().filter(|(_, due)| due.at <= now);
        let mut due: Vec<_> = due.map(|(a, due)| (due.at, *a, due.ask.is_some_and(|at| at <= now))).collect();
        due.sort_unstable();
        due.truncate(HOMES);
        let min_age = node.settings.retention.min_age;
        let ripening = Ripening { min_age, jumped: self.jumped };
        for some in due.chunks(AT_ONCE) {
            let marks = self.marks;
            let looks = some.iter().map(|(_, account, ask)| look(node, *account, *ask, ripening, marks));
            for ((_, account, _), look) in some.iter().zip(join_all(looks).await) {
                self.marks += look.collected;
                let was = self.due.remove(account);
                if let Next::After(wait, ask) = look.next {
                    let next = Instant::now() + wait;
                    // A change lets a home be looked at sooner; others are asked when that was due, if not just now.
                    let put_off = was.and_then(|due| due.ask).filter(|_| !look.asked);
                    self.put_off(*account, next, ask.then_some(next).into_iter().chain(put_off).min());
                }
            }
        }
    }

    fn put_off(&mut self, account: AccountId, until: Instant, ask: Option<Instant>) {
        if self.due.len() >= DUE && !self.due.contains_key(&account) {
            return;
        }
        let due = self.due.entry(account).or_insert(Due { at: until, ask });
        due.ask = due.ask.into_iter().chain(ask).min();
        due.at = due.at.min(until).min(due.ask.unwrap_or(until));
    }

    /// Finds all homes with posts: after a start nobody knows what was missed. False when the store could not be read.
    async fn scan(&mut self, node: &Rc<Context>) -> bool {
        let Ok(mut reader) = node.store.reader() else { return false };
        let job = move || authors(&mut *reader);
        let Some(found) = offload(&*node.offload, Lane::Bulk, job).await else { return false };
        let now = Instant::now();
        found.into_iter().for_each(|account| self.put_off(account, now, Some(now)));
        true
    }
}

/// Returns all accounts whose posts are in the store, as many as may be due.
fn authors(reader: &mut dyn Reader) -> Vec<AccountId> {
    let mut found = Vec::new();
    let walked = reader.walk(None, &mut |row| {
        if row.section == Section::Post {
            // Posts of one account lie together.
            let author = Record::decode(row.bytes.to_bytes()).ok().and_then(|record| record.account());
            found.extend(author.filter(|author| found.last() != Some(author)));
        }
        if found.len() < DUE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if let Err(error) = walked {
        tracing::warn!(%error, "not all homes were found");
    }
    found
}

impl Handler<Sweep> for GcActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Sweep, _: &mut Ctx<Self>) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            sweep(shared).await;
        })
    }
}

/// A handle to the gc actor.
#[derive(Clone)]
pub struct GcHandle(pub(in crate::actors) Door<GcActor>);

impl GcHandle {
    /// Removes what has ended by now, and collects what may be.
    pub async fn sweep(&self) -> Result<(), Gone> {
        self.0.ask(Sweep).await
    }
}
