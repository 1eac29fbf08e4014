//! Owner of what this node's user has signed about how far logs were received and seen.
//!
//! How far that is, the feed knows; here watermarks are signed, no oftener than is configured, and handed to the outbox.

mod actor;
mod handle;
mod messages;
mod pair;

pub use actor::SeenActor;
pub use handle::SeenHandle;
pub use messages::Progress;
