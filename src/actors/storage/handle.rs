//! The door to storage.

use bytes::Bytes;

use super::actor::StorageActor;
use super::messages::{Absorb, Accept, Held, HowMuch, ReadList, Verified, WholeList};
use crate::actors::door::{Door, Gone};
use crate::records::Record;
use crate::types::{AccountId, Key, NodeId, Section};
use crate::wire::Status;

/// A handle to the storage actor.
#[derive(Clone)]
pub struct StorageHandle(pub(in crate::actors) Door<StorageActor>);

impl StorageHandle {
    /// Takes records in; ready when they are on disk. One status for each record.
    pub async fn accept(&self, from: NodeId, key: Key, records: Vec<Bytes>, proofs: Vec<Bytes>) -> Vec<Status> {
        let n = records.len();
        let done = self.0.ask(Accept { from, key, records, proofs }).await;
        done.unwrap_or_else(|_| vec![Status::StoreFailed; n])
    }

    /// Returns how much is held.
    pub async fn held(&self) -> Result<Held, Gone> {
        self.0.ask(HowMuch).await
    }

    /// Reads a whole list of an account from the network, whatever it has on how many pages; see [`read_list`].
    ///
    /// [`read_list`]: super::read_list
    pub async fn list(&self, section: Section, owner: AccountId) -> WholeList {
        self.0.ask(ReadList(section, owner)).await.unwrap_or_default()
    }

    /// Keeps local copies of verified records.
    pub async fn absorb(&self, records: &[Record]) {
        let records = records.iter().map(Verified::from).collect();
        if self.0.ask(Absorb(records)).await.is_err() {
            tracing::debug!("local copies were not kept");
        }
    }
}
