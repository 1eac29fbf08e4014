//! QUIC between nodes: who is at the other end, requests and their answers, and how many of each.
//!
//! Implements [`crate::seam::Transport`] with mutual TLS 1.3. Knows bytes and peers, not what a request means: the only
//! thing it knows of a message is the first byte of a HELLO. What peers of other makes must do alike (names, close
//! codes, limits) is in `docs/PROTOCOL.md`.

mod accept;
mod addresses;
mod codes;
mod config;
mod dial;
mod endpoint;
mod exchange;
mod limits;
mod pace;
mod plain;
mod pool;
mod quic;
mod serve;
mod silence;
mod tally;
mod tls;

pub use codes::{CloseCode, StreamCode};
pub use config::QuicConfig;
pub use endpoint::BindError;
pub use limits::NetLimits;
pub use quic::Quic;
pub use tally::Tally;
pub use tls::server_name;
