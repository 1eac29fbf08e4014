use futures::StreamExt;
use libp2p::kad::{
    self, QueryId, QueryResult, Quorum, Record, RecordKey, store::MemoryStore, store::MemoryStoreConfig,
};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, identify, identity};
use peers_common::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

#[derive(NetworkBehaviour)]
struct B {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}
enum Cmd {
    Put(Vec<u8>, Vec<u8>, oneshot::Sender<Result<Vec<u8>, String>>),
    Get(Vec<u8>, oneshot::Sender<Result<Got, String>>),
    Boot(Vec<(PeerId, Multiaddr)>, oneshot::Sender<Result<(), String>>),
    Stat(oneshot::Sender<(usize, usize)>),
}
enum Pend {
    Put(Vec<u8>, oneshot::Sender<Result<Vec<u8>, String>>),
    Get(oneshot::Sender<Result<Got, String>>),
    Boot(oneshot::Sender<Result<(), String>>),
}
static DIAL_ERR: AtomicUsize = AtomicUsize::new(0);
static IN_ERR: AtomicUsize = AtomicUsize::new(0);
static ERR_SEEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
fn seen(e: String) {
    let e: String = e.chars().filter(|c| !c.is_ascii_digit()).take(160).collect();
    let mut m = ERR_SEEN.lock().unwrap();
    if m.len() < 20 || m.contains_key(&e) {
        *m.entry(e).or_default() += 1;
    }
}

struct Opt {
    k: usize,
    quorum: String,
    alpha: usize,
    idle: u64,
    max_records: usize,
    n: usize,
}

async fn node(
    mut swarm: Swarm<B>,
    mut rx: mpsc::UnboundedReceiver<Cmd>,
    addr_tx: oneshot::Sender<Multiaddr>,
    quorum: Quorum,
) {
    let mut addr_tx = Some(addr_tx);
    let mut pend: HashMap<QueryId, Pend> = HashMap::new();
    loop {
        tokio::select! {
            c = rx.recv() => match c {
                None => break,
                Some(Cmd::Put(k, v, tx)) => {
                    match swarm.behaviour_mut().kad.put_record(Record::new(k.clone(), v), quorum) {
                        Ok(q) => { pend.insert(q, Pend::Put(k, tx)); }
                        Err(e) => { let _ = tx.send(Err(format!("store: {e:?}"))); }
                    }
                }
                Some(Cmd::Get(k, tx)) => {
                    let q = swarm.behaviour_mut().kad.get_record(RecordKey::new(&k));
                    pend.insert(q, Pend::Get(tx));
                }
                Some(Cmd::Boot(peers, tx)) => {
                    for (p, a) in peers { swarm.behaviour_mut().kad.add_address(&p, a); }
                    match swarm.behaviour_mut().kad.bootstrap() {
                        Ok(q) => { pend.insert(q, Pend::Boot(tx)); }
                        Err(e) => { let _ = tx.send(Err(format!("{e:?}"))); }
                    }
                }
                Some(Cmd::Stat(tx)) => {
                    let rt = swarm.behaviour_mut().kad.kbuckets().map(|b| b.num_entries()).sum();
                    let _ = tx.send((swarm.network_info().connection_counters().num_established() as usize, rt));
                }
            },
            ev = swarm.select_next_some() => match ev {
                SwarmEvent::NewListenAddr { address, .. } => { if let Some(t) = addr_tx.take() { let _ = t.send(address); } }
                SwarmEvent::Behaviour(BEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                    for a in info.listen_addrs { swarm.behaviour_mut().kad.add_address(&peer_id, a); }
                }
                SwarmEvent::Behaviour(BEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, step, .. })) => match result {
                    QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(r))) => {
                        if let Some(Pend::Get(tx)) = pend.remove(&id) {
                            let _ = tx.send(Ok(Got { local: r.peer.is_none(), value: r.record.value }));
                        }
                        if let Some(mut q) = swarm.behaviour_mut().kad.query_mut(&id) { q.finish(); }
                    }
                    QueryResult::GetRecord(Ok(_)) => {
                        if let Some(Pend::Get(tx)) = pend.remove(&id) { let _ = tx.send(Err("finished without record".into())); }
                    }
                    QueryResult::GetRecord(Err(e)) => {
                        if let Some(Pend::Get(tx)) = pend.remove(&id) {
                            let s = match e { kad::GetRecordError::NotFound { .. } => "NotFound", kad::GetRecordError::Timeout { .. } => "Timeout" };
                            let _ = tx.send(Err(s.into()));
                        }
                    }
                    QueryResult::PutRecord(r) => {
                        if let Some(Pend::Put(k, tx)) = pend.remove(&id) {
                            let _ = tx.send(match r {
                                Ok(_) => Ok(k),
                                Err(kad::PutRecordError::QuorumFailed { success, quorum, .. }) => Err(format!("QuorumFailed {}/{}", success.len(), quorum)),
                                Err(kad::PutRecordError::Timeout { success, quorum, .. }) => Err(format!("Timeout {}/{}", success.len(), quorum)),
                            });
                        }
                    }
                    QueryResult::Bootstrap(r) => {
                        if step.last {
                            if let Some(Pend::Boot(tx)) = pend.remove(&id) { let _ = tx.send(r.map(|_| ()).map_err(|e| format!("{e:?}"))); }
                        }
                    }
                    _ => {}
                },
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    DIAL_ERR.fetch_add(1, Relaxed);
                    let d = match &error {
                        libp2p::swarm::DialError::Transport(v) => format!("{:?}", v.iter().map(|(_, e)| format!("{e:?}")).collect::<Vec<_>>()),
                        libp2p::swarm::DialError::DialPeerConditionFalse(_) => "DialPeerConditionFalse".into(),
                        e => format!("{e:?}"),
                    };
                    seen(format!("out: {d}"));
                }
                SwarmEvent::IncomingConnectionError { error, .. } => { IN_ERR.fetch_add(1, Relaxed); seen(format!("in: {error:?}")); }
                _ => {}
            }
        }
    }
}

