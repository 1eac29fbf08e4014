//! Log lines of a node that runs in this process: to standard error, as much as was asked for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::args::GlobalArgs;
use crate::node::config::LogFormat;

/// Starts logging. Without `-v` and `-q` the variable `TIMELINE_LOG` decides, in the language of `EnvFilter`, else INFO.
pub fn start(format: LogFormat, typed: &GlobalArgs) {
    let level = match (typed.quiet, typed.verbose) {
        (true, _) => Some("error"),
        (false, 0) => None,
        (false, 1) => Some("info,timeline=debug"),
        (false, _) => Some("info,timeline=trace"),
    };
    let chosen = level.map(str::to_owned).or_else(|| std::env::var("TIMELINE_LOG").ok());
    let filter = EnvFilter::new(chosen.unwrap_or_else(|| "warn,timeline=info".into()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    // It fails only when this process logs already, and then there is nothing to start.
    let _ = started;
}
