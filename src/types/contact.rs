//! Where a node can be reached.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use super::{Key, NodeId};

/// The most addresses a contact may carry, so that a presence record stays within its 512 bytes.
pub const MAX_ADDRESSES: usize = 6;

/// A node's identity and addresses; clones are the same one, since a node keeps each of thousands in several places.
///
/// A contact with a proof was signed by its node and may be told to others. One without is a hint from a
/// configuration file: good for dialling, never passed on.
#[derive(Clone)]
pub struct Contact(Arc<Reach>);

/// What a contact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
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
        Reach { node, addresses: vec![address], seq: 0, proof: None }.into()
    }

    /// Returns the node's place in the key space.
    pub fn key(&self) -> Key {
        self.node.key()
    }

    /// Returns one that says something else.
    pub fn but(mut self, change: impl FnOnce(&mut Reach)) -> Self {
        change(&mut self);
        self
    }

    /// Tells whether nobody else keeps this one.
    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl From<Reach> for Contact {
    fn from(reach: Reach) -> Self {
        Self(Arc::new(reach))
    }
}

impl Deref for Contact {
    type Target = Reach;

    #[inline]
    fn deref(&self) -> &Reach {
        &self.0
    }
}

/// Changes this clone alone.
impl DerefMut for Contact {
    fn deref_mut(&mut self) -> &mut Reach {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Contact {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Contact {}
