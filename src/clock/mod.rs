//! Wall time: the system's clock, what time servers say of it, and when it is not to be trusted.
//!
//! The only place that reads it; durations are tokio's. Does not decide what is not done in doubt, nor when servers are asked.

mod agreement;
mod doubt;
mod node;
mod passage;
mod sntp;
mod system;

pub use agreement::{Agreed, Answer, agree, best};
pub use doubt::{Doubt, Doubts, PEER_TOLERANCE, PEERS_NEEDED};
pub use node::NodeClock;
pub use passage::{Passage, Reading};
pub use sntp::Sntp;
pub use system::SystemClock;
