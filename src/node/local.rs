//! What a node shows to the doors on its own machine.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::actors::Doors;
use crate::seam::Later;
use crate::types::{Network, NodeId, Problem};

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
pub type OpenDoors = fn(LocalNode, SocketAddr, String) -> Later<Result<OpenDoor, Problem>>;
