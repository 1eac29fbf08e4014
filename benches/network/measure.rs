//! What is read off the machine and off the clock, and the lines that are printed of it.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// Returns the resident memory of this process.
pub fn rss_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() * 1024.0
}

/// Returns the CPU time of this process, all threads.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns the busy CPU seconds of the whole machine, to tell how much others used meanwhile.
pub fn machine_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    // user, nice, system, irq, softirq, steal; idle and iowait left out.
    [0, 1, 2, 5, 6, 7].iter().filter_map(|i| fields.get(*i)).sum::<f64>() / 100.0
}

/// Returns how many cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the value below which this part of them lies; nothing of nothing.
pub fn percentile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// What a phase cost, from its begin on.
pub struct Meter {
    began: std::time::Instant,
    cpu: f64,
    machine: f64,
}

/// The cost of a phase.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
    /// Cores that others kept busy.
    pub others: f64,
}

impl Meter {
    pub fn begin() -> Self {
        Self { began: std::time::Instant::now(), cpu: cpu_seconds(), machine: machine_seconds() }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn end(&self) -> Cost {
        let (wall, cpu) = (self.began.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        let others = ((machine_seconds() - self.machine - cpu) / wall.max(1e-9)).max(0.0);
        Cost { wall, cpu, others }
    }
}

/// One line of results: what was measured, then its figures.
pub struct Line(Map<String, Value>);

impl Line {
    pub fn new(peer: &str, variant: &str, phase: &str) -> Self {
        Self(Map::new()).with("peer", peer).with("variant", variant).with("phase", phase)
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a figure, rounded to what is worth keeping; `null` where there is none.
    pub fn figure(self, name: &str, value: impl Into<Option<f64>>) -> Self {
        let value = value.into().filter(|v| v.is_finite());
        self.with(name, value.map_or(Value::Null, |v| json!((v * 1e5).round() / 1e5)))
    }

    /// Adds latencies in milliseconds.
    pub fn latencies(self, ending: &str, values: &[f64]) -> Self {
        [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]
            .into_iter()
            .fold(self, |line, (name, part)| line.figure(&format!("{name}{ending}"), percentile(values, part)))
    }

    pub fn cost(self, cost: Cost, done: usize) -> Self {
        self.figure("wall_s", cost.wall)
            .figure("ops_s", done as f64 / cost.wall)
            .figure("cpu_s_per_1000", cost.cpu / done.max(1) as f64 * 1e3)
            .figure("others_cores", cost.others)
    }

    pub fn print(self) {
        println!("{}", Value::Object(self.0));
    }
}
