//! Owner of presence and interest: holds them in memory for others, and keeps this node's own alive.

mod actor;
mod handle;
mod held;
mod messages;
mod renew;

pub use actor::PresenceActor;
pub use handle::PresenceHandle;
pub use messages::Follower;
