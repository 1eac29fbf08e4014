//! The door to presence.

use bytes::Bytes;

use super::actor::PresenceActor;
use super::messages::{Begin, End, Follower, Gone, Held, Hold, Interested, Known, Learned, Moved, Renew, Renewed};
use crate::actors::door::Door;
use crate::keys::SecretKey;
use crate::types::{AccountId, Contact, DeviceId, Key, NodeId, SectionSet};

/// A handle to the presence actor.
#[derive(Clone)]
pub struct PresenceHandle(pub(in crate::actors) Door<PresenceActor>);

impl PresenceHandle {
    /// Keeps verified records in memory.
    pub fn hold(&self, key: Key, records: Vec<Bytes>) {
        self.0.hint(Hold { key, records });
    }

    /// Returns what is held at a key.
    pub async fn held(&self, key: Key, sections: SectionSet) -> Vec<Bytes> {
        self.0.ask(Held { key, sections }).await.unwrap_or_default()
    }

    /// Starts to say that a device is here, and what it is interested in.
    pub async fn begin(&self, account: AccountId, device: SecretKey, authors: Vec<AccountId>) {
        if self.0.ask(Begin { account, device, authors }).await.is_err() {
            tracing::debug!("presence was rebuilt during a login");
        }
    }

    /// Notes that the account follows one more, or one less.
    pub async fn interested(&self, author: AccountId, follows: bool) {
        if self.0.ask(Interested { author, follows }).await.is_err() {
            tracing::debug!("presence was rebuilt during a follow");
        }
    }

    /// Says anew that the device is here, and asks anew who else is: the node did not run for a while.
    pub fn renew(&self) {
        self.0.hint(Renew);
    }

    /// Says goodbye; ready when it is said, or a second has passed.
    pub async fn end(&self) {
        if self.0.ask(End).await.is_err() {
            tracing::debug!("no goodbye was said");
        }
    }

    /// Returns the followers known to be online, without asking anybody.
    pub async fn known(&self) -> Vec<Follower> {
        self.0.ask(Known).await.unwrap_or_default()
    }

    /// Notes what a fresh read of the interest list brought.
    pub fn learned(&self, followers: Vec<Follower>) {
        self.0.hint(Learned(followers));
    }

    /// Notes that a follower's contact does not answer.
    pub fn gone(&self, device: DeviceId) {
        self.0.hint(Gone(device));
    }

    pub(super) async fn moved(&self, author: Option<AccountId>, holders: Option<Vec<Contact>>, known: Vec<NodeId>) {
        if self.0.ask(Moved { author, holders, known }).await.is_err() {
            tracing::debug!("presence was rebuilt during a renewal");
        }
    }

    pub(super) async fn renewed(&self, author: Option<AccountId>, taken: bool) {
        if self.0.ask(Renewed { author, taken }).await.is_err() {
            tracing::debug!("presence was rebuilt during a renewal");
        }
    }
}
