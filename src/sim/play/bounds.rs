//! Judging a run by what its scenario allows.

use std::fmt;

use serde::Serialize;

use super::measures::millis;
use super::report::Report;
use crate::sim::scenario::Scenario;

/// A bound, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Which bound, with the unit where it has one.
    pub bound: &'static str,
    /// Whether the value has to be at least the limit, or at most.
    pub at_least: bool,
    /// What is allowed.
    pub limit: f64,
    /// What was measured; `null` where nothing was, which misses the bound.
    pub value: Option<f64>,
    /// Whether the run is within it.
    pub met: bool,
}

impl Judged {
    /// Judges a value that may be at most so much.
    pub(super) fn at_most(bound: &'static str, limit: f64, value: Option<f64>) -> Self {
        Self { bound, at_least: false, limit, value, met: value.is_some_and(|value| value <= limit) }
    }

    /// Judges a value that has to be at least so much.
    pub(super) fn at_least(bound: &'static str, limit: f64, value: Option<f64>) -> Self {
        Self { bound, at_least: true, limit, value, met: value.is_some_and(|value| value >= limit) }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.at_least { "at least" } else { "at most" };
        match self.value {
            Some(value) => write!(f, "{} {} ({side} {})", self.bound, brief(value), brief(self.limit)),
            None => write!(f, "{} not measured ({side} {})", self.bound, brief(self.limit)),
        }
    }
}

/// Writes a number with as many places as tell 99.99 from 99.991.
fn brief(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Judges a run by all bounds of its scenario but for the real time, which only whoever ran it knows.
pub(super) fn judge(scenario: &Scenario, report: &Report) -> Vec<Judged> {
    let bounds = &scenario.bounds;
    let reads = report.read_ms.count + report.reads_failed;
    let percent = (reads > 0).then(|| 100.0 * report.read_ms.count as f64 / reads as f64);
    let read = |value: f64| (report.read_ms.count > 0).then_some(value);
    let hops = (report.hops.count > 0).then_some(report.hops.mean);
    let lost = report.posts.lost_at_worst as f64;
    // Where nobody knows how much memory the process takes, there is nothing to judge.
    let kib = report.memory.process_bytes.map(|bytes| bytes / 1024.0);
    let all = [
        scenario.check.live.then(|| Judged::at_most("lost_at_worst", 0.0, Some(lost))),
        bounds.reads_percent.map(|least| Judged::at_least("reads_percent", least, percent)),
        bounds.read_p50.map(|most| Judged::at_most("read_p50_ms", millis(most), read(report.read_ms.p50))),
        bounds.read_p99.map(|most| Judged::at_most("read_p99_ms", millis(most), read(report.read_ms.p99))),
        bounds.hops.map(|hops_allowed| Judged::at_most("hops", hops_allowed.most(report.nodes), hops)),
        bounds.kib_a_node.zip(kib).map(|(most, kib)| Judged::at_most("kib_a_node", most, Some(kib))),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
