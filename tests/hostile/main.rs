//! A node among enemies: real QUIC, a real store, and peers that send, answer and claim whatever they like.
//!
//! After every attack the node answers, holds what it held before, and no part of it had to be rebuilt.

// The fixtures name the crate's modules; this is what they are called here.
use timeline::{keys, records, types};

mod attacker;
mod claims;
mod deliver;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/records/fixtures.rs"]
mod fixtures;
mod floods;
mod forward;
mod frames;
mod gc;
mod inbound;
mod lies;
mod limits;
mod lists;
mod mentions;
mod merges;
mod pages;
mod presence;
mod puts;
mod quotas;
#[allow(dead_code, reason = "the tests of the transport use the rest")]
#[path = "../net/raw.rs"]
mod raw;
mod repair;
mod revoked;
mod support;
mod threads;
mod watermarks;
