//! The transport itself: one QUIC endpoint on the arbiter it was bound on.
//!
//! Puts the parts together and says when a request is tried again; creates no thread and no runtime. Requests use
//! connections that this node dialled, or that came from an address of the peer's signed contact.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use quinn::{ClientConfig, Endpoint};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::accept::Accepting;
use super::addresses;
use super::codes::CloseCode;
use super::config::QuicConfig;
use super::dial::{self, Begun, Dialler};
use super::endpoint::{self, BindError, Port};
use super::exchange::{BULK, Failed, send};
use super::limits::NetLimits;
use super::pace::Pace;
use super::pool::{self, Dial, Found, Lease, Link, Pool};
use super::serve;
use super::silence;
use crate::keys::SecretKey;
use crate::seam::{Class, Inbound, Later, NetError, Path, Traffic, Transport};
use crate::types::{Contact, NodeId};

/// Longest wait for peers to hear that we close, and for the port to be free.
const CLOSING: Duration = Duration::from_secs(1);

/// How often closing looks whether the port is free; the endpoint's task lets it go in its next turn.
const PORT_POLL: Duration = Duration::from_millis(1);

/// The end of time for a request whose caller waits for ever.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// QUIC with mutual TLS 1.3 as a [`Transport`].
///
/// Lives on the `LocalSet` it was bound in. Dropping it closes all connections without waiting for anything.
pub struct Quic(Rc<Inner>);

struct Inner {
    me: NodeId,
    /// `None` once closed: the port is free only when nobody holds the endpoint.
    endpoint: RefCell<Option<Endpoint>>,
    /// `None` once closed, as it keeps the port as well.
    socket: RefCell<Option<Port>>,
    client: ClientConfig,
    anybody: ClientConfig,
    alpn: Rc<[u8]>,
    limits: Rc<NetLimits>,
    pool: Rc<Pool>,
    pace: Rc<Pace>,
    accepting: Rc<Accepting>,
    bound: SocketAddr,
    dual: bool,
    advertise: Vec<SocketAddr>,
    closed: Cell<bool>,
}

impl Quic {
    /// Listens, and accepts connections as soon as [`Transport::serve`] has named who answers them.
    ///
    /// # Errors
    ///
    /// [`BindError::PortInUse`] when another program has the port; other variants for what else goes wrong.
    pub fn bind(config: QuicConfig) -> Result<Rc<Self>, BindError> {
        let limits = Rc::new(config.limits);
        let alpn: Rc<[u8]> = config.alpn.into();
        let me = SecretKey::from_bytes(&config.secret).public().node_id();
        let bound = endpoint::bind(config.listen, &config.secret, &alpn, &limits)?;
        let pool = Pool::new(me, limits.pool);
        let accepting = Accepting::new(limits.clone(), me, alpn.clone(), pool.clone());
        drop(tokio::task::spawn_local(accepting.clone().run(bound.endpoint.clone())));
        pool::keep_tidy(Rc::downgrade(&pool), limits.unused);
        Ok(Rc::new(Self(Rc::new(Inner {
            me,
            endpoint: RefCell::new(Some(bound.endpoint)),
            socket: RefCell::new(Some(bound.socket)),
            client: bound.client,
            anybody: bound.anybody,
            alpn,
            pool,
            pace: Rc::default(),
            limits,
            accepting,
            bound: bound.address,
            dual: bound.dual,
            advertise: config.advertise,
            closed: Cell::new(false),
        }))))
    }

    /// Returns where the node listens, with the port that it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.bound
    }

    /// Ends all connections that were dialled: whoever serves next greets anew, and is told how it is greeted.
    pub fn begin_anew(&self) {
        self.0.pool.drop_links(CloseCode::Unused);
    }

    /// Ends as a process does that is killed: peers hear nothing of it, not even that their requests fail.
    pub fn vanish(&self) {
        if let Some(endpoint) = &*self.0.endpoint.borrow() {
            silence::fall(endpoint, self.0.bound);
        }
        drop(self.0.shut());
    }

    /// Returns how many connections are open, whoever dialled them.
    pub fn open_connections(&self) -> usize {
        self.0.endpoint.borrow().as_ref().map_or(0, Endpoint::open_connections)
    }

    /// Returns the node's own identity.
    pub fn node_id(&self) -> NodeId {
        self.0.me
    }
}

impl Drop for Quic {
    fn drop(&mut self) {
        self.0.shut();
    }
}

impl Transport for Quic {
    fn request(&self, to: &Contact, body: Bytes, class: Class, within: Duration) -> Later<Result<Bytes, NetError>> {
        let (inner, to) = (self.0.clone(), to.clone());
        Box::pin(async move { inner.request(to, body, class, within).await })
    }

