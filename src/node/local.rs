//! What a node shows to the doors on its own machine.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::config::Bootpeer;
use crate::actors::Doors;
use crate::seam::Later;
use crate::types::{Network, NetworkId, NodeId, Problem};

/// What a node is in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A node like any other.
    Peer,
    /// A way in for others, an anchor, and a registrar where the network document names it.
    Bootpeer,
}

impl Role {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Peer => "peer",
            Role::Bootpeer => "bootpeer",
        }
    }
}

/// A running node, as the local doors see it. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct LocalNode {
    /// The doors to its actors.
    pub doors: Doors,
    /// Its id.
    pub node_id: NodeId,
    /// Its network.
    pub network: Arc<Network>,
    /// One line that lets others join.
    pub invite: String,
    /// What it is.
    pub role: Role,
    /// Whether it is an anchor.
    pub anchor: bool,
    /// When it was started.
    pub started: Instant,
}

/// What a node can say while it does not know its network yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its id.
    pub node_id: NodeId,
    /// The network that it was told to join.
    pub network: NetworkId,
    /// What it is.
    pub role: Role,
    /// Where it listens for peers.
    pub listen: Vec<SocketAddr>,
    /// Ways in, none of which has given the network document yet.
    pub bootpeers: Vec<Bootpeer>,
    /// When it was started.
    pub started: Instant,
}

/// A node as its local doors find it: whole, or still without the document of its network.
pub struct Arrival {
    pending: Option<Pending>,
    node: OnceLock<LocalNode>,
}

impl Arrival {
    /// Opens for a node that will come.
    pub fn of(pending: Pending) -> Arc<Self> {
        Arc::new(Self { pending: Some(pending), node: OnceLock::new() })
    }

    /// Tells that the node is there; the first one stays.
    pub fn arrive(&self, node: LocalNode) {
        if self.node.set(node).is_err() {
            tracing::debug!("the node had arrived before");
        }
    }

    /// Returns what there is to say as long as the node is not there.
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref().filter(|_| self.node.get().is_none())
    }
}

impl From<LocalNode> for Arc<Arrival> {
    fn from(node: LocalNode) -> Self {
        Arc::new(Arrival { pending: None, node: OnceLock::from(node) })
    }
}

impl Deref for Arrival {
    type Target = LocalNode;

    /// Returns the node. Doors let nobody in before [`Arrival::pending`] is none.
    fn deref(&self) -> &LocalNode {
        self.node.get().expect("doors let nobody in before the node is there")
    }
}

/// A door that was opened on this machine.
pub struct OpenDoor {
    /// Where it listens.
    pub address: SocketAddr,
    /// Told when somebody at the door asks the node to end.
    pub stop: oneshot::Receiver<()>,
    /// Closes it.
    pub close: Box<dyn FnOnce() -> Later<()>>,
}

/// Opens the local door of a node: on which address, behind which token.
pub type OpenDoors = fn(Arc<Arrival>, SocketAddr, String) -> Later<Result<OpenDoor, Problem>>;
