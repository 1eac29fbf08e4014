//! The files of a new network.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::document::{self, MAX_FOUNDED_BOOTPEERS};
use super::error::FoundingError;
use crate::keys::NodeCertificate;
use crate::node::config::{self, Bootpeer, NodeTemplate};
use crate::node::data_dir::DataDir;
use crate::node::files;
use crate::node::invite::Invite;
use crate::types::{Network, NodeId, PublicKey, Rng};

/// Characters of a PEM line (RFC 7468, section 2).
const PEM_LINE: usize = 64;
/// The longest name of a bootpeer.
const MAX_NAME_BYTES: usize = 32;

/// What a network is founded with.
#[derive(Clone, Debug)]
pub struct FoundingOptions<'a> {
    /// The network's name for people.
    pub name: String,
    /// The folder for everything.
    pub out: &'a Path,
    /// Names and addresses (`host:port`), 1 to [`MAX_FOUNDED_BOOTPEERS`].
    pub bootpeers: Vec<(String, String)>,
    /// Marks a network for tests: cheaper passwords are accepted.
    pub test: bool,
    /// `KEY=VALUE` of the network document, values as in TOML: `k=3`, `limits.posts_per_minute=1000`.
    pub settings: Vec<String>,
}

/// A network that now exists on disk.
#[derive(Clone, Debug)]
pub struct Founded {
    /// The network.
    pub network: Network,
    /// Its bootpeers, in the order given.
    pub bootpeers: Vec<FoundedBootpeer>,
    /// The line to hand to others.
    pub invite: String,
}

/// A bootpeer that can now be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundedBootpeer {
    /// Its name.
    pub name: String,
    /// Where others reach it.
    pub address: String,
    /// Its id.
    pub node_id: NodeId,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its data dir.
    pub data_dir: PathBuf,
}

/// Makes `OUT/network.toml`, and for each bootpeer its data dir `OUT/NAME` (with `node.key`, mode 0600, and `cert.pem`) and its
/// configuration `OUT/NAME.toml`.
///
/// # Errors
///
/// Anything malformed, or a file that is there already; nothing was written then. When the disk fails halfway, what is missing is
/// `OUT/network.toml`.
pub fn found(options: FoundingOptions<'_>, rng: &mut Rng) -> Result<Founded, FoundingError> {
    check(&options)?;
    // The settings are read once before any key is made, so that a mistyped one leaves no files behind.
    let trial: Vec<_> =
        options.bootpeers.iter().map(|(name, _)| (name.as_str(), PublicKey(rng.fork(name).bytes()))).collect();
    parse(&options, &trial)?;
    check_absent(&options)?;

    let out = std::path::absolute(options.out).map_err(|source| io_error(options.out, source))?;
    let mut keys = Vec::new();
    for (name, _) in &options.bootpeers {
        keys.push((name.as_str(), make_identity(&out.join(name), rng)?));
    }
    let network = parse(&options, &keys)?;
    let all: Vec<Bootpeer> = options
        .bootpeers
        .iter()
        .zip(&keys)
        .map(|((_, address), (_, key))| Bootpeer { address: address.clone(), node_id: key.node_id() })
        .collect();
    let mut bootpeers = Vec::new();
    for ((name, address), own) in options.bootpeers.iter().zip(&all) {
        let path = out.join(format!("{name}.toml"));
        let data_dir = out.join(name);
        let text = configuration(name, &data_dir, &network, own, &all);
        files::write_public(&path, text.as_bytes()).map_err(|source| io_error(&path, source))?;
        let (name, address, node_id) = (name.clone(), address.clone(), own.node_id);
        bootpeers.push(FoundedBootpeer { name, address, node_id, config: path, data_dir });
    }
    let path = out.join("network.toml");
    files::write_public(&path, &network.bytes()).map_err(|source| io_error(&path, source))?;
    let invite = Invite { network_id: network.id, bootpeers: all }.to_string();
    Ok(Founded { network, bootpeers, invite })
}

/// Makes a node's key in its data dir, unless there is one, and writes its certificate beside it; returns the public key, whose
/// `node_id()` names the node.
///
/// # Errors
///
/// A folder in which a node runs, a key that cannot be used, or what the system says.
pub fn make_identity(data_dir: &Path, rng: &mut Rng) -> Result<PublicKey, FoundingError> {
    let dir = DataDir::open(data_dir)?;
    let key = dir.node_key(rng)?;
    let certificate = NodeCertificate::generate(&key.to_bytes()).map_err(|_| FoundingError::Certificate)?;
    let path = dir.certificate_path();
    let text = pem(certificate.der());
    files::write_public(&path, text.as_bytes()).map_err(|source| io_error(&path, source))?;
    Ok(key.public())
}

fn check(options: &FoundingOptions<'_>) -> Result<(), FoundingError> {
    let count = options.bootpeers.len();
    if !(1..=MAX_FOUNDED_BOOTPEERS).contains(&count) {
        return Err(FoundingError::Count(count));
    }
    // `network.toml` is the document.
    let mut taken = BTreeSet::from(["network"]);
    for (name, address) in &options.bootpeers {
        if !is_name(name) || !taken.insert(name) {
            return Err(FoundingError::Name(name.clone()));
        }
        if !config::is_host_port(address) {
            return Err(FoundingError::Address { name: name.clone(), address: address.clone() });
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-')
}

fn check_absent(options: &FoundingOptions<'_>) -> Result<(), FoundingError> {
    let mut paths = vec![options.out.join("network.toml")];
    for (name, _) in &options.bootpeers {
        paths.push(options.out.join(format!("{name}.toml")));
        paths.push(options.out.join(name).join("node.key"));
    }
    match paths.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(FoundingError::Exists(path)),
        None => Ok(()),
    }
}

fn parse(options: &FoundingOptions<'_>, registrars: &[(&str, PublicKey)]) -> Result<Network, FoundingError> {
    let text = document::text(&options.name, options.test, &options.settings, registrars)?;
    Ok(Network::parse(Bytes::from(text))?)
}

fn configuration(name: &str, data_dir: &Path, network: &Network, own: &Bootpeer, all: &[Bootpeer]) -> String {
    let others: Vec<_> = all.iter().filter(|other| *other != own).cloned().collect();
    // A host name may mean several machines or none of this one's addresses, so only a literal address is told to others.
    let literal = own.address.parse::<SocketAddr>().ok();
    let port = own.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or_default();
    let listen = literal.filter(|address| address.ip().is_loopback());
    let advertise: Vec<_> = literal.map(|address| format!("net.advertise=[\"{address}\"]")).into_iter().collect();
    let body = config::render(&NodeTemplate {
        listen: listen.unwrap_or((Ipv6Addr::UNSPECIFIED, port).into()).to_string(),
        network_file: Some("network.toml".into()),
        network_id: network.id,
        bootpeers: &others,
        api_listen: String::new(),
        extra: &advertise,
    });
    format!(
        "# Bootpeer {name} of the network {network_name:?}; its id is {id}.\n\
         # Its private key lies in its data dir and nowhere else. Start it with\n\
         #\n\
         #     timeline --data-dir {dir:?} --config {config:?} bootpeer\n\
         #\n\
         # On another machine, take this file, network.toml and the data dir there, and name them so.\n{body}",
        network_name = network.document.name,
        id = own.node_id,
        dir = data_dir,
        config = data_dir.with_file_name(format!("{name}.toml")),
    )
}

fn pem(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(PEM_LINE.min(rest.len()));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

fn io_error(path: &Path, source: io::Error) -> FoundingError {
    FoundingError::Io { path: path.to_owned(), source }
}
