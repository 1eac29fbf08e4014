//! A network of whole nodes in one thread: the real actors over an in-memory network, memory disks and virtual time.
//!
//! The same seed gives the same run, message for message. Owns no rule of the product: what a node does is decided in the
//! modules that production runs.

mod apart;
mod chance;
mod config;
mod crew;
mod disk;
mod faults;
mod inspect;
mod links;
pub mod model;
mod numbers;
pub mod play;
pub mod ready;
pub mod scenario;
mod simulation;
mod spread;
pub mod statistics;
mod trace;
mod transport;
mod wire;
mod world;

pub use config::SimConfig;
pub use links::{Spread, Ways};
pub use simulation::Simulation;
pub use trace::Trace;
