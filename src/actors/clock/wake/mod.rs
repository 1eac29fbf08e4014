//! What a node does that may have missed something: after sleep, at another address, when the network is back.

mod look_around;
mod whereabouts;

pub use look_around::{Why, look_around};
pub use whereabouts::Whereabouts;
