//! A simulated node's transport, with the manners of the real one: one dialled connection to each peer, HELLO first in
//! each direction, dials that go on when nobody waits, and silence where a peer is gone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, Shared};
use tokio::time::{Instant, sleep, timeout, timeout_at};

mod adopted;
mod dial;
mod early;
mod link;
mod manners;

use self::early::Sessions;
use self::link::Link;
pub(super) use self::manners::Manners;
use super::links::Way;
use super::trace::Leg;
use super::wire::{Answered, Place, Process, Wire};
use crate::net::{NetLimits, Tally};
use crate::seam::{Class, Inbound, Later, NetError, Path, Traffic, Transport};
use crate::types::{Contact, NodeId};
use crate::wire::{ErrorCode, encode_error};

/// The end of time for a request whose caller waits for ever.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

type Dial = Shared<LocalBoxFuture<'static, Result<Rc<Link>, NetError>>>;

#[derive(Clone)]
enum Slot {
    /// There are few.
    Dialling(Box<Dial>),
    Linked(Rc<Link>),
}

impl Slot {
    /// Ends what is connected; false where somebody still dials, who finds out by itself.
    fn lose(&self) -> bool {
        match self {
            Slot::Linked(link) => {
                link.lost.set(true);
                true
            }
            Slot::Dialling(_) => false,
        }
    }
}

/// A connection that a peer dialled.
#[derive(Clone, Copy)]
struct Guest {
    run: u32,
    line: u32,
    srtt_us: u32,
}

/// One process's end of the network.
pub(super) struct Port {
    me: Process,
    address: Cell<SocketAddr>,
    /// Whether what others dialled leads to another address.
    strayed: Cell<bool>,
    wire: Rc<Wire>,
    limits: NetLimits,
    manners: Manners,
    inbound: RefCell<Option<Weak<dyn Inbound>>>,
    /// By the numbers of nodes; as many as the pool of the real transport has, and dials under way.
    slots: RefCell<BTreeMap<u32, Slot>>,
    /// By the numbers of nodes; as many as the real transport accepts.
    guests: RefCell<BTreeMap<u32, Guest>>,
    sessions: Sessions,
    uses: Cell<u32>,
    closed: Cell<bool>,
    tally: Tally,
}

impl Port {
    /// Takes a message off the network; `None` when nobody answers it.
    pub(super) async fn receive(&self, leg: Leg, from: Process, srtt: Duration, body: Bytes) -> Option<Answered> {
        let inbound = self.inbound.borrow().as_ref()?.upgrade()?;
        self.tally.was_asked(body.len());
        if let Some(answer) = self.manners.instead(&body) {
            return Some(Ok(Ok(answer)));
        }
        let handling = inbound.handle(from.node, body);
        drop(inbound);
        let answer = timeout(self.limits.handling, handling).await.ok()?;
        let (Ok(bytes) | Err(bytes)) = &answer;
        self.tally.answered(bytes.len());
        if leg == Leg::Hello && answer.is_ok() {
            self.admit(from, srtt);
        }
        match &answer {
            Ok(bytes) | Err(bytes) if bytes.len() > self.limits.message_bytes => Some(Err(NetError::TooLarge)),
            _ => Some(Ok(answer)),
        }
    }

    fn inbound(&self) -> Result<Rc<dyn Inbound>, NetError> {
        self.inbound.borrow().as_ref().and_then(Weak::upgrade).ok_or(NetError::Closed)
    }

    async fn request(
        self: Rc<Self>,
        to: Contact,
        body: Bytes,
        class: Class,
        within: Duration,
    ) -> Result<Bytes, NetError> {
        if body.len() > self.limits.message_bytes {
            return Err(NetError::TooLarge);
        }
        if self.manners.spares(&body) {
            return Ok(encode_error(ErrorCode::Busy, "on purpose"));
        }
        if to.node == self.me.node {
            return Err(NetError::Unreachable);
        }
        let deadline = Instant::now() + within.min(FOR_EVER);
        if class == Class::Read
            && let Ok(Some(answer)) = timeout_at(deadline, self.early(&to, &body)).await
        {
            return Ok(answer);
        }
        let mut last = false;
        loop {
            let link = timeout_at(deadline, self.link(&to)).await.unwrap_or(Err(NetError::Unreachable))?;
            let Ok(outcome) = timeout_at(deadline, link.believe(self.exchange(&link, body.clone()))).await else {
                if !link.is_greeted() {
                    return Err(NetError::Unreachable);
                }
                let silent = link.deaf.get() || self.wire.at(self.me.node, &to) != Some(self.process(&link));
                link.lost.set(link.lost.get() || silent);
                return Err(NetError::Timeout(within));
            };
            match outcome? {
                Err(_) if self.closed.get() => return Err(NetError::Closed),
                Err(NetError::Broken) if !last && class == Class::Read => last = true,
                outcome => return outcome,
            }
        }
    }

