//! The iterative lookup as a state machine: whom to ask next, given who answered what (Kademlia, section 2.3).
//!
//! It neither sends nor waits: its owner does what [`Lookup::next`] says, and reports answers and failures; timeouts are
//! the owner's. Contacts must have been checked (signature) before they come in here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::replicas::{Crowds, Prefix, preferred, prefix};
use crate::types::{Contact, Distance, Key, NodeId};

/// Requests in flight while answers keep bringing nearer nodes.
pub const ALPHA: usize = 3;

/// Requests in flight when they do not: then the rest is a matter of asking everybody near, and waiting is all it costs.
pub const MAX_PARALLEL: usize = 10;

/// The most requests of one lookup: an honest one in a network of a million nodes needs about 60; what is above that is
/// for dead and lying peers, and at 400 they have won.
pub const MAX_ASKS: usize = 400;

/// The most candidates remembered, the nearest. More than [`MAX_ASKS`], so that whoever was asked is never forgotten, and
/// so never asked again.
pub const MAX_CANDIDATES: usize = 512;
/// Contacts of an answer that are looked at however few are wanted: when many go at once, those named first may be gone.
const NAMED: usize = 20;

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
    /// Up to k peers that answered and are preferred as replicas ([`super::replicas`]), the nearest first.
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
    /// Asked on another path; nothing came of it yet.
    Elsewhere,
    /// Answered on another path.
    Told,
}

/// What became of a peer on another path of a [`super::DisjointLookup`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Elsewhere {
    Asked,
    Answered,
    Failed,
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    /// That of the contact, looked at whenever somebody answers.
    prefix: Option<Prefix>,
    hop: usize,
    state: State,
    /// Whether it was asked here.
    asked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Complete,
    /// The reader has what it wanted.
    Finished,
    /// Out of requests.
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
    /// Whether all are asked at once while fewer than k are known.
    eager: bool,
    /// The most requests.
    asks: usize,
    /// The most requests in flight, where the reader wants few more answers.
    most: usize,
    /// Requests sent.
    asked: usize,
    /// Candidates from which an answer is awaited that is not late.
    awaited: usize,
    end: Option<End>,
}

impl Lookup {
    /// Starts a lookup for the `k` nodes (at least 1) nearest to `target`, asked by `me`, who is never among them.
    pub fn new(target: Key, me: NodeId, k: usize, seeds: Vec<Contact>) -> Self {
        let k = k.max(1);
        let mut lookup = Self {
            target,
            me,
            k,
            candidates: BTreeMap::new(),
            fruitless: 0,
            stalled: false,
            eager: true,
            asks: MAX_ASKS,
            most: usize::MAX,
            asked: 0,
            awaited: 0,
            end: None,
        };
        seeds.into_iter().for_each(|seed| lookup.hear(seed, 1));
        lookup
    }

    /// Starts one of several paths. It has few seeds where many nodes are known, and so does not hurry to ask them all.
    pub(super) fn path(target: Key, me: NodeId, k: usize, seeds: Vec<Contact>, asks: usize) -> Self {
        Self { eager: false, asks, ..Self::new(target, me, k, seeds) }
    }

