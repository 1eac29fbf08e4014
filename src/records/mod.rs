//! Signed records: their exact bytes, their checks, where they belong and how they merge.
//!
//! Pure: no store, no network. Implements `docs/PROTOCOL.md`, section "Records".

mod account;
mod admission;
mod codec;
mod contact;
mod envelope;
#[cfg(test)]
pub mod fixtures;
mod kinds;
mod merge;
mod opened;
mod pages;
mod part;
mod places;
mod proof;
mod record;

pub use account::{AccountBody, AccountChain, ChainError, Final, Link, Revoked};
pub use admission::{FUTURE_TOLERANCE, admit};
pub use codec::{CodecError, Known, MAX_DEPTH, from_bytes, to_bytes, write_to};
pub use contact::{MAX_CONTACT_BYTES, open_contact, sign_contact};
pub use envelope::{Body, RecordError, SUITE, Signed};
pub use kinds::*;
pub use merge::{Merged, merge, slot};
pub use opened::{OpenedOnce, opens_once};
pub use pages::{MAX_PAGE_DEPTH, Page};
pub use part::Part;
pub use places::{Destination, bundle_key, home, name_key, section_at};
pub use proof::{Proof, ProofError, ProofNeed, Proofs};
pub use record::Record;
