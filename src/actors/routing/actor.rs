//! The routing actor: short handlers around `overlay::RoutingTable`, and the timers that keep it fresh.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};

use super::contacts;
use super::messages::{
    Anchors, BootpeerState, Closest, Failed, Greeted, Heard, LookedUp, MoreBootpeers, Overview, Peer, Peers, Persist,
    Probed, Reached, RoutingOverview,
};
use super::search::find_closest;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::overlay::{self, RoutingTable};
use crate::types::{Contact, NodeId, Rng, WallTime};
use crate::wire::{FLAG_BOOTPEER, Ping};

/// How often contacts are looked after.
const TICK: Duration = Duration::from_secs(5);
/// A contact that was silent for this long is pinged.
const SILENT: Duration = Duration::from_secs(60);
/// A bootpeer that was silent for this long is pinged: whether anchors are up decides what counts as published.
const BOOTPEER_SILENT: Duration = Duration::from_secs(15);
/// A bucket without a lookup for this long is refreshed (Maymounkov and Mazières 2002, section 2.3).
const STALE: Duration = Duration::from_secs(3600);
/// How often the table is written to disk.
const PERSIST: Duration = Duration::from_secs(60);
/// Most probes under way at once.
const PROBES: usize = 32;

/// Most peers that greeted us and are tried again: as many as are probed within some ticks.
const KNOCKED: usize = 256;
/// How often such a peer is tried again before it has to greet us anew.
const KNOCK_TRIES: u8 = 5;

/// What is known of a peer that matters whether or not it is in the table: bootpeers and anchors.
#[derive(Default, Clone, Copy)]
struct Health {
    answered: Option<WallTime>,
    failed: bool,
}

/// The actor.
pub struct RoutingActor {
    node: Rc<Context>,
    table: RoutingTable,
    /// Candidates being probed, at most [`PROBES`].
    probing: BTreeMap<NodeId, ()>,
    /// Bootpeers and anchors: at most the configured bootpeers and the registrars.
    health: BTreeMap<NodeId, Health>,
    bootpeers: Vec<Contact>,
    /// Peers that greeted us and were not reached yet, with how often they are still tried; at most [`KNOCKED`].
    knocked: BTreeMap<NodeId, (Contact, u8)>,
    joined: bool,
    persisted: WallTime,
    rng: Rng,
}

impl RoutingActor {
    /// Builds the actor with the contacts of the last run as candidates.
    pub fn new(node: Rc<Context>) -> Self {
        let bootpeers: Vec<Contact> = node.settings.bootpeers.iter().filter(|b| b.node != node.me).cloned().collect();
        let registrars = node.network.registrars.iter().map(|key| key.node_id()).filter(|id| *id != node.me);
        let health = registrars.chain(bootpeers.iter().map(|b| b.node)).map(|id| (id, Health::default())).collect();
        let table = RoutingTable::new(node.me, node.network.k());
        let rng = node.rng("routing");
        Self {
            table,
            probing: BTreeMap::new(),
            health,
            bootpeers,
            knocked: BTreeMap::new(),
            joined: false,
            persisted: node.now(),
            rng,
            node,
        }
    }

    fn probe(&mut self, contact: Contact) {
        if contact.node == self.node.me || self.probing.len() >= PROBES || self.probing.contains_key(&contact.node) {
            return;
        }
        self.probing.insert(contact.node, ());
        let node = self.node.clone();
        self.node.spawn(async move {
            if let Err(error) = node.call(&contact, &Ping {}, Patience::Read).await {
                tracing::debug!(peer = %contact.node.short(), %error, "probe failed");
            }
            node.doors().routing.probed(contact.node).await;
        });
    }

    fn join(&mut self) {
        let node = self.node.clone();
        self.node.spawn(async move {
            let found = find_closest(&node, node.me.key()).await;
            tracing::info!(peers = found.closest.len(), "joined the network");
        });
    }

