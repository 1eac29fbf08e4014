//! The door to the outbox.

use super::actor::OutboxActor;
use super::item::Item;
use super::messages::{Attempted, Await, Dispatch, Items, Nudge, Progress, Tally, Waiting, Withdraw};
use crate::actors::door::{Door, Gone};
use crate::types::Hash;

/// A handle to the outbox.
#[derive(Clone)]
pub struct OutboxHandle(pub(in crate::actors) Door<OutboxActor>);

impl OutboxHandle {
    /// Sends an item that the caller has put on disk with [`Item::keep`]. Ready when it is published, or when the first
    /// attempt has ended; attempts go on until it is complete.
    pub async fn dispatch(&self, item: Item) -> Progress {
        self.0.ask(Dispatch(item)).await.unwrap_or_default()
    }

    /// Returns all items, the oldest first.
    pub async fn items(&self) -> Result<Vec<Waiting>, Gone> {
        self.0.ask(Items).await
    }

    /// Returns how far one item has come, its attempt under way included; `None` when it is not waiting.
    pub async fn progress(&self, id: Hash) -> Option<Progress> {
        let items = self.items().await.unwrap_or_default();
        items.into_iter().find(|item| item.id == id).map(|item| item.progress)
    }

    /// Returns how many replicas have a post, on its way or long since; `None` of one that this device did not put anywhere.
    ///
    /// # Errors
    /// When the outbox is being rebuilt.
    pub async fn tally(&self, post: Tally) -> Result<Option<Progress>, Gone> {
        self.0.ask(post).await
    }

    /// Waits until the next attempt at an item has published it, or has ended; `None` when it is not waiting.
    pub async fn next_attempt(&self, id: Hash) -> Option<Progress> {
        self.0.ask(Await(id)).await.unwrap_or_default()
    }

    /// Forgets items whose removal from disk is committed.
    pub async fn withdraw(&self, items: Vec<Hash>) {
        // A rebuilt outbox reads the disk, where they are gone.
        if !items.is_empty() && self.0.ask(Withdraw(items)).await.is_err() {
            tracing::debug!("the outbox was rebuilt during a withdrawal");
        }
    }

    pub(super) async fn attempted(&self, item: Item) {
        // A rebuilt outbox has read the item from disk: nothing is lost but the count of this attempt.
        if self.0.ask(Attempted(item)).await.is_err() {
            tracing::debug!("the outbox was rebuilt during an attempt");
        }
    }

    pub(super) fn nudge(&self) {
        self.0.hint(Nudge);
    }
}
