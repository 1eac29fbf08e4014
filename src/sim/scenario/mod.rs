//! Scenarios: what a simulated network is, what its people do, and what happens to it, as TOML says it.
//!
//! `config/sim/README.md` describes every key.

mod bounds;
mod check;
mod fault;
mod read;
mod schema;

pub use bounds::{Bounds, Hops};
pub use check::ScenarioError;
pub use fault::{Fault, Kind, Way};
pub use schema::{
    Churn, Clocks, Disks, FanOutKeys, FollowingKeys, LinkKeys, Opening, People, Quiet, Retained, Scenario, Sharing,
    Surveyed,
};
