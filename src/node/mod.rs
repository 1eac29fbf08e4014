//! What makes a process a node: its configuration, its data dir, its network's founding and invitations.
//!
//! `start` puts the actors over a world; the rest checks what files say.

mod admission;
pub mod config;
pub mod data_dir;
mod files;
pub mod founding;
mod ground;
pub mod invite;
pub mod local;
mod memory;
mod offload;
pub mod run;
mod start;

pub use start::{Node, merge_rule, start};
