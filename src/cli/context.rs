//! What the global options mean: where the node lives, how long to wait, how to answer.

use std::path::PathBuf;
use std::time::Duration;

use super::args::GlobalArgs;
use super::client::Client;
use super::output::Output;
use crate::node::config::{self, Config, Flags, Sources};
use crate::node::data_dir;
use crate::types::Problem;

/// How long commands wait when nobody says.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The surroundings of one command.
#[derive(Clone, Debug)]
pub struct Context {
    /// The way out.
    pub output: Output,
    /// The folder of the node that is run or asked.
    pub data_dir: PathBuf,
    /// Somebody named that folder; it is not the platform's.
    pub data_dir_was_named: bool,
    /// How long the node may take to answer.
    pub timeout: Duration,
    /// What was typed.
    pub typed: GlobalArgs,
}

impl Context {
    /// Reads the global options.
    pub fn new(typed: GlobalArgs) -> Self {
        let chosen = typed.data_dir.clone().or_else(|| {
            let value = std::env::var_os("TIMELINE_DATA_DIR").filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        });
        Self {
            output: Output::new(typed.json, typed.quiet),
            data_dir_was_named: chosen.is_some(),
            data_dir: chosen.unwrap_or_else(data_dir::default_dir),
            timeout: typed.timeout.unwrap_or(DEFAULT_TIMEOUT),
            typed,
        }
    }

    /// Returns the same surroundings around another data dir.
    pub fn in_dir(&self, data_dir: PathBuf) -> Self {
        Self { data_dir, data_dir_was_named: true, ..self.clone() }
    }

    /// Finds the node that runs in the data dir.
    ///
    /// # Errors
    ///
    /// `no_node` when none does.
    pub fn client(&self) -> Result<Client, Problem> {
        Client::of_data_dir(&self.data_dir, self.timeout)
    }

    /// Merges the configuration of a node that is about to run here.
    ///
    /// # Errors
    ///
    /// `bad_config`, with the place of the fault.
    pub fn config(&self, flags: Flags) -> Result<Config, Problem> {
        let sources = Sources {
            data_dir: &self.data_dir,
            file: self.typed.config.as_deref(),
            environment: config::environment(),
            set: &self.typed.set,
            flags,
        };
        Ok(config::load(sources)?)
    }
}