    /// Probes peers that greeted us and have not answered a probe: it may have been lost, or we were busy.
    fn try_those_that_knocked(&mut self) {
        self.knocked.retain(|_, (_, left)| *left > 0);
        let again: Vec<Contact> = self
            .knocked
            .values_mut()
            .map(|(contact, left)| {
                *left -= 1;
                contact.clone()
            })
            .collect();
        again.into_iter().for_each(|contact| self.probe(contact));
    }

    fn tick(&mut self) {
        let now = self.node.now();
        for contact in self.bootpeers.clone() {
            let answered = self.health.get(&contact.node).and_then(|h| h.answered);
            if answered.is_none_or(|at| now.since(at) >= BOOTPEER_SILENT) {
                self.probe(self.known(&contact));
            }
        }
        self.try_those_that_knocked();
        let mut silent: Vec<_> =
            self.table.contacts().into_iter().filter(|c| now.since(c.last_seen) >= SILENT).collect();
        silent.sort_by_key(|c| (c.last_seen, c.contact.node));
        for info in silent {
            self.probe(info.contact);
        }
        if self.table.is_empty() {
            // Nobody left: everybody we ever knew is worth another try.
            for contact in self.table.forgive().into_iter().chain(contacts::load(&self.node)) {
                self.probe(contact);
            }
            self.joined = false;
        }
        if let Some(key) = self.table.stale_buckets(now, STALE, &mut self.rng).into_iter().next() {
            let node = self.node.clone();
            self.node.spawn(async move { drop(find_closest(&node, key).await) });
        }
        if now.since(self.persisted) >= PERSIST {
            self.persisted = now;
            let node = self.node.clone();
            self.node.spawn(async move { node.doors().routing.persist().await });
        }
    }

    /// Returns the best contact known of the same node.
    fn known(&self, contact: &Contact) -> Contact {
        let greeted = self.node.greeting(&contact.node).map(|g| g.contact);
        self.table.contact(&contact.node).cloned().or(greeted).unwrap_or_else(|| contact.clone())
    }
}

impl Actor for RoutingActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        for contact in contacts::load(&self.node).into_iter().chain(self.bootpeers.clone()) {
            self.probe(contact);
        }
        arm(ctx, TICK / 5);
    }
}

/// Arms the next tick; an interval would make up for every tick missed during a sleep.
fn arm(ctx: &mut Ctx<RoutingActor>, after: Duration) {
    ctx.run_later(after, |actor, ctx| {
        actor.tick();
        let hurry = actor.table.is_empty() || !actor.knocked.is_empty();
        arm(ctx, if hurry { TICK / 5 } else { TICK });
    });
}

impl Handler<Closest> for RoutingActor {
    type Result = MessageResult<Closest>;

    fn handle(&mut self, message: Closest, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.table.closest(&message.key, message.n))
    }
}

impl Handler<Heard> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Heard(contact): Heard, _: &mut Ctx<Self>) {
        if self.table.heard(&contact, self.node.now()) {
            self.probe(contact);
        }
    }
}

impl Handler<Greeted> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Greeted(contact): Greeted, _: &mut Ctx<Self>) {
        let known = self.table.contact(&contact.node).is_some_and(|held| held.seq >= contact.seq);
        if !known {
            if self.knocked.len() < KNOCKED {
                self.knocked.insert(contact.node, (contact.clone(), KNOCK_TRIES));
            }
            self.probe(contact);
        }
    }
}

impl Handler<Reached> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Reached(contact, rtt): Reached, _: &mut Ctx<Self>) {
        let now = self.node.now();
        self.knocked.remove(&contact.node);
        if let Some(health) = self.health.get_mut(&contact.node) {
            let back = health.failed || health.answered.is_none();
            *health = Health { answered: Some(now), failed: false };
            if back {
                self.node.peers_changed.notify_waiters();
            }
        }
        // A hint from a configuration proves nothing about where others can reach the node.
        if contact.proof.is_none() {
            return;
        }
        if self.table.reached(contact, rtt, now) == overlay::Reached::Added {
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
        if let Some(health) = self.health.get_mut(&peer) {
            health.failed = true;
        }
        if self.table.failed(&peer, self.node.now()) == overlay::Failed::Removed {
            self.node.peers_changed.notify_waiters();
        }
    }
}

