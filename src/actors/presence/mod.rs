//! Owner of presence and interest: holds them in memory for others, keeps this node's own alive, says who is online.

mod actor;
mod followers;
mod handle;
mod held;
mod holding;
mod liveness;
mod lookout;
mod messages;
mod named;
mod nearest;
mod outcome;
mod own;
mod renew;
mod task;
mod ticks;
mod verdict;
mod visit;

pub use actor::PresenceActor;
pub use handle::PresenceHandle;
pub use messages::{Follower, Visit};
pub use nearest::nearest;
pub use own::follower;
