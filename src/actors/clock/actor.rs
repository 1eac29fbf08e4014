//! The clock actor: looks at the clocks and at where the node is every second or two, and asks time servers when it is time to.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult};
use tokio::time::Instant;

use super::kept::Kept;
use super::messages::{ClockState, Heard, State, Synced};
use super::sync::{Round, ask_all};
use super::wake::{Whereabouts, Why, look_around};
use crate::actors::context::Context;
use crate::clock::{Doubts, Passage, Reading};
use crate::seam::{Batch, Clock, SetClockError};
use crate::types::{PublicKey, WallTime};

/// How often the clocks are looked at where somebody is logged in.
const TICK: Duration = Duration::from_secs(1);
/// Elsewhere nobody waits for what is noticed, and a clock that was set is in doubt before anybody looks. Well below the pause that
/// counts as sleep, on a busy machine too.
const TICK_UNATTENDED: Duration = Duration::from_secs(2);
/// The first wait after a round that brought no agreement; doubled each time, up to the configured interval.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// A server that asked to be left alone is, for this long.
const REST: Duration = Duration::from_secs(3600);
/// How often it is written down how far the clock has come; two writes an hour.
const KEEP: Duration = Duration::from_secs(1800);
/// A correction larger than this means that the system's clock is wrong, and may be another one after a restart.
const WRONG_MS: u64 = 5_000;
/// The system's clock is set when it is off by more than this; less is left to whoever else keeps it.
const SET_MS: u64 = 100;

/// The actor.
pub struct ClockActor {
    node: Rc<Context>,
    whereabouts: Whereabouts,
    doubts: Doubts,
    kept: Kept,
    keep_at: Instant,
    /// When servers are asked next; `None` while they are.
    ask_at: Option<Instant>,
    failures: u32,
    /// Servers that asked to be left alone, at most all of them, and until when.
    resting: BTreeMap<usize, Instant>,
    server: Option<usize>,
    doubted: bool,
    not_set: Option<SetClockError>,
    /// Whether the node slept, or its clock was set, while servers were asked.
    spoilt: bool,
}

impl ClockActor {
    /// Builds the actor with what the last run left.
    pub fn new(node: Rc<Context>) -> Self {
        let clock = &node.own_clock;
        let (now, reading) = (clock.now(), clock.read());
        let has_servers = node.time.is_some() && !node.settings.time.servers.is_empty();
        let found = Kept::load(&node);
        let before = found.unwrap_or(Kept { agreed: None, first: None, offset_ms: 0, step_ms: None, good: now });
        let kept = Kept { first: before.first.or(has_servers.then_some(now)), ..before };
        let since = kept.agreed.or(kept.first).unwrap_or(now);
        let mut doubts = Doubts::new(has_servers, now.since(since).saturating_sub(reading.passed));
        doubts.trust(node.network.registrars.iter().map(PublicKey::node_id).collect());
        let fell = WallTime(kept.good.0.saturating_sub(WRONG_MS)) > now;
        let uncorrected = has_servers && clock.offset_ms() == 0 && kept.offset_ms.unsigned_abs() > WRONG_MS;
        let step = match kept.step_ms {
            Some(step) => Some(step),
            // Between two runs a clock can be seen to have been set only where it runs backwards.
            None if fell => Some(-(kept.good.since(now).as_millis() as i64)),
            // The system's clock was wrong, and whether it still is only servers can say.
            None if uncorrected => Some(kept.offset_ms),
            None => None,
        };
        if let Some(step) = step {
            doubts.stepped(step, reading.passed);
            clock.begin_in_doubt(kept.good);
        }
        let doubted = step.is_some();
        let now = Instant::now();
        Self {
            whereabouts: Whereabouts::of(&node),
            node,
            doubts,
            kept,
            keep_at: if found.is_some() { now + KEEP } else { now },
            ask_at: has_servers.then_some(now),
            failures: 0,
            resting: BTreeMap::new(),
            server: None,
            doubted,
            not_set: None,
            spoilt: false,
        }
    }

