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

/// The bytes of the fingerprint that come of one message: when, what kind, from whom, to whom, how long, and its hash.
const LINE: usize = 16 + 1 + 32 + 32 + 8 + 32;

/// Collects the fingerprint.
#[derive(Default)]
pub(super) struct Tracer {
    hasher: blake3::Hasher,
    messages: u64,
    bytes: u64,
    /// What each node sent, by its number: as many as the simulation has nodes.
    sums: Vec<Sums>,
}

/// What one node sent, by the numbers of requests; as many as there are kinds.
#[derive(Clone, Default)]
struct Sums(Vec<Sum>);

#[derive(Clone, Copy)]
struct Sum {
    number: u8,
    /// Requests sent.
    requests: u32,
    /// Bytes of requests sent or answered, and of their answers.
    bytes: u64,
}

impl Sums {
    fn of(&mut self, number: u8) -> &mut Sum {
        let place = self.0.iter().position(|sum| sum.number == number).unwrap_or_else(|| {
            self.0.push(Sum { number, requests: 0, bytes: 0 });
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

impl Tracer {
    pub(super) fn note(&mut self, at: Duration, leg: Leg, from: &NodeId, to: &NodeId, body: &[u8]) {
        self.messages += 1;
        self.bytes += body.len() as u64;
        let (at, length) = (at.as_micros().to_le_bytes(), (body.len() as u64).to_le_bytes());
        let (kind, said) = ([leg as u8], blake3::hash(body));
        let parts: [&[u8]; 6] = [&at, &kind, from.as_bytes(), to.as_bytes(), &length, said.as_bytes()];
        let (mut line, mut end) = ([0; LINE], 0);
        for part in parts {
            line[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        self.hasher.update(&line);
    }

    /// Notes a request of so many bytes, or an answer to it, at both ends.
    pub(super) fn weigh(&mut self, number: u8, ends: [u32; 2], bytes: usize) {
        for node in ends {
            self.of(node, number).bytes += bytes as u64;
        }
    }

    /// Counts a request that a node sends.
    pub(super) fn count(&mut self, node: u32, number: u8) {
        self.of(node, number).requests += 1;
    }

    fn of(&mut self, node: u32, number: u8) -> &mut Sum {
        let node = node as usize;
        if self.sums.len() <= node {
            self.sums.resize_with(node + 1, Sums::default);
        }
        self.sums[node].of(number)
    }

    fn sums(&self, node: u32) -> impl Iterator<Item = &Sum> {
        self.sums.get(node as usize).into_iter().flat_map(|sums| &sums.0)
    }

    /// Returns how many bytes went in requests of each number that a node sent or was sent, and in their answers.
    pub(super) fn bytes_of(&self, node: u32) -> BTreeMap<u8, u64> {
        self.sums(node).filter(|sum| sum.bytes > 0).map(|sum| (sum.number, sum.bytes)).collect()
    }

    /// Returns how many requests of each number a node has sent.
    pub(super) fn requests_of(&self, node: u32) -> BTreeMap<u8, u64> {
        let sent = self.sums(node).filter(|sum| sum.requests > 0);
        sent.map(|sum| (sum.number, u64::from(sum.requests))).collect()
    }

    pub(super) fn trace(&self) -> Trace {
        Trace { hash: Hash(*self.hasher.finalize().as_bytes()), messages: self.messages, bytes: self.bytes }
    }
}
