//! Settings and data dirs as a node meets them: real files, real locks, the examples of the repository.

mod data_dir;
mod examples;
mod founding;
mod joining;
mod loading;

use std::path::Path;

use timeline::node::config::{Config, ConfigError, Flags, Sources, load};

/// Loads with nothing but a data dir.
fn load_dir(data_dir: &Path) -> Result<Config, ConfigError> {
    load(Sources { data_dir, file: None, environment: [], set: &[], flags: Flags::default() })
}

/// Loads one file.
fn load_file(file: &Path) -> Result<Config, ConfigError> {
    let data_dir = Path::new("no such folder");
    load(Sources { data_dir, file: Some(file), environment: [], set: &[], flags: Flags::default() })
}
