//! Invitations: a network and the ways into it, in one line that can be pasted into a shell as it stands.
//!
//! The line is `timeline:NETWORK_ID/NODE_ID@HOST:PORT,NODE_ID@HOST:PORT,…`, without a character that a shell splits at.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytes::Bytes;
use thiserror::Error;

use super::config::{self, Bootpeer, Config, ConfigError, Flags, NodeTemplate, Sources};
use super::files;
use crate::types::{Code, MAX_DOCUMENT_BYTES, Network, NetworkId, Problem};

/// The longest invitation: what [`MAX_INVITE_BOOTPEERS`] of the longest host names take.
pub const MAX_INVITE_BYTES: usize = 12 * 1024;
/// The most bootpeers in an invitation: as many as a network document has registrars.
pub const MAX_INVITE_BOOTPEERS: usize = 32;

const PREFIX: &str = "timeline:";

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InviteError {
    /// Over [`MAX_INVITE_BYTES`].
    #[error("an invite has at most {MAX_INVITE_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It does not begin as invitations do.
    #[error("an invite looks like timeline:NETWORK_ID/NODE_ID@HOST:PORT,…")]
    Form,
    /// The network's id is malformed.
    #[error("the network id of the invite is not 64 digits of 0-9 and a-f: it may have been cut")]
    Network,
    /// A bootpeer is malformed; they are counted from 1.
    #[error("bootpeer {0} of the invite is not NODE_ID@HOST:PORT: the invite may have been cut")]
    Bootpeer(usize),
    /// More bootpeers than [`MAX_INVITE_BOOTPEERS`].
    #[error("an invite names at most {MAX_INVITE_BOOTPEERS} bootpeers")]
    TooMany,
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Problem {
        Problem::new(Code::Usage, error.to_string()).hint("ask for it again: `timeline network show` prints it")
    }
}

/// What a node must know to join a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The network.
    pub network_id: NetworkId,
    /// Ways into it, at least one.
    pub bootpeers: Vec<Bootpeer>,
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.network_id)?;
        for (i, Bootpeer { address, node_id }) in self.bootpeers.iter().enumerate() {
            write!(f, "{}{node_id}@{address}", if i == 0 { '/' } else { ',' })?;
        }
        Ok(())
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        if text.len() > MAX_INVITE_BYTES {
            return Err(InviteError::TooLong(text.len()));
        }
        let (network, list) =
            text.trim().strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')).ok_or(InviteError::Form)?;
        let network_id = network.parse().map_err(|_| InviteError::Network)?;
        let mut bootpeers = Vec::new();
        for (i, part) in list.split(',').enumerate() {
            if i == MAX_INVITE_BOOTPEERS {
                return Err(InviteError::TooMany);
            }
            bootpeers.push(bootpeer(part).ok_or(InviteError::Bootpeer(i + 1))?);
        }
        Ok(Self { network_id, bootpeers })
    }
}

fn bootpeer(text: &str) -> Option<Bootpeer> {
    let (node_id, address) = text.split_once('@')?;
    let node_id = node_id.parse().ok()?;
    config::is_host_port(address).then(|| Bootpeer { address: address.to_owned(), node_id })
}

/// Why a data dir does not take an invitation.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The folder belongs to another network already.
    #[error("{} names another network, {found}", path.display())]
    OtherNetwork {
        /// The configuration file.
        path: PathBuf,
        /// The network it names.
        found: NetworkId,
    },
    /// The configuration that is there cannot be read, or cannot be added to.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Problem {
        let message = error.to_string();
        match error {
            JoinError::OtherNetwork { .. } => {
                Problem::new(Code::BadConfig, message).hint("join in another folder, named with --data-dir")
            }
            JoinError::Config(error) => error.into(),
            JoinError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                Problem::new(Code::DiskFull, message).hint("make room on the disk")
            }
            JoinError::Io { .. } => Problem::new(Code::BadConfig, message).hint("check that the folder is yours"),
        }
    }
}

/// Writes the invitation into `dir/config.toml`, and returns that path. What the file says already is kept: only the network,
/// if it names none, and bootpeers it lacks are added, so joining twice changes nothing.
///
/// # Errors
///
/// A configuration of another network, or one that cannot be read or added to; nothing is changed then.
pub fn join(dir: &Path, invite: &Invite) -> Result<PathBuf, JoinError> {
    let path = dir.join("config.toml");
    let failed = |source| JoinError::Io { path: path.clone(), source };
    let old = match files::read_text(&path, config::MAX_CONFIG_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            files::create_private_folder(dir).map_err(failed)?;
            files::write_private(&path, fresh(invite).as_bytes()).map_err(failed)?;
            return Ok(path);
        }
        Err(source) => return Err(failed(source)),
    };
    let present = read(dir)?;
    let network = network_of(&present);
    if let Some(found) = network.filter(|found| *found != invite.network_id) {
        return Err(JoinError::OtherNetwork { path, found });
    }
    let addition = addition(&present, network, invite);
    if addition.is_empty() {
        return Ok(path);
    }
    let text = format!("{}\n{addition}", old.trim_end());
    // Where the old text already has such a section in another form, the sum is malformed: better refused than written.
    config::check_text(&text, &path)?;
    files::write_private(&path, text.as_bytes()).map_err(failed)?;
    Ok(path)
}

