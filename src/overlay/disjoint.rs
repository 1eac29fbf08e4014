//! A lookup over several paths that share no node (S/Kademlia, Baumgart and Mies 2007, section 4.4).
//!
//! Each path is a [`Lookup`] with seeds of its own, and what a peer answers is heard on its own path only. So whoever
//! answers with accomplices leads one path astray, and the others still come to the key. A node that one path has asked
//! counts as asked on the others too, and is asked once.

use std::collections::BTreeMap;

use super::lookup::{Elsewhere, Lookup, MAX_ASKS, Report, Step};
use super::replicas::preferred;
use crate::types::{Contact, Key, NodeId};

/// Paths of a lookup that must not be led astray, where enough nodes are known.
pub const MAX_PATHS: usize = 4;

/// Returns over how many paths a lookup goes when `known` nodes are in the table: one for every k, so that each path
/// begins among nodes of its own.
pub fn paths(known: usize, k: usize) -> usize {
    (known / k.max(1)).clamp(1, MAX_PATHS)
}

#[derive(Debug)]
struct Owner {
    path: usize,
    /// What came of asking; `Asked` while nothing did.
    state: Elsewhere,
}

/// One lookup over disjoint paths; with one path it is a [`Lookup`].
#[derive(Debug)]
pub struct DisjointLookup {
    target: Key,
    k: usize,
    /// At least one, at most [`MAX_PATHS`].
    paths: Vec<Lookup>,
    /// Which path asked whom: at most [`MAX_ASKS`].
    owners: BTreeMap<NodeId, Owner>,
    /// The path that asks next.
    turn: usize,
}

impl DisjointLookup {
    /// Starts a lookup for the `k` nodes nearest to `target` over at most `paths` paths; fewer where there are fewer seeds.
    pub fn new(target: Key, me: NodeId, k: usize, paths: usize, mut seeds: Vec<Contact>) -> Self {
        seeds.sort_by_cached_key(|seed| seed.node.distance(&target));
        seeds.dedup_by_key(|seed| seed.node);
        let count = paths.clamp(1, MAX_PATHS).min(seeds.len().max(1));
        let mut shares: Vec<Vec<Contact>> = vec![Vec::new(); count];
        for (i, seed) in seeds.into_iter().enumerate() {
            shares[i % count].push(seed);
        }
        let path = |share| match count {
            1 => Lookup::new(target, me, k, share),
            _ => Lookup::path(target, me, k, share, MAX_ASKS / count),
        };
        Self { target, k: k.max(1), paths: shares.into_iter().map(path).collect(), owners: BTreeMap::new(), turn: 0 }
    }

    /// Returns how many paths there are.
    pub fn paths(&self) -> usize {
        self.paths.len()
    }

    /// Returns what to do next; the paths take turns.
    #[expect(clippy::should_implement_trait, reason = "waiting is not the end of an iteration")]
    pub fn next(&mut self) -> Step {
        let mut end = Step::Done;
        for _ in 0..self.paths.len() {
            let at = self.turn;
            self.turn = (self.turn + 1) % self.paths.len();
            match self.next_of(at) {
                Step::Ask(contact) => return Step::Ask(contact),
                Step::Wait => end = Step::Wait,
                Step::Done => {}
            }
        }
        end
    }

    fn next_of(&mut self, at: usize) -> Step {
        loop {
            let step = self.paths[at].next();
            let Step::Ask(contact) = &step else { return step };
            match self.owners.get(&contact.node) {
                Some(owner) => self.paths[at].on_elsewhere(&contact.node, owner.state),
                None => {
                    self.owners.insert(contact.node, Owner { path: at, state: Elsewhere::Asked });
                    return step;
                }
            }
        }
    }

    /// Takes an answer of a peer that was asked, as [`Lookup::on_answer`].
    pub fn on_answer(&mut self, node: &NodeId, contacts: Vec<Contact>) {
        if let Some(path) = self.settle(node, Elsewhere::Answered) {
            self.paths[path].on_answer(node, contacts);
        }
    }

    /// Notes that a peer that was asked gave no answer, or a wrong one, as [`Lookup::on_failure`].
    pub fn on_failure(&mut self, node: &NodeId) {
        if let Some(path) = self.settle(node, Elsewhere::Failed) {
            self.paths[path].on_failure(node);
        }
    }

