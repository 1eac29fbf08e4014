//! How long things are kept, when enough have them, and what may be collected: the rules, without the doing.

mod collection;
mod home;
mod ledger;
mod publication;

pub use collection::{Collected, Rules, Why};
pub use home::{Piece, Shelf};
pub use ledger::{Ledger, Receipts};
pub use publication::{Anchor, Publication, majority, wanted};
