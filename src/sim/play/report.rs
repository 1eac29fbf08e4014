//! What a run says, for scripts and for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::bounds::Judged;
use crate::sim::model::Finding;
use crate::sim::scenario::Bounds;
use crate::sim::statistics::Summary;

/// So many kinds of requests are named for people.
const MOST_ASKED: usize = 8;

/// The report of one run; times are virtual but for `wall_s` and `opening_s`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// People.
    pub people: usize,
    /// How long people acted, in hours.
    pub hours: f64,
    /// The fingerprint of the run: equal for equal seeds.
    pub trace: String,
    /// Messages that it covers.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether all checks were clean in time, every bound was met, and nothing broke.
    pub ok: bool,
    /// Why the run ended early, where it did.
    pub broken: Option<String>,
    /// The command that repeats it.
    pub repeat: String,
    /// Posts.
    pub posts: Posts,
    /// What the scenario allows, and what came of it.
    pub bounds: Vec<Judged>,
    /// What the checker found, at each quiet time and at the end.
    pub checks: Vec<Checked>,
    /// Copies of posts over time.
    pub counts: Vec<Counted>,
    /// From the wish to post until it was published, in milliseconds.
    pub publish_ms: Summary,
    /// Reading somebody's page, in milliseconds.
    pub read_ms: Summary,
    /// Pages that could not be read, or not as a whole.
    pub reads_failed: u64,
    /// Lookups, in milliseconds.
    pub lookup_ms: Summary,
    /// Hops of lookups.
    pub hops: Summary,
    /// How many lookups took how many hops.
    pub hops_counts: Vec<u64>,
    /// Lookups that found nobody.
    pub lookups_failed: u64,
    /// How often nodes left on their own.
    pub left: u64,
    /// While people acted, of an average node in an hour.
    pub traffic: Traffic,
    /// The same for each kind of request: how many were sent, and the bytes of these and of their answers.
    pub requests: BTreeMap<&'static str, Traffic>,
    /// Before that, of an average node in all: starting, registering and following.
    pub opening: BTreeMap<&'static str, Traffic>,
    /// Of an average node.
    pub memory: Memory,
    /// How long the run took in real time; filled in by whoever ran it.
    pub wall_s: Option<f64>,
    /// How much of that the opening took; filled in likewise.
    pub opening_s: Option<f64>,
}

/// Posts of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Posts {
    /// Acknowledged.
    pub acknowledged: u64,
    /// Published.
    pub published: u64,
    /// Acknowledged as queued first.
    pub queued_first: u64,
    /// Wishes of any kind that were refused, or whose answer never came.
    pub refused: u64,
    /// Lost, unreadable, or collected without a reason: the most at any check.
    pub lost: u64,
    /// The most that nobody up held at any count, while nodes were away.
    pub lost_at_worst: u64,
    /// The lives of all published posts, in hours.
    pub hours: f64,
    /// What that says of the probability that a published post is lost, at most, at 95 % confidence: 3/N where none was.
    pub loss_bound: Option<f64>,
    /// The same for one post in one hour.
    pub loss_bound_per_hour: Option<f64>,
}

/// Copies of the posts that are due, at one time.
#[derive(Clone, Debug, Serialize)]
pub struct Counted {
    /// When, in hours since people began to act.
    pub at_h: f64,
    /// Of the nodes of each post's replica set that are up, how many hold it.
    pub replicas: Summary,
    /// Posts that nobody up holds.
    pub lost: u64,
    /// Nodes that are up.
    pub up: usize,
}

/// What the checker found at one time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// When, in seconds since people began to act.
    pub at_s: f64,
    /// After this nothing was wrong any more; `null` when something was until the end.
    pub clean_after_ms: Option<f64>,
    /// What was wrong when the checker looked last before that, by kind.
    pub until_then: BTreeMap<String, usize>,
    /// Whether everything that people had begun came to an end.
    pub deeds_ended: bool,
    /// Findings by kind.
    pub counts: BTreeMap<String, usize>,
    /// The first findings.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Tells whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.clean_after_ms.is_some() && self.deeds_ended
    }
}

/// Traffic of an average node, in an hour where nothing else is said.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Traffic {
    /// Messages sent.
    pub messages: f64,
    /// Bytes sent.
    pub bytes: f64,
}

/// Memory of an average node.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Memory {
    /// Bytes of records on its disk.
    pub disk_bytes: f64,
    /// Records there.
    pub disk_records: f64,
    /// Bytes of memory that the process took, shared out; `null` where that is not known.
    pub process_bytes: Option<f64>,
}

