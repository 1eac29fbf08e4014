//! Authors as their homes show them: chain, certificate, heads and posts, at the nearest nodes; they live on no node.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::people::Certified;
use super::tables::Everybody;
use crate::records::{HeadsBody, PostBody, Record, Signed, home};
use crate::sim::Simulation;
use crate::types::{AccountId, Hash, Hlc, NodeId, Rng, Username};

/// So long a post lives where nobody says anything else, in milliseconds.
const LIFETIME_MS: u64 = 7 * 24 * 3600 * 1000;

/// Somebody who posts by magic: the posts appear at the replicas, and where they are brought to.
pub(super) struct Author {
    person: Certified,
    last: (u64, Option<Hash>),
}

impl Author {
    pub(super) fn new(sim: &Simulation, name: Username, rng: &mut Rng) -> Self {
        Self { person: Certified::new(sim, name, rng), last: (0, None) }
    }

    pub(super) fn account(&self) -> AccountId {
        self.person.account
    }

    pub(super) fn who(&self) -> (AccountId, Username) {
        (self.person.account, self.person.name.clone())
    }

    pub(super) fn proofs(&self) -> Vec<Bytes> {
        self.person.proofs.to_vec()
    }

    /// Signs the next post, and the heads with it.
    pub(super) fn post(&mut self, sim: &Simulation) -> (Signed<PostBody>, Record) {
        let (seq, hlc) = (self.last.0 + 1, Hlc::new(sim.now(), 0));
        let (account, device) = (self.person.account, self.person.device_id());
        let text = format!("number {seq} of {}", self.person.name);
        let body =
            PostBody { account, device, seq, hlc, prev: self.last.1, text, lifetime_ms: LIFETIME_MS, reply_to: None };
        let post = self.person.sign(sim, body);
        self.last = (seq, Some(post.hash()));
        let heads = HeadsBody {
            account,
            device,
            version: seq,
            hlc,
            last_seq: seq,
            last_hash: Some(post.hash()),
            floor: 0,
            collected: Vec::new(),
            why_from: None,
            early: Vec::new(),
        };
        let heads = self.person.sign(sim, heads);
        (post, Record::Heads(heads))
    }
}

/// Where everybody is, to lay records at the replicas of a home.
pub(super) struct Land<'a> {
    sim: &'a Simulation,
    everybody: &'a Everybody,
    numbers: BTreeMap<NodeId, usize>,
}

impl<'a> Land<'a> {
    pub(super) fn new(sim: &'a Simulation, everybody: &'a Everybody) -> Self {
        let numbers = (0..sim.count()).map(|number| (sim.id(number), number)).collect();
        Self { sim, everybody, numbers }
    }

    /// Returns the numbers of the `n` nodes that run and are nearest to an account's home, the nearest first.
    pub(super) fn nearest(&self, account: &AccountId, n: usize) -> Vec<usize> {
        let near = self.everybody.nearest(&home(account), 2 * n);
        let numbers = near.iter().map(|contact| self.numbers[&contact.node]);
        numbers.filter(|number| self.sim.is_running(*number)).take(n).collect()
    }

    /// Lays records at the replicas of an account's home, and at the anchors.
    pub(super) async fn lay(&self, account: &AccountId, records: &[Bytes], anchors: usize) {
        let mut holders = self.nearest(account, self.sim.network().k());
        holders.extend(0..anchors);
        holders.sort_unstable();
        holders.dedup();
        for holder in holders.into_iter().filter(|holder| self.sim.is_running(*holder)) {
            self.sim.ready(holder).let_keep(home(account), records.to_vec()).await;
        }
    }
}
