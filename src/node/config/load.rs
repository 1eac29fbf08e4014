//! Where settings come from, and which source wins.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Origin};
use super::merge;
use super::raw::{self, Assignment};
use super::schema::Config;
use crate::node::files;

/// The largest configuration file that is read; 64 bootpeers take less than a tenth of it.
pub const MAX_CONFIG_BYTES: u64 = 256 * 1024;

/// What every variable of the environment that is a setting begins with.
const PREFIX: &str = "TIMELINE_";

/// Everything that can set something; later fields win over earlier ones.
#[derive(Debug)]
pub struct Sources<'a, E> {
    /// The data dir; its `config.toml` is read, if there is one, when no file is named.
    pub data_dir: &'a Path,
    /// The file named on the command line; it must exist.
    pub file: Option<&'a Path>,
    /// Variables of the environment: `TIMELINE_SECTION__KEY` (and `TIMELINE_BOOTPEER`); all others are ignored.
    pub environment: E,
    /// `section.key=value`, the last one wins.
    pub set: &'a [String],
    /// Settings that have a flag of their own.
    pub flags: Flags,
}

/// Settings that have a flag of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `peer PORT` and `peer --listen`.
    pub listen: Option<SocketAddr>,
}

/// Returns the variables of this process's environment. What is not Unicode is kept readable, so that it is refused by name.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()))
}

/// Merges all sources into a checked configuration.
///
/// # Errors
///
/// An unreadable or malformed file, an unknown key, a value that its key cannot have, bootpeers without a network.
pub fn load<E: IntoIterator<Item = (String, String)>>(sources: Sources<'_, E>) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    if let Some((path, text)) = file_text(sources.data_dir, sources.file)? {
        let folder = path.parent().unwrap_or(Path::new(""));
        apply_all(&mut config, raw::from_document(&text, &path)?, folder)?;
    }
    // A path on the command line means what it means to the shell.
    let here = Path::new("");
    apply_all(&mut config, from_environment(sources.environment)?, here)?;
    let set: Result<Vec<_>, _> = sources.set.iter().map(|text| raw::from_set(text)).collect();
    apply_all(&mut config, set?, here)?;
    if let Some(listen) = sources.flags.listen {
        config.net.listen = listen;
        config.net.listen_is_default = false;
    }
    merge::check(&config)?;
    Ok(config)
}

/// Checks a text as if it stood in the file.
pub(in crate::node) fn check_text(text: &str, path: &Path) -> Result<(), ConfigError> {
    let mut config = Config::default();
    apply_all(&mut config, raw::from_document(text, path)?, path.parent().unwrap_or(Path::new("")))?;
    merge::check(&config)
}

fn apply_all(config: &mut Config, assignments: Vec<Assignment>, folder: &Path) -> Result<(), ConfigError> {
    assignments.iter().try_for_each(|assignment| merge::apply(config, assignment, folder))
}

fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Assignment>, ConfigError> {
    let mut out = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let key = match rest.split_once("__") {
            Some((section, key)) => format!("{section}.{key}").to_lowercase(),
            None if rest == "BOOTPEER" => "bootpeer".to_owned(),
            None => continue,
        };
        out.push(raw::from_text(&key, value.trim(), Origin::Environment { name })?);
    }
    Ok(out)
}

fn file_text(data_dir: &Path, named: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = named.map_or_else(|| data_dir.join("config.toml"), Path::to_owned);
    match files::read_text(&path, MAX_CONFIG_BYTES) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            Err(ConfigError::TooLarge { path, allowed: MAX_CONFIG_BYTES })
        }
        Err(source) => Err(ConfigError::Read { path, source }),
    }
}
