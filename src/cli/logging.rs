//! Log lines of a node that runs in this process: to standard error, or to a file, as much as was asked for.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use super::args::GlobalArgs;
use crate::node::config::LogFormat;
use crate::types::{Code, Problem};

/// A log that is larger is put aside when its node starts, so that two of them are kept at most.
const MAX_LOG_BYTES: u64 = 8 << 20;

/// Starts logging to standard error. Without `-v` and `-q` the variable `TIMELINE_LOG` decides, in the language of
/// `EnvFilter`, else INFO.
pub fn start(format: LogFormat, typed: &GlobalArgs) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(typed)).with_writer(io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    // It fails only when this process logs already, and then there is nothing to start.
    let _ = started;
}

/// Starts logging as [`start`] does, to the end of a file in a folder, which is made where it is missing.
///
/// # Errors
///
/// Those of the system when the file cannot be written.
pub fn start_in(folder: &Path, name: &str, format: LogFormat, typed: &GlobalArgs) -> Result<(), Problem> {
    let path = folder.join(name);
    let open = || {
        let mut made = fs::DirBuilder::new();
        // The same as the node would make it: its private key will lie there.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
        made.recursive(true).create(folder)?;
        if fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
            fs::rename(&path, path.with_added_extension("old"))?;
        }
        OpenOptions::new().create(true).append(true).open(&path)
    };
    let failed =
        |error: io::Error| Problem::new(Code::Internal, format!("{} cannot be written: {error}", path.display()));
    let file = open().map_err(failed)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter(typed)).with_writer(Mutex::new(file));
    let started = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    let _ = started;
    Ok(())
}

fn filter(typed: &GlobalArgs) -> EnvFilter {
    let level = match (typed.quiet, typed.verbose) {
        (true, _) => Some("error"),
        (false, 0) => None,
        (false, 1) => Some("info,timeline=debug"),
        (false, _) => Some("info,timeline=trace"),
    };
    let chosen = level.map(str::to_owned).or_else(|| std::env::var("TIMELINE_LOG").ok());
    EnvFilter::new(chosen.unwrap_or_else(|| "warn,timeline=info".into()))
}
