//! What the storage actor takes.

use actix::Message;
use bytes::Bytes;

use super::read::One;
use crate::records::Record;
use crate::seam::Usage;
use crate::types::{AccountId, Hash, Key, NodeId, Section};
use crate::wire::Status;

/// A peer asks to keep records, or brings what it was asked for.
#[derive(Message)]
#[rtype(result = "Vec<Status>")]
pub struct Accept {
    /// Who brings them.
    pub from: NodeId,
    /// Whether this node asked for them, so that they are not counted as puts of that peer.
    pub wanted: bool,
    /// Where.
    pub key: Key,
    /// The records as received.
    pub records: Vec<Bytes>,
    /// Account chains and device certificates.
    pub proofs: Vec<Bytes>,
}

/// Records that were read from the network and verified: keep those this node has an interest in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Absorb(pub Vec<Verified>);

/// Asks how much is held.
#[derive(Message)]
#[rtype(result = "Held")]
pub struct HowMuch;

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Records, and their bytes.
    pub usage: Usage,
    /// Transactions that changed the disk since the node started.
    pub commits: u64,
    /// Bytes from which on records of strangers are refused.
    pub quota: u64,
    /// Bytes free on the disk, where that is known.
    pub free: Option<u64>,
    /// Whether records of strangers are refused now.
    pub full: bool,
    /// Changes of pages that were found lost when the store was opened.
    pub cut: u64,
}

/// A record that was verified here. `Send`, as the record's own type is not.
pub struct Verified(pub Bytes);

impl From<&Record> for Verified {
    fn from(record: &Record) -> Self {
        Self(record.bytes().clone())
    }
}

/// Asks for a whole list of an account, from the network.
#[derive(Message)]
#[rtype(result = "WholeList")]
pub struct ReadList(pub Section, pub AccountId);

/// Asks for one record that is known by its hash.
#[derive(Message)]
#[rtype(result = "Option<One>")]
pub struct FindOne {
    /// Where it lies.
    pub key: Key,
    /// In which section.
    pub section: Section,
    /// In which slot.
    pub slot: Bytes,
    /// Which it is.
    pub hash: Hash,
}

/// A list of an account.
#[derive(Clone, Debug, Default)]
pub struct WholeList {
    /// Its records, verified and merged, by slot.
    pub records: Vec<Bytes>,
    /// Whether enough holders answered to believe that what is not here does not exist.
    pub complete: bool,
}
