//! One file a command or a pair of them: what was typed becomes a request, the answer becomes a sentence.
//!
//! The wording lives here; nothing is decided here.

pub mod account;
pub mod cert;
pub mod delete;
pub mod feed;
pub mod finding;
pub mod follow;
pub mod hiding;
pub mod join;
pub mod ledger;
mod lists;
pub mod network;
pub mod node;
pub mod outbox;
pub mod peers;
pub mod people;
pub mod post;
pub mod posts;
pub mod profile;
pub mod reach;
pub mod show;
pub mod sim;
pub mod status;
pub mod user;
pub mod watch;