fn fresh(invite: &Invite) -> String {
    let template = NodeTemplate {
        listen: String::new(),
        network_file: None,
        network_id: invite.network_id,
        bootpeers: &invite.bootpeers,
        api_listen: String::new(),
        extra: &[],
    };
    format!("# Written by `timeline join`. Start this node with `timeline peer`.\n{}", config::render(&template))
}

fn read(dir: &Path) -> Result<Config, ConfigError> {
    config::load(Sources { data_dir: dir, file: None, environment: [], set: &[], flags: Flags::default() })
}

fn network_of(config: &Config) -> Option<NetworkId> {
    let of_file = |path: &PathBuf| {
        let text = files::read_text(path, MAX_DOCUMENT_BYTES as u64).ok()?;
        Network::parse(Bytes::from(text)).ok().map(|network| network.id)
    };
    config.network.id.or_else(|| config.network.file.as_ref().and_then(of_file))
}

fn addition(present: &Config, network: Option<NetworkId>, invite: &Invite) -> String {
    let mut out = String::new();
    if network.is_none() {
        out.push_str(&format!("\n[network]\nid = \"{}\"\n", invite.network_id));
    }
    let lacking: Vec<_> = invite.bootpeers.iter().filter(|b| !present.bootpeers.contains(b)).cloned().collect();
    out.push_str(&config::render_bootpeers(&lacking));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::NodeId;

    fn address() -> impl Strategy<Value = String> {
        let host = prop_oneof![
            "[a-z][a-z0-9_]{0,20}(\\.[a-z]{2,9}){0,2}",
            any::<std::net::Ipv4Addr>()
                .prop_filter("dialable", |ip| !ip.is_unspecified())
                .prop_map(|ip| ip.to_string()),
            any::<std::net::Ipv6Addr>()
                .prop_filter("dialable", |ip| !ip.is_unspecified())
                .prop_map(|ip| format!("[{ip}]")),
        ];
        (host, 1..=u16::MAX).prop_map(|(host, port)| format!("{host}:{port}"))
    }

    fn invite() -> impl Strategy<Value = Invite> {
        let bootpeer =
            (any::<[u8; 32]>(), address()).prop_map(|(id, address)| Bootpeer { node_id: NodeId(id), address });
        (any::<[u8; 32]>(), prop::collection::vec(bootpeer, 1..=MAX_INVITE_BOOTPEERS))
            .prop_map(|(id, bootpeers)| Invite { network_id: NetworkId(id), bootpeers })
    }

    proptest! {
        #[test]
        fn an_invite_is_read_back_from_its_line(invite in invite()) {
            let line = invite.to_string();
            prop_assert!(line.len() <= MAX_INVITE_BYTES);
            let special = |c: char| c.is_whitespace() || "&;|?*'\"\\$<>(){}#!~".contains(c);
            prop_assert!(!line.contains(special), "{}", line);
            prop_assert_eq!(line.parse(), Ok(invite));
        }

        #[test]
        fn a_cut_or_altered_invite_never_panics(invite in invite(), at: prop::sample::Index, with in "\\PC{0,3}") {
            let line = invite.to_string();
            let at = at.index(line.len());
            let _ = line[..at].parse::<Invite>();
            let _ = format!("{}{with}{}", &line[..at], &line[at..]).parse::<Invite>();
        }

        #[test]
        fn garbage_never_panics(text in "(timeline:)?\\PC{0,200}") {
            let _ = text.parse::<Invite>();
        }
    }

    #[test]
    fn the_longest_invite_fits_and_a_longer_list_is_refused() {
        let label = "a".repeat(61);
        let address = format!("{label}.{label}.{label}.{label}.abcde:65535");
        let bootpeer = Bootpeer { node_id: NodeId([7; 32]), address };
        let mut invite =
            Invite { network_id: NetworkId([1; 32]), bootpeers: vec![bootpeer.clone(); MAX_INVITE_BOOTPEERS] };
        assert_eq!(invite.to_string().parse(), Ok(invite.clone()));
        invite.bootpeers.push(Bootpeer { address: "a:1".into(), ..bootpeer });
        assert_eq!(invite.to_string().parse::<Invite>(), Err(InviteError::TooMany));
        assert_eq!("x".repeat(MAX_INVITE_BYTES + 1).parse::<Invite>(), Err(InviteError::TooLong(MAX_INVITE_BYTES + 1)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (id, node) = ("ab".repeat(32), "cd".repeat(32));
        for (text, error) in [
            (String::new(), InviteError::Form),
            (format!("timeline:{id}"), InviteError::Form),
            (format!("timeline:{}/{node}@a:1", &id[1..]), InviteError::Network),
            (format!("timeline:{id}/"), InviteError::Bootpeer(1)),
            (format!("timeline:{id}/{node}@a:1,{node}@a"), InviteError::Bootpeer(2)),
        ] {
            assert_eq!(text.parse::<Invite>(), Err(error), "{text}");
        }
    }
}
