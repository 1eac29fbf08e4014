//! Lookups and pings that somebody asked for: what they bring is shown to people.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::search::{Asked, Goal, find_closest, search};
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::seam::{Later, NetError};
use crate::types::{Contact, Key, NodeId, Section, SectionSet};
use crate::wire::{Get, Ping};

/// A node near a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearNode {
    /// The node.
    pub node: NodeId,
    /// floor(log2) of its distance to the key; `None` when the key is its own.
    pub distance_log2: Option<u8>,
    /// Whether it holds anything at the key.
    pub has_value: bool,
}

/// What a lookup for a person brought.
#[derive(Clone, Debug)]
pub struct LookedUpFor {
    /// The key.
    pub key: Key,
    /// The longest chain of nodes of which one named the next.
    pub hops: usize,
    /// Requests sent.
    pub asked: usize,
    /// How long it took.
    pub took: Duration,
    /// The replica set, the nearest first; this node is never in it.
    pub closest: Vec<NearNode>,
}

/// Whom to ping.
#[derive(Clone, Debug)]
pub enum PingTarget {
    /// A node, wherever it is.
    Node(NodeId),
    /// Whoever is at an address.
    Address(SocketAddr),
}

/// A peer that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong {
    /// The peer.
    pub node: NodeId,
    /// The round trip of a request over an open connection.
    pub rtt: Duration,
}

/// Why a ping brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PingError {
    /// It is this node.
    #[error("this is the node itself")]
    Ourselves,
    /// Nobody knows where this node is.
    #[error("no other node knows this one")]
    Unknown,
    /// Another network or another program is there.
    #[error("whoever is there is not of this network")]
    Refused,
    /// It does not answer.
    #[error("it does not answer")]
    Silent,
}

impl From<NetError> for PingError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Refused | NetError::WrongPeer => PingError::Refused,
            _ => PingError::Silent,
        }
    }
}

/// Looks for the nodes nearest to a key, and which of them hold anything there.
pub async fn look_up(node: &Rc<Context>, key: Key) -> LookedUpFor {
    let began = Instant::now();
    let asker = node.clone();
    let ask = move |contact: Contact| -> Later<Asked<bool>> {
        let node = asker.clone();
        Box::pin(async move {
            let get = Get::all(key, SectionSet::of(Section::ALL), 1, None);
            let got = node.call(&contact, &get, Patience::Read).await?;
            Ok((!got.records.is_empty(), node.open_contacts(got.contacts)))
        })
    };
    let found = search(node, key, Goal { guarded: true, ..Goal::everybody() }, ask).await;
    let near = |(contact, has_value): (Contact, bool)| NearNode {
        node: contact.node,
        distance_log2: contact.node.distance(&key).log2(),
        has_value,
    };
    LookedUpFor {
        key,
        hops: found.hops,
        asked: found.asked,
        took: began.elapsed(),
        closest: found.closest.into_iter().map(near).collect(),
    }
}

/// Pings somebody; `known` is the contact of that node where there is one.
///
/// # Errors
/// [`PingError`].
pub async fn ping(node: &Rc<Context>, target: PingTarget, known: Option<Contact>) -> Result<Pong, PingError> {
    let contact = match (known, target) {
        (Some(contact), _) => contact,
        (None, PingTarget::Node(id)) if id == node.me => return Err(PingError::Ourselves),
        (None, PingTarget::Node(id)) => {
            let found = find_closest(node, id.key()).await.closest;
            found.into_iter().map(|(c, ())| c).find(|c| c.node == id).ok_or(PingError::Unknown)?
        }
        (None, PingTarget::Address(address)) => Contact::hint(node.net.identify(address).await?, address),
    };
    if contact.node == node.me {
        return Err(PingError::Ourselves);
    }
    let failed = |error| match error {
        CallError::Net(error) => error.into(),
        CallError::Refused(_) | CallError::Malformed => PingError::Silent,
    };
    // The first one may have to dial, which is not what is measured.
    node.call(&contact, &Ping {}, Patience::Read).await.map_err(failed)?;
    let began = Instant::now();
    node.call(&contact, &Ping {}, Patience::Read).await.map_err(failed)?;
    Ok(Pong { node: contact.node, rtt: began.elapsed() })
}
