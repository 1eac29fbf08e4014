//! The connections that requests go over: at most one to each peer, at most so many in all. This node dialled them, or a peer did
//! from an address at which it says that it can be reached.
//!
//! Holds and forgets; dialling itself is next door. One that ended stays known, for its round trip, until it is dialled
//! again or its place is needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, Shared, select};
use quinn::Connection;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, sleep};

use super::codes::CloseCode;
use super::exchange::Failed;
use crate::seam::{NetError, Path};
use crate::types::{Contact, NodeId};

/// A dial that all who want the peer wait for: until there is a connection over which requests may go.
pub(super) type Dial = Shared<LocalBoxFuture<'static, Result<Rc<Link>, NetError>>>;

/// Becomes how our HELLO was answered.
type Greeting = Shared<LocalBoxFuture<'static, Result<(), NetError>>>;

/// A peer that is busy may say nothing for a while, and to dial it anew would make it busier; after this, one that is there
/// would have been heard.
const SILENCE: Duration = Duration::from_millis(1200);

/// One connection: HELLO is on its way, or was answered well.
pub(super) struct Link {
    pub connection: Connection,
    greeting: Greeting,
    /// Admits requests of the bulk class.
    pub bulk: Semaphore,
    in_flight: Cell<usize>,
    used: Cell<u64>,
    /// When a request went over it last, one way or the other.
    busy: Cell<Instant>,
    /// Whether it is closed as soon as nothing goes over it: another one has taken its place.
    spare: Cell<bool>,
    /// How many datagrams had come when a request first remained without a sign of life, and when it was sent.
    silent: Cell<Option<(u64, Instant)>>,
}

impl Link {
    /// Makes one, and what is to be told how HELLO was answered.
    pub(super) fn new(connection: Connection, bulk: usize) -> (Rc<Self>, oneshot::Sender<Result<(), NetError>>) {
        let (tell, told) = oneshot::channel();
        let greeting = async move { told.await.unwrap_or(Err(NetError::Broken)) }.boxed_local().shared();
        let (in_flight, used, busy) = (Cell::new(0), Cell::new(0), Cell::new(Instant::now()));
        let (bulk, spare, silent) = (Semaphore::new(bulk), Cell::new(false), Cell::new(None));
        (Rc::new(Self { connection, greeting, bulk, in_flight, used, busy, spare, silent }), tell)
    }

    /// Makes one of a connection that the peer dialled and greeted us on.
    fn adopted(connection: Connection, bulk: usize) -> Rc<Self> {
        let (link, tell) = Self::new(connection, bulk);
        let _ = tell.send(Ok(()));
        // Looked at once, so that it is known from now on.
        let _ = link.greeting.clone().now_or_never();
        link
    }

    /// Waits for the outcome of a request on this connection, which counts for nothing when HELLO failed.
    pub(super) async fn believe<T>(&self, request: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        match select(self.greeting.clone(), pin!(request)).await {
            Either::Left((Ok(()), request)) => request.await,
            Either::Left((Err(error), _)) => Err(Failed::ungreeted(error)),
            Either::Right((outcome, greeting)) => greeting.await.map_err(Failed::ungreeted).and(outcome),
        }
    }

    /// Tells whether HELLO was answered well, as far as those know who sent a request.
    pub(super) fn is_greeted(&self) -> bool {
        matches!(self.greeting.peek(), Some(Ok(())))
    }

    /// Notes that a request goes over it.
    pub(super) fn touch(&self) {
        self.busy.set(Instant::now());
    }

    /// Closes it as soon as nothing goes over it.
    fn retire(&self) {
        self.spare.set(true);
        if self.in_flight.get() == 0 {
            self.connection.close(CloseCode::Unused.into(), b"");
        }
    }

