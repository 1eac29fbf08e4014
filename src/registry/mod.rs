//! Who owns a name: the registrar's rule, and how a claimant counts what registrars say.
//!
//! Pure. A registrar signs FINAL once per name and state, for the first valid claim; `quorum` of them certify.

mod acceptor;
mod tally;

#[cfg(test)]
mod tests;

pub use acceptor::{ClaimError, Decision, decide, final_key};
pub use tally::{Tally, Verdict};
