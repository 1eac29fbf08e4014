//! The command line: parses what was typed, asks the node's local API or becomes a node, prints the answer.
//!
//! Holds no rule of the network; every decision about names, posts and follows is the node's.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the command line lives in real time and on threads"
)]

mod args;
mod client;
mod commands;
mod context;
mod ending;
mod entry;
mod events;
mod input;
mod logging;
mod menu;
mod net;
mod output;
mod problem;
mod signals;
mod words;

pub use entry::main;
