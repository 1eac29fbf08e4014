//! Networks set up ready-made: tables filled from the ids of all nodes, accounts certified by the registrars' own keys, and
//! interest laid at its holders. What joins and registers by the protocol costs hundreds of messages a node.

mod fan_out;
mod following;
mod following_report;
mod homes;
mod list;
mod people;
mod report;
mod tables;

pub use fan_out::{FanOut, Mishap, fan_out, fan_out_with};
pub use following::{Following, following};
pub use following_report::{Cost, FollowingReport};
pub use report::FanReport;
