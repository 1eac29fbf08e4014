//! What the routing actor takes.

use std::net::SocketAddr;
use std::time::Duration;

use actix::Message;

use super::people::{LookedUpFor, PingError, PingTarget, Pong};
use crate::seam::Traffic;
use crate::types::{Contact, Key, NodeId, WallTime};

/// Asks for the contacts closest to a key.
#[derive(Message)]
#[rtype(result = "Vec<Contact>")]
pub struct Closest {
    /// The key.
    pub key: Key,
    /// How many.
    pub n: usize,
}

/// Peers were named by others, the nearest to some key first: candidates.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Named(pub Vec<Contact>);

/// These peers were all reached just now, and every bucket was refreshed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Filled(pub Vec<Contact>, pub Duration);

/// A peer greeted us: it lives, whatever we remember of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Greeted(pub Contact);

/// A peer answered our own request.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reached(pub Contact, pub Duration);

/// A peer did not answer our request.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Failed(pub NodeId);

/// A probe of a candidate ended, however.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Probed(pub NodeId);

/// A lookup for a key was made.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LookedUp(pub Key);

/// Asks for all contacts.
#[derive(Message)]
#[rtype(result = "Vec<Peer>")]
pub struct Peers;

/// A contact, as people see it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who and where.
    pub contact: Contact,
    /// floor(log2) of its distance.
    pub bucket: u8,
    /// Round trip.
    pub rtt: Duration,
    /// Whether a connection is open.
    pub connected: bool,
    /// When it last answered.
    pub last_seen: WallTime,
    /// Whether it is a bootpeer.
    pub bootpeer: bool,
}

/// Asks for all contacts, in the order of ids.
#[derive(Message)]
#[rtype(result = "Vec<Contact>")]
pub struct Contacts;

/// Asks for a summary.
#[derive(Message)]
#[rtype(result = "RoutingOverview")]
pub struct Overview;

/// A summary of the table.
#[derive(Clone, Debug, Default)]
pub struct RoutingOverview {
    /// Contacts.
    pub known: usize,
    /// Peers with an open connection.
    pub connected: usize,
    /// What went over the network since the node started.
    pub traffic: Traffic,
    /// Addresses under which others reach this node.
    pub addresses: Vec<SocketAddr>,
    /// Registrars that answered the last request, this node included where it is one.
    pub registrars_reachable: usize,
    /// Estimated nodes in the network, this one included.
    pub size_estimate: u64,
    /// The configured bootpeers, in the order of the configuration.
    pub bootpeers: Vec<BootpeerState>,
}

/// How a bootpeer is doing.
#[derive(Clone, Debug)]
pub struct BootpeerState {
    /// The bootpeer.
    pub contact: Contact,
    /// Whether it answered the last request.
    pub online: bool,
    /// Round trip, when known.
    pub rtt: Option<Duration>,
    /// Its program.
    pub software: Option<String>,
}

/// Asks for the anchors with whether the last request to each was answered.
#[derive(Message)]
#[rtype(result = "Vec<(Contact, bool)>")]
pub struct Anchors;

/// Asks for the best contact known of a node.
#[derive(Message)]
#[rtype(result = "Option<Contact>")]
pub struct Known(pub NodeId);

/// Asks how long ago any anchor answered, whatever became of later requests.
#[derive(Message)]
#[rtype(result = "Option<Duration>")]
pub struct AnchorHeard;

/// Writes the table to disk.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Persist;

/// Names ways in whose addresses were found only now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct MoreBootpeers(pub Vec<Contact>);

/// Asks for the contacts closest to a key to begin a lookup with, and how many contacts there are in all.
#[derive(Message)]
#[rtype(result = "(Vec<Contact>, usize)")]
pub struct Seeds {
    /// The key.
    pub key: Key,
    /// How many.
    pub n: usize,
}

/// The machine slept, or its network changed: what failed meanwhile was our side.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Woke;

/// Looks up a key for a person.
#[derive(Message)]
#[rtype(result = "LookedUpFor")]
pub struct LookUp(pub Key);

/// Pings a peer for a person.
#[derive(Message)]
#[rtype(result = "Result<Pong, PingError>")]
pub struct PingPeer(pub PingTarget);
