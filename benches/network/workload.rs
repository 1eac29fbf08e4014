//! The workload that all peers get: start-up, puts and gets in turn and many at once, gets after nodes died.

use std::path::PathBuf;
use std::time::Duration;

use timeline::types::Rng;

use crate::cluster::{BOOTPEERS, Cluster, Plan};
use crate::measure::{Line, Meter, cores, rss_bytes};
use crate::ops::{Item, Op, Phase, run};

/// Operations under way where there are many at once.
pub const AT_ONCE: usize = 32;
/// The same after deaths.
const AT_ONCE_AFTER_DEATHS: usize = 8;
const GETS_AFTER_DEATHS: usize = 400;
/// How often a start-up is looked at, and how long.
const ROUNDS: usize = 40;
const START_UP: Duration = Duration::from_secs(120);

/// What is run.
pub struct Workload {
    pub plan: Plan,
    pub variant: String,
    /// Parts of it: `seq`, `con`, `fail`.
    pub parts: Vec<String>,
    /// How many puts and gets instead of the usual ones, for a profile.
    pub puts: Option<usize>,
    pub gets: Option<usize>,
}

struct Bench {
    cluster: Cluster,
    variant: String,
    rng: Rng,
    live: Vec<usize>,
    pool: Vec<Item>,
}

/// Runs the workload and prints a line for each phase.
pub async fn workload(workload: Workload) {
    let Workload { plan, variant, parts, puts: some, gets: many } = workload;
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
    let cluster = Cluster::new(plan.clone(), cores());
    let live = (0..plan.nodes).collect();
    let mut bench = Bench { cluster, variant, rng: Rng::from_seed(seed), live, pool: Vec::new() };
    bench.start_up().await;
    let asked = |part: &str| parts.iter().any(|asked| asked == part);
    for (part, puts, gets, at_once) in [("seq", 200, 400, 1), ("con", 1000, 2000, AT_ONCE)] {
        if asked(part) {
            bench.puts_and_gets(part, some.unwrap_or(puts), many.unwrap_or(gets), at_once).await;
        }
    }
    if asked("fail") {
        bench.deaths().await;
    }
}

/// Returns a folder for the stores of a run, on the disk that holds the build.
pub fn disk() -> tempfile::TempDir {
    let root: PathBuf = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&root).unwrap();
    tempfile::tempdir_in(root).unwrap()
}

impl Bench {
    fn line(&self, phase: &str) -> Line {
        let plan = &self.cluster.plan;
        Line::new("timeline", &self.variant, phase).with("n", plan.nodes).with("seed", plan.seed)
    }

    fn someone(&mut self) -> usize {
        self.live[self.rng.below(self.live.len() as u64) as usize]
    }

    fn put(&mut self) -> Op {
        let text: [u8; 50] = self.rng.bytes();
        Op::Put(self.someone(), data_encoding::HEXLOWER.encode(&text))
    }

    fn get(&mut self, items: &[Item]) -> Op {
        let item = items[self.rng.below(items.len() as u64) as usize].clone();
        let asker = (0..64).map(|_| self.someone()).find(|node| *node != item.putter);
        Op::Get(asker.unwrap_or(0), item)
    }

    /// Starts all nodes; it is over when what one puts can be got by all others.
    async fn start_up(&mut self) {
        let (resident, meter) = (rss_bytes(), Meter::begin());
        self.cluster.start().await;
        let started = meter.elapsed();
        self.cluster.settle(START_UP).await;
        let (booted, sent) = (meter.elapsed(), self.cluster.requests().await);
        self.cluster.introduce().await;
        let introduced = meter.elapsed() - booted;
        let (mut rounds, mut had, mut ready) = (0, 0, false);
        while !ready && rounds < ROUNDS && meter.elapsed() < START_UP {
            rounds += 1;
            let put = self.put();
            let items = run(&self.cluster, vec![put], 1).await.items;
            if let Some(item) = items.first() {
                let others: Vec<usize> = self.live.iter().copied().filter(|node| *node != item.putter).collect();
                let gets: Vec<Op> = others.iter().map(|node| Op::Get(*node, item.clone())).collect();
                had = run(&self.cluster, gets, AT_ONCE).await.took.len();
                ready = had == others.len();
            }
            if !ready {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        // That everybody knows the authors is prepared, and no part of the start.
        let (cost, there) = (meter.end(), rss_bytes());
        self.line("startup")
            .figure("t_start_s", started.as_secs_f64())
            .figure("t_boot_s", booted.as_secs_f64())
            .figure("t_ready_s", cost.wall - introduced.as_secs_f64())
            .figure("t_introduced_s", introduced.as_secs_f64())
            .with("ready", ready)
            .with("verify_rounds", rounds)
            .with("last_round_ok", had)
            .figure("cpu_s", cost.cpu)
            .with("requests", sent)
            .figure("others_cores", cost.others)
            .figure("connections_per_node", self.cluster.connections().await)
            .figure("rss_ready_mib", there / (1024.0 * 1024.0))
            .figure("rss_per_node_kib", (there - resident) / 1024.0 / self.live.len() as f64)
            .print();
    }

    async fn puts_and_gets(&mut self, part: &str, puts: usize, gets: usize, at_once: usize) {
        let ops = (0..puts).map(|_| self.put()).collect();
        let put = run(&self.cluster, ops, at_once).await;
        self.report(&format!("{part}_put"), puts, at_once, &put);
        if !put.items.is_empty() {
            let ops = (0..gets).map(|_| self.get(&put.items)).collect();
            let got = run(&self.cluster, ops, at_once).await;
            self.report(&format!("{part}_get"), gets, at_once, &got);
        }
        self.pool.extend(put.items);
    }

    /// A quarter of all nodes dies, then another; never the bootpeers.
    async fn deaths(&mut self) {
        let nodes = self.cluster.plan.nodes;
        let mut victims: Vec<usize> = (BOOTPEERS..nodes).collect();
        for i in (1..victims.len()).rev() {
            victims.swap(i, self.rng.below(i as u64 + 1) as usize);
        }
        let mut dead = 0;
        for (phase, target) in [("fail25", nodes / 4), ("fail50", nodes / 2)] {
            let now = victims[dead..target].to_vec();
            dead = target;
            self.cluster.kill(&now).await;
            self.live.retain(|node| !now.contains(node));
            let pool = self.pool.clone();
            let ops = (0..GETS_AFTER_DEATHS).map(|_| self.get(&pool)).collect();
            let got = run(&self.cluster, ops, AT_ONCE_AFTER_DEATHS).await;
            self.report(phase, GETS_AFTER_DEATHS, AT_ONCE_AFTER_DEATHS, &got);
        }
    }

    fn report(&self, phase: &str, want: usize, at_once: usize, of: &Phase) {
        let fails: usize = of.fails.values().sum();
        let errors = of.fails.iter().map(|(why, n)| ((*why).to_owned(), (*n).into())).collect();
        self.line(phase)
            .with("want", want)
            .with("done", of.done())
            .with("ok", of.took.len())
            .with("fails", fails)
            .with("local", of.here)
            .with("inflight", at_once)
            .cost(of.cost, of.done())
            .latencies("", &of.took)
            .latencies("_remote", &of.remote)
            .figure("max", of.longest)
            .figure("requests_per_op", of.requests as f64 / of.done().max(1) as f64)
            .figure("rss_mib", rss_bytes() / (1024.0 * 1024.0))
            .with("errors", serde_json::Value::Object(errors))
            .print();
    }
}
