//! One file a command or a pair of them: what was typed becomes a request, the answer becomes a sentence.
//!
//! The wording lives here; nothing is decided here.

pub mod account;
pub mod cert;
pub mod feed;
pub mod follow;
pub mod join;
pub mod network;
pub mod node;
pub mod peers;
pub mod post;
mod posts;
pub mod reach;
pub mod status;
pub mod watch;
