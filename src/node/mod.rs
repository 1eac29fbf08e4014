//! What makes a process a node: its configuration, its data dir, its network's founding and invitations.
//!
//! `start` puts the actors over a world; the rest checks what files say.

pub mod config;
pub mod data_dir;
mod files;
pub mod founding;
pub mod invite;
mod start;

pub use start::{Node, merge_rule, start};
