//! The presence actor: when own records are renewed, heartbeats, and which followers are known to be online.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, ResponseFuture, SpawnHandle};
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::held::HeldRecords;
use super::liveness::{HEARTBEAT, Liveness, Moment};
use super::lookout::Lookout;
use super::messages::{Begin, End, Follower, Interested, PeersChanged, Renew, Renewed};
use super::own::{Mark, Own, read_followers};
use super::renew::{Errand, beat, goodbye, is_displaced, nearest_known, renew};
use super::task::Task;
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::types::{AccountId, Contact, DeviceId, Hlc, NodeId, WallTime};

/// Presence lasts 10 minutes and is renewed every 5.
pub(super) const RENEW_PRESENCE: Duration = Duration::from_secs(300);
/// After a start it is renewed so soon, for [`YOUNG`]: those that began at the same time as this node were not yet known
/// to anybody whom it asked for the nearest.
pub(super) const RENEW_YOUNG: Duration = Duration::from_secs(20);
/// How long a node counts as started just now.
pub(super) const YOUNG: Duration = Duration::from_secs(50);
/// Interest lasts 60 minutes, and is renewed at each holder when that is visited anyway; where it was not for so long, by itself.
pub(super) const RENEW_INTEREST: Duration = Duration::from_secs(3120);
/// Who should hold interest is looked up so often where nothing is known to have changed: holders name who is nearer, and so does
/// everybody who is asked when the home is read as a whole.
const LOOK_UP: Duration = Duration::from_secs(12 * 3600);
/// And who should hold the own presence, as nobody reads the own home so often.
const LOOK_UP_OWN: Duration = Duration::from_secs(3600);
/// How often an author asks anew who is interested where no holder says that it changed.
const ASK_FOLLOWERS: Duration = Duration::from_secs(900);
/// How often all places are compared with the table, in case a change of it was missed.
const COMPARE: Duration = Duration::from_secs(60);
/// Between two looks at all places while the table changes, as at a start.
const SETTLE: Duration = Duration::from_secs(2);
/// More than this between two ticks, or between this node's time and its clock: it was asleep.
const AWAY: Duration = Duration::from_secs(10);
/// How long a clean end waits for goodbyes.
const GOODBYE: Duration = Duration::from_secs(1);
/// Most followers that are told of a goodbye by this node itself: as many as are brought a post directly.
const TOLD: usize = 64;
/// Most errands under way at once: an account may follow thousands.
const ERRANDS: usize = 32;

/// The actor.
pub struct PresenceActor {
    pub(super) node: Rc<Context>,
    pub(super) held: HeldRecords,
    pub(super) liveness: Liveness,
    pub(super) lookout: Rc<Lookout>,
    pub(super) own: Option<Own>,
    /// The own presence (no author), and interest in every author: at most the followees an account may have.
    pub(super) tasks: BTreeMap<Option<AccountId>, Task>,
    /// Bounded where they are noted.
    pub(super) followers: BTreeMap<DeviceId, Follower>,
    /// Whether there are more followers than those on the first page of the list: then only these are known.
    pub(super) many: bool,
    /// What each holder of the own presence said of the interest it holds; at most as many as are noted.
    pub(super) prints: BTreeMap<NodeId, u64>,
    ask_at: Instant,
    beat_at: Instant,
    compare_at: Instant,
    settle_at: Instant,
    changed: bool,
    comparing: Rc<Cell<bool>>,
    pub(super) began: Instant,
    ticked: (Instant, WallTime),
    stamp: Hlc,
    pub(super) seq: u64,
    errands: Rc<Semaphore>,
    /// The next look after all this.
    pub(super) timer: Option<SpawnHandle>,
}

