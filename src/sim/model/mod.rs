//! The reference model: what was acknowledged to people, kept plainly beside the system, and the checker that compares.
//!
//! Shares no rule with the product: it knows nothing of replicas, merges or watermarks, only what people were told.

mod check;
mod findings;
mod followed;
mod had;
mod mentioned;
mod notes;
mod observed;

pub use check::check;
pub use findings::{Finding, Findings};
pub use notes::{Deed, Model, Person, PostNote, PostNumber, Sure};
pub use observed::{FeedRow, Held, Observed, SeenFeed, SeenPage};
