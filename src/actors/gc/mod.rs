//! Removes what has ended and collects what nobody needs any more, on schedule: records, posts of the feed, and numbers of
//! the own log.
//!
//! Which posts those are is decided in `retention`; here homes are compared with others' before anything goes.

mod actor;
mod answer;
mod children;
mod finals;
mod home;
mod homes;
mod look;
mod marks;
mod reconcile;
mod settings;
mod state;

pub use actor::{GcActor, GcHandle};
pub use answer::{answer_reconcile, answer_summary};
pub use finals::drop_final;
pub use homes::Homes;
pub use marks::{is_collected, marked_hash, marked_within, marks_at};
pub use settings::Retention;
pub use state::state_hash;

#[cfg(test)]
mod tests;
