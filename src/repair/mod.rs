//! What two nodes have to tell each other to find out which records one of them lacks: the rules, without the asking.
//!
//! Implements `docs/PROTOCOL.md`, section "Repair", after range-based set reconciliation (Meyer 2022). Knows places, hashes
//! and times; not what a record says, nor who keeps it.

mod descent;
mod digest;
mod leaf;
mod settled;
mod sum;

pub use descent::Descent;
pub use digest::Digest;
pub use leaf::{Leaf, Lot, differences, name_of, worth_repairing};
pub use settled::{Declined, Settled};
pub use sum::{FINGERPRINT_BYTES, Fingerprint, Sum};