impl PresenceActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        let now = Instant::now();
        Self {
            held: HeldRecords::default(),
            liveness: Liveness::default(),
            lookout: Lookout::new(node.clone()),
            own: None,
            tasks: BTreeMap::new(),
            followers: BTreeMap::new(),
            many: false,
            prints: BTreeMap::new(),
            ask_at: now,
            beat_at: now,
            compare_at: now,
            settle_at: now,
            changed: false,
            comparing: Rc::default(),
            began: now,
            ticked: (now, node.now()),
            stamp: Hlc::default(),
            seq: 0,
            errands: Rc::new(Semaphore::new(ERRANDS)),
            timer: None,
            node,
        }
    }

    /// Returns how long the actor has lived: what its judgements are made by.
    pub(super) fn moment(&self) -> Moment {
        self.began.elapsed()
    }

    /// Returns who holds interest in an author, and so the author's presence, as far as this node put it there; of the own
    /// account who holds its presence.
    pub(super) fn holders_of(&self, account: AccountId) -> Vec<Contact> {
        let own = self.own.as_ref().is_some_and(|own| own.account == account);
        self.tasks.get(&Some(account).filter(|_| !own)).map(|task| task.holders.clone()).unwrap_or_default()
    }

    pub(super) fn mark(&mut self) -> Mark {
        self.stamp = self.node.stamp(self.stamp);
        self.seq = self.stamp.0.max(self.seq.saturating_add(1));
        Mark { seq: self.seq, hlc: self.stamp }
    }

    fn due_now(&mut self, author: Option<AccountId>) {
        self.tasks.insert(author, Task::due_now());
    }

    /// Notices that this node was asleep: what it judged is in doubt then, and others have to hear from it.
    pub(super) fn notice_sleep(&mut self) {
        let (now, wall) = (Instant::now(), self.node.now());
        let (ticked, clock) = self.ticked;
        let passed = now.duration_since(ticked);
        if passed > AWAY || wall.since(clock) > passed + AWAY {
            self.liveness.doubt();
            (self.beat_at, self.ask_at, self.changed) = (now, now, true);
        }
        self.ticked = (now, wall);
    }

    pub(super) fn tick(&mut self) {
        self.notice_sleep();
        self.expire();
        self.check_missed();
        let Some(own) = self.own.clone() else { return };
        let now = Instant::now();
        if self.ask_at <= now {
            self.ask_at = now + ASK_FOLLOWERS;
            let (node, account) = (self.node.clone(), own.account);
            self.node.spawn(async move {
                let (followers, more) = read_followers(&node, account).await;
                node.doors().presence.learned(followers, true, more);
            });
        }
        self.beat(&own, now);
        let compare = self.compare_at <= now || (self.changed && self.settle_at <= now);
        if compare && !self.comparing.get() {
            (self.compare_at, self.settle_at) = (now + COMPARE, now + SETTLE);
            // Those under way are compared when they have ended.
            self.changed = self.tasks.values().any(|task| task.under_way);
            self.look_after(&own, |_| true);
        } else {
            self.look_after(&own, |task| task.due <= now || task.holders.is_empty());
        }
    }

    fn beat(&mut self, own: &Own, now: Instant) {
        let Some(task) = self.tasks.get(&None).filter(|task| self.beat_at <= now && !task.holders.is_empty()) else {
            return;
        };
        self.beat_at = now + HEARTBEAT;
        for holder in &task.holders {
            self.node.spawn(beat(self.node.clone(), own.clone(), holder.clone()));
        }
    }

    /// Renews what is due, and what has other nodes near its place than before.
    pub(super) fn look_after(&mut self, own: &Own, which: impl Fn(&Task) -> bool) {
        let now = Instant::now();
        let wanted: Vec<Option<AccountId>> =
            self.tasks.iter().filter(|(_, t)| !t.under_way && which(t)).map(|(author, _)| *author).collect();
        if wanted.is_empty() || self.comparing.get() {
            return;
        }
        let mut errands = Vec::with_capacity(wanted.len());
        for author in wanted {
            let mark = self.mark();
            let Some(task) = self.tasks.get(&author) else { continue };
            let (holders, known, due) = (task.holders.clone(), task.known.clone(), task.due <= now);
            let (least, look_up) = match author {
                Some(_) => (RENEW_INTEREST / 2, LOOK_UP),
                None => (Duration::ZERO, if self.began.elapsed() < YOUNG { Duration::ZERO } else { LOOK_UP_OWN }),
            };
            let stale = if due { task.stale(least) } else { Vec::new() };
            errands.push(Errand { author, mark, holders, stale, due, settled: task.is_settled(look_up), known });
        }
        self.comparing.set(true);
        let (node, own, turns, comparing) =
            (self.node.clone(), own.clone(), self.errands.clone(), self.comparing.clone());
        self.node.spawn(async move {
            for mut errand in errands {
                let place = own.place(errand.author);
                let nearest = nearest_known(&node, place).await;
                let displaced = is_displaced(&node, &place, &errand, &nearest);
                if nearest.is_empty() || (!errand.due && !displaced) {
                    continue;
                }
                errand.settled &= !displaced;
                // Until it has ended, so that no later look begins the same again.
                let (author, known) = (errand.author, errand.known.clone());
                node.doors().presence.renewed(Renewed { author, known, ..Renewed::default() }).await;
                node.spawn(renew(node.clone(), own.clone(), errand, turns.clone()));
            }
            comparing.set(false);
        });
    }
}