struct P2p {
    tx: Vec<mpsc::UnboundedSender<Cmd>>,
    ports: Vec<u16>,
    tasks: Mutex<Vec<Option<tokio::task::JoinHandle<()>>>>,
    dead: Mutex<HashSet<usize>>,
}
impl Net for P2p {
    fn n(&self) -> usize {
        self.tx.len()
    }
    async fn put(&self, i: usize, k: Vec<u8>, v: Vec<u8>) -> Result<Vec<u8>, String> {
        let (t, r) = oneshot::channel();
        self.tx[i].send(Cmd::Put(k, v, t)).map_err(|_| "node gone")?;
        r.await.map_err(|_| "dropped".to_string())?
    }
    async fn get(&self, i: usize, k: Vec<u8>) -> Result<Got, String> {
        let (t, r) = oneshot::channel();
        self.tx[i].send(Cmd::Get(k, t)).map_err(|_| "node gone")?;
        r.await.map_err(|_| "dropped".to_string())?
    }
    async fn kill(&self, v: Vec<usize>) {
        let ports: HashSet<u16> = v.iter().map(|i| self.ports[*i]).collect();
        let hit = blackhole_udp(&ports);
        eprintln!("killed {} nodes, {} sockets cut", v.len(), hit);
        for i in v {
            if let Some(h) = self.tasks.lock().unwrap()[i].take() {
                h.abort();
            }
            self.dead.lock().unwrap().insert(i);
        }
    }
    async fn extra(&self) -> Vec<(String, f64)> {
        let (mut c, mut rt, mut m) = (0usize, 0usize, 0usize);
        for i in 0..self.tx.len() {
            if self.dead.lock().unwrap().contains(&i) {
                continue;
            }
            let (t, r) = oneshot::channel();
            if self.tx[i].send(Cmd::Stat(t)).is_err() {
                continue;
            }
            if let Ok(Ok((a, b))) = tokio::time::timeout(Duration::from_secs(5), r).await {
                c += a;
                rt += b;
                m += 1;
            }
        }
        vec![
            ("dial_errors".into(), DIAL_ERR.load(Relaxed) as f64),
            ("inbound_errors".into(), IN_ERR.load(Relaxed) as f64),
            ("conns_per_node".into(), c as f64 / m.max(1) as f64),
            ("rt_per_node".into(), rt as f64 / m.max(1) as f64),
        ]
    }
}

