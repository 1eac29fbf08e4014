//! What all actors of one node share: identity, network, the world, and what is known of accounts and peers.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Future;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::doors::Doors;
use super::fan::Fan;
use super::gc::Homes;
pub use super::peers::Greeting;
use super::peers::{Absences, Greetings, Heard, Lifeline, Opened};
use super::routing::Vicinities;
pub use super::settings::{Hidden, Settings, TimeSettings};
use super::storage::{Origins, Quotas};
use crate::clock::NodeClock;
use crate::keys::SecretKey;
use crate::overlay::RoundTrips;
use crate::overlay::places::{self, is_private};
use crate::records::{FUTURE_TOLERANCE, Proofs, open_contact, opens_once, sign_contact};
use crate::seam::{Clock, Offload, Store, TimeSource, Transport, World};
use crate::types::{AccountId, Contact, Hlc, Network, NodeId, PublicKey, Rng, WallTime};
use crate::wire::{Blob, FLAG_ANCHOR, FLAG_BOOTPEER, FLAG_BOTH_WAYS, MAX_CONTACTS};

mod trust;

/// Most accounts whose proofs are remembered: the followees an account may have, and as many strangers.
const PROVED_ACCOUNTS: usize = 10_000;

/// What this node signed of its addresses.
#[derive(Clone)]
struct OwnContact {
    /// All of them.
    full: Contact,
    /// Those that are told to peers met at public addresses.
    outside: Contact,
}

/// The node, as its actors see it.
pub struct Context {
    /// Its id.
    pub me: NodeId,
    /// Its key.
    pub key: SecretKey,
    /// Its network.
    pub network: Rc<Network>,
    /// The way to peers.
    pub net: Rc<dyn Transport>,
    /// The disk.
    pub store: Rc<dyn Store>,
    /// The time.
    pub clock: Rc<dyn Clock>,
    /// The same clock, to be corrected.
    pub own_clock: Rc<NodeClock>,
    /// Time servers.
    pub time: Option<Rc<dyn TimeSource>>,
    /// Work off the arbiter.
    pub offload: Rc<dyn Offload>,
    /// Settings.
    pub settings: Settings,
    /// What each account keeps here, and how many posts it made when.
    pub quotas: Quotas,
    /// Where peers dialled from.
    pub origins: Origins,
    /// Wakes whoever waits for the set of reachable peers to change.
    pub peers_changed: Notify,
    /// Wakes whoever removes what became void.
    pub voiding: Notify,
    /// Homes that changed since they were last looked at.
    pub homes: Homes,
    /// Replica sets found of late.
    pub vicinities: Vicinities,
    /// Who asked something of late.
    pub heard: Heard,
    /// Whether somebody is logged in.
    pub attended: Cell<bool>,
    /// Which account that is.
    pub account: Cell<Option<AccountId>>,
    /// What is brought on for others.
    pub fan: Fan,
    rng: Rng,
    proofs: RefCell<Proofs>,
    greetings: RefCell<Greetings>,
    opened: RefCell<Opened>,
    absent: RefCell<Absences>,
    round_trips: RefCell<RoundTrips>,
    pub(super) lifeline: RefCell<Lifeline>,
    contact: RefCell<Option<OwnContact>>,
    hidden: RefCell<Rc<Hidden>>,
    doors: OnceCell<Doors>,
    synced: Cell<bool>,
    /// How often what peers brought could not be written.
    unkept: Cell<u64>,
    closing: Cell<bool>,
}

impl Context {
    /// Builds the context of a node.
    pub fn new(world: World, key: SecretKey, network: Rc<Network>, settings: Settings) -> Rc<Self> {
        let own_clock = NodeClock::over(world.clock);
        Rc::new(Self {
            me: key.public().node_id(),
            key,
            network,
            net: world.net,
            store: world.store,
            clock: own_clock.clone(),
            own_clock,
            time: world.time,
            offload: world.offload,
            settings,
            quotas: Quotas::default(),
            origins: Origins::default(),
            peers_changed: Notify::new(),
            voiding: Notify::new(),
            homes: Homes::default(),
            vicinities: Vicinities::default(),
            heard: Heard::default(),
            attended: Cell::new(false),
            account: Cell::new(None),
            fan: Fan::default(),
            rng: world.rng,
            proofs: RefCell::new(Proofs::new(PROVED_ACCOUNTS)),
            greetings: RefCell::default(),
            opened: RefCell::default(),
            absent: RefCell::default(),
            round_trips: RefCell::default(),
            lifeline: RefCell::default(),
            contact: RefCell::default(),
            hidden: RefCell::default(),
            doors: OnceCell::new(),
            synced: Cell::new(true),
            unkept: Cell::new(0),
            closing: Cell::new(false),
        })
    }

