//! What a user sees: posts in order, once each, and what is missing.
//!
//! Pure. Rows and logs are kept by the feed actor; this says what they mean.

mod log;
mod rate;
mod row;
mod text;

pub use log::{DeviceLog, LogState, Missing};
pub use rate::Rate;
pub use row::{FeedRow, Via, row_key};
pub use text::{folded_tag, mentions, tags};