fn main() {
    let o = Opt {
        k: argn("k", 20),
        quorum: arg("quorum").unwrap_or("one".into()),
        alpha: argn("alpha", 3),
        idle: argn("idle", 10),
        max_records: argn("max-records", 65536),
        n: argn("n", 16),
    };
    let rt =
        tokio::runtime::Builder::new_multi_thread().worker_threads(argn("threads", 2)).enable_all().build().unwrap();
    rt.block_on(run(o));
    std::process::exit(0);
}
async fn run(o: Opt) {
    let seed = argn("seed", 1u64);
    let quorum = match o.quorum.as_str() {
        "one" => Quorum::One,
        "majority" => Quorum::Majority,
        _ => Quorum::N(NonZeroUsize::new(o.k.min(o.n - 1)).unwrap()),
    };
    let variant = format!(
        "k{} quorum={}{}{}",
        o.k,
        o.quorum,
        if o.idle != 10 { format!(" idle={}s", o.idle) } else { "".into() },
        if o.alpha != 3 { format!(" alpha={}", o.alpha) } else { "".into() }
    );
    let variant = format!("{variant}{}", arg("join").map(|j| format!(" join={j}")).unwrap_or_default());
    let mut cfg = Cfg::new("rust-libp2p", &variant, o.n, seed);
    cfg.fail_gets = argn("fail-gets", 400);
    cfg.phase_cap = Duration::from_secs(argn("phase-cap", 75));
    let (rss0, cpu0, t0) = (rss_bytes(), cpu_seconds(), Instant::now());
    let (mut txs, mut ports, mut tasks, mut ids, mut addrs) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..o.n {
        let key = identity::Keypair::generate_ed25519();
        let id = key.public().to_peer_id();
        let proto = StreamProtocol::new("/bench/kad/1.0.0");
        let mut kc = kad::Config::new(proto);
        kc.set_replication_factor(NonZeroUsize::new(o.k).unwrap());
        kc.set_kbucket_size(NonZeroUsize::new(o.k).unwrap());
        kc.set_parallelism(NonZeroUsize::new(o.alpha).unwrap());
        let mut mc = MemoryStoreConfig::default();
        mc.max_records = o.max_records;
        let mut kb = kad::Behaviour::with_config(id, MemoryStore::with_config(id, mc), kc);
        kb.set_mode(Some(kad::Mode::Server));
        let idb = identify::Behaviour::new(identify::Config::new("/bench/1".into(), key.public()));
        let mut swarm = libp2p::SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_quic()
            .with_behaviour(|_| B { kad: kb, identify: idb })
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(o.idle)))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()).unwrap();
        let (tx, rx) = mpsc::unbounded_channel();
        let (atx, arx) = oneshot::channel();
        tasks.push(Some(tokio::spawn(node(swarm, rx, atx, quorum))));
        let a = tokio::time::timeout(Duration::from_secs(10), arx).await.expect("listen").unwrap();
        let port =
            a.iter().find_map(|p| if let libp2p::multiaddr::Protocol::Udp(p) = p { Some(p) } else { None }).unwrap();
        txs.push(tx);
        ports.push(port);
        ids.push(id);
        addrs.push(a);
    }
    let net = Arc::new(P2p { tx: txs, ports, tasks: Mutex::new(tasks), dead: Default::default() });
    let t_listen = t0.elapsed().as_secs_f64();
    let boots: Vec<(PeerId, Multiaddr)> = (0..3.min(o.n)).map(|i| (ids[i], addrs[i].clone())).collect();
    // --join J: at most J nodes bootstrap at the same time (default: all at once)
    let join: usize = argn("join", o.n);
    let mut ok = 0;
    for chunk in (0..o.n).collect::<Vec<_>>().chunks(join.max(1)) {
        let mut ws = vec![];
        for &i in chunk {
            let b: Vec<_> = boots.iter().filter(|x| x.0 != ids[i]).cloned().collect();
            let (t, r) = oneshot::channel();
            let _ = net.tx[i].send(Cmd::Boot(b, t));
            ws.push((i, r));
        }
        for (i, w) in ws {
            match tokio::time::timeout(Duration::from_secs(90), w).await {
                Ok(Ok(Ok(()))) => ok += 1,
                Ok(Ok(Err(e))) => eprintln!(
                    "node {i}: bootstrap error after {:.1}s: {}",
                    t0.elapsed().as_secs_f64(),
                    e.chars().take(120).collect::<String>()
                ),
                _ => eprintln!("node {i}: no bootstrap answer in 90 s"),
            }
        }
    }
    let t_boot = t0.elapsed().as_secs_f64();
    eprintln!("listening after {t_listen:.2}s; bootstrap ok on {ok}/{} after {t_boot:.2}s", o.n);
    let early = ERR_SEEN.lock().unwrap().clone();
    eprintln!("connection errors during start-up: {early:?}");
    run_workload(net, cfg, t0, rss0, cpu0, t_boot).await;
    eprintln!("connection errors in all: {:?}", ERR_SEEN.lock().unwrap());
}
