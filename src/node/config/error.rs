//! Why a configuration is refused, and where the fault stands.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::types::{Code, Problem};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// The name of the variable.
        name: String,
    },
    /// An option `--set`.
    Set {
        /// What was given.
        text: String,
    },
}

impl Origin {
    /// Returns the same origin at another line; only files have lines.
    pub(super) fn at(&self, line: usize) -> Self {
        match self {
            Origin::File { path, .. } => Origin::File { path: path.clone(), line },
            other => other.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment { name } => write!(f, "environment variable {name}"),
            Origin::Set { text } => write!(f, "--set {text}"),
        }
    }
}

/// Why a configuration is refused. Always the user's to repair; nothing was started.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is longer than any configuration.
    #[error("{}: has more than {allowed} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        allowed: u64,
    },
    /// Not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser says.
        message: String,
    },
    /// `--set` without `=`.
    #[error("{origin}: expected section.key=value")]
    NoValue {
        /// Where.
        origin: Origin,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no key {key}; allowed: {allowed}")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// Keys that exist.
        allowed: String,
    },
    /// A value that the key cannot have.
    #[error("{origin}: {key} cannot be {found}; allowed: {allowed}")]
    Value {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// The value, shortened.
        found: String,
        /// What the key may be.
        allowed: &'static str,
    },
    /// A key that is needed and not there.
    #[error("{origin}: {key} is missing; allowed: {allowed}")]
    Missing {
        /// Where.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What the key may be.
        allowed: &'static str,
    },
    /// Bootpeers lead into a network, and none is named.
    #[error("bootpeers are given, but no network: network.id is missing")]
    NoNetwork,
    /// The API would be open to other machines.
    #[error("{origin}: api.listen cannot be {found}: this version serves the API on loopback only; allowed: {allowed}")]
    ApiNotLoopback {
        /// Where.
        origin: Origin,
        /// The address.
        found: String,
        /// What the key may be.
        allowed: &'static str,
    },
}

impl ConfigError {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            ConfigError::Read { .. } => "check the path, and that you may read the file".into(),
            ConfigError::TooLarge { .. } => "is this the right file?".into(),
            ConfigError::Syntax { origin: Origin::File { .. }, .. } => {
                "config/peer.toml shows how every key is written".into()
            }
            ConfigError::Syntax { .. } => "lists are written as in TOML: net.advertise=[\"192.0.2.1:4747\"]".into(),
            ConfigError::NoValue { .. } => "for example: --set store.quota=2GiB".into(),
            ConfigError::UnknownKey { key, .. } if is_network_setting(key) => {
                "this is a setting of the network document, fixed when a network is made: \
                 timeline network new --network-set KEY=VALUE"
                    .into()
            }
            ConfigError::UnknownKey { .. } => "remove or rename it".into(),
            ConfigError::Value { key, allowed, .. } => format!("set {key} to {allowed}"),
            ConfigError::Missing { key, .. } => format!("add {key}"),
            ConfigError::NoNetwork => "set network.id, or join with an invite: timeline join INVITE".into(),
            ConfigError::ApiNotLoopback { .. } => {
                "set api.listen to 127.0.0.1:0, and reach it from elsewhere through an SSH tunnel".into()
            }
        }
    }
}

fn is_network_setting(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    key.starts_with("limits.") || ["k", "posts_kept", "reserved_names", "test", "limits"].contains(&last)
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Problem {
        Problem::new(Code::BadConfig, error.to_string()).hint(error.hint())
    }
}