    async fn reach(self: Rc<Self>, to: Contact, within: Duration) -> Result<(), NetError> {
        if to.node == self.me.node {
            return Err(NetError::Unreachable);
        }
        let greeted = async { self.link(&to).await?.believe(std::future::ready(())).await };
        timeout(within.min(FOR_EVER), greeted).await.unwrap_or(Err(NetError::Unreachable))
    }

    async fn exchange(&self, link: &Link, body: Bytes) -> Result<Bytes, NetError> {
        link.used.set(self.uses.replace(self.uses.get().wrapping_add(1)));
        let streams = link.streams(self.limits.streams);
        let _stream = streams.acquire().await;
        if link.deaf.get() {
            return pending().await;
        }
        let (answer, round_trip) = self.carry(link.place(), (self.process(link), link.way), body).await;
        if answer == Err(NetError::Broken) {
            link.lost.set(true);
        }
        let answer = answer?;
        link.note(round_trip);
        // A refusal after HELLO has no meaning; the real transport hands the answer over too.
        Ok(answer.unwrap_or_else(|refusal| refusal))
    }

    async fn carry(&self, place: Place, to: (Process, Way), body: Bytes) -> (Answered, Duration) {
        self.tally.asked(body.len());
        let (answer, round_trip) = self.wire.carry(place, self.me, to, body).await;
        if let Ok(Ok(bytes) | Err(bytes)) = &answer {
            self.tally.heard(bytes.len());
        }
        (answer, round_trip)
    }

    async fn link(self: &Rc<Self>, to: &Contact) -> Result<Rc<Link>, NetError> {
        if self.closed.get() {
            return Err(NetError::Closed);
        }
        let number = self.wire.number(&to.node);
        let dial = match number.and_then(|number| self.slots.borrow().get(&number).cloned()) {
            Some(Slot::Linked(link)) if self.is_open(&link) => return Ok(link),
            Some(Slot::Dialling(dial)) if dial.peek().is_none_or(Result::is_ok) => *dial,
            _ => self.dial(number, to.clone()),
        };
        dial.await
    }

    fn is_open(&self, link: &Link) -> bool {
        !link.lost.get() && self.wire.looks_alive(self.me.node, self.process(link))
    }

    fn process(&self, link: &Link) -> Process {
        Process { node: self.wire.node(link.host), host: link.host, run: link.run, line: link.line }
    }

    /// Loses all connections: this process slept for longer than they live.
    pub(super) fn lose_all(&self) {
        self.slots.borrow_mut().retain(|_, slot| !slot.lose());
        self.guests.borrow_mut().clear();
    }

    /// Loses the connections with a node.
    pub(super) fn lose(&self, host: u32) {
        let mut slots = self.slots.borrow_mut();
        if slots.get(&host).is_some_and(Slot::lose) {
            slots.remove(&host);
        }
        self.guests.borrow_mut().remove(&host);
    }

    /// Goes to another address; what was dialled from the old one hears nothing any more.
    pub(super) fn moved(&self, to: SocketAddr) {
        self.address.set(to);
        for slot in self.slots.borrow().values() {
            if let Slot::Linked(link) = slot {
                link.deaf.set(true);
            }
        }
        self.strayed.set(true);
    }

    fn guest(&self, peer: u32) -> Option<Guest> {
        let guest = self.guests.borrow().get(&peer).copied()?;
        let process = Process { node: self.wire.node(peer), host: peer, run: guest.run, line: guest.line };
        self.wire.looks_alive(self.me.node, process).then_some(guest)
    }
}