    /// Returns what to do next.
    ///
    /// `Done` once those that are preferred as replicas among all known that did not fail have answered, or nobody is left
    /// to ask.
    #[expect(clippy::should_implement_trait, reason = "waiting is not the end of an iteration")]
    pub fn next(&mut self) -> Step {
        if self.end.is_some() {
            return Step::Done;
        }
        let wanted = self.wanted(|state| state == State::Failed);
        if wanted.iter().all(|(_, state)| matches!(state, State::Answered | State::Told)) {
            self.end = Some(End::Complete);
            return Step::Done;
        }
        if self.asked >= self.asks {
            if self.count(|state| matches!(state, State::Asked | State::Slow | State::Elsewhere)) > 0 {
                return Step::Wait;
            }
            self.end = Some(End::Cut);
            return Step::Done;
        }
        if self.awaited >= self.parallel().min(self.most) {
            return Step::Wait;
        }
        // Slow peers are passed over here, so that each of them is backed by one more.
        let near = self.wanted(|state| matches!(state, State::Failed | State::Slow));
        let next = near.iter().find(|(_, state)| *state == State::Heard);
        let next = next.and_then(|(at, _)| self.candidates.get_mut(at));
        match next {
            Some(candidate) => {
                (candidate.state, candidate.asked) = (State::Asked, true);
                (self.asked, self.awaited) = (self.asked + 1, self.awaited + 1);
                Step::Ask(candidate.contact.clone())
            }
            None => Step::Wait,
        }
    }

    /// Takes an answer of a peer that was asked; at most k of its contacts are looked at (20 where k is less), and none once
    /// the lookup was finished. Any other peer is ignored.
    pub fn on_answer(&mut self, node: &NodeId, contacts: Vec<Contact>) {
        let Some(hop) = self.settle(node, State::Answered).filter(|_| self.end.is_none()) else { return };
        let before = self.nearest();
        contacts.into_iter().take(self.k.max(NAMED)).for_each(|contact| self.hear(contact, hop + 1));
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
        if let Some(candidate) = self.candidates.get_mut(&node.distance(&self.target))
            && candidate.state == State::Asked
        {
            candidate.state = State::Slow;
            self.awaited -= 1;
        }
    }

    /// Notes what became of a peer on another path: it is not asked here.
    pub(super) fn on_elsewhere(&mut self, node: &NodeId, outcome: Elsewhere) {
        if let Some(candidate) = self.candidates.get_mut(&node.distance(&self.target)) {
            // It was about to be asked here, or only known.
            self.asked -= usize::from(candidate.asked);
            self.awaited -= usize::from(candidate.state == State::Asked);
            candidate.asked = false;
            candidate.state = match outcome {
                Elsewhere::Asked => State::Elsewhere,
                Elsewhere::Answered => State::Told,
                Elsewhere::Failed => State::Failed,
            };
        }
    }

    /// Notes that the reader found something and wants so many answers more: one more than that are under way at once.
    pub fn expect(&mut self, more: usize) {
        self.most = more.saturating_add(1);
    }

    /// Ends the lookup now, for a reader that has what it wanted.
    pub fn finish(&mut self) {
        self.end.get_or_insert(End::Finished);
    }

    /// Returns the peers that are preferred as replicas, each with whether it has answered, once those that have not are all
    /// late: who is gone keeps the rest waiting for as long as it takes to be sure of that.
    pub fn nearly(&self) -> Option<Vec<(Contact, bool)>> {
        let mut near = Vec::with_capacity(self.k);
        for (at, state) in self.wanted(|state| state == State::Failed) {
            let candidate = self.candidates.get(&at)?;
            match state {
                State::Answered | State::Told => near.push((candidate.contact.clone(), true)),
                State::Slow => near.push((candidate.contact.clone(), false)),
                _ => return None,
            }
        }
        Some(near)
    }

    /// Returns those of the peers preferred as replicas that another path asks, once it waits for nobody but them and late
    /// ones; nobody when it has ended.
    pub(super) fn waits_elsewhere(&self) -> Option<Vec<NodeId>> {
        let mut elsewhere = Vec::new();
        for (at, state) in self.wanted(|state| state == State::Failed).into_iter().filter(|_| self.end.is_none()) {
            match state {
                State::Answered | State::Told | State::Slow => {}
                State::Elsewhere => elsewhere.extend(self.candidates.get(&at).map(|c| c.contact.node)),
                _ => return None,
            }
        }
        Some(elsewhere)
    }

    /// Tells whether an answer of a peer is late.
    pub(super) fn is_late(&self, node: &NodeId) -> bool {
        self.candidates.get(&node.distance(&self.target)).is_some_and(|c| c.state == State::Slow)
    }

