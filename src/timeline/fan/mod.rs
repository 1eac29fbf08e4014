//! Bringing a post to any number of followers: who brings it to whom, what is counted, and what a forwarder takes on.
//!
//! Pure. Implements `docs/PROTOCOL.md`, section "Delivering"; the sequences are in `actors/fan`.

mod plan;
mod receipts;
mod sketch;
mod taken;
#[cfg(test)]
mod tests;

pub use plan::{DIRECT, Found, Job, LEVELS, Plan, Room, Task, expected_in, levels, plan, width_of};
pub use receipts::{Receipts, most_in};
pub use sketch::Sketch;
pub use taken::{Refusal, Taken};
