//! Connections that others dialled: who is let in, and who makes room.
//!
//! Before the handshake nothing is known of a newcomer but an address that may be forged, so it can only wait or be
//! turned away; only one that has proved its key may take the place of another.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};

use quinn::{Connecting, Connection, Endpoint, Incoming};
use tokio::time::timeout;

use super::codes::CloseCode;
use super::limits::NetLimits;
use super::pool::{Link, Pool};
use super::serve::{self, Early};
use super::tally::Tally;
use super::tls;
use crate::seam::{Inbound, Path};
use crate::types::NodeId;

/// The accepting side of a transport.
pub(super) struct Accepting {
    pub limits: Rc<NetLimits>,
    pub tally: Rc<Tally>,
    pool: Rc<Pool>,
    me: NodeId,
    alpn: Rc<[u8]>,
    inbound: RefCell<Option<Weak<dyn Inbound>>>,
    guests: RefCell<BTreeMap<u64, Rc<Guest>>>,
    handshakes: Cell<usize>,
    counter: Cell<u64>,
}

/// A peer that is answered: its connection was let in, or is one that was dialled.
pub(super) struct Guest {
    pub peer: NodeId,
    pub connection: Connection,
    /// Whether its HELLO was answered.
    pub greeted: Cell<bool>,
    /// Requests under way.
    pub running: Cell<usize>,
    id: u64,
    used: Cell<u64>,
    /// Of a connection that was dialled, what our own requests use.
    link: Option<Rc<Link>>,
}

impl Accepting {
    pub(super) fn new(limits: Rc<NetLimits>, me: NodeId, alpn: Rc<[u8]>, pool: Rc<Pool>) -> Rc<Self> {
        Rc::new(Self {
            limits,
            tally: Rc::default(),
            pool,
            me,
            alpn,
            inbound: RefCell::new(None),
            guests: RefCell::new(BTreeMap::new()),
            handshakes: Cell::new(0),
            counter: Cell::new(0),
        })
    }

    pub(super) fn serve(&self, inbound: Weak<dyn Inbound>) {
        *self.inbound.borrow_mut() = Some(inbound);
    }

    /// Returns the receiver of requests as it was named, whether it lives or not.
    pub(super) fn named(&self) -> Option<Weak<dyn Inbound>> {
        self.inbound.borrow().clone()
    }

    pub(super) fn inbound(&self) -> Option<Rc<dyn Inbound>> {
        self.inbound.borrow().as_ref()?.upgrade()
    }

    /// Takes connections until the endpoint is closed.
    pub(super) async fn run(self: Rc<Self>, endpoint: Endpoint) {
        while let Some(incoming) = endpoint.accept().await {
            self.admit(incoming);
        }
    }

    fn admit(self: &Rc<Self>, incoming: Incoming) {
        if self.inbound().is_none() || self.handshakes.get() >= self.limits.handshakes {
            return incoming.refuse();
        }
        if self.handshakes.get() >= self.limits.unvalidated && !incoming.remote_address_validated() {
            // Cannot fail for an address that is not validated.
            let _ = incoming.retry();
            return;
        }
        match incoming.accept() {
            Ok(connecting) => {
                let handshake = Handshake::begin(self);
                drop(tokio::task::spawn_local(receive(self.clone(), connecting, handshake)));
            }
            Err(end) => tracing::debug!(%end, "a handshake failed"),
        }
    }

    /// Lets a newcomer in, closing others where there are too many.
    fn enter(self: &Rc<Self>, peer: NodeId, connection: Connection) -> Option<Entered> {
        let mut guests = self.guests.borrow_mut();
        let own: Vec<u64> = guests.iter().filter(|(_, guest)| guest.peer == peer).map(|(id, _)| *id).collect();
        let many = (own.len() + 1).saturating_sub(self.limits.inbound_per_peer);
        for id in own.iter().take(many) {
            if let Some(guest) = guests.get(id) {
                guest.connection.close(CloseCode::Unused.into(), b"");
            }
        }
        if guests.len() >= self.limits.inbound {
            let idle = guests.values().filter(|guest| guest.running.get() == 0);
            let oldest = idle.map(|guest| (guest.used.get(), guest.id)).min()?.1;
            if let Some(guest) = guests.remove(&oldest) {
                guest.connection.close(CloseCode::Unused.into(), b"");
            }
        }
        let id = self.tick();
        let guest = Rc::new(Guest {
            peer,
            connection,
            greeted: Cell::new(false),
            running: Cell::new(0),
            id,
            used: Cell::new(id),
            link: None,
        });
        guests.insert(id, guest.clone());
        Some(Entered { accepting: self.clone(), guest })
    }

