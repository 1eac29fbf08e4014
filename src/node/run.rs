//! A node as a process: from configuration to a clean end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::config::Config;
use super::data_dir::DataDir;
use super::ground::Ground;
use super::local::{Arrival, OpenDoor, OpenDoors, Role};
use super::start::Node;
use crate::keys::SecretKey;
use crate::types::{Code, Network, NodeId, Problem, Rng};

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

async fn run(options: RunOptions, data_dir: DataDir, key: SecretKey, mut rng: Rng) -> Result<(), Problem> {
    let mut end = std::pin::pin!(end_asked(options.exit_with_stdin));
    let token = data_encoding::HEXLOWER.encode(&rng.fork("api token").bytes::<32>());
    let world_rng = Rng::from_seed(rng.bytes());
    let (ground, known) = Ground::lay(&options.config, options.role, &data_dir, &key, world_rng)?;
    let (arrival, quic) = (Arrival::of(ground.pending()), ground.quic());
    let begun = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        begun = begin(ground, known, &data_dir, &arrival) => begun?,
    };
    let OpenDoor { address, mut stop, close } = open_door(&options, &data_dir, &arrival, &token).await?;
    let api = format!("http://{address}");
    data_dir.write_api_file(&api, &token)?;
    (options.on_ready)(Ready { node_id: key.public().node_id(), quic, api });
    let mut asked = std::pin::pin!(async {
        tokio::select! {
            biased;
            () = end => {}
            _ = &mut stop => tracing::info!("asked to end"),
        }
    });
    // The door is open already: with all bootpeers down it says what is the matter.
    let arrived = match begun {
        Begun::Whole(node) => Ok(Some(node)),
        Begun::Pending(ground) => tokio::select! {
            biased;
            () = &mut asked => Ok(None),
            node = arrive(ground, &data_dir, &arrival) => node.map(Some),
        },
    };
    if let Ok(Some(_)) = &arrived {
        asked.await;
    }
    if let Err(error) = data_dir.remove_api_file() {
        tracing::warn!(%error, "the API file was not removed");
    }
    let (node, failed) = match arrived {
        Ok(node) => (node, Ok(())),
        Err(problem) => (None, Err(problem)),
    };
    let ended = timeout(LONGEST_END, async move {
        close().await;
        if let Some(node) = node {
            node.shut_down().await;
        }
    });
    if ended.await.is_err() {
        tracing::warn!("the end took too long and was cut short");
    }
    failed
}

/// How far a node has come when its door opens.
enum Begun {
    /// It is there.
    Whole(Node),
    /// It waits for the document of its network.
    Pending(Box<Ground>),
}

/// Builds the node where the document of its network is on disk, or a bootpeer has it at once.
async fn begin(
    ground: Ground,
    known: Option<Network>,
    data_dir: &DataDir,
    arrival: &Arc<Arrival>,
) -> Result<Begun, Problem> {
    let known = match known {
        Some(network) => Some(network),
        None => ground.asking(data_dir).once().await?,
    };
    Ok(match known {
        Some(network) => Begun::Whole(ground.build(network, arrival).await),
        None => Begun::Pending(Box::new(ground)),
    })
}

/// Waits for the document of the network and builds the node.
async fn arrive(ground: Box<Ground>, data_dir: &DataDir, arrival: &Arc<Arrival>) -> Result<Node, Problem> {
    let network = ground.asking(data_dir).until_known().await?;
    tracing::info!(network = network.document.name, "a bootpeer gave the network document");
    Ok(ground.build(network, arrival).await)
}

/// Opens the door where it was last time; on any free port when the configuration leaves it open.
async fn open_door(
    options: &RunOptions,
    data_dir: &DataDir,
    arrival: &Arc<Arrival>,
    token: &str,
) -> Result<OpenDoor, Problem> {
    let asked = options.config.api.listen;
    let remembered = data_dir.remembered_api_port().filter(|_| asked.port() == 0);
    let first = remembered.map_or(asked, |port| SocketAddr::new(asked.ip(), port));
    let door = match (options.open_doors)(arrival.clone(), first, token.to_owned()).await {
        Err(problem) if problem.code == Code::PortInUse && remembered.is_some() => {
            (options.open_doors)(arrival.clone(), asked, token.to_owned()).await?
        }
        door => door?,
    };
    if asked.port() == 0 {
        data_dir.remember_api_port(door.address.port())?;
    }
    Ok(door)
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
