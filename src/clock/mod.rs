//! Wall time of this machine.
//!
//! The only place that reads it; durations are tokio's.

mod system;

pub use system::SystemClock;