    fn tick(&mut self) {
        let clock = self.node.own_clock.clone();
        let reading = clock.read();
        let passage = clock.since_look(&reading);
        clock.looked(reading);
        self.passed(passage, &reading);
        self.whereabouts.look(&self.node);
        self.judge(&reading);
        let now = Instant::now();
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask(now);
        }
        if self.keep_at <= now {
            self.keep();
        }
    }

    /// Notes sleep and steps.
    fn passed(&mut self, Passage { woke, step_ms }: Passage, reading: &Reading) {
        if !woke && step_ms == 0 {
            return;
        }
        if woke && step_ms != 0 && self.node.own_clock.uptime().is_none() {
            // Perhaps it slept, and nothing tells how long.
            self.doubts.forget_peers();
        }
        if step_ms != 0 {
            tracing::warn!(step_ms, "the system's clock was set");
            self.doubts.stepped(step_ms, reading.passed);
            self.keep();
        }
        self.spoilt = true;
        self.failures = 0;
        self.ask_at = self.ask_at.map(|_| Instant::now());
        self.whereabouts.settle(&self.node);
        self.node.spawn(look_around(self.node.clone(), Why::Awake));
    }

    /// Applies the rules of doubt; what waited goes on when it is over.
    fn judge(&mut self, reading: &Reading) {
        let clock = &self.node.own_clock;
        let (now, before) = (clock.now(), self.doubts.step());
        self.doubts.settle(now, reading.passed);
        let doubt = self.doubts.doubt(now, reading.passed);
        clock.judge(doubt.is_some());
        let doubted = clock.in_doubt();
        if doubted != self.doubted {
            self.doubted = doubted;
            if doubted {
                tracing::warn!(?doubt, "the clock is in doubt: nothing ends, and posts wait");
            } else {
                tracing::info!("the clock is beyond doubt");
                self.node.peers_changed.notify_waiters();
            }
        }
        if before != self.doubts.step() {
            self.keep();
        }
    }

    fn ask(&mut self, now: Instant) {
        let Some(source) = self.node.time.clone() else { return };
        (self.ask_at, self.spoilt) = (None, false);
        self.resting.retain(|_, until| *until > now);
        let resting: BTreeSet<usize> = self.resting.keys().copied().collect();
        let (node, servers) = (self.node.clone(), self.node.settings.time.servers.clone());
        self.node.spawn(async move {
            let round = ask_all(source, servers, resting).await;
            node.doors().clock.synced(round).await;
        });
    }

    /// Takes what a round brought.
    fn synced(&mut self, Round { agreed, refused }: Round) {
        let (now, interval) = (Instant::now(), self.node.settings.time.interval);
        self.resting.extend(refused.into_iter().map(|server| (server, now + REST)));
        self.tick();
        if self.spoilt {
            // The answers are about a clock that was set since.
            self.ask_at = Some(now);
            return;
        }
        let Some(agreed) = agreed else {
            let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(interval);
            self.failures = self.failures.saturating_add(1);
            self.ask_at = Some(now + wait);
            tracing::warn!(?wait, "the time servers gave no time that a majority agrees on");
            return;
        };
        (self.failures, self.ask_at, self.server) = (0, Some(now + interval), Some(agreed.server));
        let clock = self.node.own_clock.clone();
        let offset_ms = (agreed.offset_us + agreed.offset_us.signum() * 500) / 1000;
        clock.correct(offset_ms);
        if self.node.settings.time.set_system && offset_ms.unsigned_abs() > SET_MS {
            self.set_system(offset_ms);
        }
        let reading = clock.read();
        clock.looked(reading);
        self.doubts.agreed(reading.passed);
        self.kept.agreed = Some(clock.now());
        self.judge(&reading);
        self.keep();
    }

    /// Moves the system's clock to where the node's is.
    fn set_system(&mut self, by_ms: i64) {
        let Some(source) = self.node.time.clone() else { return };
        match source.set_system(by_ms) {
            Ok(()) => {
                self.node.own_clock.correct(0);
                self.not_set = None;
                tracing::info!(by_ms, "the system's clock was set");
            }
            Err(error) => {
                self.not_set = Some(error);
                tracing::warn!(%error, "only the node's own clock was corrected");
            }
        }
    }

    fn keep(&mut self) {
        self.keep_at = Instant::now() + KEEP;
        let clock = &self.node.own_clock;
        self.kept =
            Kept { offset_ms: clock.offset_ms(), step_ms: self.doubts.step(), good: clock.horizon(), ..self.kept };
        let kept = self.node.store.commit(Batch(vec![self.kept.keep()]));
        self.node.spawn(async move {
            if let Err(error) = kept.await {
                tracing::warn!(%error, "the state of the clock was not written");
            }
        });
    }
}

impl Actor for ClockActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        self.tick();
        arm(ctx, TICK);
    }
}

fn arm(ctx: &mut Ctx<ClockActor>, after: Duration) {
    ctx.run_later(after, |actor, ctx| {
        actor.tick();
        arm(ctx, if actor.node.attended.get() { TICK } else { TICK_UNATTENDED });
    });
}

impl Handler<Heard> for ClockActor {
    type Result = ();

    fn handle(&mut self, Heard { peer, time, at }: Heard, _: &mut Ctx<Self>) {
        let now = self.node.own_clock.read().passed;
        self.doubts.heard(peer, time.plus(at.elapsed()), now);
    }
}

impl Handler<Synced> for ClockActor {
    type Result = ();

    fn handle(&mut self, Synced(round): Synced, _: &mut Ctx<Self>) {
        self.synced(round);
    }
}

impl Handler<State> for ClockActor {
    type Result = MessageResult<State>;

    fn handle(&mut self, _: State, _: &mut Ctx<Self>) -> Self::Result {
        let (clock, settings) = (&self.node.own_clock, &self.node.settings.time);
        let (now, at) = (clock.now(), clock.read().passed);
        let (peers, peers_ahead_ms) = self.doubts.peers(now, at);
        MessageResult(ClockState {
            now,
            servers: settings.servers.len(),
            server: self.server.and_then(|server| settings.servers.get(server).cloned()),
            offset_ms: self.server.map(|_| clock.offset_ms()),
            last: self.kept.agreed,
            failing: self.failures > 0,
            in_doubt: clock.in_doubt(),
            doubt: self.doubts.doubt(now, at),
            peers,
            peers_ahead_ms,
            not_set: self.not_set,
        })
    }
}