impl Actor for PresenceActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.arm(ctx);
        let node = self.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            loop {
                node.peers_changed.notified().await;
                node.doors().presence.peers_changed();
            }
        }));
    }
}

impl Handler<PeersChanged> for PresenceActor {
    type Result = ();

    fn handle(&mut self, _: PeersChanged, _: &mut Ctx<Self>) {
        self.changed = true;
        // What nobody holds yet is sent to the first that can be reached.
        if let Some(own) = self.own.clone() {
            self.look_after(&own, |task| task.holders.is_empty());
        }
    }
}

impl Handler<Begin> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Begin { account, device, authors }: Begin, ctx: &mut Ctx<Self>) {
        if let Some(before) = self.own.replace(Own::new(account, device)) {
            before.end();
        }
        self.tasks.clear();
        self.followers.clear();
        self.many = false;
        self.prints.clear();
        self.ask_at = Instant::now();
        self.due_now(None);
        authors.into_iter().for_each(|author| self.due_now(Some(author)));
        self.tick();
        self.arm(ctx);
    }
}

impl Handler<Interested> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Interested { author, follows }: Interested, _: &mut Ctx<Self>) {
        let Some(own) = self.own.clone() else { return };
        if follows {
            self.due_now(Some(author));
            self.look_after(&own, |task| task.holders.is_empty());
            return;
        }
        let Some(task) = self.tasks.remove(&Some(author)) else { return };
        let (node, mark) = (self.node.clone(), self.mark());
        self.node.spawn(async move { goodbye(&node, &own, Some(author), mark, task.believers()).await });
    }
}

impl Handler<End> for PresenceActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        let tasks = std::mem::take(&mut self.tasks);
        let followers = std::mem::take(&mut self.followers);
        let (node, own, mark) = (self.node.clone(), self.own.take(), self.mark());
        own.iter().for_each(Own::end);
        Box::pin(async move {
            let Some(own) = own else { return };
            let all = tasks.into_iter().map(|(author, mut task)| {
                if author.is_none() {
                    // Those who show lists with this account in it see it at once.
                    task.holders.extend(followers.values().take(TOLD).map(|follower| follower.contact.clone()));
                }
                goodbye(&node, &own, author, mark, task.believers())
            });
            if timeout(GOODBYE, join_all(all)).await.is_err() {
                tracing::debug!("some goodbyes were not heard in time");
            }
        })
    }
}

impl Handler<Renew> for PresenceActor {
    type Result = ();

    fn handle(&mut self, _: Renew, _: &mut Ctx<Self>) {
        self.ask_at = Instant::now();
        // Who is nearest may be others by now.
        self.tasks.values_mut().for_each(|task| (task.due, task.looked_up) = (Instant::now(), None));
        self.tick();
    }
}
