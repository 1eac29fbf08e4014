//! What is there before the node is: its store and its socket; and building the node on them once its network is known.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::admission::{Asking, on_disk, resolve};
use super::config::{Bootpeer, Config};
use super::data_dir::DataDir;
use super::invite::Invite;
use super::local::{Arrival, LocalNode, Pending, Role};
use super::offload::Threads;
use super::run::software;
use super::start::{Node, merge_rule, start};
use crate::actors::{Doors, Retention, Settings, TimeSettings};
use crate::clock::{Sntp, SystemClock};
use crate::keys::SecretKey;
use crate::net::{BindError, NetLimits, Quic, QuicConfig};
use crate::seam::{Transport, World};
use crate::store::SqliteStore;
use crate::types::{Code, Network, NetworkId, Problem, Rng, alpn};

/// The wait before addresses that were not found are looked up again.
const RESOLVE_AGAIN: Duration = Duration::from_secs(15);
/// Most rounds of it: an hour; a bootpeer may be this node itself, which is never listed.
const RESOLVE_ROUNDS: usize = 240;

/// Store and socket of a node that is not built yet.
pub(super) struct Ground {
    role: Role,
    config: Config,
    key: SecretKey,
    network: NetworkId,
    store: SqliteStore,
    net: Rc<Quic>,
    rng: Rng,
    started: Instant,
}

impl Ground {
    /// Opens store and socket; returns the network document too, where it is on disk.
    ///
    /// # Errors
    /// What keeps a node from starting, with the code of the command line.
    pub(super) fn lay(
        config: &Config,
        role: Role,
        data_dir: &DataDir,
        key: &SecretKey,
        mut rng: Rng,
    ) -> Result<(Self, Option<Network>), Problem> {
        let known = on_disk(config, data_dir)?;
        let id = known.as_ref().map(|n| n.id).or(config.network.id);
        let id = id.ok_or_else(|| Problem::new(Code::BadConfig, "no network is configured"))?;
        let store = open_store(data_dir)?;
        let net = bind(config, key, alpn(&id))?;
        if config.bootpeers.is_empty() && role == Role::Peer {
            tracing::warn!("no bootpeer is configured: this node is alone (`timeline join` or `timeline network new`)");
        }
        let ground = Self {
            role,
            config: config.clone(),
            key: key.clone(),
            network: id,
            store,
            net,
            rng: Rng::from_seed(rng.bytes()),
            started: Instant::now(),
        };
        Ok((ground, known))
    }

    /// Returns what the node can say of itself already.
    pub(super) fn pending(&self) -> Pending {
        Pending {
            node_id: self.net.node_id(),
            network: self.network,
            role: self.role,
            listen: self.net.addresses(),
            bootpeers: self.config.bootpeers.clone(),
            started: self.started,
        }
    }

    /// Returns where the node listens.
    pub(super) fn quic(&self) -> SocketAddr {
        self.net.local_addr()
    }

    /// Prepares to ask bootpeers for the network document.
    pub(super) fn asking<'a>(&'a self, data_dir: &'a DataDir) -> Asking<'a> {
        Asking { net: &self.net, key: &self.key, id: self.network, bootpeers: &self.config.bootpeers, data_dir }
    }

    /// Builds the node and tells its doors.
    pub(super) async fn build(self, network: Network, arrival: &Arc<Arrival>) -> Node {
        let Self { role, config, key, store, net, rng, started, .. } = self;
        let settings = Settings {
            anchors: true,
            bootpeers: resolve(&config.bootpeers).await,
            bootpeer: role == Role::Bootpeer,
            gc_interval: config.gc.interval,
            retention: Retention {
                min_age: config.gc.min_age,
                collect_seen: config.gc.collect_seen,
                seen_interval: config.seen.min_interval,
                publish_seen: config.seen.publish,
            },
            store_quota: config.store.quota,
            store_min_free: config.store.min_free,
            software: software(),
            time: TimeSettings {
                servers: config.clock.servers_in(network.document.test),
                interval: config.clock.interval,
                set_system: config.clock.set_system,
            },
        };
        let world = World {
            net: net.clone(),
            store: Rc::new(store),
            clock: Rc::new(SystemClock),
            time: Some(Rc::new(Sntp)),
            rng,
            offload: Rc::new(Threads::start()),
        };
        let node = start(world, key.clone(), Rc::new(network.clone()), settings);
        tokio::task::spawn_local(resolve_rest(node.doors(), config.bootpeers.clone()));
        arrival.arrive(LocalNode {
            doors: node.doors(),
            node_id: node.id(),
            invite: invite(&network, &config, role, &key, &net),
            anchor: role == Role::Bootpeer || network.is_registrar(&node.id()),
            network: Arc::new(network),
            role,
            started,
        });
        node
    }
}

/// Looks again for bootpeers whose addresses were not found at the start.
async fn resolve_rest(doors: Doors, bootpeers: Vec<Bootpeer>) {
    for _ in 0..RESOLVE_ROUNDS {
        match doors.routing.overview().await {
            Ok(seen) if seen.bootpeers.len() < bootpeers.len() => {}
            _ => return,
        }
        tokio::time::sleep(RESOLVE_AGAIN).await;
        doors.routing.more_bootpeers(resolve(&bootpeers).await);
    }
}

fn bind(config: &Config, key: &SecretKey, alpn: Vec<u8>) -> Result<Rc<Quic>, Problem> {
    let quic = |listen: SocketAddr| {
        Quic::bind(QuicConfig {
            listen,
            advertise: config.net.advertise.clone(),
            secret: *key.to_bytes(),
            alpn: alpn.clone(),
            limits: NetLimits::default(),
        })
    };
    let bound = match quic(config.net.listen) {
        Err(BindError::PortInUse(_)) if config.net.listen_is_default => {
            quic(SocketAddr::new(config.net.listen.ip(), 0))
        }
        bound => bound,
    };
    bound.map_err(|error| {
        let code = if matches!(error, BindError::PortInUse(_)) { Code::PortInUse } else { Code::Internal };
        Problem::new(code, error.to_string()).hint("choose another net.listen, port 0 for any")
    })
}

/// Opens the store, made only where there never was one; what is wrong with it names the file.
fn open_store(data_dir: &DataDir) -> Result<SqliteStore, Problem> {
    let path = data_dir.store_path();
    let named = |error| {
        let problem = Problem::from(error);
        Problem { message: format!("{}: {}", path.display(), problem.message), ..problem }
    };
    data_dir.check_store(SqliteStore::is_at(&path).map_err(named)?)?;
    let store = SqliteStore::open(&path, merge_rule).map_err(named)?;
    if let Err(error) = data_dir.note_store() {
        tracing::warn!(%error, "a lost store would not be missed");
    }
    Ok(store)
}

/// One line that lets others join: the configured bootpeers, and this node where it is one itself.
fn invite(network: &Network, config: &Config, role: Role, key: &SecretKey, net: &Rc<Quic>) -> String {
    let mut bootpeers = config.bootpeers.clone();
    if role == Role::Bootpeer {
        let shown = net.addresses().into_iter().next();
        let address =
            shown.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), net.local_addr().port()));
        bootpeers.insert(0, Bootpeer { address: address.to_string(), node_id: key.public().node_id() });
    }
    Invite { network_id: network.id, bootpeers }.to_string()
}
