//! Founding a network: its document, its bootpeers' keys and certificates, and one configuration for each of them.
//!
//! Writes files only. Whoever holds the bootpeers' keys decides about names, so the keys are made where they will stay.

mod document;
mod error;
mod found;

pub use document::{MAX_FOUNDED_BOOTPEERS, RESERVED_NAMES};
pub use error::FoundingError;
pub use found::{Founded, FoundedBootpeer, FoundingOptions, found, make_identity};