    fn alive(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// Returns how many datagrams have come on the connection; when it stands still, the peer is silent.
    pub(super) fn heard(&self) -> u64 {
        self.connection.stats().udp_rx.datagrams
    }

    /// Notes that a request sent at some time, when so many datagrams had come, was not answered in time; tells whether
    /// nothing at all has come for so long that a new connection is the better try.
    pub(super) fn fell_silent(&self, heard: u64, sent: Instant) -> bool {
        if self.heard() != heard {
            self.silent.set(None);
            return false;
        }
        let since = self.silent.get().filter(|(before, _)| *before == heard).map_or(sent, |(_, since)| since);
        self.silent.set(Some((heard, since)));
        since.elapsed() >= SILENCE
    }
}

enum Slot {
    Dialling {
        ticket: u64,
        dial: Dial,
        addresses: Vec<SocketAddr>,
        early: Option<Connection>,
        /// What the peer dialled meanwhile, where that is the one that stays.
        theirs: Option<Rc<Link>>,
    },
    Linked(Rc<Link>),
    /// Over a connection that the peer dialled, which is the peer's to close.
    Adopted(Rc<Link>),
}

impl Slot {
    fn link(&self) -> Option<&Rc<Link>> {
        match self {
            Slot::Linked(link) | Slot::Adopted(link) => Some(link),
            Slot::Dialling { theirs, .. } => theirs.as_ref(),
        }
    }
}

/// Tells whether a dial came to an end without being settled, as a panic in it does.
fn failed(dial: &Dial) -> bool {
    match dial.peek() {
        Some(Ok(link)) => matches!(link.greeting.peek(), Some(Err(_))),
        outcome => outcome.is_some(),
    }
}

/// What there is for a peer.
pub(super) enum Found {
    /// A connection that is up.
    Linked(Lease),
    /// Somebody dials, at these addresses, or waits for the answer to HELLO.
    Dialling(Dial, Vec<SocketAddr>),
    /// Nothing.
    Absent,
}

/// The pool. Its bound counts connections and dials together.
pub(super) struct Pool {
    me: NodeId,
    slots: RefCell<BTreeMap<NodeId, Slot>>,
    bound: usize,
    /// Counts uses and dials: the order is all that is needed.
    counter: Cell<u64>,
    freed: Notify,
}

impl Pool {
    pub(super) fn new(me: NodeId, bound: usize) -> Rc<Self> {
        let slots = RefCell::new(BTreeMap::new());
        Rc::new(Self { me, slots, bound, counter: Cell::new(0), freed: Notify::new() })
    }

    pub(super) fn find(self: &Rc<Self>, peer: &NodeId) -> Found {
        let slots = self.slots.borrow();
        let Some(slot) = slots.get(peer) else { return Found::Absent };
        match (slot.link().filter(|link| link.alive()), slot) {
            (Some(link), _) => Found::Linked(self.lease(link.clone())),
            (None, Slot::Dialling { dial, addresses, .. }) if !failed(dial) => {
                Found::Dialling(dial.clone(), addresses.clone())
            }
            _ => Found::Absent,
        }
    }

    /// Returns the connection of a dial over which a peer that was met before may be asked what changes nothing, in the flight
    /// that begins the handshake; `None` when the dial has got further, or does not begin so.
    pub(super) fn early(&self, peer: &NodeId) -> Option<(Connection, Dial)> {
        match self.slots.borrow().get(peer) {
            Some(Slot::Dialling { dial, early: Some(early), .. }) if dial.peek().is_none() => {
                Some((early.clone(), dial.clone()))
            }
            _ => None,
        }
    }

    /// Takes a link into use; it is not closed for want of room meanwhile.
    pub(super) fn lease(self: &Rc<Self>, link: Rc<Link>) -> Lease {
        link.in_flight.set(link.in_flight.get() + 1);
        link.touch();
        link.used.set(self.tick());
        Lease { link, pool: self.clone() }
    }

    /// Makes room for one more peer, closing the connection longest unused where need be; false when all are in use.
    pub(super) fn make_room(&self, peer: &NodeId) -> bool {
        let mut slots = self.slots.borrow_mut();
        if slots.len() < self.bound || slots.contains_key(peer) {
            return true;
        }
        let idle = slots.iter().filter_map(|(peer, slot)| match slot {
            Slot::Linked(link) | Slot::Adopted(link) if link.in_flight.get() == 0 => {
                Some((link.alive(), link.used.get(), *peer))
            }
            Slot::Dialling { dial, .. } if failed(dial) => Some((false, 0, *peer)),
            _ => None,
        });
        let Some((_, _, oldest)) = idle.min() else { return false };
        if let Some(Slot::Linked(link)) = slots.remove(&oldest) {
            link.connection.close(CloseCode::Unused.into(), b"");
        }
        true
    }

    /// Closes what this node dialled and nobody has used for so long: each costs memory here and there, and packets to keep it
    /// alive.
    fn tidy(&self, unused: Duration) {
        self.slots.borrow_mut().retain(|_, slot| match slot {
            Slot::Linked(link) if link.in_flight.get() == 0 && link.alive() && link.busy.get().elapsed() >= unused => {
                link.connection.close(CloseCode::Unused.into(), b"");
                false
            }
            _ => true,
        });
    }

    /// Waits until [`Pool::make_room`] may succeed.
    pub(super) async fn room(&self) {
        self.freed.notified().await;
    }

    /// Registers a dial, and its first connection where that may be used at once; `start` gets the ticket with which to settle it.
    pub(super) fn begin(
        &self,
        peer: NodeId,
        addresses: Vec<SocketAddr>,
        early: Option<Connection>,
        start: impl FnOnce(u64) -> Dial,
    ) {
        let ticket = self.tick();
        let dial = start(ticket);
        self.slots.borrow_mut().insert(peer, Slot::Dialling { ticket, dial, addresses, early, theirs: None });
    }

