//! A simulated node's transport, with the manners of the real one: one dialled connection to each peer, HELLO first in
//! each direction, dials that go on when nobody waits, and silence where a peer is gone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::trace::Leg;
use super::wire::{Answered, Process, Wire};
use crate::net::{NetLimits, Tally};
use crate::seam::{Class, Inbound, Later, NetError, Path, Traffic, Transport};
use crate::types::{Contact, NodeId};
use crate::wire::{ErrorCode, encode_error};

/// The end of time for a request whose caller waits for ever.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

type Dial = Shared<LocalBoxFuture<'static, Result<Rc<Link>, NetError>>>;

/// Tells of a request, by its number, whether this node has no time for it, whoever asks.
pub(super) type Refuses = Box<dyn Fn(u8) -> bool>;

/// A connection that this node dialled.
struct Link {
    to: Process,
    srtt: Cell<Duration>,
    streams: Semaphore,
    lost: Cell<bool>,
}

enum Slot {
    Dialling(Dial),
    Linked(Rc<Link>),
}

/// A connection that a peer dialled.
#[derive(Clone, Copy)]
struct Guest {
    from: Process,
    srtt: Duration,
}

/// One process's end of the network.
pub(super) struct Port {
    me: Process,
    address: SocketAddr,
    wire: Rc<Wire>,
    limits: NetLimits,
    refuses: Option<Refuses>,
    inbound: RefCell<Option<Weak<dyn Inbound>>>,
    /// At most one for each node of the simulation.
    slots: RefCell<BTreeMap<NodeId, Slot>>,
    /// At most one for each node of the simulation.
    guests: RefCell<BTreeMap<NodeId, Guest>>,
    closed: Cell<bool>,
    tally: Tally,
}

impl Port {
    /// Takes a message off the network; `None` when nobody answers it.
    pub(super) async fn receive(&self, leg: Leg, from: Process, srtt: Duration, body: Bytes) -> Option<Answered> {
        let inbound = self.inbound.borrow().as_ref()?.upgrade()?;
        self.tally.was_asked(body.len());
        if self.refuses.as_ref().zip(body.first()).is_some_and(|(refuses, number)| refuses(*number)) {
            return Some(Ok(Ok(encode_error(ErrorCode::Busy, "broken on purpose"))));
        }
        let handling = inbound.handle(from.node, body);
        drop(inbound);
        let answer = timeout(self.limits.handling, handling).await.ok()?;
        let (Ok(bytes) | Err(bytes)) = &answer;
        self.tally.answered(bytes.len());
        if leg == Leg::Hello && answer.is_ok() {
            self.guests.borrow_mut().insert(from.node, Guest { from, srtt });
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
        if to.node == self.me.node {
            return Err(NetError::Unreachable);
        }
        let deadline = Instant::now() + within.min(FOR_EVER);
        let mut last = false;
        loop {
            let link = timeout_at(deadline, self.link(&to)).await.unwrap_or(Err(NetError::Unreachable))?;
            let Ok(outcome) = timeout_at(deadline, self.exchange(&link, body.clone())).await else {
                let silent = self.wire.at(self.me.node, &to) != Some(link.to);
                link.lost.set(link.lost.get() || silent);
                return Err(NetError::Timeout(within));
            };
            match outcome {
                Err(_) if self.closed.get() => return Err(NetError::Closed),
                Err(NetError::Broken) if !last && class == Class::Read => last = true,
                outcome => return outcome,
            }
        }
    }

    async fn exchange(&self, link: &Link, body: Bytes) -> Result<Bytes, NetError> {
        // The semaphore is never closed, so acquiring only waits.
        let _stream = link.streams.acquire().await.ok();
        let (answer, round_trip) = self.carry(Leg::Request, link.to, body).await;
        if answer == Err(NetError::Broken) {
            link.lost.set(true);
        }
        let answer = answer?;
        link.srtt.set((link.srtt.get() * 7 + round_trip) / 8);
        // A refusal after HELLO has no meaning; the real transport hands the answer over too.
        Ok(answer.unwrap_or_else(|refusal| refusal))
    }

    async fn carry(&self, leg: Leg, to: Process, body: Bytes) -> (Answered, Duration) {
        self.tally.asked(body.len());
        let (answer, round_trip) = self.wire.carry(leg, self.me, to, body).await;
        if let Ok(Ok(bytes) | Err(bytes)) = &answer {
            self.tally.heard(bytes.len());
        }
        (answer, round_trip)
    }

    async fn link(self: &Rc<Self>, to: &Contact) -> Result<Rc<Link>, NetError> {
        if self.closed.get() {
            return Err(NetError::Closed);
        }
        let dial = match self.slots.borrow().get(&to.node) {
            Some(Slot::Linked(link)) if self.is_open(link) => return Ok(link.clone()),
            Some(Slot::Dialling(dial)) if dial.peek().is_none() => Some(dial.clone()),
            _ => None,
        };
        match dial {
            Some(dial) => dial.await,
            None => self.dial(to.clone()).await,
        }
    }

    fn is_open(&self, link: &Link) -> bool {
        !link.lost.get() && self.wire.looks_alive(link.to)
    }

    fn dial(self: &Rc<Self>, to: Contact) -> Dial {
        let (node, port) = (to.node, self.clone());
        let task = tokio::task::spawn_local(async move {
            let outcome = timeout(port.limits.dial, port.connect(&to)).await.unwrap_or(Err(NetError::Unreachable));
            match &outcome {
                Ok(link) => drop(port.slots.borrow_mut().insert(node, Slot::Linked(link.clone()))),
                Err(_) => drop(port.slots.borrow_mut().remove(&node)),
            }
            outcome
        });
        let dial = async move { task.await.unwrap_or(Err(NetError::Broken)) }.boxed_local().shared();
        self.slots.borrow_mut().insert(node, Slot::Dialling(dial.clone()));
        dial
    }

    /// A handshake, which takes a round trip, then HELLO.
    async fn connect(&self, to: &Contact) -> Result<Rc<Link>, NetError> {
        let round_trip = self.wire.transit(self.me.node, to.node) + self.wire.transit(to.node, self.me.node);
        sleep(round_trip).await;
        let Some(process) = self.wire.at(self.me.node, to) else { return pending().await };
        if process.node != to.node {
            return Err(NetError::WrongPeer);
        }
        let hello = self.inbound()?.hello_at(to.addresses.first().copied().unwrap_or(self.address));
        let (answer, round_trip) = self.carry(Leg::Hello, process, hello).await;
        let answer = answer?.map_err(|_| NetError::Refused)?;
        self.inbound()?.greeted(process.node, answer).map_err(|_| NetError::Refused)?;
        Ok(Rc::new(Link {
            to: process,
            srtt: Cell::new(round_trip),
            streams: Semaphore::new(self.limits.streams as usize),
            lost: Cell::new(false),
        }))
    }

    fn guest(&self, peer: &NodeId) -> Option<Guest> {
        self.guests.borrow().get(peer).copied().filter(|guest| self.wire.looks_alive(guest.from))
    }
}

/// The transport of one simulated process.
pub(super) struct SimTransport(pub Rc<Port>);

impl SimTransport {
    pub(super) fn new(me: Process, address: SocketAddr, wire: Rc<Wire>, refuses: Option<Refuses>) -> Self {
        Self(Rc::new(Port {
            me,
            address,
            wire,
            limits: NetLimits::default(),
            refuses,
            inbound: RefCell::new(None),
            slots: RefCell::default(),
            guests: RefCell::default(),
            closed: Cell::new(false),
            tally: Tally::default(),
        }))
    }
}

impl Transport for SimTransport {
    fn request(&self, to: &Contact, body: Bytes, class: Class, within: Duration) -> Later<Result<Bytes, NetError>> {
        Box::pin(self.0.clone().request(to.clone(), body, class, within))
    }

