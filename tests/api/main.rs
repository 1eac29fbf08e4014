//! The local API of a real node: real QUIC, real HTTP, a store in memory.

mod ending;
mod gate;
mod mastodon;
mod people;
mod reading;
mod support;
mod trouble;
mod writing;
