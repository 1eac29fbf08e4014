//! A node: the actors over a world.

use std::rc::Rc;

use bytes::Bytes;

use crate::actors::{Context, Doors, Ready, Settings, Team};
use crate::keys::SecretKey;
use crate::records::{Merged, merge};
use crate::seam::World;
use crate::store::Verdict;
use crate::types::{Network, NodeId, Section};

/// A running node. It lives on the arbiter it was started on; [`Node::shut_down`] is the only clean way to end it.
pub struct Node {
    team: Team,
}

/// Starts a node on this arbiter. Creates no thread, runtime or arbiter.
pub fn start(world: World, key: SecretKey, network: Rc<Network>, settings: Settings) -> Node {
    Node { team: Team::start(Context::new(world, key, network, settings)) }
}

impl Node {
    /// Returns the node's id.
    pub fn id(&self) -> NodeId {
        self.team.context().me
    }

    /// Returns the doors to its actors, usable from any thread.
    pub fn doors(&self) -> Doors {
        self.team.context().doors().clone()
    }

    /// Returns how many of its actors panicked and were rebuilt.
    pub fn rebuilt(&self) -> u64 {
        self.team.rebuilt()
    }

    /// Returns the way to set it up as it is after hours in a network.
    pub fn ready(&self) -> Ready {
        Ready::of(self.team.context())
    }

    /// Says goodbye, writes what has to be kept, closes network and store.
    pub async fn shut_down(self) {
        self.team.shut_down().await;
    }
}

/// The merge rule of records, in the form that stores take.
pub fn merge_rule(section: Section, held: &[Bytes], new: &Bytes) -> Verdict {
    match merge(section, held, new) {
        Merged::Keep { drop } => Verdict::Keep { drop },
        Merged::Superseded => Verdict::Superseded,
    }
}