    /// Names the doors; called once, before any actor runs.
    pub fn set_doors(&self, doors: Doors) {
        assert!(self.doors.set(doors).is_ok(), "doors are named once");
    }

    /// Returns the doors to all actors.
    pub fn doors(&self) -> &Doors {
        self.doors.get().expect("doors are named before any actor runs")
    }

    /// Returns the time.
    pub fn now(&self) -> WallTime {
        self.clock.now()
    }

    /// Returns the time up to which things count as ended: now; while the clock is in doubt, where it stood before that.
    pub fn horizon(&self) -> WallTime {
        self.own_clock.horizon()
    }

    /// Returns the stamp that follows `last`.
    ///
    /// One that lies further ahead than anybody takes was made by a clock that was wrong, and stamps start anew from good
    /// time; else all that is signed until then would be refused. In doubt, time stands still where it was good.
    pub fn stamp(&self, last: Hlc) -> Hlc {
        let now = self.horizon();
        let spoilt = !self.clock.in_doubt() && last.wall() > now.plus(FUTURE_TOLERANCE);
        if spoilt { Hlc::new(now, 0) } else { last.tick(now) }
    }

    /// Returns whom the logged-in account does not want to hear of.
    pub fn hidden(&self) -> Rc<Hidden> {
        self.hidden.borrow().clone()
    }

    /// Replaces whom the logged-in account does not want to hear of; the session does so, from its private entries.
    pub fn hide(&self, hidden: Hidden) {
        *self.hidden.borrow_mut() = Rc::new(hidden);
    }

    /// Returns a random stream for one purpose.
    pub fn rng(&self, label: &str) -> Rng {
        self.rng.fork(label)
    }

    /// Tells whether the node is an anchor.
    pub fn is_anchor(&self) -> bool {
        self.settings.anchors && (self.settings.bootpeer || self.network.is_registrar(&self.me))
    }

    /// Returns who keeps everything by its office: the registrars, this node included where it is one.
    pub fn anchors(&self) -> impl Iterator<Item = NodeId> {
        let anchors = if self.settings.anchors { &self.network.registrars[..] } else { &[] };
        anchors.iter().map(PublicKey::node_id)
    }

    /// Tells whether the network has any such node.
    pub fn has_anchors(&self) -> bool {
        self.anchors().next().is_some()
    }

    /// Returns the flags of this node's HELLO.
    pub fn flags(&self) -> u64 {
        let bootpeer = if self.settings.bootpeer { FLAG_BOOTPEER } else { 0 };
        FLAG_BOTH_WAYS | bootpeer | if self.is_anchor() { FLAG_ANCHOR } else { 0 }
    }

    /// Returns this node's signed contact; signed anew when its addresses changed.
    pub fn contact(&self) -> Contact {
        self.own_contact().full
    }

    /// Returns this node's signed contact as it is told to a peer that is met at this address.
    pub fn contact_at(&self, address: Option<SocketAddr>) -> Contact {
        let own = self.own_contact();
        if address.is_some_and(|address| !is_private(&address.ip())) { own.outside } else { own.full }
    }

    fn own_contact(&self) -> OwnContact {
        let addresses = self.net.addresses();
        let mut held = self.contact.borrow_mut();
        match held.as_ref() {
            Some(own) if own.full.addresses == addresses => own.clone(),
            before => {
                // Time as number: it grows over restarts without a counter on disk.
                let seq = before.map_or(0, |own| own.full.seq + 1).max(self.now().0);
                let outside = sign_contact(&self.key, &self.network.id, &places::outside(&addresses), seq);
                // Whoever knows both keeps the full one.
                let full = if outside.addresses == addresses {
                    outside.clone()
                } else {
                    sign_contact(&self.key, &self.network.id, &addresses, seq + 1)
                };
                let own = OwnContact { full, outside };
                *held = Some(own.clone());
                own
            }
        }
    }

