//! What the API is told of the node it speaks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::actors::Doors;
use crate::node::local::Role;
use crate::types::{Limits, Network, NetworkId, NodeId, PublicKey};

/// How the API is set up.
pub struct ApiConfig {
    /// Where to listen: a loopback address; port 0 takes any.
    pub listen: SocketAddr,
    /// What every request must carry: `Authorization: Bearer TOKEN`.
    pub token: String,
    /// The node.
    pub node: ApiNode,
    /// Is told when somebody asks the node to stop. One place is enough: being told twice changes nothing.
    pub stop: mpsc::Sender<()>,
}

/// The node as the API sees it; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ApiNode {
    /// The doors to its actors.
    pub doors: Doors,
    /// Its id.
    pub node_id: NodeId,
    /// Its network.
    pub network: Arc<NetworkView>,
    /// What it is for others.
    pub role: Role,
    /// The version of the program.
    pub version: String,
    /// When it was started.
    pub started: Instant,
    /// Whether it keeps everything for everybody.
    pub is_anchor: bool,
}

/// The network document as people see it.
#[derive(Clone, Debug)]
pub struct NetworkView {
    /// The network.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// The epoch of its document.
    pub epoch: u64,
    /// Whether it is marked as a test.
    pub test: bool,
    /// Who decides about names.
    pub registrars: Vec<RegistrarView>,
    /// Limits that all nodes apply.
    pub limits: Limits,
    /// Size of a replica set.
    pub k: usize,
    /// Registrars that must sign for a name.
    pub q: usize,
    /// The line with which others join.
    pub invite: String,
}

/// A registrar as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarView {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Its node.
    pub node_id: NodeId,
}

impl NetworkView {
    /// Shows a network to which `invite` leads.
    pub fn new(network: &Network, invite: String) -> Self {
        let registrars = network.document.registrars.iter().filter_map(|entry| {
            let node_id = entry.key.parse::<PublicKey>().ok()?.node_id();
            Some(RegistrarView { name: entry.name.clone(), key: entry.key.clone(), node_id })
        });
        Self {
            id: network.id,
            name: network.document.name.clone(),
            epoch: network.document.epoch,
            test: network.document.test,
            registrars: registrars.collect(),
            limits: network.limits().clone(),
            k: network.k(),
            q: network.quorum(),
            invite,
        }
    }
}
