//! The doors to all actors of a node: what the actors, the local API and the simulator hold.

use super::clock::ClockHandle;
use super::directory::DirectoryHandle;
use super::feed::FeedHandle;
use super::gc::GcHandle;
use super::outbox::OutboxHandle;
use super::people::PeopleHandle;
use super::presence::PresenceHandle;
use super::registrar::RegistrarHandle;
use super::repair::RepairHandle;
use super::routing::RoutingHandle;
use super::seen::SeenHandle;
use super::session::SessionHandle;
use super::storage::StorageHandle;

/// Typed handles; cheap to clone, usable from any thread.
#[derive(Clone)]
#[allow(missing_docs, reason = "each field is the actor of its name")]
pub struct Doors {
    pub clock: ClockHandle,
    pub routing: RoutingHandle,
    pub storage: StorageHandle,
    pub outbox: OutboxHandle,
    pub session: SessionHandle,
    pub feed: FeedHandle,
    pub presence: PresenceHandle,
    pub gc: GcHandle,
    pub seen: SeenHandle,
    pub directory: DirectoryHandle,
    pub people: PeopleHandle,
    pub repair: RepairHandle,
    /// Only where the network document names this node.
    pub registrar: Option<RegistrarHandle>,
}
