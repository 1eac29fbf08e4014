//! The door to the routing table.

use std::time::Duration;

use super::actor::RoutingActor;
use super::messages::{
    AnchorHeard, Anchors, Closest, Contacts, Failed, Filled, Greeted, Known, LookUp, LookedUp, MoreBootpeers, Named,
    Overview, Peer, Peers, Persist, PingPeer, Probed, Reached, RoutingOverview, Seeds, Woke,
};
use super::people::{LookedUpFor, PingError, PingTarget, Pong};
use crate::actors::door::{Door, Gone};
use crate::types::{Contact, Key, NodeId};

/// A handle to the routing actor.
#[derive(Clone)]
pub struct RoutingHandle(pub(in crate::actors) Door<RoutingActor>);

impl RoutingHandle {
    /// Returns up to `n` contacts closest to `key`, closest first.
    pub async fn closest(&self, key: Key, n: usize) -> Vec<Contact> {
        self.0.ask(Closest { key, n }).await.unwrap_or_default()
    }

    /// Returns up to `n` contacts closest to `key` to begin a lookup with, and how many contacts there are in all.
    pub async fn seeds(&self, key: Key, n: usize) -> (Vec<Contact>, usize) {
        self.0.ask(Seeds { key, n }).await.unwrap_or_default()
    }

    /// Notes that the machine slept or its network changed: failures are forgiven, and everybody is probed at once.
    pub fn woke(&self) {
        self.0.hint(Woke);
    }

    /// Looks for the nodes nearest to a key, and which of them hold anything there.
    ///
    /// # Errors
    /// When the actor is being rebuilt.
    pub async fn look_up(&self, key: Key) -> Result<LookedUpFor, Gone> {
        self.0.ask(LookUp(key)).await
    }

    /// Pings a peer.
    ///
    /// # Errors
    /// When the actor is being rebuilt; within, why the ping brought nothing.
    pub async fn ping(&self, target: PingTarget) -> Result<Result<Pong, PingError>, Gone> {
        self.0.ask(PingPeer(target)).await
    }

    /// Fills the table with peers as if they had been reached just now, each with this round trip; ready when it is filled.
    pub(in crate::actors) async fn filled(&self, contacts: Vec<Contact>, round_trip: Duration) {
        if self.0.ask(Filled(contacts, round_trip)).await.is_err() {
            tracing::debug!("the routing table was rebuilt");
        }
    }

    /// Notes candidates, the nearest to some key first.
    pub(super) fn named(&self, contacts: Vec<Contact>) {
        self.0.hint(Named(contacts));
    }

    /// Notes that a peer greeted us.
    pub fn greeted(&self, contact: Contact) {
        self.0.hint(Greeted(contact));
    }

    /// Notes that a peer answered.
    pub fn reached(&self, contact: Contact, rtt: Duration) {
        self.0.hint(Reached(contact, rtt));
    }

    /// Notes that a peer did not answer.
    pub fn failed(&self, node: NodeId) {
        self.0.hint(Failed(node));
    }

    pub(super) async fn probed(&self, node: NodeId) {
        if self.0.ask(Probed(node)).await.is_err() {
            tracing::debug!("the routing table was rebuilt during a probe");
        }
    }

    /// Notes that a lookup was made.
    pub fn looked_up(&self, key: Key) {
        self.0.hint(LookedUp(key));
    }

    /// Returns all contacts.
    pub async fn peers(&self) -> Result<Vec<Peer>, Gone> {
        self.0.ask(Peers).await
    }

    /// Returns all contacts, in the order of ids.
    ///
    /// # Errors
    /// When the actor is being rebuilt.
    pub async fn contacts(&self) -> Result<Vec<Contact>, Gone> {
        self.0.ask(Contacts).await
    }

    /// Returns a summary.
    pub async fn overview(&self) -> Result<RoutingOverview, Gone> {
        self.0.ask(Overview).await
    }

    /// Returns the anchors of the network that an address is known of, with whether they answered last time.
    pub async fn anchors(&self) -> Vec<(Contact, bool)> {
        self.0.ask(Anchors).await.unwrap_or_default()
    }

    /// Returns the best contact known of a node: of the table, its own word, or the configuration's.
    pub async fn known(&self, node: NodeId) -> Option<Contact> {
        self.0.ask(Known(node)).await.ok().flatten()
    }

    /// Returns how long ago any anchor answered; `None` when none ever did.
    pub async fn anchor_heard(&self) -> Option<Duration> {
        self.0.ask(AnchorHeard).await.ok().flatten()
    }

    /// Names ways in whose addresses were found only now.
    pub fn more_bootpeers(&self, bootpeers: Vec<Contact>) {
        self.0.hint(MoreBootpeers(bootpeers));
    }

    /// Writes the table to disk.
    pub async fn persist(&self) {
        if self.0.ask(Persist).await.is_err() {
            tracing::warn!("the routing table was not written");
        }
    }
}
