//! A network of whole nodes in one thread: the real actors over an in-memory network, memory disks and virtual time.
//!
//! The same seed gives the same run, message for message. Owns no rule of the product: what a node does is decided in the
//! modules that production runs.

mod config;
mod crew;
mod disk;
mod faults;
mod links;
mod simulation;
mod trace;
mod transport;
mod wire;
mod world;

pub use config::SimConfig;
pub use simulation::Simulation;
pub use trace::Trace;
