//! The door to repair.

use std::time::Duration;

use super::actor::RepairActor;
use super::messages::{CompareWith, FetchFor, IsSynced, Rest, Woke};
use crate::actors::door::{Door, Gone};
use crate::types::NodeId;
use crate::wire::{Compared, Differences, ErrorCode, Fetch, Fetched};

/// A handle to the repair actor.
#[derive(Clone)]
pub struct RepairHandle(pub(in crate::actors) Door<RepairActor>);

impl RepairHandle {
    /// Tells a peer where this node differs from it.
    ///
    /// # Errors
    /// `Busy` when the peer asks too much at once.
    pub async fn compare(&self, from: NodeId, stretches: Vec<Compared>) -> Result<Differences, ErrorCode> {
        self.0.ask(CompareWith { from, stretches }).await.unwrap_or(Err(ErrorCode::Busy))
    }

    /// Hands records to a peer.
    ///
    /// # Errors
    /// `Busy` when the peer asks too much at once, `Malformed` where it names nothing that can be.
    pub async fn fetch(&self, from: NodeId, fetch: Fetch) -> Result<Fetched, ErrorCode> {
        self.0.ask(FetchFor { from, fetch }).await.unwrap_or(Err(ErrorCode::Busy))
    }

    /// Tells whether this node has what it should have: false after an absence, until it was compared with others.
    ///
    /// # Errors
    /// When the actor is being rebuilt.
    pub async fn is_synced(&self) -> Result<bool, Gone> {
        self.0.ask(IsSynced).await
    }

    /// Notes that all was compared just now; ready when that is noted.
    pub(in crate::actors) async fn rest(&self, time: Duration) {
        if self.0.ask(Rest(time)).await.is_err() {
            tracing::debug!("repair was rebuilt");
        }
    }

    /// Notes that the machine slept.
    pub fn woke(&self) {
        self.0.hint(Woke);
    }
}