    /// Tells whether a peer is met at a public address, so that private ones are none of its business.
    pub fn is_outside(&self, peer: &NodeId) -> bool {
        self.net.remote(peer).is_some_and(|address| !is_private(&address.ip()))
    }

    /// Notes that a peer was there when it was asked.
    pub fn found(&self, node: &NodeId) {
        self.absent.borrow_mut().forget(node);
    }

    /// Notes that a peer was not there when it was asked.
    pub fn missed(&self, contact: &Contact) {
        self.absent.borrow_mut().note(contact, Instant::now());
    }

    /// Returns the peers that were dialled in vain of late.
    pub fn absent(&self) -> Vec<NodeId> {
        self.absent.borrow().all(Instant::now()).collect()
    }

    /// Tells whether a peer was dialled in vain of late, and has not been heard from since.
    pub fn is_absent(&self, contact: &Contact) -> bool {
        self.absent.borrow().passes_over(contact, Instant::now())
    }

    /// Forgets who was dialled in vain: it may have been our own fault.
    pub fn forgive_absences(&self) {
        self.absent.borrow_mut().clear();
    }

    /// Notes how long an answer took that needed no dial.
    pub fn took(&self, node: NodeId, round_trip: Duration) {
        self.round_trips.borrow_mut().note(node, round_trip);
    }

    /// Notes that an answer that needed no dial did not come in time.
    pub fn was_late(&self, node: NodeId, waited: Duration) {
        self.round_trips.borrow_mut().note_late(node, waited);
    }

    /// Forgets how long answers took: the ways are others.
    pub fn forget_round_trips(&self) {
        *self.round_trips.borrow_mut() = RoundTrips::default();
    }

    /// Returns how long an answer of a peer may take, given the round trip of a connection to it.
    pub fn answer_time(&self, node: &NodeId, srtt: Option<Duration>) -> Duration {
        self.round_trips.borrow().answer_time(node, srtt)
    }

    /// Returns when another peer is asked beside this one.
    pub fn hedge_after(&self, node: &NodeId) -> Duration {
        let connected = self.net.path(node).is_some_and(|path| path.connected);
        self.round_trips.borrow().hedge_after(node, connected)
    }

    /// Remembers what a peer said of itself.
    pub fn greeted(&self, greeting: Greeting) {
        let contact = &greeting.contact;
        self.found(&contact.node);
        if let Some(before) = self.greeting(&contact.node).filter(|before| before.contact.seq < contact.seq) {
            self.net.moved(&before.contact, &contact.addresses);
        }
        self.greetings.borrow_mut().note(greeting);
    }

    /// Returns what a peer said of itself.
    pub fn greeting(&self, node: &NodeId) -> Option<Greeting> {
        self.greetings.borrow().of(node).cloned()
    }

    /// Reads signed contacts; those that do not hold, and those beyond the most that an answer may have, are passed over.
    pub fn open_contacts(&self, blobs: Vec<Blob>) -> Vec<Contact> {
        blobs.into_iter().take(MAX_CONTACTS).filter_map(|blob| self.open_contact(blob.into_bytes())).collect()
    }

    /// Reads a signed contact; `None` when it does not hold. One that was read of late is not checked again.
    pub fn open_contact(&self, bytes: Bytes) -> Option<Contact> {
        let mut opened = self.opened.borrow_mut();
        if let Some(contact) = opened.find(&bytes) {
            return Some(contact.clone());
        }
        let (_, contact) = open_contact(bytes, &self.network.id).ok()?;
        if !opens_once() {
            opened.note(contact.clone());
        }
        Some(contact)
    }

    /// Runs something beside the caller, on this arbiter.
    pub fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(work);
    }

    /// Notes whether this node has what it should have, as far as it can tell; repair knows.
    pub fn set_synced(&self, synced: bool) {
        self.synced.set(synced);
    }

    /// Tells whether this node has what it should have: false after an absence, until it was compared with others.
    pub fn is_synced(&self) -> bool {
        self.synced.get()
    }

    /// Notes that what a peer brought could not be written.
    pub fn note_unkept(&self) {
        self.unkept.set(self.unkept.get() + 1);
    }

    /// Returns how often what peers brought could not be written.
    pub fn unkept(&self) -> u64 {
        self.unkept.get()
    }

    /// Notes that the node is shutting down: actors that end now are not rebuilt.
    pub fn close(&self) {
        self.closing.set(true);
    }

    /// Tells whether the node is shutting down.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }
}
