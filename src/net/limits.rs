//! How much a peer may ask of this node, and how long it may take.
//!
//! Only numbers; what enforces each is named beside it.

use std::time::Duration;

/// The bounds of a transport. The defaults are those of the protocol; tests shorten them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetLimits {
    /// The most bytes of one request or one answer.
    pub message_bytes: usize,
    /// Requests open at once on a connection; more wait for their turn at the dialling side.
    pub streams: u32,
    /// Requests of [`crate::seam::Class::Bulk`] open at once towards one peer, so that reads find room beside them.
    pub bulk_per_peer: usize,
    /// How long a request may take to arrive, and a new connection to send its HELLO: a slow sender holds a slot.
    pub arrival: Duration,
    /// How long the node may work on one request before it is given up; longer than any request is waited for.
    pub handling: Duration,
    /// How long an answer may take to be taken off us: a slow reader holds a slot and the answer's memory.
    pub delivery: Duration,
    /// When a silent connection is given up.
    pub idle: Duration,
    /// How often a connection this node dialled shows that it is alive; well within `idle`.
    pub keep_alive: Duration,
    /// When a connection that this node dialled, and over which no request went either way, is closed.
    pub unused: Duration,
    /// How long dialling may take, HELLO included, over all addresses of a peer.
    pub dial: Duration,
    /// How long one address is tried alone before the next is tried beside it (RFC 8305, section 5).
    pub stagger: Duration,
    /// Connections this node keeps that it dialled: beyond, the one longest unused is closed.
    pub pool: usize,
    /// Connections accepted from others: beyond, the one longest unused makes room for a newcomer that proved its key.
    pub inbound: usize,
    /// Connections accepted from one peer, which needs one: two or three overlap when it restarts.
    pub inbound_per_peer: usize,
    /// Handshakes under way: beyond, newcomers are turned away.
    pub handshakes: usize,
    /// Handshakes under way from which on a newcomer must show first that its address is its own.
    pub unvalidated: usize,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            streams: 32,
            bulk_per_peer: 4,
            arrival: Duration::from_secs(5),
            handling: Duration::from_secs(30),
            delivery: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            keep_alive: Duration::from_secs(10),
            unused: Duration::from_secs(300),
            dial: Duration::from_millis(1500),
            stagger: Duration::from_millis(250),
            pool: 512,
            inbound: 1024,
            inbound_per_peer: 4,
            handshakes: 256,
            unvalidated: 64,
        }
    }
}