    fn serve(&self, inbound: Weak<dyn Inbound>) {
        *self.0.inbound.borrow_mut() = Some(inbound);
    }

    fn path(&self, peer: &NodeId) -> Option<Path> {
        let port = &self.0;
        let dialled = match port.slots.borrow().get(peer) {
            Some(Slot::Linked(link)) => Some(Path { srtt: link.srtt.get(), connected: port.is_open(link) }),
            _ => None,
        };
        match dialled {
            Some(path) if path.connected => dialled,
            _ => port.guest(peer).map(|guest| Path { srtt: guest.srtt, connected: false }).or(dialled),
        }
    }

    fn connected(&self) -> Vec<NodeId> {
        let port = &self.0;
        let mut peers: Vec<NodeId> = port.guests.borrow().keys().copied().collect();
        peers.retain(|peer| port.guest(peer).is_some());
        let slots = port.slots.borrow();
        peers.extend(slots.iter().filter_map(|(peer, slot)| match slot {
            Slot::Linked(link) if port.is_open(link) => Some(*peer),
            _ => None,
        }));
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
            sleep(port.wire.transit(port.me.node, process.node) + port.wire.transit(process.node, port.me.node)).await;
            Ok(process.node)
        })
    }

    /// Simulated nodes are at private addresses, which are nobody's source.
    fn origin(&self, _: &NodeId) -> Option<IpAddr> {
        None
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.0.address]
    }

    fn rebind(&self) {
        self.0.slots.borrow_mut().retain(|_, slot| !matches!(slot, Slot::Linked(_)));
    }

    fn close(&self) -> Later<()> {
        self.0.closed.set(true);
        self.0.wire.unplug(self.0.me, true);
        self.0.slots.borrow_mut().clear();
        Box::pin(std::future::ready(()))
    }
}
