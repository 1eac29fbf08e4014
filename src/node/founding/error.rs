//! Why a network is not founded.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use thiserror::Error;

use super::document::MAX_FOUNDED_BOOTPEERS;
use crate::node::data_dir::DataDirError;
use crate::types::{Code, NetworkError, Problem};

/// Why a network is not founded.
#[derive(Debug, Error)]
pub enum FoundingError {
    /// A network needs somebody who decides about names.
    #[error("a network has 1 to {MAX_FOUNDED_BOOTPEERS} bootpeers, not {0}")]
    Count(usize),
    /// A name that is no file name, or that another file or bootpeer has.
    #[error("{0:?} cannot be a bootpeer's name")]
    Name(String),
    /// An address that nobody could dial.
    #[error("{name}: {address:?} is not a host and a port from 1 to 65535")]
    Address {
        /// The bootpeer.
        name: String,
        /// The address given.
        address: String,
    },
    /// A setting that the document cannot have.
    #[error("--network-set {setting}: {reason}")]
    Setting {
        /// What was given.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The document is refused as a whole.
    #[error(transparent)]
    Document(#[from] NetworkError),
    /// Something of an earlier founding is there; nothing was written.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A bootpeer's folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A key for which no certificate can be made: a bug of ours.
    #[error("no certificate could be made")]
    Certificate,
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<FoundingError> for Problem {
    fn from(error: FoundingError) -> Problem {
        let message = error.to_string();
        let usage = |hint: &str| Problem::new(Code::Usage, message.clone()).hint(hint);
        match error {
            FoundingError::Count(_) => usage("name each with --bootpeer NAME=ADDR:PORT"),
            FoundingError::Name(_) => usage("use 1 to 32 of a-z, 0-9, - and _, each name once, and not `network`"),
            FoundingError::Address { .. } => usage("for example --bootpeer boot-1=boot.example.org:4747"),
            FoundingError::Setting { .. } => usage("for example --network-set k=3 or limits.posts_per_minute=1000"),
            FoundingError::Document(_) => usage("correct the name or the settings"),
            FoundingError::Exists(_) => usage("choose another folder with --out: keys are never replaced"),
            FoundingError::DataDir(error) => error.into(),
            FoundingError::Certificate => Problem::new(Code::Internal, message),
            FoundingError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                Problem::new(Code::DiskFull, message).hint("make room on the disk")
            }
            FoundingError::Io { .. } => usage("check that the folder of --out is yours"),
        }
    }
}
