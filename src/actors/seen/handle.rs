//! The door to what was seen.

use super::actor::SeenActor;
use super::messages::{Begin, End, Gained, Progress, Showed, Unkept};
use crate::actors::door::Door;
use crate::keys::SecretKey;
use crate::types::AccountId;

/// A handle to the seen actor.
#[derive(Clone)]
pub struct SeenHandle(pub(in crate::actors) Door<SeenActor>);

impl SeenHandle {
    /// Signs for an account from now on.
    pub async fn begin(&self, account: AccountId, device: SecretKey) {
        if self.0.ask(Begin { account, device }).await.is_err() {
            tracing::debug!("what was seen is being restarted");
        }
    }

    /// Signs nothing more.
    pub async fn end(&self) {
        if self.0.ask(End).await.is_err() {
            tracing::debug!("what was seen is being restarted");
        }
    }

    /// Notes that what was shown before may reach further now.
    pub async fn gained(&self, progress: Vec<Progress>) {
        if !progress.is_empty() && self.0.ask(Gained(progress)).await.is_err() {
            tracing::debug!("what was shown now is signed with what is shown next");
        }
    }

    /// Notes that the user was shown the feed; ready when what is due is on disk.
    pub async fn showed(&self, progress: Vec<Progress>) {
        if self.0.ask(Showed(progress)).await.is_err() {
            tracing::debug!("what was shown now is signed with what is shown next");
        }
    }

    /// Has signed again what could not be written.
    pub(super) async fn unkept(&self, unkept: Unkept) {
        if self.0.ask(unkept).await.is_err() {
            tracing::debug!("what was shown is signed again after a restart");
        }
    }
}
