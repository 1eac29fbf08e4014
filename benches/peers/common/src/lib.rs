//! Shared workload driver. Implement [`Net`] for a DHT and call [`run_workload`];
//! every phase prints one JSON line on stdout. Every loop is bounded in count and time.
mod measure;

pub use measure::*;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Clone)]
pub struct Item {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub putter: usize,
}
pub struct Got {
    pub value: Vec<u8>,
    /// true when the value came from the asking node's own store (no network)
    pub local: bool,
}
pub trait Net: Send + Sync + 'static {
    fn n(&self) -> usize;
    /// Store `value`; `key` is a suggestion (content-addressed peers return their own). Returns the key to get with.
    fn put(&self, node: usize, key: Vec<u8>, value: Vec<u8>) -> impl Future<Output = Result<Vec<u8>, String>> + Send;
    fn get(&self, node: usize, key: Vec<u8>) -> impl Future<Output = Result<Got, String>> + Send;
    /// Stop these nodes abruptly: no goodbye messages.
    fn kill(&self, nodes: Vec<usize>) -> impl Future<Output = ()> + Send;
    /// Free-form figures (e.g. connections open), printed with each phase.
    fn extra(&self) -> impl Future<Output = Vec<(String, f64)>> + Send {
        async { Vec::new() }
    }
}

#[derive(Clone, Debug)]
pub struct Cfg {
    pub peer: String,
    pub variant: String,
    pub n: usize,
    pub seed: u64,
    pub boot: usize,
    pub op_timeout: Duration,
    pub phase_cap: Duration,
    pub seq_puts: usize,
    pub seq_gets: usize,
    pub con_puts: usize,
    pub con_gets: usize,
    pub inflight: usize,
    pub fail_gets: usize,
    pub fail_inflight: usize,
}
impl Cfg {
    pub fn new(peer: &str, variant: &str, n: usize, seed: u64) -> Self {
        Cfg {
            peer: peer.into(),
            variant: variant.into(),
            n,
            seed,
            boot: 3,
            op_timeout: Duration::from_secs(30),
            phase_cap: Duration::from_secs(75),
            seq_puts: 200,
            seq_gets: 400,
            con_puts: 1000,
            con_gets: 2000,
            inflight: 32,
            fail_gets: 400,
            fail_inflight: 8,
        }
    }
}

#[derive(Default)]
struct Phase {
    lat: Vec<f64>,        // ms, successful ops
    lat_remote: Vec<f64>, // ms, successful ops that needed the network
    lat_all: Vec<f64>,    // ms, all ops (failed ones at the time they failed)
    fails: usize,
    local: usize,
    others: f64, // cores kept busy by other processes during the phase
    errs: std::collections::BTreeMap<String, usize>,
}
impl Phase {
    fn err(&mut self, e: String) {
        self.fails += 1;
        let e: String = e.chars().take(80).collect();
        if self.errs.len() < 12 || self.errs.contains_key(&e) {
            *self.errs.entry(e).or_default() += 1;
        }
    }
}

#[derive(Clone)]
enum Op {
    Put(usize, Vec<u8>, Vec<u8>),
    Get(usize, Item),
}

