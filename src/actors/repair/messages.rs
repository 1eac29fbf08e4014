//! What the repair actor takes.

use std::time::Duration;

use actix::Message;

use crate::types::NodeId;
use crate::wire::{Compared, Differences, ErrorCode, Fetch, Fetched};

/// A peer compares stretches.
#[derive(Message)]
#[rtype(result = "Result<Differences, ErrorCode>")]
pub struct CompareWith {
    /// Who.
    pub from: NodeId,
    /// What it has.
    pub stretches: Vec<Compared>,
}

/// A peer wants records.
#[derive(Message)]
#[rtype(result = "Result<Fetched, ErrorCode>")]
pub struct FetchFor {
    /// Who.
    pub from: NodeId,
    /// Which.
    pub fetch: Fetch,
}

/// Nothing has to be compared for so long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Rest(pub Duration);

/// The machine slept: what happened meanwhile was missed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Woke;

/// Asks whether this node has what it should have.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsSynced;