    fn reach(&self, to: &Contact, within: Duration) -> Later<Result<(), NetError>> {
        let (inner, to) = (self.0.clone(), to.clone());
        Box::pin(async move { inner.reach(to, within).await })
    }

    fn serve(&self, inbound: Weak<dyn Inbound>) {
        self.0.accepting.serve(inbound);
    }

    fn path(&self, peer: &NodeId) -> Option<Path> {
        let dialled = self.0.pool.path(peer);
        match dialled {
            Some(path) if path.connected => dialled,
            _ => self.0.accepting.path(peer).or(dialled),
        }
    }

    fn connected(&self) -> Vec<NodeId> {
        let mut peers = self.0.pool.connected();
        peers.extend(self.0.accepting.connected());
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    fn traffic(&self) -> Traffic {
        self.0.accepting.tally.traffic()
    }

    fn remote(&self, peer: &NodeId) -> Option<SocketAddr> {
        self.0.accepting.remote(peer).or_else(|| self.0.pool.remote(peer))
    }

    fn identify(&self, address: SocketAddr) -> Later<Result<NodeId, NetError>> {
        let endpoint = self.0.endpoint.borrow().clone();
        let (anybody, alpn, limit) = (self.0.anybody.clone(), self.0.alpn.clone(), self.0.limits.dial);
        Box::pin(async move {
            let identified = dial::identify(endpoint.ok_or(NetError::Closed)?, anybody, &alpn, address);
            timeout(limit, identified).await.unwrap_or(Err(NetError::Unreachable))
        })
    }

    fn origin(&self, peer: &NodeId) -> Option<IpAddr> {
        self.0.accepting.origin(peer).or_else(|| self.0.pool.remote(peer).map(|address| address.ip()))
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        addresses::reachable(&self.0.advertise, self.0.bound, self.0.dual)
    }

    fn moved(&self, from: &Contact, to: &[SocketAddr]) {
        self.0.pool.leave(from, to);
    }

    fn rebind(&self) {
        self.0.pool.drop_links(CloseCode::Silent);
        if let (Some(endpoint), Some(port)) = (&*self.0.endpoint.borrow(), &mut *self.0.socket.borrow_mut())
            && let Err(error) = port.renew(endpoint, self.0.bound)
        {
            tracing::warn!(%error, "the port could not be bound again; the old socket stays");
        }
    }

    fn close(&self) -> Later<()> {
        let socket = self.0.socket.borrow_mut().take().map(|port| port.held);
        let endpoint = self.0.shut();
        Box::pin(async move {
            let gone = async {
                if let Some(endpoint) = endpoint {
                    endpoint.wait_idle().await;
                }
                while socket.as_ref().is_some_and(|socket| socket.strong_count() > 0) {
                    sleep(PORT_POLL).await;
                }
            };
            if timeout(CLOSING, gone).await.is_err() {
                tracing::debug!("some peers did not confirm the end of their connections");
            }
        })
    }
}

impl Inner {
    /// Says goodbye to everybody and lets the endpoint go.
    fn shut(&self) -> Option<Endpoint> {
        self.closed.set(true);
        drop(self.socket.borrow_mut().take());
        let endpoint = self.endpoint.borrow_mut().take()?;
        endpoint.close(CloseCode::Shutdown.into(), b"");
        self.pool.clear();
        Some(endpoint)
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
        if to.node == self.me {
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
            let lease = timeout_at(deadline, self.lease(&to)).await.unwrap_or(Err(NetError::Unreachable))?;
            let (heard, sent) = (lease.link.heard(), Instant::now());
            let Ok(outcome) = timeout_at(deadline, self.send(&lease, body.clone(), class)).await else {
                // The dial goes on, and ends by its own limit.
                if !lease.link.is_greeted() {
                    return Err(NetError::Unreachable);
                }
                // A silent connection is not worth keeping: the next request dials anew.
                if lease.link.fell_silent(heard, sent) {
                    lease.link.connection.close(CloseCode::Silent.into(), b"");
                }
                return Err(NetError::Timeout(within));
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(_) if self.closed.get() => return Err(NetError::Closed),
                // The connection had ended without our knowing, or just then; a new one may do.
                Err(failed) if !last && failed.lost.is_some() && (!failed.sent || class == Class::Read) => last = true,
                Err(failed) => return Err(failed.error),
            }
        }
    }

