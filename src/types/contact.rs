//! Where a node can be reached.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Key, NodeId};

/// The most addresses a contact may carry, so that a presence record stays within its 512 bytes.
pub const MAX_ADDRESSES: usize = 6;

/// A node's identity and addresses.
///
/// A contact with a proof was signed by its node and may be told to others. One without is a hint from a
/// configuration file: good for dialling, never passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The node.
    pub node: NodeId,
    /// Its addresses, the preferred one first.
    pub addresses: Vec<SocketAddr>,
    /// Grows whenever the node signs new addresses; zero in a hint.
    pub seq: u64,
    /// The signed bytes, when the node signed this contact.
    pub proof: Option<ContactProof>,
}

/// The exact bytes that a node signed for its contact, its signature included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactProof(pub Bytes);

impl Contact {
    /// Builds a contact from configuration.
    pub fn hint(node: NodeId, address: SocketAddr) -> Self {
        Self { node, addresses: vec![address], seq: 0, proof: None }
    }

    /// Returns the node's place in the key space.
    pub fn key(&self) -> Key {
        self.node.key()
    }
}
