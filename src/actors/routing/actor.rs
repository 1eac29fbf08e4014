//! The routing actor: short handlers around `overlay::RoutingTable`, and the timers that keep it fresh.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, ResponseFuture};
use tokio::time::Instant;

use super::contacts;
use super::health::Health;
use super::knocks::Knocks;
use super::messages::{Failed, Greeted, LookedUp, MoreBootpeers, Named, Persist, Probed, Reached, Woke};
use super::probes::Probes;
use super::refresh::{join_anew, refresh};
use super::search::{LONGEST, find_closest};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::overlay::{self, ALPHA, LONGEST_SILENCE, RoutingTable};
use crate::types::{Contact, NodeId, Rng};

/// How often contacts are looked after.
const TICK: Duration = Duration::from_secs(5);
/// So long after the start the way by bootpeers, which was just taken, is not taken again to look after the own place.
const YOUNG: Duration = Duration::from_secs(120);
/// Where nobody is logged in and nothing is to be refreshed: contacts may be silent for far longer.
const TICK_CALM: Duration = Duration::from_secs(10);
/// How often it is looked for buckets to refresh, once there were none.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// A bootpeer that was silent for this long is pinged by the others, which are few.
const BOOTPEER_SILENT_AMONG_THEM: Duration = Duration::from_secs(15);
/// By everybody else: whether anchors are up decides what counts as published ...
const BOOTPEER_SILENT: Duration = Duration::from_secs(45);
/// ... which is of no interest where nobody is logged in; thousands of such nodes would keep a bootpeer busy.
const BOOTPEER_SILENT_UNATTENDED: Duration = Duration::from_secs(900);
/// A bucket without a lookup for this long is refreshed (Maymounkov and Mazières 2002, section 2.3).
const STALE: Duration = Duration::from_secs(3600);
/// One far away with hardly a contact is refreshed so soon again.
const SPARSE: Duration = Duration::from_secs(300);
/// Whoever did not reach a bootpeer for so long may have been cut off with others, and have lost those behind the cut.
const CUT_OFF: Duration = Duration::from_secs(30);
/// Several bootpeers come back at the same time.
const ANEW: Duration = Duration::from_secs(60);
/// How often the table is written to disk.
pub(super) const PERSIST: Duration = Duration::from_secs(60);
/// The first time it is: early, so that a node that ends abruptly finds its way back.
const PERSIST_FIRST: Duration = Duration::from_secs(10);

/// The actor.
pub struct RoutingActor {
    pub(super) node: Rc<Context>,
    pub(super) table: RoutingTable,
    /// When the clock of the table began.
    began: Instant,
    probes: Probes,
    pub(super) health: Health,
    pub(super) bootpeers: Vec<Contact>,
    knocks: Knocks,
    pub(super) joined: bool,
    /// When the own key was looked up last by way of bootpeers.
    joined_anew: Option<Instant>,
    /// The lookup of our own place is under way until then at most.
    joining_until: Instant,
    /// When it is looked for buckets that are due for a refresh.
    pub(super) refresh_at: Instant,
    pub(super) persist_at: Instant,
    /// The number of the table's changes when it was written last.
    persisted: Rc<Cell<Option<u64>>>,
    /// Whose turn it is while nobody is reached.
    pub(super) turn: usize,
    rng: Rng,
}

impl RoutingActor {
    /// Builds the actor with the contacts of the last run as candidates.
    pub fn new(node: Rc<Context>) -> Self {
        let bootpeers: Vec<Contact> = node.settings.bootpeers.iter().filter(|b| b.node != node.me).cloned().collect();
        let registrars = node.network.registrars.iter().map(|key| key.node_id()).filter(|id| *id != node.me);
        let health = Health::of(registrars.chain(bootpeers.iter().map(|b| b.node)));
        let table = RoutingTable::new(node.me, node.network.k());
        let rng = node.rng("routing");
        Self {
            table,
            began: Instant::now(),
            probes: Probes::default(),
            health,
            bootpeers,
            knocks: Knocks::default(),
            joined: false,
            joined_anew: None,
            joining_until: Instant::now(),
            refresh_at: Instant::now(),
            persist_at: Instant::now() + PERSIST_FIRST,
            persisted: Rc::default(),
            turn: 0,
            rng,
            node,
        }
    }

