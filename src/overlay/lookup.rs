//! The iterative lookup as a state machine: whom to ask next, given who answered what (Kademlia, section 2.3).
//!
//! It neither sends nor waits: its owner does what [`Lookup::next`] says, and reports answers and failures; timeouts are
//! the owner's. Contacts must have been checked (signature) before they come in here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::types::{Contact, Distance, Key, NodeId};

/// Requests in flight while answers keep bringing nearer nodes.
pub const ALPHA: usize = 3;

/// Requests in flight when they do not: then the rest is a matter of asking everybody near, and waiting is all it costs.
pub const MAX_PARALLEL: usize = 10;

/// The most requests of one lookup: an honest one in a network of a million nodes needs about 60; what is above that is
/// for dead and lying peers, and at 400 they have won.
pub const MAX_ASKS: usize = 400;

/// The most candidates remembered, the nearest. More than [`MAX_ASKS`], so that whoever was asked is never forgotten, and
/// so never asked again, and there is room for several times k that were not.
pub const MAX_CANDIDATES: usize = 512;

/// What the owner of a lookup does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask this peer, then call [`Lookup::next`] again.
    Ask(Contact),
    /// Report an answer or a failure of a peer that was asked, then call [`Lookup::next`] again.
    Wait,
    /// The lookup has ended and stays so.
    Done,
}

/// What a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Up to k nearest peers that answered, the nearest first.
    pub closest: Vec<Contact>,
    /// Requests sent.
    pub asked: usize,
    /// Requests that failed.
    pub failed: usize,
    /// The longest chain of peers of which one named the next; 1 when the seeds knew it all.
    pub hops: usize,
    /// Whether the k nearest known all answered, rather than the lookup being stopped or out of requests.
    pub complete: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Heard,
    Asked,
    Slow,
    Answered,
    Failed,
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    hop: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Complete,
    Cut,
}

/// One lookup of the k nodes nearest to a key.
#[derive(Debug)]
pub struct Lookup {
    target: Key,
    me: NodeId,
    k: usize,
    /// At most [`MAX_CANDIDATES`], by distance to the target.
    candidates: BTreeMap<Distance, Candidate>,
    /// Answers and failures since somebody nearer was named.
    fruitless: usize,
    stalled: bool,
    end: Option<End>,
}

impl Lookup {
    /// Starts a lookup for the `k` nodes (at least 1) nearest to `target`, asked by `me`, who is never among them.
    pub fn new(target: Key, me: NodeId, k: usize, seeds: Vec<Contact>) -> Self {
        let k = k.max(1);
        let mut lookup = Self { target, me, k, candidates: BTreeMap::new(), fruitless: 0, stalled: false, end: None };
        seeds.into_iter().for_each(|seed| lookup.hear(seed, 1));
        lookup
    }

    /// Returns what to do next.
    ///
    /// `Done` once the k nearest known that did not fail have all answered, or nobody is left to ask.
    #[expect(clippy::should_implement_trait, reason = "waiting is not the end of an iteration")]
    pub fn next(&mut self) -> Step {
        if self.end.is_some() {
            return Step::Done;
        }
        if self
            .candidates
            .values()
            .filter(|c| c.state != State::Failed)
            .take(self.k)
            .all(|c| c.state == State::Answered)
        {
            self.end = Some(End::Complete);
            return Step::Done;
        }
        if self.asked() >= MAX_ASKS {
            if self.count(|state| matches!(state, State::Asked | State::Slow)) > 0 {
                return Step::Wait;
            }
            self.end = Some(End::Cut);
            return Step::Done;
        }
        if self.count(|state| state == State::Asked) >= self.parallel() {
            return Step::Wait;
        }
        // Slow peers are passed over here, so that each of them is backed by one more.
        let mut near =
            self.candidates.values_mut().filter(|c| !matches!(c.state, State::Failed | State::Slow)).take(self.k);
        match near.find(|c| c.state == State::Heard) {
            Some(candidate) => {
                candidate.state = State::Asked;
                Step::Ask(candidate.contact.clone())
            }
            None => Step::Wait,
        }
    }

    /// Takes an answer of a peer that was asked; at most k of its contacts are looked at. Any other peer is ignored.
    pub fn on_answer(&mut self, node: &NodeId, contacts: Vec<Contact>) {
        let Some(hop) = self.settle(node, State::Answered) else { return };
        let before = self.nearest();
        contacts.into_iter().take(self.k).for_each(|contact| self.hear(contact, hop + 1));
        self.judge(self.nearest() != before);
    }

