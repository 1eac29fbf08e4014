//! A node as a process: from configuration to a clean end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::admission::{fetch, on_disk, resolve};
use super::config::{Bootpeer, Config};
use super::data_dir::DataDir;
use super::invite::Invite;
use super::local::{LocalNode, OpenDoor, OpenDoors, Role};
use super::offload::Threads;
use super::start::{Node, merge_rule, start};
use crate::actors::{Doors, Retention, Settings, TimeSettings};
use crate::clock::{Sntp, SystemClock};
use crate::keys::SecretKey;
use crate::net::{BindError, NetLimits, Quic, QuicConfig};
use crate::seam::{Transport, World};
use crate::store::SqliteStore;
use crate::types::{Code, Network, NodeId, Problem, Rng, alpn};

/// What a process needs to become a node.
pub struct RunOptions {
    /// Where its data lie.
    pub data_dir: PathBuf,
    /// Its settings.
    pub config: Config,
    /// What it is.
    pub role: Role,
    /// Whether the end of standard input ends the node.
    pub exit_with_stdin: bool,
    /// Opens the door on this machine.
    pub open_doors: OpenDoors,
    /// Called once, when the node answers.
    pub on_ready: Box<dyn FnOnce(Ready)>,
}

/// A node that answers.
pub struct Ready {
    /// Its id.
    pub node_id: NodeId,
    /// Where it listens for peers.
    pub quic: SocketAddr,
    /// Where its local API is.
    pub api: String,
}

/// How long a clean end may take before the process ends anyway.
const LONGEST_END: Duration = Duration::from_secs(8);

/// The wait before addresses that were not found are looked up again.
const RESOLVE_AGAIN: Duration = Duration::from_secs(15);
/// Most rounds of it: an hour; a bootpeer may be this node itself, which is never listed.
const RESOLVE_ROUNDS: usize = 240;

/// Returns name and version of this program, as told to peers.
pub fn software() -> String {
    format!("timeline/{}", env!("CARGO_PKG_VERSION"))
}

/// Runs a node until a signal, a request at its door, or the end of standard input where that was asked for.
///
/// # Errors
/// What keeps a node from starting, with the code of the command line.
pub fn run_node(options: RunOptions) -> Result<(), Problem> {
    let data_dir = DataDir::open(&options.data_dir)?;
    let rng = os_rng()?;
    let key = data_dir.node_key(&mut rng.fork("node key"))?;
    actix::System::new().block_on(run(options, data_dir, key, rng))
}

/// Seeds a random stream from the operating system.
#[allow(clippy::disallowed_methods, reason = "the one seed of a production node")]
pub fn os_rng() -> Result<Rng, Problem> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Problem::new(Code::Internal, format!("the system gives no random bytes: {error}")))?;
    Ok(Rng::from_seed(seed))
}

async fn run(options: RunOptions, data_dir: DataDir, key: SecretKey, rng: Rng) -> Result<(), Problem> {
    let mut end = std::pin::pin!(end_asked(options.exit_with_stdin));
    let prepared = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        prepared = prepare(&options, &data_dir, &key, rng) => prepared?,
    };
    let (node, local, door, quic) = prepared;
    let OpenDoor { address, stop, close } = door;
    let api = format!("http://{address}");
    (options.on_ready)(Ready { node_id: local.node_id, quic, api });
    tokio::select! {
        biased;
        () = &mut end => {}
        _ = stop => tracing::info!("asked to end"),
    }
    if let Err(error) = data_dir.remove_api_file() {
        tracing::warn!(%error, "the API file was not removed");
    }
    let ended = timeout(LONGEST_END, async move {
        close().await;
        node.shut_down().await;
    });
    if ended.await.is_err() {
        tracing::warn!("the end took too long and was cut short");
    }
    Ok(())
}

async fn prepare(
    options: &RunOptions,
    data_dir: &DataDir,
    key: &SecretKey,
    mut rng: Rng,
) -> Result<(Node, LocalNode, OpenDoor, SocketAddr), Problem> {
    let config = &options.config;
    let known = on_disk(config, data_dir)?;
    let id = known.as_ref().map(|n| n.id).or(config.network.id);
    let id = id.ok_or_else(|| Problem::new(Code::BadConfig, "no network is configured"))?;
    let store = SqliteStore::open(&data_dir.store_path(), merge_rule)?;
    let net = bind(config, key, alpn(&id))?;
    let network = match known {
        Some(network) => network,
        None => fetch(&net, key, id, &config.bootpeers, data_dir).await?,
    };
    if config.bootpeers.is_empty() && options.role == Role::Peer {
        tracing::warn!("no bootpeer is configured: this node is alone (`timeline join` or `timeline network new`)");
    }
    let token = data_encoding::HEXLOWER.encode(&rng.fork("api token").bytes::<32>());
    let quic = net.local_addr();
    let settings = Settings {
        bootpeers: resolve(&config.bootpeers).await,
        bootpeer: options.role == Role::Bootpeer,
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
        rng: Rng::from_seed(rng.bytes()),
        offload: Rc::new(Threads::start()),
    };
    let node = start(world, key.clone(), Rc::new(network.clone()), settings);
    let local = LocalNode {
        doors: node.doors(),
        node_id: node.id(),
        invite: invite(&network, config, options.role, key, &net),
        anchor: options.role == Role::Bootpeer || network.is_registrar(&node.id()),
        network: Arc::new(network),
        role: options.role,
        started: Instant::now(),
    };
    tokio::task::spawn_local(resolve_rest(local.doors.clone(), config.bootpeers.clone()));
    let door = open_door(options, data_dir, &local, &token).await?;
    data_dir.write_api_file(&format!("http://{}", door.address), &token)?;
    Ok((node, local, door, quic))
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

/// Opens the door where it was last time; on any free port when the configuration leaves it open.
async fn open_door(
    options: &RunOptions,
    data_dir: &DataDir,
    local: &LocalNode,
    token: &str,
) -> Result<OpenDoor, Problem> {
    let asked = options.config.api.listen;
    let remembered = data_dir.remembered_api_port().filter(|_| asked.port() == 0);
    let first = remembered.map_or(asked, |port| SocketAddr::new(asked.ip(), port));
    let door = match (options.open_doors)(local.clone(), first, token.to_owned()).await {
        Err(problem) if problem.code == Code::PortInUse && remembered.is_some() => {
            (options.open_doors)(local.clone(), asked, token.to_owned()).await?
        }
        door => door?,
    };
    if asked.port() == 0 {
        data_dir.remember_api_port(door.address.port())?;
    }
    Ok(door)
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
        Problem::new(code, error.to_string())
    })
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

/// Ready when a signal asks the process to end, or standard input does.
async fn end_asked(with_stdin: bool) {
    let stdin = async {
        if with_stdin {
            stdin_ended().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = signalled() => {}
        () = stdin => {}
    }
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn signalled() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread that waits for the end of standard input, and nothing else")]
async fn stdin_ended() {
    let (told, ended) = oneshot::channel::<()>();
    let wait = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // Whatever comes is thrown away: only the end counts.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(told);
    });
    match wait {
        Ok(_) => {
            let _ = ended.await;
        }
        Err(_) => std::future::pending().await,
    }
}
