//! Removes what has ended, on schedule: records, posts of the feed, and numbers of the own log.

mod actor;

pub use actor::{GcActor, GcHandle};