    /// Returns those that did not fail, the nearest first, each with whether its answer is late; twice the replica set, to
    /// choose it from.
    pub(super) fn live(&self) -> impl Iterator<Item = (Distance, &Contact, bool)> {
        let live = self.candidates.iter().filter(|(_, c)| c.state != State::Failed).take(2 * self.k);
        live.map(|(at, c)| (*at, &c.contact, c.state == State::Slow))
    }

    /// Tells whether it ended otherwise than for want of requests.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.end, Some(End::Complete | End::Finished))
    }

    /// Returns all peers that answered, the nearest first.
    pub fn answered(&self) -> Vec<Contact> {
        self.candidates.values().filter(|c| c.state == State::Answered).map(|c| c.contact.clone()).collect()
    }

    /// Returns up to k peers that answered and are preferred as replicas, the nearest first.
    pub fn closest(&self) -> Vec<Contact> {
        preferred(&self.answered(), self.k)
    }

    /// Returns the number of requests sent so far.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Returns the longest chain of peers of which one named the next and which was asked; seeds are at 1.
    pub fn hops(&self) -> usize {
        self.candidates.values().filter(|c| c.asked).map(|c| c.hop).max().unwrap_or(0)
    }

    /// Returns what was found so far.
    pub fn into_report(self) -> Report {
        Report {
            closest: self.closest(),
            asked: self.asked(),
            failed: self.candidates.values().filter(|c| c.asked && c.state == State::Failed).count(),
            hops: self.hops(),
            complete: self.end == Some(End::Complete),
        }
    }

    /// Returns up to k of those not left out, in order of distance: those that would be the replica set if all answered.
    fn wanted(&self, leave_out: impl Fn(State) -> bool) -> Vec<(Distance, State)> {
        let mut crowds = Crowds::default();
        let (mut first, mut passed_over) = (Vec::with_capacity(self.k), Vec::new());
        for (at, candidate) in self.candidates.iter().filter(|(_, c)| !leave_out(c.state)) {
            if first.len() == self.k {
                break;
            }
            let fits = crowds.admit_of(candidate.prefix);
            if fits { &mut first } else { &mut passed_over }.push((*at, candidate.state));
        }
        if first.len() < self.k {
            first.extend(passed_over.into_iter().take(self.k - first.len()));
            first.sort_unstable_by_key(|(at, _)| *at);
        }
        first
    }

    fn count(&self, of: impl Fn(State) -> bool) -> usize {
        self.candidates.values().filter(|c| of(c.state)).count()
    }

    /// While fewer than k nodes are known, each of them has to answer before the lookup can end: asking them one after
    /// the other would save no request and cost round trips. So a network of at most k nodes, all known, takes one.
    fn parallel(&self) -> usize {
        match self.stalled {
            _ if self.eager && self.candidates.len() < self.k => self.k,
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
        // What was on its way when the reader had enough still counts.
        if self.end.is_some_and(|end| end != End::Finished) {
            return None;
        }
        let candidate = self.candidates.get_mut(&node.distance(&self.target))?;
        if !matches!(candidate.state, State::Asked | State::Slow) {
            return None;
        }
        self.awaited -= usize::from(candidate.state == State::Asked);
        candidate.state = state;
        Some(candidate.hop)
    }

    fn hear(&mut self, contact: Contact, hop: usize) {
        if contact.node == self.me {
            return;
        }
        match self.candidates.entry(contact.node.distance(&self.target)) {
            Entry::Vacant(place) => {
                let prefix = prefix(&contact);
                place.insert(Candidate { contact, prefix, hop, state: State::Heard, asked: false });
            }
            // Whoever replays old addresses of a node must not keep us from reaching it.
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if known.state == State::Heard && contact.seq > known.contact.seq {
                    known.prefix = prefix(&contact);
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
