//! One request to one peer: encoding, time limits, and what the routing table learns from it.

use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::context::Context;
use crate::overlay::LONGEST;
use crate::seam::{Class, NetError, Path};
use crate::types::{Contact, NodeId};
use crate::wire::{Ping, Request, WireError, open_answer};

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The network's fault or the peer's silence: try another, or later.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The peer refused.
    #[error(transparent)]
    Refused(#[from] WireError),
    /// The peer's answer cannot be read: its fault.
    #[error("the answer is malformed")]
    Malformed,
}

impl CallError {
    /// Tells whether the peer could not be reached at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, CallError::Net(_))
    }
}

/// Opening a connection: the dial limit.
const DIAL: Duration = Duration::from_millis(1500);

/// How much time an answer gets beyond the round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Answered from memory or by a point read.
    Read,
    /// The peer writes to its disk first.
    Disk,
    /// The peer asks others first, and answers within this.
    Others(Duration),
}

impl Context {
    /// Sends a request, to where the peer was last by its own word; the routing table learns whether it answered.
    pub async fn call<R: Request>(
        self: &Rc<Self>,
        to: &Contact,
        request: &R,
        patience: Patience,
    ) -> Result<R::Answer, CallError> {
        let newest = if to.proof.is_some() { self.signed(to) } else { to.clone() };
        let to = &newest;
        let started = Instant::now();
        let path = self.net.path(&to.node);
        let dialled = path.is_some_and(|path| path.connected);
        let within = self.within(&to.node, path, patience);
        let answer = self.net.request(to, request.to_frame(), R::CLASS, within).await;
        let took_ms = started.elapsed().as_millis();
        tracing::trace!(peer = %to.node.short(), request = R::NUMBER, took_ms, error = ?answer.as_ref().err(), "asked");
        match answer {
            Ok(frame) => {
                if dialled && patience == Patience::Read && R::CLASS == Class::Read {
                    self.took(to.node, started.elapsed());
                }
                self.answered(to, started);
                match open_answer::<R::Answer>(&frame) {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(refused)) => Err(refused.into()),
                    Err(_) => Err(CallError::Malformed),
                }
            }
            Err(error) => {
                if dialled && matches!(error, NetError::Timeout(_)) {
                    self.was_late(to.node, started.elapsed());
                }
                Err(self.unanswered(to, error))
            }
        }
    }

    /// Sees whether a peer is there: by a dial, whose HELLO it answers, where no connection to it is open, else by a PING. The
    /// routing table learns of it.
    pub async fn probe(self: &Rc<Self>, peer: &Contact) -> Result<(), CallError> {
        let path = self.net.path(&peer.node);
        if path.is_some_and(|path| path.connected) {
            return self.call(peer, &Ping {}, Patience::Read).await.map(drop);
        }
        let started = Instant::now();
        match self.net.reach(peer, self.within(&peer.node, path, Patience::Read)).await {
            Ok(()) => {
                self.answered(peer, started);
                Ok(())
            }
            Err(error) => Err(self.unanswered(peer, error)),
        }
    }

    fn answered(self: &Rc<Self>, peer: &Contact, started: Instant) {
        self.found(&peer.node);
        self.heard_somebody();
        let rtt = self.net.path(&peer.node).map_or_else(|| started.elapsed(), |p| p.srtt);
        self.doors().routing.reached(self.signed(peer), rtt);
    }

    fn unanswered(&self, peer: &Contact, error: NetError) -> CallError {
        if matches!(error, NetError::Unreachable | NetError::Timeout(_) | NetError::Broken) {
            self.lifeline.borrow_mut().failed(peer.node, Instant::now());
        }
        // One that is there and slow is worth another try at once; one that is not costs a dial each time.
        if error == NetError::Unreachable {
            self.missed(peer);
        }
        if !matches!(error, NetError::Closed | NetError::TooLarge) {
            self.doors().routing.failed(peer.node);
        }
        error.into()
    }

    /// Returns the newest signed contact of the same node, where one is known.
    fn signed(&self, to: &Contact) -> Contact {
        match self.greeting(&to.node) {
            Some(greeting) if greeting.contact.seq > to.seq => greeting.contact,
            _ => to.clone(),
        }
    }

    fn within(&self, to: &NodeId, path: Option<Path>, patience: Patience) -> Duration {
        let answer = self.answer_time(to, path.map(|p| p.srtt));
        let answer = match patience {
            Patience::Read => answer,
            Patience::Disk => LONGEST.max(answer),
            Patience::Others(within) => within + answer,
        };
        if path.is_some_and(|p| p.connected) { answer } else { DIAL + answer }
    }
}
