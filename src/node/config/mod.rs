//! A node's settings: defaults, file, environment, `--set` and flags, merged once into a checked [`Config`].
//!
//! What all nodes of a network agree on is no setting: it stands in the network document.

mod address;
mod error;
mod keys;
mod load;
mod merge;
mod raw;
mod schema;
mod template;
mod units;

pub use address::is_host_port;
pub use error::{ConfigError, Origin};
pub use keys::{KEYS, KeyInfo};
pub(super) use load::check_text;
pub use load::{Flags, MAX_CONFIG_BYTES, Sources, environment, load};
pub use schema::{
    Api, Bootpeer, Clock, Config, Gc, Log, LogFormat, MAX_ADVERTISED, MAX_BOOTPEERS, MAX_SERVERS, Net, NetworkChoice,
    StoreLimits,
};
pub(super) use template::render_bootpeers;
pub use template::{NodeTemplate, render};
pub use units::{UnitError, parse_duration, parse_size};
