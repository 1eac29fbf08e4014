//! The door to storage.

use bytes::Bytes;

use super::actor::StorageActor;
use super::messages::{Absorb, Accept, FindOne, Held, HowMuch, ReadList, Verified, WholeList};
use super::read::One;
use crate::actors::door::{Door, Gone};
use crate::records::Record;
use crate::types::{AccountId, Hash, Key, NodeId, Section};
use crate::wire::Status;

/// A handle to the storage actor.
#[derive(Clone)]
pub struct StorageHandle(pub(in crate::actors) Door<StorageActor>);

impl StorageHandle {
    /// Takes records in that a peer puts here; ready when they are on disk. One status for each record.
    pub async fn accept(&self, from: NodeId, key: Key, records: Vec<Bytes>, proofs: Vec<Bytes>) -> Vec<Status> {
        self.take(Accept { from, wanted: false, key, records, proofs }).await
    }

    /// Takes records in that a peer was asked for: all the same, but that peer does not use up its puts.
    pub async fn receive(&self, from: NodeId, key: Key, records: Vec<Bytes>, proofs: Vec<Bytes>) -> Vec<Status> {
        self.take(Accept { from, wanted: true, key, records, proofs }).await
    }

    async fn take(&self, accept: Accept) -> Vec<Status> {
        let n = accept.records.len();
        self.0.ask(accept).await.unwrap_or_else(|_| vec![Status::StoreFailed; n])
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

    /// Finds one record by its hash: here, else the first copy that is verified.
    pub async fn find(&self, key: Key, section: Section, slot: Bytes, hash: Hash) -> Option<One> {
        self.0.ask(FindOne { key, section, slot, hash }).await.ok().flatten()
    }

    /// Keeps local copies of verified records.
    pub async fn absorb(&self, records: &[Record]) {
        let records = records.iter().map(Verified::from).collect();
        if self.0.ask(Absorb(records)).await.is_err() {
            tracing::debug!("local copies were not kept");
        }
    }
}
