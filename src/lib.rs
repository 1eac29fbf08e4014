//! Decentralized Timeline: short public posts from the people you follow, on a network that no server owns.
//!
//! `ARCHITECTURE.md` says what is where; `docs/PROTOCOL.md` what goes over the wire.

pub mod keys;
pub mod node;
pub mod overlay;
pub mod records;
pub mod registry;
pub mod seam;
pub mod store;
pub mod types;
pub mod wire;