async fn run_ops<N: Net>(net: &Arc<N>, cfg: &Cfg, ops: Vec<Op>, inflight: usize) -> (Phase, Vec<Item>, f64, f64) {
    let ops = Arc::new(ops);
    let next = Arc::new(AtomicUsize::new(0));
    let out = Arc::new(Mutex::new((Phase::default(), Vec::<Item>::new())));
    let t0 = Instant::now();
    let c0 = cpu_seconds();
    let m0 = machine_cpu_seconds();
    let mut hs = Vec::new();
    for _ in 0..inflight {
        let (net, ops, next, out, cfg) = (net.clone(), ops.clone(), next.clone(), out.clone(), cfg.clone());
        hs.push(tokio::spawn(async move {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= ops.len() || t0.elapsed() > cfg.phase_cap {
                    break;
                }
                let s = Instant::now();
                match ops[i].clone() {
                    Op::Put(node, key, value) => {
                        let r = tokio::time::timeout(cfg.op_timeout, net.put(node, key, value.clone())).await;
                        let ms = s.elapsed().as_secs_f64() * 1e3;
                        let mut o = out.lock().unwrap();
                        o.0.lat_all.push(ms);
                        match r {
                            Ok(Ok(k)) => {
                                o.0.lat.push(ms);
                                o.0.lat_remote.push(ms);
                                o.1.push(Item { key: k, value, putter: node });
                            }
                            Ok(Err(e)) => o.0.err(e),
                            Err(_) => o.0.err("harness deadline".into()),
                        }
                    }
                    Op::Get(node, item) => {
                        let r = tokio::time::timeout(cfg.op_timeout, net.get(node, item.key.clone())).await;
                        let ms = s.elapsed().as_secs_f64() * 1e3;
                        let mut o = out.lock().unwrap();
                        o.0.lat_all.push(ms);
                        match r {
                            Ok(Ok(g)) if g.value == item.value => {
                                o.0.lat.push(ms);
                                if g.local { o.0.local += 1 } else { o.0.lat_remote.push(ms) }
                            }
                            Ok(Ok(_)) => o.0.err("wrong value".into()),
                            Ok(Err(e)) => o.0.err(e),
                            Err(_) => o.0.err("harness deadline".into()),
                        }
                    }
                }
            }
        }));
    }
    for h in hs {
        let _ = h.await;
    }
    let wall = t0.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - c0;
    let (mut p, items) = std::mem::take(&mut *out.lock().unwrap());
    p.others = ((machine_cpu_seconds() - m0 - cpu) / wall).max(0.0);
    (p, items, wall, cpu)
}

async fn report<N: Net>(
    net: &Arc<N>,
    cfg: &Cfg,
    phase: &str,
    want: usize,
    inflight: usize,
    p: &Phase,
    wall: f64,
    cpu: f64,
) {
    let done = p.lat.len() + p.fails;
    let errs: Vec<String> = p.errs.iter().map(|(k, v)| format!("{}:{}", js(k), v)).collect();
    let rss = rss_bytes();
    let mut f = vec![
        ("peer", js(&cfg.peer)),
        ("variant", js(&cfg.variant)),
        ("n", cfg.n.to_string()),
        ("seed", cfg.seed.to_string()),
        ("phase", js(phase)),
        ("want", want.to_string()),
        ("done", done.to_string()),
        ("ok", p.lat.len().to_string()),
        ("fails", p.fails.to_string()),
        ("local", p.local.to_string()),
        ("inflight", inflight.to_string()),
        ("wall_s", num(wall)),
        ("ops_s", num(done as f64 / wall)),
        ("cpu_s_per_1000", num(cpu / done.max(1) as f64 * 1e3)),
        ("p50", num(pct(&p.lat, 0.5))),
        ("p95", num(pct(&p.lat, 0.95))),
        ("p99", num(pct(&p.lat, 0.99))),
        ("max", num(pct(&p.lat_all, 1.0))),
        ("p50_remote", num(pct(&p.lat_remote, 0.5))),
        ("p95_remote", num(pct(&p.lat_remote, 0.95))),
        ("p99_remote", num(pct(&p.lat_remote, 0.99))),
        ("rss_mib", num(rss / 1048576.0)),
        ("others_cores", num(p.others)),
        ("errors", format!("{{{}}}", errs.join(","))),
    ];
    let ex = net.extra().await;
    for (k, v) in &ex {
        f.push((k.as_str(), num(*v)));
    }
    emit(&f);
}

pub fn other(rng: &mut StdRng, live: &[usize], not: usize) -> usize {
    for _ in 0..64 {
        let c = live[rng.gen_range(0..live.len())];
        if c != not {
            return c;
        }
    }
    live[0]
}
fn rnd(rng: &mut StdRng, len: usize) -> Vec<u8> {
    let mut v = vec![0u8; len];
    rng.fill_bytes(&mut v);
    v
}

