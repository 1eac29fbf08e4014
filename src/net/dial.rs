//! Reaching a peer: its addresses side by side (RFC 8305), its identity, and our HELLO.
//!
//! A TLS client finishes before the server has looked at its certificate, so a connection is up only when the peer has
//! answered HELLO. It is handed out before, as soon as HELLO is on its way: requests follow in the same flight, and count
//! for nothing unless that HELLO is answered well.

use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use futures_util::stream::{FuturesUnordered, StreamExt};
use quinn::{ClientConfig, Connecting, Connection, Endpoint, ZeroRttAccepted};
use tokio::time::{Instant, sleep, timeout_at};

use super::codes::{self, CloseCode};
use super::exchange::{Failed, send};
use super::limits::NetLimits;
use super::tally::Tally;
use super::tls;
use crate::seam::{Inbound, NetError};
use crate::types::{Contact, MAX_ADDRESSES, NodeId};

/// What it takes to dial.
pub(super) struct Dialler {
    pub endpoint: Endpoint,
    pub client: ClientConfig,
    pub alpn: Rc<[u8]>,
    pub limits: Rc<NetLimits>,
    pub inbound: Weak<dyn Inbound>,
    pub tally: Rc<Tally>,
}

/// A handshake that has begun.
pub(super) enum Begun {
    /// With a peer that was not met before, or whose session has ended.
    Anew(Connecting),
    /// With one whose session is resumed: requests that change nothing may go before it has ended. Whether the peer takes
    /// them shows then; it does not where it has forgotten the session.
    Resumed(Connection, ZeroRttAccepted),
}

impl Begun {
    /// Returns the connection, where it may be used already.
    pub(super) fn early(&self) -> Option<Connection> {
        match self {
            Begun::Anew(_) => None,
            Begun::Resumed(connection, _) => Some(connection.clone()),
        }
    }
}

impl Dialler {
    /// Begins a handshake at the first address of a peer; `None` where that fails at once.
    pub(super) fn begin(&self, to: &Contact) -> Option<Begun> {
        self.connect(*to.addresses.first()?, &tls::server_name(&to.node)).ok()
    }

    /// Connects to a peer, at its first address by what has begun there, and greets it. `reached` gets the connection when the
    /// peer's key is proved and HELLO is on its way; the result says whether it was answered well.
    pub(super) async fn dial<T>(
        self,
        to: &Contact,
        first: Option<Begun>,
        reached: impl FnOnce(Connection) -> T,
    ) -> Result<T, NetError> {
        let deadline = Instant::now() + self.limits.dial;
        let connection = timeout_at(deadline, self.race(to, first)).await.unwrap_or(Err(NetError::Unreachable))?;
        let greeted = timeout_at(deadline, self.greet(&to.node, &connection, reached)).await;
        let (why, error) = match greeted {
            Ok(Ok(handed)) => return Ok(handed),
            Ok(Err(error)) => (CloseCode::Refused, error),
            Err(_) => (CloseCode::Silent, NetError::Unreachable),
        };
        connection.close(why.into(), b"");
        Err(error)
    }

    /// Tries the addresses in order, the next one as soon as the last has failed or has had its time alone.
    async fn race(&self, to: &Contact, mut first: Option<Begun>) -> Result<Connection, NetError> {
        let name = tls::server_name(&to.node);
        let mut addresses = to.addresses.iter().take(MAX_ADDRESSES);
        let mut attempts = FuturesUnordered::new();
        let mut worst = NetError::Unreachable;
        loop {
            let next = addresses.next();
            let begun = next.map(|address| first.take().map_or_else(|| self.connect(*address, &name), Ok));
            attempts.extend(begun.map(|begun| self.attempt(begun, &to.node)));
            if attempts.is_empty() {
                return Err(worst);
            }
            tokio::select! {
                biased;
                Some(result) = attempts.next() => match result {
                    Ok(connection) => return Ok(connection),
                    Err(error) => worst = graver(worst, error),
                },
                () = sleep(self.limits.stagger), if next.is_some() => {}
            }
        }
    }

    fn connect(&self, address: SocketAddr, name: &str) -> Result<Begun, NetError> {
        let connecting = self.endpoint.connect_with(self.client.clone(), address, name);
        Ok(match connecting.map_err(|_| NetError::Unreachable)?.into_0rtt() {
            Ok((connection, accepted)) => Begun::Resumed(connection, accepted),
            Err(connecting) => Begun::Anew(connecting),
        })
    }

    async fn attempt(&self, begun: Result<Begun, NetError>, peer: &NodeId) -> Result<Connection, NetError> {
        let outcome = match begun? {
            Begun::Anew(connecting) => connecting.await,
            Begun::Resumed(connection, accepted) => {
                let taken = accepted.await;
                tracing::trace!(peer = %peer.short(), taken, "a session was resumed");
                connection.close_reason().map_or(Ok(connection), Err)
            }
        };
        let connection = outcome.map_err(|end| {
            tracing::debug!(peer = %peer.short(), %end, "dialling failed");
            codes::of_dial(&end)
        })?;
        // A resumed session skips the verifier, so the identity is looked at again.
        if tls::peer_of(&connection) != Some(*peer) {
            connection.close(CloseCode::Refused.into(), b"");
            return Err(NetError::WrongPeer);
        }
        if !tls::speaks(&connection, &self.alpn) {
            connection.close(CloseCode::Refused.into(), b"");
            return Err(NetError::Refused);
        }
        Ok(connection)
    }

    async fn greet<T>(
        &self,
        peer: &NodeId,
        connection: &Connection,
        reached: impl FnOnce(Connection) -> T,
    ) -> Result<T, NetError> {
        // A peer that is there and does not answer a HELLO is none of ours.
        let meaning = |failed: Failed| failed.lost.map_or(NetError::Refused, |end| codes::of_dial(&end));
        let hello = self.inbound.upgrade().ok_or(NetError::Closed)?.hello_at(connection.remote_address());
        let asked = send(connection, hello, 0, &self.tally).await.map_err(meaning)?;
        let handed = reached(connection.clone());
        let answer = asked.answer(self.limits.message_bytes, &self.tally).await.map_err(meaning)?;
        let inbound = self.inbound.upgrade().ok_or(NetError::Closed)?;
        inbound.greeted(*peer, answer).map_err(|_| NetError::Refused)?;
        Ok(handed)
    }
}

/// Returns who is at an address and speaks our protocol; no request is sent.
pub(super) async fn identify(
    endpoint: Endpoint,
    anybody: ClientConfig,
    alpn: &[u8],
    address: SocketAddr,
) -> Result<NodeId, NetError> {
    let connecting = endpoint.connect_with(anybody, address, tls::ANYBODY).map_err(|_| NetError::Unreachable)?;
    let connection = connecting.await.map_err(|end| codes::of_dial(&end))?;
    let peer = tls::peer_of(&connection).filter(|_| tls::speaks(&connection, alpn));
    connection.close(CloseCode::Unused.into(), b"");
    peer.ok_or(NetError::Refused)
}

/// Of two failures, the one that says more.
fn graver(a: NetError, b: NetError) -> NetError {
    let weight = |error: &NetError| match error {
        NetError::Refused => 2,
        NetError::WrongPeer => 1,
        _ => 0,
    };
    if weight(&b) > weight(&a) { b } else { a }
}
