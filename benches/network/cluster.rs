//! A network of whole nodes in this process: the real actors over QUIC on loopback, spread over one thread a core.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use timeline::actors::{Doors, Retention, Settings};
use timeline::clock::SystemClock;
use timeline::keys::SecretKey;
use timeline::net::{NetLimits, Quic, QuicConfig};
use timeline::node::{Node, merge_rule, start};
use timeline::seam::{Clock, Lane, Offload, Store, Transport, World};
use timeline::store::{MemoryStore, SqliteStore};
use timeline::types::{Contact, Key, Network, NodeId, Rng};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::author::Author;

/// The bootpeers, which are the registrars as well.
pub const BOOTPEERS: usize = 3;

/// What a network is like.
#[derive(Clone)]
pub struct Plan {
    pub nodes: usize,
    pub k: usize,
    pub seed: u64,
    /// Where the stores lie; in memory where nothing is said.
    pub disk: Option<PathBuf>,
    /// Whether the bootpeers keep everything and have to acknowledge it.
    pub anchors: bool,
    /// Whether each node has an account of the benchmark's making, to put and get with.
    pub authors: bool,
    /// A phase begins no operation after that.
    pub cap: Duration,
}

/// One node, on the thread that it lives on.
pub struct Peer {
    pub doors: Doors,
    pub store: Rc<dyn Store>,
    pub author: Option<Author>,
    id: NodeId,
    quic: Rc<Quic>,
    node: RefCell<Option<Node>>,
}

/// The nodes of one thread, by number.
pub type Nodes = Rc<RefCell<BTreeMap<usize, Rc<Peer>>>>;

type Job = Box<dyn FnOnce(Nodes) -> LocalBoxFuture<'static, ()> + Send>;

/// A thread with nodes on it.
#[derive(Clone)]
pub struct Arbiter(mpsc::UnboundedSender<Job>);

impl Arbiter {
    fn start(number: usize) -> Self {
        let (jobs, mut coming) = mpsc::unbounded_channel::<Job>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async move {
                let nodes = Nodes::default();
                while let Some(job) = coming.recv().await {
                    tokio::task::spawn_local(job(nodes.clone()));
                }
            });
        };
        std::thread::Builder::new().name(format!("arbiter-{number}")).spawn(work).unwrap();
        Self(jobs)
    }

    /// Does something on the thread, beside what it does already, and returns what came of it.
    pub async fn run<T, F, W>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Nodes) -> W + Send + 'static,
        W: Future<Output = T> + 'static,
    {
        let (told, end) = oneshot::channel();
        let job: Job = Box::new(move |nodes| {
            Box::pin(async move {
                let _ = told.send(work(nodes).await);
            })
        });
        assert!(self.0.send(job).is_ok(), "a thread of the network ended");
        end.await.expect("something panicked in the network")
    }
}

/// Threads that are started for one job each: there are few.
struct Spawn;