/// `t0`: when node creation began; `rss0`: RSS before it; `t_boot`: seconds until every node's own bootstrap reported done.
pub async fn run_workload<N: Net>(net: Arc<N>, cfg: Cfg, t0: Instant, rss0: f64, cpu0: f64, t_boot: f64) {
    let mut rng = StdRng::seed_from_u64(cfg.seed);
    let n = net.n();
    let all: Vec<usize> = (0..n).collect();
    let rss_boot = rss_bytes();
    // (a) ready: a key put by one node is readable from every other node
    let mut rounds = 0;
    let mut ready = false;
    let mut last_ok = 0;
    while !ready && rounds < 40 && t0.elapsed() < Duration::from_secs(120) {
        rounds += 1;
        let putter = rng.gen_range(0..n);
        let (p, items, _, _) =
            run_ops(&net, &cfg, vec![Op::Put(putter, rnd(&mut rng, 32), rnd(&mut rng, 300))], 1).await;
        let _ = p;
        if let Some(it) = items.first() {
            let ops: Vec<Op> = all.iter().filter(|i| **i != putter).map(|i| Op::Get(*i, it.clone())).collect();
            let want = ops.len();
            let (g, _, _, _) = run_ops(&net, &cfg, ops, cfg.inflight).await;
            last_ok = g.lat.len();
            ready = g.lat.len() == want;
        }
        if !ready {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let t_ready = t0.elapsed().as_secs_f64();
    let rss1 = rss_bytes();
    let ex = net.extra().await;
    let mut f = vec![
        ("peer", js(&cfg.peer)),
        ("variant", js(&cfg.variant)),
        ("n", cfg.n.to_string()),
        ("seed", cfg.seed.to_string()),
        ("phase", js("startup")),
        ("t_boot_s", num(t_boot)),
        ("t_ready_s", num(t_ready)),
        ("ready", ready.to_string()),
        ("verify_rounds", rounds.to_string()),
        ("last_round_ok", last_ok.to_string()),
        ("cpu_s", num(cpu_seconds() - cpu0)),
        ("rss0_mib", num(rss0 / 1048576.0)),
        ("rss_boot_mib", num(rss_boot / 1048576.0)),
        ("rss_ready_mib", num(rss1 / 1048576.0)),
        ("rss_per_node_kib", num((rss1 - rss0) / 1024.0 / n as f64)),
    ];
    for (k, v) in &ex {
        f.push((k.as_str(), num(*v)));
    }
    emit(&f);

    if argn("startup-only", 0) == 1 {
        return;
    }
    let mut pool: Vec<Item> = Vec::new();
    // (b) and (c)
    for (tag, np, ng, infl) in
        [("seq", cfg.seq_puts, cfg.seq_gets, 1), ("con", cfg.con_puts, cfg.con_gets, cfg.inflight)]
    {
        let ops: Vec<Op> =
            (0..np).map(|_| Op::Put(rng.gen_range(0..n), rnd(&mut rng, 32), rnd(&mut rng, 300))).collect();
        let (p, items, wall, cpu) = run_ops(&net, &cfg, ops, infl).await;
        report(&net, &cfg, &format!("{tag}_put"), np, infl, &p, wall, cpu).await;
        if !items.is_empty() {
            let ops: Vec<Op> = (0..ng)
                .map(|_| {
                    let it = items[rng.gen_range(0..items.len())].clone();
                    Op::Get(other(&mut rng, &all, it.putter), it)
                })
                .collect();
            let (p, _, wall, cpu) = run_ops(&net, &cfg, ops, infl).await;
            report(&net, &cfg, &format!("{tag}_get"), ng, infl, &p, wall, cpu).await;
        }
        pool.extend(items);
    }
    // (d) cumulative kills, bootstrap nodes spared
    if cfg.fail_gets > 0 && !pool.is_empty() {
        let mut victims: Vec<usize> = (cfg.boot..n).collect();
        for i in (1..victims.len()).rev() {
            let j = rng.gen_range(0..=i);
            victims.swap(i, j);
        }
        let mut dead: HashSet<usize> = HashSet::new();
        for (tag, frac) in [("fail25", 4), ("fail50", 2)] {
            let target = n / frac;
            let now: Vec<usize> =
                victims.iter().copied().filter(|v| !dead.contains(v)).take(target - dead.len()).collect();
            dead.extend(now.iter().copied());
            net.kill(now).await;
            let live: Vec<usize> = all.iter().copied().filter(|i| !dead.contains(i)).collect();
            let ops: Vec<Op> = (0..cfg.fail_gets)
                .map(|_| {
                    let it = pool[rng.gen_range(0..pool.len())].clone();
                    Op::Get(other(&mut rng, &live, it.putter), it)
                })
                .collect();
            let (p, _, wall, cpu) = run_ops(&net, &cfg, ops, cfg.fail_inflight).await;
            report(&net, &cfg, tag, cfg.fail_gets, cfg.fail_inflight, &p, wall, cpu).await;
        }
    }
}
