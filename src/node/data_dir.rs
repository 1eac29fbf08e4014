//! The folder that holds one node: its key, its lock, its store, and where to find it while it runs.
//!
//! Private keys live here only. What is in the store is the store's business.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::files;
use crate::keys::SecretKey;
use crate::types::{Code, Problem, Rng};

/// The longest key file, address file or port file that is read; real ones have some hundred bytes.
const MAX_SMALL_FILE_BYTES: u64 = 16 * 1024;

/// Why a data dir cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another process holds the folder.
    #[error("another node runs in {}{}", path.display(), pid.map_or(String::new(), |pid| format!(" (process {pid})")))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, when it could be read.
        pid: Option<u32>,
    },
    /// No node runs there, or none ever did.
    #[error("no node runs in {}", path.display())]
    NoNode {
        /// The folder.
        path: PathBuf,
    },
    /// Others than the owner may read the private key. It is not used, since it may have been copied.
    #[error("others than you may read the private key {} (mode {mode:03o})", path.display())]
    KeyOpenToOthers {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file holds something else than it should. It is left as it is.
    #[error("{} is damaged: {expected} was expected", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// A store was made in this folder, and its file is gone. No other is made in its place.
    #[error("{} is missing, and there was one", path.display())]
    StoreMissing {
        /// The store.
        path: PathBuf,
        /// The file that says that there was one.
        note: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<DataDirError> for Problem {
    fn from(error: DataDirError) -> Problem {
        let message = error.to_string();
        match error {
            DataDirError::InUse { .. } => Problem::new(Code::DataDirInUse, message)
                .hint("use its commands, end it with `timeline stop`, or choose another folder with --data-dir"),
            DataDirError::NoNode { .. } => Problem::new(Code::NoNode, message)
                .hint("start one with `timeline peer`, or name its folder with --data-dir"),
            DataDirError::KeyOpenToOthers { path, .. } => {
                Problem::new(Code::BadConfig, message).hint(format!("chmod 600 {}", path.display()))
            }
            DataDirError::Damaged { path, .. } => Problem::new(Code::BadConfig, message)
                .hint(format!("restore {} from a copy, or move it away", path.display())),
            DataDirError::StoreMissing { note, .. } => Problem::new(Code::StoreDamaged, message).hint(format!(
                "put it or a copy back; to begin anew, with nothing but what is in the network, remove {} and log in again",
                note.display()
            )),
            DataDirError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                Problem::new(Code::DiskFull, message).hint("make room on the disk")
            }
            DataDirError::Io { .. } => Problem::new(Code::BadConfig, message)
                .hint("check that the folder is yours, or choose another one with --data-dir"),
        }
    }
}

/// How to reach a running node's API; in the folder as long as the node runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiFile {
    /// `http://` and a loopback address with its port.
    pub url: String,
    /// Proves that a caller may read this folder.
    pub token: String,
}

impl std::fmt::Debug for ApiFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiFile").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Returns the folder used when none is named: `timeline` in the platform's folder for data, else in the current one.
pub fn default_dir() -> PathBuf {
    dirs::data_dir().unwrap_or_default().join("timeline")
}

/// Reads where the node of `dir` can be reached. The file of a node that crashed is still there: nobody answers then.
///
/// # Errors
///
/// [`DataDirError::NoNode`] when there is no such file.
pub fn read_api_file(dir: &Path) -> Result<ApiFile, DataDirError> {
    let path = dir.join("api.json");
    match files::read_text(&path, MAX_SMALL_FILE_BYTES) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|_| DataDirError::Damaged { path, expected: "the address and token of a node's API" }),
        Err(error) if is_absent(&error) => Err(DataDirError::NoNode { path: dir.to_owned() }),
        Err(source) => Err(DataDirError::Io { path, source }),
    }
}

/// Returns the permission bits of the folder that let others than the owner in: 0 is as it should be.
pub fn open_to_others(dir: &Path) -> io::Result<u32> {
    files::open_to_others(dir)
}

