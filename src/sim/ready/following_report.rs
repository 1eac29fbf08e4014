//! What is counted of a node whose user follows very many.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::following::Following;
use crate::sim::Trace;
use crate::wire::request_name;

/// What one node sends, whether anybody is followed or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Requests an hour by kind, HELLOs and what was sent in vain among them.
    pub requests: BTreeMap<&'static str, f64>,
    /// Bytes an hour of requests sent and received, and of their answers, by kind.
    pub bytes: BTreeMap<&'static str, f64>,
    /// Requests a second, all kinds together.
    pub requests_a_second: f64,
    /// Bytes a second likewise.
    pub bytes_a_second: f64,
    /// Posts that were brought and not taken.
    pub refused: u64,
    /// The fingerprint of the run.
    pub trace: String,
}

impl Cost {
    /// Counts what was sent between two looks at the node: requests and bytes by the numbers of requests.
    pub(super) fn of(
        before: &[BTreeMap<u8, u64>; 2],
        after: &[BTreeMap<u8, u64>; 2],
        passed: Duration,
        trace: Trace,
        refused: u64,
    ) -> Self {
        let hours = passed.as_secs_f64() / 3600.0;
        let [requests, bytes] = [0, 1].map(|i| {
            let more = |(number, n): (&u8, &u64)| {
                let sent = n - before[i].get(number).copied().unwrap_or_default();
                (sent > 0).then(|| (request_name(*number), sent as f64 / hours))
            };
            after[i].iter().filter_map(more).collect::<BTreeMap<_, _>>()
        });
        let a_second = |sums: &BTreeMap<_, f64>| sums.values().sum::<f64>() / 3600.0;
        let (requests_a_second, bytes_a_second) = (a_second(&requests), a_second(&bytes));
        Self { requests, bytes, requests_a_second, bytes_a_second, refused, trace: trace.hash.to_string() }
    }
}

/// The figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FollowingReport {
    /// The seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Whom the one person follows.
    pub followees: usize,
    /// Seconds between the posts of one of them; absent where nobody posts.
    pub post_every_s: Option<u64>,
    /// Virtual seconds that were counted.
    pub counted_s: u64,
    /// What the node sends where nobody is followed.
    pub idle: Cost,
    /// What it sends where all are.
    pub following: Cost,
    /// What it sends more for each that is followed, in an hour.
    pub requests_a_followee_and_hour: f64,
    /// Whether it sends no more in all than it may.
    pub ok: bool,
}

impl FollowingReport {
    pub(super) fn new(wanted: &Following, [idle, following]: [Cost; 2]) -> Self {
        let more = 3600.0 * (following.requests_a_second - idle.requests_a_second);
        Self {
            seed: wanted.seed,
            nodes: wanted.nodes,
            followees: wanted.followees,
            post_every_s: wanted.post_every.map(|every| every.as_secs()),
            counted_s: wanted.duration.as_secs(),
            requests_a_followee_and_hour: more / wanted.followees.max(1) as f64,
            ok: following.requests_a_second <= wanted.most && following.refused == 0,
            idle,
            following,
        }
    }

    /// Says it to people.
    pub fn for_people(&self) -> String {
        let posts = self.post_every_s.map_or("nobody posts".to_owned(), |s| format!("each posts every {s} s"));
        let (nodes, followees) = (self.nodes, self.followees);
        let mut text = format!("following {followees} in a network of {nodes} nodes, {posts} · seed {}\n", self.seed);
        let mut line = |what: &str, values: [String; 3]| {
            let [idle, all, more] = values;
            let done = writeln!(text, "  {what:24} {idle:>12} {all:>12} {more:>12}");
            done.expect("writing to a string cannot fail");
        };
        line("", ["nobody".to_owned(), "all".to_owned(), "more".to_owned()]);
        let three = |one: f64, other: f64, digits: usize| [one, other, other - one].map(|n| format!("{n:.digits$}"));
        let kinds: BTreeMap<&str, ()> = self.following.requests.keys().map(|kind| (*kind, ())).collect();
        for kind in kinds.keys() {
            let of = |cost: &Cost| cost.requests.get(kind).copied().unwrap_or_default();
            line(&format!("{kind} an hour"), three(of(&self.idle), of(&self.following), 0));
        }
        line("requests a second", three(self.idle.requests_a_second, self.following.requests_a_second, 3));
        line("bytes a second", three(self.idle.bytes_a_second, self.following.bytes_a_second, 0));
        let each = format!("{:.2}", self.requests_a_followee_and_hour);
        line("a followee and hour", [String::new(), String::new(), each]);
        let done = writeln!(text, "  trace {}", self.following.trace);
        done.expect("writing to a string cannot fail");
        text
    }
}