    /// Notes that a peer that was asked takes longer than most, as [`Lookup::on_slow`].
    pub fn on_slow(&mut self, node: &NodeId) {
        if let Some(owner) = self.owners.get(node) {
            self.paths[owner.path].on_slow(node);
        }
    }

    /// Ends all paths: one of them brought what is wanted.
    pub fn finish(&mut self) {
        self.paths.iter_mut().for_each(Lookup::finish);
    }

    /// Tells whether all paths together brought enough of what is wanted, given how much each did: a fair part of it each, or
    /// something at least where nobody but late peers is waited for, who may be gone.
    ///
    /// So however much accomplices bring on the others, a path without any is heard first.
    pub fn has_enough(&self, brought: &[usize], enough: usize) -> bool {
        let (all, least) = (brought.iter().sum::<usize>(), brought.iter().min().copied().unwrap_or_default());
        let fair = (enough / brought.len().max(1)).max(1);
        all >= enough && (least >= fair || least > 0 && self.waits_for_late_alone())
    }

    /// Tells whether every path has ended or waits for late peers alone, its own or those of another path.
    pub fn waits_for_late_alone(&self) -> bool {
        let is_late = |node: &NodeId| self.owners.get(node).is_some_and(|owner| self.paths[owner.path].is_late(node));
        self.paths.iter().all(|path| path.waits_elsewhere().is_some_and(|nodes| nodes.iter().all(is_late)))
    }

    /// Notes that a path found something and that so many more answers are wanted of it, as [`Lookup::expect`]; where none are, it
    /// ends, and the others go on.
    pub fn want(&mut self, path: usize, more: usize) {
        match more {
            0 => self.paths[path].finish(),
            more => self.paths[path].expect(more),
        }
    }

    /// Has every path ask so many and one more at once, as [`Lookup::expect`].
    pub fn expect_all(&mut self, more: usize) {
        self.paths.iter_mut().for_each(|path| path.expect(more));
    }

    /// Returns up to k of those known that neither failed nor are late, whether they were asked or not: those preferred as
    /// replicas, the nearest first.
    pub fn nearest(&self) -> Vec<Contact> {
        let mut known: BTreeMap<_, (&Contact, bool)> = BTreeMap::new();
        for (at, contact, late) in self.paths.iter().flat_map(Lookup::live) {
            known.entry(at).or_insert((contact, false)).1 |= late;
        }
        let live: Vec<Contact> = known.into_values().filter(|(_, late)| !late).map(|(c, _)| c.clone()).collect();
        preferred(&live, self.k)
    }

    /// Returns the path that asked this peer.
    pub fn path_of(&self, node: &NodeId) -> Option<usize> {
        self.owners.get(node).map(|owner| owner.path)
    }

    /// Returns whom the replica set is made of but for those that are late, as [`Lookup::nearly`]; of a lookup with one path.
    pub fn nearly(&self) -> Option<Vec<(Contact, bool)>> {
        match &self.paths[..] {
            [path] => path.nearly(),
            _ => None,
        }
    }

    /// Tells whether every path came to its end, or was ended because it brought what was wanted.
    pub fn has_ended(&self) -> bool {
        self.paths.iter().all(Lookup::has_ended)
    }

    /// Returns up to k of those that answered on any path, in order of distance: the replica set.
    pub fn closest(&self) -> Vec<Contact> {
        let mut answered: Vec<Contact> = self.paths.iter().flat_map(Lookup::answered).collect();
        answered.sort_by_cached_key(|contact| contact.node.distance(&self.target));
        preferred(&answered, self.k)
    }

    /// Returns what was found so far.
    pub fn into_report(self) -> Report {
        let closest = self.closest();
        let mut report = Report { closest, asked: 0, failed: 0, hops: 0, complete: true };
        for path in self.paths.into_iter().map(Lookup::into_report) {
            report.asked += path.asked;
            report.failed += path.failed;
            report.hops = report.hops.max(path.hops);
            report.complete &= path.complete;
        }
        report
    }

    /// Notes what came of asking a peer, on every path that knows it; returns whose it is.
    fn settle(&mut self, node: &NodeId, state: Elsewhere) -> Option<usize> {
        let owner = self.owners.get_mut(node).filter(|owner| owner.state == Elsewhere::Asked)?;
        owner.state = state;
        let own = owner.path;
        for (at, path) in self.paths.iter_mut().enumerate() {
            if at != own {
                path.on_elsewhere(node, state);
            }
        }
        Some(own)
    }
}

#[cfg(test)]
mod tests;
