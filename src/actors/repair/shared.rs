//! What the rounds and the answers of one node share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::absence::Absence;
use super::holdings::{self, Kept};
use crate::actors::context::Context;
use crate::actors::peers::Rates;
use crate::overlay::Shares;
use crate::repair::{Declined, Digest, Settled};
use crate::types::{Contact, NodeId, Rng, Stretch};

/// Most peers of which something is remembered: far more than there are siblings.
const PEERS: usize = 2048;

/// The state of repair.
pub(super) struct Shared {
    pub node: Rc<Context>,
    pub absence: Absence,
    /// Wakes the rounds before their time.
    pub nudged: Notify,
    /// When the next round is due, before its time because something changed.
    pub soon: Cell<Option<Instant>>,
    /// When the shares changed last.
    pub changed: Cell<Option<Instant>>,
    /// When every stretch is compared again.
    pub due: Cell<Instant>,
    /// The peers of the last round, and the shares that followed from them.
    pub known: RefCell<Rc<Vec<Contact>>>,
    pub shares: RefCell<Rc<Shares>>,
    pub settled: RefCell<Settled>,
    pub declined: RefCell<Declined>,
    /// What could not be compared with whom, and is tried again so often; at most [`PEERS`].
    pub owed: RefCell<BTreeMap<NodeId, (Vec<Stretch>, u8)>>,
    pub rates: RefCell<Rates>,
    pub rng: RefCell<Rng>,
    /// Who is being answered, so that nobody is answered twice at once.
    pub answering: RefCell<BTreeMap<NodeId, ()>>,
    /// When peers compared everything with this node and found no difference; at most [`PEERS`].
    equal: RefCell<BTreeMap<NodeId, Instant>>,
    /// Whose answers led to nothing, and when; at most [`PEERS`].
    shunned: RefCell<BTreeMap<NodeId, Instant>>,
    digest: Mutex<Option<Kept>>,
    began: Instant,
}

impl Shared {
    pub(super) fn new(node: Rc<Context>, first: Duration) -> Self {
        let now = Instant::now();
        Self {
            absence: Absence::begin(&node),
            nudged: Notify::new(),
            soon: Cell::new(None),
            changed: Cell::new(None),
            due: Cell::new(now + first),
            known: RefCell::default(),
            shares: RefCell::default(),
            settled: RefCell::default(),
            declined: RefCell::default(),
            owed: RefCell::default(),
            rates: RefCell::default(),
            rng: RefCell::new(node.rng("repair")),
            answering: RefCell::default(),
            equal: RefCell::default(),
            shunned: RefCell::default(),
            digest: Mutex::new(None),
            began: now,
            node,
        }
    }

    /// Returns the time on a clock that nobody sets.
    pub(super) fn clock(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns the sums over everything held here; `None` when the disk fails.
    pub(super) async fn digest(&self) -> Option<Arc<Digest>> {
        let mut kept = self.digest.lock().await;
        if let Some(held) = kept.as_ref().filter(|held| held.is_good(&self.node)) {
            return Some(held.digest.clone());
        }
        *kept = holdings::sum_up(&self.node).await;
        kept.as_ref().map(|held| held.digest.clone())
    }

    /// Returns the sums as they are now; `None` when the disk fails, or holds so much that they are not made at every change.
    pub(super) async fn exact_digest(&self) -> Option<Arc<Digest>> {
        let mut kept = self.digest.lock().await;
        if !kept.as_ref().is_some_and(|held| held.is_exact(&self.node)) {
            if kept.as_ref().is_some_and(|held| !held.is_cheap()) {
                return None;
            }
            *kept = holdings::sum_up(&self.node).await;
        }
        kept.as_ref().map(|held| held.digest.clone())
    }

    /// Has everything summed up anew the next time: much has come.
    pub(super) async fn forget_digest(&self) {
        *self.digest.lock().await = None;
    }

    /// Asks for a round in so long, or sooner where one was asked for.
    pub(super) fn nudge(&self, after: Duration) {
        let at = Instant::now() + after;
        self.soon.set(Some(self.soon.get().map_or(at, |soon| soon.min(at))));
        self.nudged.notify_one();
    }

    /// Has everything compared again within so long.
    pub(super) fn hasten(&self, within: Duration) {
        self.due.set(self.due.get().min(Instant::now() + within));
    }

    /// Notes that a peer found no difference in anything that it compared.
    pub(super) fn found_equal(&self, peer: NodeId) {
        remember(&self.equal, peer);
    }

    /// Tells whether a peer found no difference within so long.
    pub(super) fn is_equal(&self, peer: &NodeId, within: Duration) -> bool {
        self.equal.borrow().get(peer).is_some_and(|at| at.elapsed() < within)
    }

    /// Notes that comparing with a peer led to nothing but work.
    pub(super) fn shun(&self, peer: NodeId) {
        remember(&self.shunned, peer);
    }

    /// Tells whether that was so within so long.
    pub(super) fn is_shunned(&self, peer: &NodeId, within: Duration) -> bool {
        self.shunned.borrow().get(peer).is_some_and(|at| at.elapsed() < within)
    }

    /// Notes what could not be compared with a peer.
    pub(super) fn owe(&self, peer: NodeId, stretches: Vec<Stretch>, tries: u8) {
        let mut owed = self.owed.borrow_mut();
        if tries > 0 && !stretches.is_empty() && owed.len() < PEERS {
            owed.insert(peer, (stretches, tries));
        }
    }
}

fn remember(all: &RefCell<BTreeMap<NodeId, Instant>>, peer: NodeId) {
    let mut all = all.borrow_mut();
    if all.len() >= PEERS && !all.contains_key(&peer) {
        all.pop_first();
    }
    all.insert(peer, Instant::now());
}