    /// Returns the time on the clock of the table, which nobody sets.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn probe(&mut self, contact: Contact) {
        if contact.node != self.node.me {
            self.probes.add(contact);
            self.send_probes();
        }
    }

    /// Probes one of those that matter most, whoever else waits.
    pub(super) fn probe_first(&mut self, contact: Contact) {
        if contact.node != self.node.me {
            self.probes.add_first(contact);
            self.send_probes();
        }
    }

    fn send_probes(&mut self) {
        while let Some(contact) = self.probes.begin() {
            let node = self.node.clone();
            self.node.spawn(async move {
                if let Err(error) = node.probe(&contact).await {
                    tracing::debug!(peer = %contact.node.short(), %error, "probe failed");
                }
                node.doors().routing.probed(contact.node).await;
            });
        }
    }

    /// Forgets all failures and probes everybody: those of the table, those that were, those of the last run, bootpeers
    /// first.
    fn forgive(&mut self) {
        self.node.forgive_absences();
        let lost = self.table.forgive();
        let held: Vec<Contact> = self.table.contacts().into_iter().map(|info| info.contact).collect();
        for contact in held.into_iter().chain(lost).chain(contacts::load(&self.node)) {
            self.probe(contact);
        }
        for contact in self.bootpeers.clone() {
            self.probe_first(self.known(&contact));
        }
    }

    fn join(&mut self) {
        self.joining_until = Instant::now() + LONGEST;
        let node = self.node.clone();
        self.node.spawn(async move {
            let found = find_closest(&node, node.me.key()).await;
            tracing::info!(peers = found.closest.len(), "joined the network");
        });
    }

    /// Looks up the own key as a newcomer does, by way of the bootpeers that are up.
    fn join_anew(&mut self) {
        self.joined_anew = Some(Instant::now());
        self.table.looked_up(&self.node.me.key(), self.now());
        let up = self.bootpeers.iter().filter(|bootpeer| self.health.is_up(&bootpeer.node));
        let up: Vec<Contact> = up.map(|bootpeer| self.known(bootpeer)).take(ALPHA).collect();
        self.node.spawn(join_anew(self.node.clone(), up));
    }

    /// Probes peers that greeted us and have not answered a probe: it may have been lost, or we were busy.
    fn try_those_that_knocked(&mut self) {
        let (table, probes) = (&self.table, &self.probes);
        let again = self.knocks.turn(|node| table.is_near(node), |node| probes.is_under_way(node));
        again.into_iter().for_each(|contact| self.probe(contact));
    }

    fn tick(&mut self) {
        let now = self.now();
        self.call_where_nobody_answers();
        for contact in self.bootpeers.clone() {
            // One that does not answer is asked often: what waits for an anchor goes on when it is back.
            let patient = !self.node.attended.get() && self.health.is_up(&contact.node);
            let silent = match self.node.settings.bootpeer {
                true => BOOTPEER_SILENT_AMONG_THEM,
                false if patient => BOOTPEER_SILENT_UNATTENDED,
                false => BOOTPEER_SILENT,
            };
            if self.health.last(&contact.node).is_none_or(|at| at.elapsed() >= silent) {
                self.probe_first(self.known(&contact));
            }
        }
        self.try_those_that_knocked();
        let heard = |node: &NodeId| self.node.heard.ago(node).map(|ago| now.saturating_sub(ago));
        let silent = self.table.silent(now, heard);
        silent.into_iter().for_each(|contact| self.probe(contact));
        if self.table.is_empty() {
            // Nobody left: everybody we ever knew is worth another try.
            self.forgive();
            self.joined = false;
        }
        self.refresh_stale(now);
        if Instant::now() >= self.persist_at {
            self.persist_at = Instant::now() + PERSIST;
            if self.node.heard.is_many() {
                self.node.heard.keep(LONGEST_SILENCE, self.table.live().map(|(_, entry)| entry.contact.node));
            }
            if self.persisted.get() != Some(self.table.changes()) {
                let node = self.node.clone();
                self.node.spawn(async move { node.doors().routing.persist().await });
            }
        }
    }

    /// Refreshes one bucket that is due for it; not before it is known where the buckets near our own place end.
    fn refresh_stale(&mut self, now: Duration) {
        if Instant::now() < self.joining_until.max(self.refresh_at) {
            return;
        }
        match self.table.stale_buckets(now, STALE, SPARSE, &mut self.rng).into_iter().next() {
            Some(key) => {
                // Counted as made when it begins, so that the next tick begins another one.
                self.table.looked_up(&key, now);
                match key == self.node.me.key() && now > YOUNG {
                    true => self.join_anew(),
                    false => self.node.spawn(refresh(self.node.clone(), key)),
                }
            }
            None => self.refresh_at = Instant::now() + LOOK_AGAIN,
        }
    }

    /// Tells how long the table is left alone.
    fn rest(&self) -> Duration {
        match self.refresh_at > Instant::now() {
            _ if self.table.is_empty() || self.is_lost() || !self.knocks.is_empty() => TICK / 5,
            true if !self.node.attended.get() && !self.node.settings.bootpeer => TICK_CALM,
            _ => TICK,
        }
    }

    /// Returns the best contact known of the same node.
    pub(super) fn known(&self, contact: &Contact) -> Contact {
        self.known_by_id(&contact.node).unwrap_or_else(|| contact.clone())
    }

    /// Returns the best contact known of a node: the one of the table, else its own word, else that of the configuration.
    pub(super) fn known_by_id(&self, node: &NodeId) -> Option<Contact> {
        let greeted = || self.node.greeting(node).map(|greeting| greeting.contact);
        let hint = || self.bootpeers.iter().find(|b| b.node == *node).cloned();
        self.table.contact(node).cloned().or_else(greeted).or_else(hint)
    }
}