    /// Takes a connection into use that a peer dialled. Where both dialled each other at the same time, the one that the node with
    /// the smaller id dialled stays; one that the same peer dialled before makes way, as who dials anew has lost it.
    pub(super) fn adopt(&self, peer: NodeId, connection: Connection, bulk: usize) {
        let mut slots = self.slots.borrow_mut();
        let (is_full, yields) = (slots.len() >= self.bound, self.me > peer);
        let link = Link::adopted(connection, bulk);
        link.used.set(self.tick());
        match slots.get_mut(&peer) {
            Some(Slot::Dialling { dial, theirs, .. }) if !failed(dial) => {
                if yields {
                    *theirs = Some(link);
                }
            }
            Some(Slot::Linked(own)) if own.alive() => {
                if yields {
                    own.retire();
                    slots.insert(peer, Slot::Adopted(link));
                }
            }
            None if is_full => {}
            _ => drop(slots.insert(peer, Slot::Adopted(link))),
        }
    }

    /// Ends a dial with its outcome, unless the pool was cleared meanwhile.
    pub(super) fn settle(&self, peer: &NodeId, ticket: u64, outcome: &Result<Rc<Link>, NetError>) {
        let mut slots = self.slots.borrow_mut();
        let theirs = match slots.get_mut(peer) {
            Some(Slot::Dialling { ticket: current, theirs, .. }) if *current == ticket => Some(theirs.take()),
            _ => None,
        };
        match (theirs.map(|theirs| theirs.filter(|link| link.alive())), outcome) {
            (Some(Some(theirs)), outcome) => {
                slots.insert(*peer, Slot::Adopted(theirs));
                outcome.iter().for_each(|own| own.retire());
            }
            (Some(None), Ok(own)) => {
                own.used.set(self.tick());
                slots.insert(*peer, Slot::Linked(own.clone()));
            }
            (Some(None), Err(_)) => drop(slots.remove(peer)),
            (None, outcome) => outcome.iter().for_each(|own| own.connection.close(CloseCode::Unused.into(), b"")),
        }
        drop(slots);
        self.freed.notify_waiters();
    }

    pub(super) fn path(&self, peer: &NodeId) -> Option<Path> {
        let slots = self.slots.borrow();
        let link = slots.get(peer)?.link()?;
        Some(Path { srtt: link.connection.rtt(), connected: link.alive() })
    }

    /// Returns where the open connection to a peer leads.
    pub(super) fn remote(&self, peer: &NodeId) -> Option<SocketAddr> {
        let slots = self.slots.borrow();
        let link = slots.get(peer)?.link().filter(|link| link.alive())?;
        Some(link.connection.remote_address())
    }

    pub(super) fn connected(&self) -> Vec<NodeId> {
        let slots = self.slots.borrow();
        let alive = slots.iter().filter(|(_, slot)| slot.link().is_some_and(|link| link.alive()));
        alive.map(|(peer, _)| *peer).collect()
    }

    /// Gives up what is connected; dials go on, as they find out by themselves whether they come through.
    pub(super) fn drop_links(&self, why: CloseCode) {
        self.slots.borrow_mut().retain(|_, slot| {
            slot.link().iter().for_each(|link| link.connection.close(why.into(), b""));
            matches!(slot, Slot::Dialling { .. })
        });
        self.freed.notify_waiters();
    }

    /// Gives up the connection to a peer where it leads to an address that the peer had and has no longer.
    pub(super) fn leave(&self, from: &Contact, to: &[SocketAddr]) {
        // An IPv6 socket that takes IPv4 as well tells of it in the form of IPv6.
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let is_among = |place: SocketAddr, all: &[SocketAddr]| all.iter().any(|address| plain(*address) == place);
        let mut slots = self.slots.borrow_mut();
        if let Some(Slot::Linked(link) | Slot::Adopted(link)) = slots.get(&from.node) {
            let place = plain(link.connection.remote_address());
            if is_among(place, &from.addresses) && !is_among(place, to) {
                link.connection.close(CloseCode::Silent.into(), b"");
                slots.remove(&from.node);
            }
        }
    }

    pub(super) fn clear(&self) {
        self.slots.borrow_mut().clear();
        self.freed.notify_waiters();
    }

    fn tick(&self) -> u64 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }
}

/// Closes what is unused, now and then, as long as there is a pool.
pub(super) fn keep_tidy(pool: Weak<Pool>, unused: Duration) {
    tokio::task::spawn_local(async move {
        loop {
            sleep(unused / 4).await;
            let Some(pool) = pool.upgrade() else { return };
            pool.tidy(unused);
        }
    });
}

/// A link in use.
pub(super) struct Lease {
    pub link: Rc<Link>,
    pool: Rc<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let left = self.link.in_flight.get() - 1;
        self.link.in_flight.set(left);
        if left == 0 {
            if self.link.spare.get() {
                self.link.retire();
            }
            self.pool.freed.notify_waiters();
        }
    }
}