/// The transport of one simulated process.
pub(super) struct SimTransport(pub Rc<Port>);

impl SimTransport {
    /// Makes one with these manners.
    pub(super) fn new(me: Process, address: SocketAddr, wire: Rc<Wire>, manners: Manners) -> Self {
        Self(Rc::new(Port {
            me,
            address: Cell::new(address),
            strayed: Cell::new(false),
            wire,
            limits: NetLimits::default(),
            manners,
            inbound: RefCell::new(None),
            slots: RefCell::default(),
            guests: RefCell::default(),
            sessions: Sessions::default(),
            uses: Cell::new(0),
            closed: Cell::new(false),
            tally: Tally::default(),
        }))
    }
}

impl Transport for SimTransport {
    fn request(&self, to: &Contact, body: Bytes, class: Class, within: Duration) -> Later<Result<Bytes, NetError>> {
        Box::pin(self.0.clone().request(to.clone(), body, class, within))
    }

    fn reach(&self, to: &Contact, within: Duration) -> Later<Result<(), NetError>> {
        Box::pin(self.0.clone().reach(to.clone(), within))
    }

    fn serve(&self, inbound: Weak<dyn Inbound>) {
        *self.0.inbound.borrow_mut() = Some(inbound);
    }

    fn path(&self, peer: &NodeId) -> Option<Path> {
        let port = &self.0;
        let peer = port.wire.number(peer)?;
        let dialled = match port.slots.borrow().get(&peer) {
            Some(Slot::Linked(link)) => Some(Path { srtt: link.srtt(), connected: port.is_open(link) }),
            _ => None,
        };
        let guest = |guest: Guest| Path { srtt: Duration::from_micros(guest.srtt_us.into()), connected: false };
        match dialled {
            Some(path) if path.connected => dialled,
            _ => port.guest(peer).map(guest).or(dialled),
        }
    }

    fn connected(&self) -> Vec<NodeId> {
        let port = &self.0;
        let guests: Vec<u32> =
            port.guests.borrow().keys().copied().filter(|peer| port.guest(*peer).is_some()).collect();
        let slots = port.slots.borrow();
        let links = slots.iter().filter_map(|(peer, slot)| match slot {
            Slot::Linked(link) if port.is_open(link) => Some(*peer),
            _ => None,
        });
        let mut peers: Vec<NodeId> = guests.into_iter().chain(links).map(|peer| port.wire.node(peer)).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    fn traffic(&self) -> Traffic {
        self.0.tally.traffic()
    }

    fn remote(&self, peer: &NodeId) -> Option<SocketAddr> {
        self.0.wire.place(peer)
    }

    fn identify(&self, address: SocketAddr) -> Later<Result<NodeId, NetError>> {
        let port = self.0.clone();
        Box::pin(async move {
            let there = port.wire.at(port.me.node, &Contact::hint(port.me.node, address));
            let Some(process) = there.filter(|p| p.node != port.me.node) else {
                sleep(port.limits.dial).await;
                return Err(NetError::Unreachable);
            };
            let way = port.wire.way(port.me.node, process.node);
            sleep(port.wire.transit(way) + port.wire.transit(way)).await;
            Ok(process.node)
        })
    }

    /// Simulated nodes are at private addresses, which are nobody's source.
    fn origin(&self, _: &NodeId) -> Option<IpAddr> {
        None
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.0.address.get()]
    }

    fn moved(&self, from: &Contact, _: &[SocketAddr]) {
        let port = &self.0;
        let Some(peer) = port.wire.number(&from.node) else { return };
        let leads_nowhere = |slot: &Slot| matches!(slot, Slot::Linked(link) if !port.is_open(link) || !port.wire.is_on(port.process(link)));
        if port.slots.borrow().get(&peer).is_some_and(leads_nowhere) {
            port.lose(peer);
        }
    }

    fn rebind(&self) {
        if self.0.strayed.take() {
            self.0.guests.borrow_mut().clear();
        }
        self.0.slots.borrow_mut().retain(|_, slot| !matches!(slot, Slot::Linked(_)));
    }

    fn close(&self) -> Later<()> {
        self.0.closed.set(true);
        self.0.wire.unplug(self.0.me, true);
        self.0.slots.borrow_mut().clear();
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests;
