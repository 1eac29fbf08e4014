//! The local API of one node: HTTP and JSON on loopback, for the command line, the menu and programs of its owner.
//!
//! Owns who may ask, what a question looks like and how an answer is written. What is asked for is done by the actors,
//! behind their doors. The JSON shapes are a contract: fields are added, never changed.

mod answers;
mod config;
mod events;
mod guard;
mod mastodon;
mod pending;
mod questions;
mod routes;
mod server;
mod status;
mod warnings;

pub use config::ApiConfig;
pub use server::{ApiError, ApiServer, open, serve};
