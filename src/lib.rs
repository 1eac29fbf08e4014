//! Decentralized Timeline: short public posts from the people you follow, on a network that no server owns.
//!
//! `ARCHITECTURE.md` says what is where; `docs/PROTOCOL.md` what goes over the wire.

pub mod actors;
pub mod api;
pub mod cli;
pub mod clock;
pub mod keys;
pub mod net;
pub mod node;
pub mod overlay;
pub mod records;
pub mod registry;
pub mod repair;
pub mod retention;
pub mod seam;
pub mod sim;
pub mod store;
pub mod timeline;
pub mod types;
pub mod wire;