impl Handler<Probed> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Probed(peer): Probed, _: &mut Ctx<Self>) {
        self.probing.remove(&peer);
    }
}

impl Handler<LookedUp> for RoutingActor {
    type Result = ();

    fn handle(&mut self, LookedUp(key): LookedUp, _: &mut Ctx<Self>) {
        self.table.looked_up(&key, self.node.now());
    }
}

impl Handler<Peers> for RoutingActor {
    type Result = MessageResult<Peers>;

    fn handle(&mut self, _: Peers, _: &mut Ctx<Self>) -> Self::Result {
        let peer = |info: overlay::ContactInfo| Peer {
            connected: self.node.net.path(&info.contact.node).is_some_and(|p| p.connected),
            bootpeer: self.node.network.is_registrar(&info.contact.node)
                || self.node.greeting(&info.contact.node).is_some_and(|g| g.flags & FLAG_BOOTPEER != 0),
            contact: info.contact,
            bucket: info.bucket,
            rtt: info.rtt,
            last_seen: info.last_seen,
        };
        MessageResult(self.table.contacts().into_iter().map(peer).collect())
    }
}

impl Handler<Overview> for RoutingActor {
    type Result = MessageResult<Overview>;

    fn handle(&mut self, _: Overview, _: &mut Ctx<Self>) -> Self::Result {
        let state = |contact: &Contact| {
            let health = self.health.get(&contact.node).copied().unwrap_or_default();
            BootpeerState {
                online: health.answered.is_some() && !health.failed,
                rtt: self.node.net.path(&contact.node).map(|p| p.srtt),
                software: self.node.greeting(&contact.node).map(|g| g.software),
                contact: contact.clone(),
            }
        };
        let up =
            |id: &NodeId| *id == self.node.me || self.health.get(id).is_some_and(|h| h.answered.is_some() && !h.failed);
        MessageResult(RoutingOverview {
            known: self.table.len(),
            connected: self.node.net.connected().len(),
            addresses: self.node.net.addresses(),
            registrars_reachable: self.node.network.registrars.iter().map(|k| k.node_id()).filter(up).count(),
            size_estimate: self.table.size_estimate(),
            bootpeers: self.bootpeers.iter().map(state).collect(),
        })
    }
}

impl Handler<Anchors> for RoutingActor {
    type Result = MessageResult<Anchors>;

    fn handle(&mut self, _: Anchors, _: &mut Ctx<Self>) -> Self::Result {
        let known = |id: NodeId| {
            let hint = self.bootpeers.iter().find(|b| b.node == id).cloned();
            let greeted = self.node.greeting(&id).map(|g| g.contact);
            let contact = self.table.contact(&id).cloned().or(greeted).or(hint)?;
            Some((contact, self.health.get(&id).is_some_and(|h| !h.failed)))
        };
        let registrars = self.node.network.registrars.iter().map(|key| key.node_id());
        MessageResult(registrars.filter(|id| *id != self.node.me).filter_map(known).collect())
    }
}

impl Handler<MoreBootpeers> for RoutingActor {
    type Result = ();

    fn handle(&mut self, MoreBootpeers(more): MoreBootpeers, _: &mut Ctx<Self>) {
        for contact in more {
            if contact.node != self.node.me && !self.bootpeers.iter().any(|b| b.node == contact.node) {
                self.health.entry(contact.node).or_default();
                self.bootpeers.push(contact.clone());
                self.probe(contact);
            }
        }
    }
}

impl Handler<Persist> for RoutingActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Persist, _: &mut Ctx<Self>) -> Self::Result {
        let (node, contacts) = (self.node.clone(), self.table.contacts());
        Box::pin(async move {
            if let Err(error) = contacts::save(&node, contacts).await {
                tracing::warn!(%error, "the routing table was not written");
            }
        })
    }
}
