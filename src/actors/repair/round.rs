//! One round: who is met about which stretches.
//!
//! Every stretch is compared with a few of its replicas, others each time, so that what one of them has spreads to all. Where
//! a node is new in a stretch, this one or another, it is met at once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::meeting::{Met, meet};
use super::shared::Shared;
use crate::overlay::{Nearby, Share, Shares};
use crate::types::{Contact, NodeId, Stretch};

/// With how many of its replicas a stretch is compared in every full round.
const USUAL: usize = 3;
/// And where this node is new in it: some of the others may be new themselves.
const NEW: usize = 6;
/// A peer that found no difference within this has been met.
const MET: Duration = Duration::from_secs(300);
/// A peer that named what it does not have is left alone for so long.
const SHUNNED: Duration = Duration::from_secs(3600);
/// Of so many full rounds one goes to an anchor as well: its replicas together bring everything there several times an hour.
const ANCHOR_ROUNDS: u64 = 6;
/// Most stretches that an anchor is asked to compare.
const STRETCHES: usize = 512;
/// Where so many in a row were away as well, as in a network that begins, the others are met the next time.
const AWAY: usize = 8;
/// How often a meeting that failed is tried again, and after how long.
const TRIES: u8 = 3;
const AGAIN: Duration = Duration::from_secs(20);
/// When more is compared with an anchor that lacks much, or has much that is lacking here: puts are limited by the minute.
const MORE: Duration = Duration::from_secs(60);

/// What a round has to do, and what it has done.
struct Round<'a> {
    shared: &'a Rc<Shared>,
    /// In the order of ids.
    peers: Rc<Vec<Contact>>,
    shares: Rc<Shares>,
    /// With how many more replicas each of the shares is to be compared.
    wanted: Vec<usize>,
    /// What has to be compared with whom, and how often that may still fail.
    must: BTreeMap<NodeId, (Vec<Stretch>, u8)>,
    /// Peers with everything that answered, and those with whom all was compared.
    answered: BTreeSet<NodeId>,
    in_step: BTreeSet<NodeId>,
    /// Peers that answered and were away themselves.
    away: usize,
    /// Whether anything was fetched.
    fetched: bool,
}

/// Compares what is due: everything in a full round, else what changed hands.
pub(super) async fn round(shared: &Rc<Shared>, full: bool) {
    let node = &shared.node;
    let me = node.contact();
    let peers = Rc::new(node.doors().routing.contacts().await.unwrap_or_default());
    let known = shared.known.replace(peers.clone());
    let idle = !full && shared.owed.borrow().is_empty();
    if idle && (known == peers || !matters(&shared.shares.borrow(), &known, &peers)) {
        return;
    }
    let shares = Rc::new(Shares::find(&me, &peers, node.network.k()));
    let before = shared.shares.replace(shares.clone());
    let changed = *before != *shares;
    if !changed && !full && shared.owed.borrow().is_empty() {
        return;
    }
    let mut round = Round {
        shared,
        wanted: shares.iter().map(|share| wanted(&before, &node.me, share, full)).collect(),
        shares,
        must: std::mem::take(&mut *shared.owed.borrow_mut()),
        peers,
        answered: BTreeSet::new(),
        in_step: BTreeSet::new(),
        away: 0,
        fetched: false,
    };
    if changed {
        shared.changed.set(Some(Instant::now()));
        // Nobody lacks what is not here: with newcomers nothing is compared of where this node holds nothing.
        let held = shared.exact_digest().await;
        let is_empty = |stretch| held.as_ref().and_then(|held| held.sum(stretch)).is_some_and(|sum| sum.count() == 0);
        round.note_newcomers(&before, is_empty);
        round.note_handoffs(&before, &me, is_empty);
    }
    // Those that took over much took over what lies side by side.
    round.must.values_mut().for_each(|(stretches, _)| *stretches = Stretch::merged(std::mem::take(stretches)));
    round.meet_all(full).await;
    if full {
        round.meet_anchors().await;
    }
    if !node.is_synced() {
        shared.absence.judge(node, round.answered.len(), round.in_step.len(), round.fetched);
    }
}

/// Tells whether the shares may be others now; both lists are in the order of ids.
///
/// Whoever goes may leave a place to this node where it had none. Of those that come, only who is near counts.
fn matters(shares: &Shares, before: &[Contact], now: &[Contact]) -> bool {
    let mut before = before.iter().peekable();
    for contact in now {
        match before.peek() {
            Some(known) if known.node < contact.node => return true,
            Some(known) if known.node == contact.node => {
                if *known != contact {
                    return true;
                }
                before.next();
            }
            _ if shares.depend_on(&contact.node) => return true,
            _ => {}
        }
    }
    before.peek().is_some()
}

/// Returns with how many replicas a share is to be compared.
fn wanted(before: &Shares, me: &NodeId, share: Share<'_>, full: bool) -> usize {
    let new = !before.holds(me, share.stretch);
    if new { NEW } else { USUAL * usize::from(full) }
}

