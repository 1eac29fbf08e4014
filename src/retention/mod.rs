//! How long things are kept, and when enough have them: the rules, without the doing.

mod publication;

pub use publication::{Anchor, Publication, majority, wanted};