impl Report {
    /// Tells whether nothing is wrong with the run.
    pub(super) fn is_right(&self) -> bool {
        let clean = self.checks.iter().all(Checked::is_clean);
        self.broken.is_none() && clean && self.bounds.iter().all(|judged| judged.met)
    }

    /// Notes how long the run took in real time, which only whoever ran it knows, and judges it by the scenario.
    pub fn took(&mut self, wall: Duration, bounds: &Bounds) {
        self.wall_s = Some(wall.as_secs_f64());
        self.bounds.extend(bounds.wall.map(|most| Judged::at_most("wall_s", most.as_secs_f64(), self.wall_s)));
        self.ok = self.is_right();
    }

    /// Returns the report as a few lines for people.
    pub fn for_people(&self) -> String {
        let verdict = match (&self.broken, self.ok) {
            (Some(why), _) => format!("broken: {why}"),
            (None, true) => "everything acknowledged is there".to_owned(),
            (None, false) => format!("not right: {}", self.wrong()),
        };
        let bound = self.posts.loss_bound.map(|b| format!(", so at most {b:.1e} of all with 95 % confidence"));
        let mut lines = vec![
            format!(
                "{} · seed {} · {} nodes · {} people · {:.1} h: {verdict}",
                self.scenario, self.seed, self.nodes, self.people, self.hours
            ),
            format!(
                "posts    {} acknowledged, {} published, {} lost in {:.0} post hours{}",
                self.posts.acknowledged,
                self.posts.published,
                self.posts.lost,
                self.posts.hours,
                bound.unwrap_or_default()
            ),
            format!("publish  {}", times(&self.publish_ms)),
            format!("reads    {}, {} failed", times(&self.read_ms), self.reads_failed),
            format!(
                "lookups  {}, {} failed, {:.1} hops, at most {:.0}",
                times(&self.lookup_ms),
                self.lookups_failed,
                self.hops.mean,
                self.hops.max
            ),
            format!(
                "a node   {:.0} messages and {:.0} KiB sent an hour, {:.0} records",
                self.traffic.messages,
                self.traffic.bytes / 1024.0,
                self.memory.disk_records
            ),
        ];
        lines.push(format!("of these {}", most_asked(&self.requests)));
        lines.push(format!("before   {}", most_asked(&self.opening)));
        if let (Some(wall), memory) = (self.wall_s, self.memory.process_bytes) {
            let memory =
                memory.map(|bytes| format!(", {:.0} KiB of memory a node", bytes / 1024.0)).unwrap_or_default();
            let opening = self.opening_s.map(|opening| format!(", the opening {opening:.1} s")).unwrap_or_default();
            lines.push(format!("took     {wall:.1} s{opening}{memory}"));
        }
        if !self.bounds.is_empty() {
            let all: Vec<String> = self.bounds.iter().map(Judged::to_string).collect();
            lines.push(format!("bounds   {}", all.join(", ")));
        }
        lines.push(format!("trace    {} over {} messages", self.trace, self.messages));
        if !self.ok {
            lines.push(format!("repeat   {}", self.repeat));
        }
        lines.join("\n")
    }

    fn wrong(&self) -> String {
        let mut parts = Vec::new();
        for check in self.checks.iter().filter(|check| !check.is_clean()) {
            let mut counts: Vec<String> = check.counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
            if !check.deeds_ended {
                counts.push("something that was begun had not ended".to_owned());
            } else if counts.is_empty() {
                counts.push("the checker looked too late".to_owned());
            }
            parts.push(format!("after {:.1} h {}", check.at_s / 3600.0, counts.join(", ")));
        }
        parts.extend(self.bounds.iter().filter(|judged| !judged.met).map(|judged| format!("missed {judged}")));
        parts.join("; ")
    }
}

/// Returns which requests were most, for people.
fn most_asked(requests: &BTreeMap<&'static str, Traffic>) -> String {
    let mut all: Vec<_> = requests.iter().collect();
    all.sort_by(|(_, a), (_, b)| b.messages.total_cmp(&a.messages));
    let words = all
        .iter()
        .take(MOST_ASKED)
        .map(|(name, traffic)| format!("{:.0} {name} ({:.0} KiB)", traffic.messages, traffic.bytes / 1024.0));
    words.collect::<Vec<_>>().join(", ")
}

fn times(ms: &Summary) -> String {
    format!("{} · half within {:.0} ms · 99 % within {:.0} ms", ms.count, ms.p50, ms.p99)
}