impl Offload for Spawn {
    fn run(&self, _: Lane, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

/// The network.
pub struct Cluster {
    pub plan: Plan,
    pub arbiters: Vec<Arbiter>,
}

/// Returns the key of a node.
fn key(plan: &Plan, number: usize) -> SecretKey {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
    SecretKey::generate(&mut Rng::from_seed(seed).fork(&format!("node {number}")))
}

/// Returns the network document; its limits are far beyond what is done here.
fn network(plan: &Plan) -> Network {
    let mut text = format!("name = \"bench\"\nepoch = 1\ntest = true\nk = {}\nposts_kept = 1000000\n", plan.k);
    text.push_str("[limits]\nposts_per_minute = 1000000\nposts_per_hour = 1000000\nputs_per_minute = 100000000\n");
    text.push_str("account_quota = 1073741824\nsource_quota = 1099511627776\nhome_prefixes = [\"127.0.0.0/8\"]\n");
    for number in 0..BOOTPEERS {
        let public = key(plan, number).public();
        text.push_str(&format!("[[registrar]]\nname = \"boot{number}\"\nkey = \"{public}\"\n"));
    }
    Network::parse(text.into_bytes().into()).unwrap()
}

impl Cluster {
    /// Makes the threads; no node yet.
    pub fn new(plan: Plan, threads: usize) -> Self {
        Self { plan, arbiters: (0..threads).map(Arbiter::start).collect() }
    }

    /// Returns the number of the thread on which a node lives.
    pub fn thread_of(&self, node: usize) -> usize {
        node % self.arbiters.len()
    }

    /// Returns the thread on which a node lives.
    pub fn arbiter(&self, node: usize) -> &Arbiter {
        &self.arbiters[self.thread_of(node)]
    }

    /// Does something with one node, where it lives.
    pub async fn with<T, F, W>(&self, node: usize, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Rc<Peer>) -> W + Send + 'static,
        W: Future<Output = T> + 'static,
    {
        let pick = move |nodes: Nodes| {
            let peer = nodes.borrow()[&node].clone();
            work(peer)
        };
        self.arbiter(node).run(pick).await
    }

    /// Opens all sockets, then starts all nodes at once; they know the bootpeers.
    pub async fn start(&self) {
        let mut ways_in: Vec<(NodeId, SocketAddr)> = Vec::new();
        for number in 0..BOOTPEERS.min(self.plan.nodes) {
            ways_in.push(self.place(number, Vec::new()).await);
        }
        let from = ways_in.len();
        let sets = self.arbiters.iter().enumerate().map(|(thread, arbiter)| {
            let (plan, ways_in, threads) = (self.plan.clone(), ways_in.clone(), self.arbiters.len());
            arbiter.run(move |nodes| async move {
                for number in (from..plan.nodes).filter(|number| number % threads == thread) {
                    lay(&plan, number, &nodes, &ways_in);
                }
            })
        });
        futures_util::future::join_all(sets).await;
    }

    async fn place(&self, number: usize, ways_in: Vec<(NodeId, SocketAddr)>) -> (NodeId, SocketAddr) {
        let plan = self.plan.clone();
        self.arbiter(number).run(move |nodes| async move { lay(&plan, number, &nodes, &ways_in) }).await
    }

    /// Waits until every node has joined: it knows all others, or half a bucket of them; false when that takes too long.
    pub async fn settle(&self, within: Duration) -> bool {
        let enough = (self.plan.nodes - 1).min(self.plan.k / 2);
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            let looks = self.arbiters.iter().map(|arbiter| {
                arbiter.run(move |nodes| async move {
                    let all: Vec<Rc<Peer>> = nodes.borrow().values().cloned().collect();
                    for peer in all {
                        if !peer.doors.routing.overview().await.is_ok_and(|seen| seen.known >= enough) {
                            return false;
                        }
                    }
                    true
                })
            });
            if futures_util::future::join_all(looks).await.into_iter().all(|known| known) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Returns how many requests the nodes that live have sent so far.
    pub async fn requests(&self) -> u64 {
        let counts = self.arbiters.iter().map(|arbiter| {
            arbiter.run(|nodes| async move {
                nodes.borrow().values().map(|peer| peer.quic.traffic().requests_sent).sum::<u64>()
            })
        });
        futures_util::future::join_all(counts).await.into_iter().sum()
    }

    /// Returns how many connections a node has, on average.
    pub async fn connections(&self) -> f64 {
        let counts = self.arbiters.iter().map(|arbiter| {
            arbiter.run(|nodes| async move {
                let nodes = nodes.borrow();
                (nodes.values().map(|peer| peer.quic.open_connections()).sum::<usize>(), nodes.len())
            })
        });
        let (ends, nodes) = futures_util::future::join_all(counts)
            .await
            .into_iter()
            .fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        ends as f64 / nodes as f64
    }

    /// Makes all authors known to all nodes, as followers know whom they follow.
    pub async fn introduce(&self) {
        let mut proofs = Vec::new();
        for arbiter in &self.arbiters {
            let known = |nodes: Nodes| async move {
                let nodes = nodes.borrow();
                nodes.values().filter_map(|peer| Some(peer.author.as_ref()?.proofs.clone())).collect::<Vec<_>>()
            };
            proofs.extend(arbiter.run(known).await.into_iter().flatten());
        }
        let learning = self.arbiters.iter().map(|arbiter| {
            let proofs = proofs.clone();
            arbiter.run(move |nodes| async move {
                let all: Vec<Rc<Peer>> = nodes.borrow().values().cloned().collect();
                for peer in all {
                    peer.doors.storage.receive(peer.id, Key([0; 32]), vec![], proofs.clone()).await;
                }
            })
        });
        futures_util::future::join_all(learning).await;
    }

    /// Ends nodes as if their processes were killed: nobody hears of it.
    pub async fn kill(&self, victims: &[usize]) {
        for victim in victims {
            let victim = *victim;
            self.arbiter(victim)
                .run(move |nodes| async move {
                    let Some(peer) = nodes.borrow_mut().remove(&victim) else { return };
                    peer.quic.vanish();
                    // Its actors end beside what is measured, and reach nobody.
                    let node = peer.node.borrow_mut().take();
                    if let Some(node) = node {
                        tokio::task::spawn_local(node.shut_down());
                    }
                })
                .await;
        }
    }
}

/// Binds and starts a node on this thread.
fn lay(plan: &Plan, number: usize, nodes: &Nodes, ways_in: &[(NodeId, SocketAddr)]) -> (NodeId, SocketAddr) {
    let (secret, network) = (key(plan, number), Rc::new(network(plan)));
    let quic = Quic::bind(QuicConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: vec![],
        secret: *secret.to_bytes(),
        alpn: network.alpn(),
        limits: NetLimits::default(),
    })
    .unwrap();
    let place = (quic.node_id(), quic.local_addr());
    let store: Rc<dyn Store> = match &plan.disk {
        None => Rc::new(MemoryStore::new(merge_rule)),
        Some(dir) => {
            let dir = dir.join(format!("node-{number}"));
            std::fs::create_dir_all(&dir).unwrap();
            Rc::new(SqliteStore::open(&dir.join("store.db"), merge_rule).unwrap())
        }
    };
    let rng = Rng::from_seed(*secret.to_bytes());
    let author = plan.authors.then(|| {
        let registrars: Vec<SecretKey> = (0..BOOTPEERS).map(|boot| key(plan, boot)).collect();
        Author::new(&format!("author{number}"), &network, &registrars, SystemClock.now(), &mut rng.fork("author"))
    });
    let settings = Settings {
        bootpeers: ways_in.iter().map(|(id, address)| Contact::hint(*id, *address)).collect(),
        bootpeer: number < BOOTPEERS,
        anchors: plan.anchors,
        gc_interval: Duration::from_secs(60),
        retention: Retention::default(),
        store_quota: 1 << 40,
        store_min_free: 0,
        software: "timeline/bench".to_owned(),
        time: Default::default(),
    };
    let world = World {
        net: quic.clone(),
        store: store.clone(),
        clock: Rc::new(SystemClock),
        time: None,
        rng,
        offload: Rc::new(Spawn),
    };
    let node = start(world, secret, network, settings);
    let peer = Peer { doors: node.doors(), store, author, id: place.0, quic, node: RefCell::new(Some(node)) };
    nodes.borrow_mut().insert(number, Rc::new(peer));
    place
}