    /// Notes that a peer that was asked gave no answer, or a wrong one. Any other peer is ignored.
    pub fn on_failure(&mut self, node: &NodeId) {
        if self.settle(node, State::Failed).is_some() {
            self.judge(false);
        }
    }

    /// Notes that a peer that was asked takes longer than most: another is asked in its place, its answer still counts.
    pub fn on_slow(&mut self, node: &NodeId) {
        if self.end.is_none()
            && let Some(candidate) = self.candidates.get_mut(&node.distance(&self.target))
            && candidate.state == State::Asked
        {
            candidate.state = State::Slow;
        }
    }

    /// Ends the lookup now, for a reader that has what it wanted.
    pub fn finish(&mut self) {
        self.end.get_or_insert(End::Cut);
    }

    /// Returns all peers that answered, the nearest first.
    pub fn answered(&self) -> Vec<Contact> {
        self.nearest_answered(usize::MAX)
    }

    /// Returns up to k nearest peers that answered, the nearest first.
    pub fn closest(&self) -> Vec<Contact> {
        self.nearest_answered(self.k)
    }

    /// Returns the number of requests sent so far.
    pub fn asked(&self) -> usize {
        self.count(|state| state != State::Heard)
    }

    /// Returns the longest chain of peers of which one named the next and which was asked; seeds are at 1.
    pub fn hops(&self) -> usize {
        self.candidates.values().filter(|c| c.state != State::Heard).map(|c| c.hop).max().unwrap_or(0)
    }

    /// Returns what was found so far.
    pub fn into_report(self) -> Report {
        Report {
            closest: self.closest(),
            asked: self.asked(),
            failed: self.count(|state| state == State::Failed),
            hops: self.hops(),
            complete: self.end == Some(End::Complete),
        }
    }

    fn nearest_answered(&self, n: usize) -> Vec<Contact> {
        let answered = self.candidates.values().filter(|c| c.state == State::Answered);
        answered.take(n).map(|c| c.contact.clone()).collect()
    }

    fn count(&self, of: impl Fn(State) -> bool) -> usize {
        self.candidates.values().filter(|c| of(c.state)).count()
    }

    /// While fewer than k nodes are known, each of them has to answer before the lookup can end: asking them one after
    /// the other would save no request and cost round trips. So a network of at most k nodes, all known, takes one.
    fn parallel(&self) -> usize {
        match self.stalled {
            _ if self.candidates.len() < self.k => self.k,
            true => MAX_PARALLEL,
            false => ALPHA,
        }
    }

    /// Returns the distance of the nearest that did not fail; it only shrinks while contacts come in.
    fn nearest(&self) -> Option<Distance> {
        self.candidates.iter().find(|(_, c)| c.state != State::Failed).map(|(distance, _)| *distance)
    }

    fn judge(&mut self, nearer: bool) {
        if nearer {
            (self.fruitless, self.stalled) = (0, false);
        } else {
            self.fruitless += 1;
            self.stalled |= self.fruitless >= ALPHA;
        }
    }

    /// Moves a peer that is being asked to its last state and returns its hop.
    fn settle(&mut self, node: &NodeId, state: State) -> Option<usize> {
        if self.end.is_some() {
            return None;
        }
        let candidate = self.candidates.get_mut(&node.distance(&self.target))?;
        if !matches!(candidate.state, State::Asked | State::Slow) {
            return None;
        }
        candidate.state = state;
        Some(candidate.hop)
    }

    fn hear(&mut self, contact: Contact, hop: usize) {
        if contact.node == self.me {
            return;
        }
        match self.candidates.entry(contact.node.distance(&self.target)) {
            Entry::Vacant(place) => drop(place.insert(Candidate { contact, hop, state: State::Heard })),
            // Whoever replays old addresses of a node must not keep us from reaching it.
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if known.state == State::Heard && contact.seq > known.contact.seq {
                    known.contact = contact;
                }
            }
        }
        if self.candidates.len() > MAX_CANDIDATES
            && let Some(farthest) = self.candidates.iter().rfind(|(_, c)| c.state == State::Heard).map(|(d, _)| *d)
        {
            self.candidates.remove(&farthest);
        }
    }
}

#[cfg(test)]
mod tests;