/// A data dir held by this process: no other can open it before this value is dropped or the process ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Opens the folder, made with mode 0700 if it is not there, and locks it.
    ///
    /// # Errors
    ///
    /// [`DataDirError::InUse`] with the holder's process number, or what the system says.
    pub fn open(path: &Path) -> Result<DataDir, DataDirError> {
        let path = std::path::absolute(path).map_err(|source| DataDirError::Io { path: path.to_owned(), source })?;
        files::create_private_folder(&path).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
        let lock_path = path.join("lock");
        let failed = |source| DataDirError::Io { path: lock_path.clone(), source };
        let mut lock =
            files::private().read(true).write(true).create(true).truncate(false).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { pid: holder(&lock), path }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(DataDir { path, lock })
    }

    /// Returns the folder, an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the node's key, and makes one on first start; a key that is there is never replaced.
    ///
    /// # Errors
    ///
    /// A key that others may read, an unreadable file, or something else than a key in it.
    pub fn node_key(&self, rng: &mut Rng) -> Result<SecretKey, DataDirError> {
        let path = self.node_key_path();
        let failed = |source| DataDirError::Io { path: path.clone(), source };
        match path.symlink_metadata() {
            Ok(_) => return self.read_node_key(),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let key = SecretKey::generate(rng);
        files::write_private(&path, key.to_pem().as_bytes()).map_err(failed)?;
        Ok(key)
    }

    fn read_node_key(&self) -> Result<SecretKey, DataDirError> {
        let path = self.node_key_path();
        let failed = |source| DataDirError::Io { path: path.clone(), source };
        let mode = files::open_to_others(&path).map_err(failed)?;
        if mode != 0 {
            return Err(DataDirError::KeyOpenToOthers { mode: 0o600 | mode, path });
        }
        let damaged = || DataDirError::Damaged { path: path.clone(), expected: "an Ed25519 private key (PKCS#8 PEM)" };
        let text = match files::read_text(&path, MAX_SMALL_FILE_BYTES) {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::FileTooLarge) => {
                return Err(damaged());
            }
            Err(error) => return Err(failed(error)),
        };
        SecretKey::from_pem(&text).map_err(|_| damaged())
    }

    /// Returns where the node's key lies.
    pub fn node_key_path(&self) -> PathBuf {
        self.path.join("node.key")
    }

    /// Returns where the node's certificate is written for people to look at; no node reads it.
    pub fn certificate_path(&self) -> PathBuf {
        self.path.join("cert.pem")
    }

    /// Returns where the store lies.
    pub fn store_path(&self) -> PathBuf {
        self.path.join("store.sqlite")
    }

    /// Checks that no store is missing: a key alone may be that of a first start, a note of an earlier store is not.
    ///
    /// `there`: whether the store is, as far as the store itself can tell.
    ///
    /// # Errors
    ///
    /// [`DataDirError::StoreMissing`], or what the system says.
    pub fn check_store(&self, there: bool) -> Result<(), DataDirError> {
        let note = self.store_note_path();
        match note.symlink_metadata() {
            Ok(_) if !there => Err(DataDirError::StoreMissing { path: self.store_path(), note }),
            Err(source) if source.kind() != ErrorKind::NotFound => Err(DataDirError::Io { path: note, source }),
            _ => Ok(()),
        }
    }

    /// Notes that a store is there, so that it is missed when it is not.
    pub fn note_store(&self) -> Result<(), DataDirError> {
        let note = self.store_note_path();
        if note.symlink_metadata().is_ok() {
            return Ok(());
        }
        self.write(&note, b"A store was made in this folder. While this file is here, no new one takes its place.\n")
    }

    fn store_note_path(&self) -> PathBuf {
        self.path.join("store.made")
    }

    /// Returns where the running node says how to reach its API.
    pub fn api_file_path(&self) -> PathBuf {
        self.path.join("api.json")
    }

    /// Returns where the network document is kept once it was fetched.
    pub fn network_document_path(&self) -> PathBuf {
        self.path.join("network.toml")
    }

    /// Returns where a node that runs in the background writes its log.
    pub fn log_path(&self) -> PathBuf {
        self.path.join("node.log")
    }

    /// Says how to reach this node's API; only the owner may read it.
    pub fn write_api_file(&self, url: &str, token: &str) -> Result<(), DataDirError> {
        let file = ApiFile { url: url.to_owned(), token: token.to_owned() };
        let text = serde_json::to_string(&file).expect("two strings always encode");
        self.write(&self.api_file_path(), text.as_bytes())
    }

    /// Removes what [`DataDir::write_api_file`] wrote; nothing happens when it is not there.
    pub fn remove_api_file(&self) -> Result<(), DataDirError> {
        let path = self.api_file_path();
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(DataDirError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// Keeps a network document that was fetched and checked.
    pub fn write_network_document(&self, bytes: &[u8]) -> Result<(), DataDirError> {
        self.write(&self.network_document_path(), bytes)
    }

    /// Returns the API port of earlier runs; a file that says no port is as good as none.
    pub fn remembered_api_port(&self) -> Option<u16> {
        let text = files::read_text(&self.api_port_path(), MAX_SMALL_FILE_BYTES).ok()?;
        text.trim().parse().ok().filter(|port| *port != 0)
    }

    /// Keeps the API port for later runs, so that a page's address stays what it was.
    pub fn remember_api_port(&self, port: u16) -> Result<(), DataDirError> {
        self.write(&self.api_port_path(), format!("{port}\n").as_bytes())
    }

    fn api_port_path(&self) -> PathBuf {
        self.path.join("api.port")
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
        files::write_private(path, bytes).map_err(|source| DataDirError::Io { path: path.to_owned(), source })
    }
}

impl Drop for DataDir {
    /// Takes our number out of the lock file before the lock ends, so that it never names a process that is gone.
    fn drop(&mut self) {
        let _ = self.lock.set_len(0);
    }
}

fn holder(lock: &File) -> Option<u32> {
    // Ten digits and a line end at most; more is not ours.
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
