//! QUIC between real endpoints on loopback: identity, limits, and what happens when peers fail or misbehave.

mod both_ways;
mod early;
mod greeting;
mod identity;
mod lifecycle;
mod limits;
mod raw;
mod rebinding;
mod requests;
mod support;