    /// Notes that a guest was greeted: where it allows that, our requests go over its connection from now on.
    pub(super) fn greeted(&self, guest: &Guest) {
        guest.greeted.set(true);
        let from = guest.connection.remote_address();
        if self.inbound().is_some_and(|inbound| inbound.may_call_back(&guest.peer, from)) {
            self.pool.adopt(guest.peer, guest.connection.clone(), self.limits.bulk_per_peer);
        }
    }

    /// Notes that a connection is in use.
    pub(super) fn touch(&self, guest: &Guest) {
        guest.used.set(self.tick());
        guest.link.iter().for_each(|link| link.touch());
    }

    pub(super) fn connected(&self) -> Vec<NodeId> {
        self.guests.borrow().values().filter(|guest| guest.up()).map(|guest| guest.peer).collect()
    }

    /// Returns what the newest connection of a peer tells of the way to it; no request of ours goes over it.
    pub(super) fn path(&self, peer: &NodeId) -> Option<Path> {
        let guests = self.guests.borrow();
        let newest = guests.values().rev().find(|guest| guest.peer == *peer && guest.up())?;
        Some(Path { srtt: newest.connection.rtt(), connected: false })
    }

    /// Returns where the newest connection of a peer comes from, greeted or not.
    pub(super) fn remote(&self, peer: &NodeId) -> Option<SocketAddr> {
        let guests = self.guests.borrow();
        let newest = guests.values().rev().find(|g| g.peer == *peer && g.connection.close_reason().is_none())?;
        Some(newest.connection.remote_address())
    }

    /// Returns the address of a peer's newest connection: the handshake has shown that it receives there.
    pub(super) fn origin(&self, peer: &NodeId) -> Option<IpAddr> {
        let guests = self.guests.borrow();
        guests.values().rev().find(|guest| guest.peer == *peer).map(|guest| guest.connection.remote_address().ip())
    }

    /// Returns who is at the other end, when that is known and somebody to be served.
    pub(super) fn admits(&self, connection: &Connection) -> Option<NodeId> {
        tls::peer_of(connection).filter(|peer| *peer != self.me && tls::speaks(connection, &self.alpn))
    }

    fn tick(&self) -> u64 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }
}

impl Guest {
    /// The other end of a connection that this node dialled and that has been greeted.
    pub(super) fn dialled(peer: NodeId, link: Rc<Link>) -> Self {
        let (connection, greeted) = (link.connection.clone(), Cell::new(true));
        Self { peer, connection, greeted, running: Cell::new(0), id: 0, used: Cell::new(0), link: Some(link) }
    }

    fn up(&self) -> bool {
        self.greeted.get() && self.connection.close_reason().is_none()
    }
}

/// A guest's place, given up when its task ends in whatever way.
pub(super) struct Entered {
    pub accepting: Rc<Accepting>,
    pub guest: Rc<Guest>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.accepting.guests.borrow_mut().remove(&self.guest.id);
    }
}

/// A handshake's place, given up when it ends in whatever way.
struct Handshake(Rc<Accepting>);

impl Handshake {
    fn begin(accepting: &Rc<Accepting>) -> Self {
        accepting.handshakes.set(accepting.handshakes.get() + 1);
        Self(accepting.clone())
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.set(self.0.handshakes.get() - 1);
    }
}

/// Brings a handshake to its end and serves the connection that comes of it. Whoever resumes a session is known from its
/// first packet on, and may read at once; it is let in when the handshake has ended, which proves that it is no replayed one.
async fn receive(accepting: Rc<Accepting>, connecting: Connecting, handshake: Handshake) {
    // This side of a connection can always be turned into one that may be read during the handshake.
    let Ok((connection, ended)) = connecting.into_0rtt() else { return };
    let mut early = Early::new(&accepting, &connection);
    let why = match early.beside(timeout(accepting.limits.arrival, ended)).await {
        Ok(Ok(_)) => match accepting.admits(&connection) {
            Some(peer) => {
                drop(handshake);
                match accepting.enter(peer, connection.clone()) {
                    Some(entered) => return serve::connection(&entered, early).await,
                    None => CloseCode::Busy,
                }
            }
            None => CloseCode::Refused,
        },
        Ok(Err(_)) => CloseCode::NoHello,
        Err(why) => why,
    };
    tracing::debug!(?why, end = ?connection.close_reason(), "a newcomer is not let in");
    connection.close(why.into(), b"");
}