    /// Asks a peer that was met before and is not connected in the flight that begins the handshake. `None` where that cannot be,
    /// or brings nothing, as where the peer has forgotten the session: then the request goes behind HELLO.
    async fn early(self: &Rc<Self>, to: &Contact, body: &Bytes) -> Option<Bytes> {
        if matches!(self.pool.find(&to.node), Found::Absent) {
            self.pool.make_room(&to.node).then(|| self.dial(to))?.ok()?;
        }
        let (connection, dial) = self.pool.early(&to.node)?;
        let tally = &self.accepting.tally;
        let asked = async {
            let asked = send(&connection, body.clone(), 0, tally).await.ok()?;
            asked.answer(self.limits.message_bytes, tally).await.ok()
        };
        let elsewhere = async {
            match dial.await {
                Ok(link) if link.connection.stable_id() == connection.stable_id() => pending().await,
                _ => None,
            }
        };
        tokio::select! {
            biased;
            answer = asked => answer,
            none = elsewhere => none,
        }
    }

    async fn reach(self: Rc<Self>, to: Contact, within: Duration) -> Result<(), NetError> {
        if to.node == self.me {
            return Err(NetError::Unreachable);
        }
        let greeted = async {
            let lease = self.lease(&to).await?;
            lease.link.believe(std::future::ready(Ok(()))).await.map_err(|failed| failed.error)
        };
        timeout(within.min(FOR_EVER), greeted).await.unwrap_or(Err(NetError::Unreachable))
    }

    async fn send(&self, lease: &Lease, body: Bytes, class: Class) -> Result<Bytes, Failed> {
        let link = &lease.link;
        let bulk = class == Class::Bulk;
        // The semaphore is never closed, so acquiring only waits.
        let _permit = if bulk { link.bulk.acquire().await.ok() } else { None };
        let priority = if bulk { BULK } else { 0 };
        let exchange = async {
            let asked = send(&link.connection, body, priority, &self.accepting.tally).await?;
            asked.answer(self.limits.message_bytes, &self.accepting.tally).await
        };
        link.believe(exchange).await
    }

    /// Returns the connection to a peer, dialling where there is none; all who wait share one dial. Its HELLO may still be
    /// on the way: what is sent over it goes behind that.
    async fn lease(self: &Rc<Self>, to: &Contact) -> Result<Lease, NetError> {
        let mut last = false;
        loop {
            if self.closed.get() {
                return Err(NetError::Closed);
            }
            match self.pool.find(&to.node) {
                Found::Linked(lease) => return Ok(lease),
                Found::Dialling(dial, addresses) => match dial.await {
                    Ok(link) => return Ok(self.pool.lease(link)),
                    // Somebody dialled addresses that lack some of ours.
                    Err(_) if !last && !to.addresses.iter().all(|a| addresses.contains(a)) => last = true,
                    Err(error) => return Err(error),
                },
                Found::Absent if self.pool.make_room(&to.node) => self.dial(to)?,
                Found::Absent => self.pool.room().await,
            }
        }
    }

    /// Starts to dial. It goes on when nobody waits any more: a request's patience is shorter than a first contact with
    /// a far peer, and the next request finds the connection.
    fn dial(self: &Rc<Self>, to: &Contact) -> Result<(), NetError> {
        let dialler = Dialler {
            endpoint: self.endpoint.borrow().clone().ok_or(NetError::Closed)?,
            client: self.client.clone(),
            alpn: self.alpn.clone(),
            limits: self.limits.clone(),
            inbound: self.accepting.named().ok_or(NetError::Closed)?,
            tally: self.accepting.tally.clone(),
        };
        let (peer, bulk) = (to.node, self.limits.bulk_per_peer);
        let (to, inner) = (to.clone(), Rc::downgrade(self));
        let pace = self.pace.clone();
        let turn = pace.try_begin();
        let first = turn.as_ref().and_then(|_| dialler.begin(&to));
        let early = first.as_ref().and_then(Begun::early);
        self.pool.begin(peer, to.addresses.clone(), early, move |ticket| -> Dial {
            let (tell, told) = oneshot::channel();
            tokio::task::spawn_local(async move {
                let _turn = pace.turn(turn).await;
                let mut waiting = Some(tell);
                let mut greeting = None;
                let reached = |connection| {
                    let (link, greeted) = Link::new(connection, bulk);
                    greeting = Some(greeted);
                    // Whoever wanted it may have gone.
                    let _ = waiting.take().map(|tell| tell.send(Ok(link.clone())));
                    link
                };
                let outcome = dialler.dial(&to, first, reached).await;
                if let Some(inner) = inner.upgrade() {
                    inner.pool.settle(&peer, ticket, &outcome);
                    if let Ok(link) = &outcome {
                        serve::dialled(&inner.accepting, peer, link);
                    }
                }
                // Nobody need wait any more.
                match (greeting, waiting, outcome) {
                    (Some(greeted), _, outcome) => drop(greeted.send(outcome.map(drop))),
                    (None, Some(tell), outcome) => drop(tell.send(outcome)),
                    (None, None, _) => {}
                }
            });
            async move { told.await.unwrap_or(Err(NetError::Broken)) }.boxed_local().shared()
        });
        Ok(())
    }
}
