//! The door to the directory.

use super::actor::DirectoryActor;
use super::messages::{EnterAll, List, Listing};
use crate::actors::door::{Door, Gone};
use crate::types::{Problem, Username};

/// A handle to the directory actor.
#[derive(Clone)]
pub struct DirectoryHandle(pub(in crate::actors) Door<DirectoryActor>);

impl DirectoryHandle {
    /// Returns up to `limit` users whose names begin with `prefix` and come after `after`, in the order of their names.
    ///
    /// # Errors
    /// `unreachable` when nobody who keeps the directory answered.
    pub async fn users(&self, prefix: String, after: Option<Username>, limit: usize) -> Result<Listing, Problem> {
        self.0.ask(List { prefix, after, limit }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Enters every certified account known here that is not in the directory yet; returns how many were missing.
    pub async fn enter_all(&self) -> Result<usize, Gone> {
        self.0.ask(EnterAll).await
    }
}
