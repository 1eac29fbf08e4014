//! The fingerprint of a run: a hash over every message, when it was sent, from whom, to whom, and what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::types::{Hash, NodeId};

/// What kind of message is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// The first request of a connection.
    Hello,
    /// A request.
    Request,
    /// The answer to either.
    Answer,
}

/// The fingerprint of a run, and how many messages and bytes it covers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The hash.
    pub hash: Hash,
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} messages of {} bytes", self.hash, self.messages, self.bytes)
    }
}

/// Collects the fingerprint.
#[derive(Default)]
pub(super) struct Tracer {
    hasher: blake3::Hasher,
    messages: u64,
    bytes: u64,
    /// Requests by who sent them and their number: as many as the simulation has nodes, times the kinds of requests.
    requests: BTreeMap<(NodeId, u8), u64>,
    /// Bytes of requests and their answers, by who sent or answered them and the number of the request; as many as those.
    weights: BTreeMap<(NodeId, u8), u64>,
}

impl Tracer {
    pub(super) fn note(&mut self, at: Duration, leg: Leg, from: &NodeId, to: &NodeId, body: &[u8]) {
        self.messages += 1;
        self.bytes += body.len() as u64;
        if leg != Leg::Answer {
            *self.requests.entry((*from, body.first().copied().unwrap_or_default())).or_default() += 1;
        }
        self.hasher.update(&at.as_micros().to_le_bytes());
        self.hasher.update(&[leg as u8]);
        self.hasher.update(from.as_bytes()).update(to.as_bytes());
        self.hasher.update(&(body.len() as u64).to_le_bytes());
        self.hasher.update(blake3::hash(body).as_bytes());
    }

    /// Notes a request of so many bytes, or an answer to it, at both ends.
    pub(super) fn weigh(&mut self, number: u8, ends: [&NodeId; 2], bytes: usize) {
        for node in ends {
            *self.weights.entry((*node, number)).or_default() += bytes as u64;
        }
    }

    /// Returns how many bytes went in requests of each number that a node sent or was sent, and in their answers.
    pub(super) fn bytes_of(&self, node: &NodeId) -> BTreeMap<u8, u64> {
        self.weights.range((*node, 0)..=(*node, u8::MAX)).map(|((_, number), bytes)| (*number, *bytes)).collect()
    }

    /// Returns how many requests of each number a node has sent.
    pub(super) fn requests_of(&self, node: &NodeId) -> BTreeMap<u8, u64> {
        self.requests.range((*node, 0)..=(*node, u8::MAX)).map(|((_, number), count)| (*number, *count)).collect()
    }

    pub(super) fn trace(&self) -> Trace {
        Trace { hash: Hash(*self.hasher.finalize().as_bytes()), messages: self.messages, bytes: self.bytes }
    }
}
