//! The checked configuration and its defaults.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::types::{MAX_ADDRESSES, NetworkId, NodeId};

/// The most bootpeers a configuration names: twice what a network document can hold as registrars.
pub const MAX_BOOTPEERS: usize = 64;
/// The most addresses a node gives out as its own: what fits its contact.
pub const MAX_ADVERTISED: usize = MAX_ADDRESSES;

/// What a node was told, checked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// QUIC.
    pub net: Net,
    /// Which network.
    pub network: NetworkChoice,
    /// Ways into the network, at most [`MAX_BOOTPEERS`].
    pub bootpeers: Vec<Bootpeer>,
    /// The local API.
    pub api: Api,
    /// The disk.
    pub store: StoreLimits,
    /// Collection of what nobody needs any more.
    pub gc: Gc,
    /// What is signed about how far posts were read.
    pub seen: Seen,
    /// The clock.
    pub clock: Clock,
    /// Log lines.
    pub log: Log,
}

/// QUIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// Where to listen; port 0 is any free port.
    pub listen: SocketAddr,
    /// Nobody chose the address, so another port will do when this one is taken.
    pub listen_is_default: bool,
    /// Addresses given to others instead of those the machine has, at most [`MAX_ADVERTISED`].
    pub advertise: Vec<SocketAddr>,
}

/// Which network.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NetworkChoice {
    /// The network that the document must belong to.
    pub id: Option<NetworkId>,
    /// The network document, an absolute path; without it the document is fetched from a bootpeer.
    pub file: Option<PathBuf>,
}

/// A way into the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bootpeer {
    /// Host and port; a host name is resolved whenever the bootpeer is dialled.
    pub address: String,
    /// The node that must answer there.
    pub node_id: NodeId,
}

/// The local API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Where to listen, a loopback address; port 0 is a free port that is kept from then on.
    pub listen: SocketAddr,
}

/// The disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// The most bytes that records may take.
    pub quota: u64,
    /// Bytes of the disk that are left free.
    pub min_free: u64,
}

/// Collection of what nobody needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gc {
    /// Time between two rounds.
    pub interval: Duration,
    /// How long a post lies here before it may be collected.
    pub min_age: Duration,
    /// Whether posts that every follower has seen are collected.
    pub collect_seen: bool,
}

/// What is signed about how far posts were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The shortest time between two words about one author's device.
    pub min_interval: Duration,
    /// Whether anything is signed at all.
    pub publish: bool,
}

/// The most time servers that are asked: a majority of few is as good as one of many.
pub const MAX_SERVERS: usize = 16;
/// The servers of the public pool (<https://www.ntppool.org>), asked where nobody chose any.
const POOL: [&str; 4] = ["0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org", "3.pool.ntp.org"];

/// The clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Time servers, `host` or `host:port`, at most [`MAX_SERVERS`]; `None` when nobody chose any.
    pub servers: Option<Vec<String>>,
    /// Time between two rounds of questions.
    pub interval: Duration,
    /// Whether the system's clock is set as well.
    pub set_system: bool,
}

impl Clock {
    /// Returns the servers to ask: those that were chosen, else none in a network for tests, and a public pool in any other.
    pub fn servers_in(&self, test_network: bool) -> Vec<String> {
        match &self.servers {
            Some(chosen) => chosen.clone(),
            None if test_network => Vec::new(),
            None => POOL.map(str::to_owned).to_vec(),
        }
    }
}

/// Log lines.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Log {
    /// Their form.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Net {
    fn default() -> Self {
        Self { listen: (Ipv6Addr::UNSPECIFIED, 4747).into(), listen_is_default: true, advertise: Vec::new() }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into() }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { quota: 1 << 30, min_free: 256 << 20 }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { servers: None, interval: Duration::from_secs(3600), set_system: false }
    }
}

impl Default for Gc {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), min_age: Duration::from_secs(3600), collect_seen: true }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self { min_interval: Duration::from_secs(10), publish: true }
    }
}