impl Round<'_> {
    /// Others that have become replicas of a stretch are met about it, whoever meets them besides.
    fn note_newcomers(&mut self, before: &Shares, is_empty: impl Fn(Stretch) -> bool) {
        let new = self.shares.newcomers(before, &self.shared.node.me, |stretch| !is_empty(stretch));
        new.into_iter().for_each(|(node, stretches)| self.owe(node, stretches));
    }

    /// Where this node is a replica no more, those that have taken its place get what it has.
    fn note_handoffs(&mut self, before: &Shares, me: &Contact, is_empty: impl Fn(Stretch) -> bool) {
        let (k, now) = (self.shared.node.network.k(), self.shares.clone());
        let is_lost = |share: &Share<'_>| !is_empty(share.stretch) && !now.holds(&me.node, share.stretch);
        let mut lost = before.iter().filter(is_lost).peekable();
        if lost.peek().is_none() {
            return;
        }
        let nearby = Nearby::of(self.peers.iter().chain([me]));
        for share in lost {
            let replicas = nearby.replicas(&share.stretch.keys().0, k);
            for newcomer in replicas.into_iter().filter(|node| *node != me.node && !share.contains(node)) {
                self.owe(newcomer, vec![share.stretch]);
            }
        }
    }

    fn peer(&self, node: &NodeId) -> Option<&Contact> {
        self.peers.binary_search_by_key(node, |peer| peer.node).ok().map(|place| &self.peers[place])
    }

    fn owe(&mut self, node: NodeId, stretches: Vec<Stretch>) {
        let (owed, tries) = self.must.entry(node).or_default();
        owed.extend(stretches);
        *tries = TRIES;
    }

    async fn meet_all(&mut self, full: bool) {
        for node in self.order() {
            let nobody = self.away >= AWAY && self.answered.is_empty() && self.shared.absence.has_time();
            if nobody && !self.shared.node.is_synced() {
                break;
            }
            let (must, tries) = self.must.remove(&node).unwrap_or_default();
            let due = self.shares.of(&node).filter(|(share, _)| self.wanted[*share] > 0);
            let due: Vec<Stretch> = due.map(|(_, stretch)| stretch).collect();
            let Some(peer) = self.peer(&node).cloned() else { continue };
            if (must.is_empty() && due.is_empty()) || self.shared.is_shunned(&node, SHUNNED) {
                continue;
            }
            if must.is_empty() && full && self.shared.node.is_synced() && self.shared.is_equal(&node, MET) {
                self.count(&node);
                continue;
            }
            let stretches = Stretch::merged(due.into_iter().chain(must.iter().copied()).collect());
            let met = meet(self.shared, &peer, stretches).await;
            self.note(node, met);
            if !met.complete && !must.is_empty() {
                self.shared.owe(node, Stretch::merged(must), tries.saturating_sub(1));
                self.shared.nudge(AGAIN);
            }
        }
        for (node, (stretches, tries)) in std::mem::take(&mut self.must) {
            // Those that are gone from the table are gone.
            if self.peer(&node).is_some() {
                self.shared.owe(node, stretches, tries);
            }
        }
    }

    /// Returns whom to meet, in an order that is another one each time; those that have to be met come first.
    fn order(&self) -> Vec<NodeId> {
        let me = self.shared.node.me;
        let is_other = |node: &&NodeId| **node != me && !self.must.contains_key(*node);
        let mut others: Vec<NodeId> = self.shares.siblings().iter().filter(is_other).copied().collect();
        let mut rng = self.shared.rng.borrow_mut();
        for end in (1..others.len()).rev() {
            others.swap(end, rng.below(end as u64 + 1) as usize);
        }
        self.must.keys().copied().chain(others).collect()
    }

    fn note(&mut self, node: NodeId, met: Met) {
        self.fetched |= met.fetched > 0;
        self.away += usize::from(met.answered && met.unsynced);
        // Nobody learns what it lacks from one that was away as well.
        if met.answered && !met.unsynced {
            self.answered.insert(node);
        }
        if met.complete && !met.unsynced {
            self.in_step.insert(node);
        }
        if met.complete && (!met.unsynced || self.shared.node.is_synced()) {
            self.count(&node);
        }
    }

    /// Counts all shares of a node as compared with it.
    fn count(&mut self, node: &NodeId) {
        for (share, _) in self.shares.of(node) {
            self.wanted[share] = self.wanted[share].saturating_sub(1);
        }
    }

    /// Anchors compare everything with each other; others, once in a while, what they have with one of them.
    async fn meet_anchors(&mut self) {
        let node = &self.shared.node;
        let anchors = node.doors().routing.anchors().await;
        let up: Vec<Contact> = anchors.into_iter().filter(|(_, up)| *up).map(|(contact, _)| contact).collect();
        if node.is_anchor() {
            for anchor in up {
                let met = meet(self.shared, &anchor, vec![Stretch::WHOLE]).await;
                self.note_anchor(anchor.node, met);
            }
            return;
        }
        let turn = self.shared.rng.borrow_mut().below(ANCHOR_ROUNDS) == 0;
        let pick = self.shared.rng.borrow_mut().below(up.len().max(1) as u64) as usize;
        let Some(anchor) = up.into_iter().nth(pick).filter(|_| turn) else { return };
        let lacks = |share: &Share<'_>| !share.contains(&anchor.node);
        let mut stretches = Stretch::merged(self.shares.iter().filter(lacks).map(|share| share.stretch).collect());
        if stretches.is_empty() {
            return;
        }
        // Where not all can be done, something else is done the next time.
        let first = self.shared.rng.borrow_mut().below(stretches.len() as u64) as usize;
        stretches.rotate_left(first);
        stretches.truncate(STRETCHES);
        let met = meet(self.shared, &anchor, stretches).await;
        if met.answered && !met.complete {
            self.shared.hasten(MORE);
        }
    }

    fn note_anchor(&mut self, node: NodeId, met: Met) {
        self.fetched |= met.fetched > 0;
        if met.answered && !met.unsynced {
            self.answered.insert(node);
        }
        if met.complete && !met.unsynced {
            self.in_step.insert(node);
        } else if !met.complete {
            // As a sibling it may have been in step; as an anchor it is not.
            self.in_step.remove(&node);
        }
        if met.answered && !met.complete {
            self.shared.hasten(MORE);
        }
    }
}
