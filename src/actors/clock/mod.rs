//! Keeps the node's clock right, says when it is in doubt, and notices when the node did not run for a while.
//!
//! The rules are in the `clock` module; here are the sequences.

mod actor;
mod handle;
mod kept;
mod messages;
mod sync;
mod wake;

pub use actor::ClockActor;
pub use handle::ClockHandle;
pub use messages::ClockState;
