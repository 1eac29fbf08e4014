//! The ways between nodes: how long a message takes, and which ways are cut.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::types::{NodeId, Rng};

/// A message that was lost is sent again after this and three times its way, as a loss timer does.
const RESEND: Duration = Duration::from_millis(50);
/// Losses of one message that are made up for; with the rates that are simulated more do not happen.
const RESENDS: usize = 5;

pub(super) struct Links {
    /// Where each link's own latency comes from; not advanced, so that it does not depend on who talks first.
    places: [u8; 32],
    /// Jitter and losses, in the order of messages.
    fates: Rng,
    latency: (Duration, Duration),
    loss_per_mille: u64,
    /// Pairs that cannot reach each other, the smaller id first; at most all pairs.
    cuts: BTreeSet<(NodeId, NodeId)>,
}

impl Links {
    pub(super) fn new(rng: &Rng, latency: (Duration, Duration), loss_per_mille: u64) -> Self {
        let (places, fates) = (rng.fork("latencies").bytes(), rng.fork("fates"));
        Self { places, fates, latency, loss_per_mille, cuts: BTreeSet::new() }
    }

    /// Returns how long the next message takes on its way: the link's own time, up to a fifth more, and what losses cost.
    pub(super) fn transit(&mut self, from: NodeId, to: NodeId) -> Duration {
        let (shortest, longest) = (self.latency.0.as_millis() as u64, self.latency.1.as_millis() as u64);
        let (a, b) = pair(from, to);
        let place = blake3::keyed_hash(&self.places, &[a.0, b.0].concat());
        let place = place.as_bytes()[..8].try_into().map_or(0, u64::from_le_bytes);
        let own = shortest + place % (longest.saturating_sub(shortest) + 1);
        let mut took = Duration::from_millis(own + self.fates.below(own / 5 + 1));
        for _ in 0..RESENDS {
            if self.loss_per_mille == 0 || self.fates.below(1000) >= self.loss_per_mille {
                break;
            }
            took += Duration::from_millis(3 * own) + RESEND;
        }
        took
    }

    pub(super) fn cut(&mut self, a: NodeId, b: NodeId) {
        self.cuts.insert(pair(a, b));
    }

    pub(super) fn mend(&mut self, a: NodeId, b: NodeId) {
        self.cuts.remove(&pair(a, b));
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        self.cuts.contains(&pair(a, b))
    }
}

fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a <= b { (a, b) } else { (b, a) }
}