impl Actor for RoutingActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        for contact in contacts::load(&self.node) {
            self.probe(contact);
        }
        for contact in self.bootpeers.clone() {
            self.probe_first(contact);
        }
        arm(ctx, TICK / 5);
    }
}

/// Arms the next tick; an interval would make up for every tick missed during a sleep.
fn arm(ctx: &mut Ctx<RoutingActor>, after: Duration) {
    ctx.run_later(after, |actor, ctx| {
        actor.tick();
        arm(ctx, actor.rest());
    });
}

impl Handler<Named> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Named(contacts): Named, _: &mut Ctx<Self>) {
        let lacking = self.table.lacking(contacts, self.now());
        lacking.into_iter().for_each(|contact| self.probe(contact));
    }
}

impl Handler<Greeted> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Greeted(contact): Greeted, _: &mut Ctx<Self>) {
        if self.table.wants(&contact) {
            self.knocks.note(contact.clone());
            // Over the connection by which it greeted us, where that may be used, a probe costs next to nothing.
            let is_cheap = || self.node.net.path(&contact.node).is_some_and(|path| path.connected);
            if self.table.is_near(&contact.node) || is_cheap() {
                self.probe(contact);
            }
        }
    }
}

impl Handler<Reached> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Reached(contact, rtt): Reached, _: &mut Ctx<Self>) {
        self.knocks.reached(&contact.node);
        let gone_for = self.health.gone_for(&contact.node);
        if gone_for.is_some() {
            // It may have been our side that was cut off, and then nobody else was gone either.
            self.node.forgive_absences();
        }
        if self.health.answered(&contact.node) {
            self.node.peers_changed.notify_waiters();
        }
        let of_late = self.joined_anew.is_some_and(|at| at.elapsed() < ANEW);
        if self.joined && !of_late && gone_for.is_some_and(|gone| gone >= CUT_OFF) {
            self.join_anew();
        }
        // A hint from a configuration proves nothing about where others can reach the node.
        if contact.proof.is_none() {
            return;
        }
        if self.table.reached(contact, rtt, self.now()) == overlay::Reached::Added {
            self.node.peers_changed.notify_waiters();
            if !self.joined {
                self.joined = true;
                self.join();
            }
        }
    }
}

impl Handler<Failed> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Failed(peer): Failed, _: &mut Ctx<Self>) {
        self.health.failed(&peer);
        if self.table.failed(&peer, self.now()) == overlay::Failed::Removed {
            self.node.peers_changed.notify_waiters();
        }
    }
}

impl Handler<Probed> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Probed(peer): Probed, _: &mut Ctx<Self>) {
        self.probes.ended(&peer);
        self.send_probes();
    }
}

impl Handler<LookedUp> for RoutingActor {
    type Result = ();

    fn handle(&mut self, LookedUp(key): LookedUp, _: &mut Ctx<Self>) {
        self.table.looked_up(&key, self.now());
        if key == self.node.me.key() {
            self.joining_until = Instant::now();
        }
    }
}

impl Handler<MoreBootpeers> for RoutingActor {
    type Result = ();

    fn handle(&mut self, MoreBootpeers(more): MoreBootpeers, _: &mut Ctx<Self>) {
        for contact in more {
            if contact.node != self.node.me && !self.bootpeers.iter().any(|b| b.node == contact.node) {
                self.health.watch(contact.node);
                self.bootpeers.push(contact.clone());
                self.probe_first(contact);
            }
        }
    }
}

impl Handler<Persist> for RoutingActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Persist, _: &mut Ctx<Self>) -> Self::Result {
        let (node, contacts) = (self.node.clone(), self.table.contacts());
        let (persisted, changes) = (self.persisted.clone(), self.table.changes());
        Box::pin(async move {
            match contacts::save(&node, contacts).await {
                Ok(()) => persisted.set(Some(changes)),
                Err(error) => tracing::warn!(%error, "the routing table was not written"),
            }
        })
    }
}

impl Handler<Woke> for RoutingActor {
    type Result = ();

    fn handle(&mut self, _: Woke, _: &mut Ctx<Self>) {
        self.forgive();
    }
}
