//! The door to the clock.

use tokio::time::Instant;

use super::actor::ClockActor;
use super::messages::{ClockState, Heard, State, Synced};
use super::sync::Round;
use crate::actors::door::{Door, Gone};
use crate::types::{NodeId, WallTime};

/// A handle to the clock actor.
#[derive(Clone)]
pub struct ClockHandle(pub(in crate::actors) Door<ClockActor>);

impl ClockHandle {
    /// Notes the time that a peer told just now.
    pub fn heard(&self, peer: NodeId, time: WallTime) {
        self.0.hint(Heard { peer, time, at: Instant::now() });
    }

    /// Says how the clock is.
    pub async fn state(&self) -> Result<ClockState, Gone> {
        self.0.ask(State).await
    }

    pub(super) async fn synced(&self, round: Round) {
        if self.0.ask(Synced(round)).await.is_err() {
            tracing::debug!("the clock was rebuilt while servers were asked");
        }
    }
}
