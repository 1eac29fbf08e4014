//! What a user sees: posts in order, once each, and what is missing.
//!
//! Pure. Rows and logs are kept by the feed actor; this says what they mean.

pub mod fan;
mod log;
mod naming;
mod positions;
mod rate;
mod reasons;
mod row;
mod search;
mod status;
mod text;

pub use log::{DeviceLog, LogState, Missing};
pub use naming::names;
pub use positions::Positions;
pub use rate::Rate;
pub use reasons::{Reasons, common, joined};
pub use row::{FeedRow, Via, row_key};
pub use search::Query;
pub use status::{read_status_id, status_id};
pub use text::{folded_tag, mentions, tags};
