//! What makes a process a node: its configuration, its data dir, its network's founding and invitations.
//!
//! Nothing here opens a socket; what the files say is checked here and used elsewhere.

pub mod config;
pub mod data_dir;
mod files;
pub mod founding;
pub mod invite;
