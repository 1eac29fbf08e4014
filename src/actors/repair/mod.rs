//! Keeps what this node owes complete: compares its stretches of the table with its siblings', and brings both in step.
//!
//! What has to be compared with whom is decided in `overlay`, what follows from it in `repair`; here the requests are sent
//! and answered. Homes are compared once more, by `gc`, before anything of them is collected.

mod absence;
mod actor;
mod answer;
mod handle;
mod holdings;
mod meeting;
mod messages;
mod round;
mod shared;
mod taking;

pub use actor::RepairActor;
pub use handle::RepairHandle;
