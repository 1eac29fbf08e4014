//! The actors of a node: each owns one piece of state; what they decide is decided in the pure modules.
//!
//! Others hold typed handles, never an address. Connection tasks read from the store themselves; writes go through
//! the storage actor.

mod answers;
mod call;
mod clock;
mod context;
mod directory;
mod door;
mod doors;
mod fan;
mod feed;
mod gc;
mod glance;
mod inbound;
mod outbox;
mod peers;
mod people;
mod presence;
mod problem;
mod put;
mod registrar;
mod repair;
mod routing;
mod seen;
mod session;
mod settings;
mod storage;
mod supervisor;

pub use answers::*;
pub use context::{Context, Hidden, Settings, TimeSettings};
pub use doors::Doors;
pub use supervisor::Team;
