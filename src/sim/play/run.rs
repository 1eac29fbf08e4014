//! A run from beginning to end.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::agenda::{Act, Agenda};
use super::habits::Habit;
use super::opening;
use super::quiet::{calm_and_check, note_published};
use super::report::{Checked, Counted, Memory, Posts, Report, Traffic};
use super::stage::{Deeds, Stage, until};
use super::survey;
use super::weather::Weather;
use super::{bounds, deeds, measures::Measures};
use crate::sim::scenario::Scenario;
use crate::sim::statistics::loss_bound;
use crate::sim::{SimConfig, Trace};
use crate::wire::request_name;

/// The bins of hops that a report counts.
const HOPS: usize = 16;
/// Numbers that requests can have.
const NUMBERS: usize = u8::MAX as usize + 1;

/// Findings that are losses of posts.
const LOSSES: [&str; 3] = ["lost", "unreadable", "collected_early"];

/// Which part of a run is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nodes start.
    Starting,
    /// People register.
    Registering,
    /// People follow each other.
    Following,
    /// People act.
    Acting,
    /// The checker looks.
    Checking,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Its part.
    pub phase: Phase,
    /// How much of that part is done, from 0 to 1.
    pub part: f64,
    /// Virtual time that has passed.
    pub passed: Duration,
    /// Messages that were sent.
    pub messages: u64,
}

/// What a report says of a run that somebody ended.
pub(super) const ENDED: &str = "ended before its time";

/// The world outside of a simulation: who watches, and what only the machine knows.
pub trait Outside {
    /// Notes how far a run is.
    fn progress(&self, at: Progress);

    /// Tells whether the run is to end before its time.
    fn wants_end(&self) -> bool {
        false
    }

    /// Returns how many bytes of memory the process takes; `None` where that is not known.
    fn memory(&self) -> Option<u64>;
}

/// Nobody watches.
impl Outside for () {
    fn progress(&self, _: Progress) {}

    fn memory(&self) -> Option<u64> {
        None
    }
}

/// Plays a scenario with so many nodes.
///
/// # Panics
/// When something in a node panicked: that is a bug of the node's.
pub fn play(scenario: &Scenario, nodes: usize, outside: &dyn Outside) -> Report {
    play_with(scenario, nodes, outside, |_| ())
}

/// Plays a scenario in a network that `change` has changed first, such as broken on purpose.
///
/// # Panics
/// When something in a node panicked: that is a bug of the node's.
pub fn play_with(
    scenario: &Scenario,
    nodes: usize,
    outside: &dyn Outside,
    change: impl FnOnce(&mut SimConfig),
) -> Report {
    let before = outside.memory();
    let _cache = scenario.share.signatures.then(crate::keys::CheckedOnce::begin);
    let _contacts = scenario.share.records.then(crate::records::OpenedOnce::begin);
    let stage = Stage::set_up(scenario, nodes, change);
    let mut acts = Acts::default();
    let broken = stage.sim.run(async {
        let stuck = opening::open(&stage, outside).await.err();
        if stuck.is_none() {
            acts.begin = stage.sim.trace();
            acts.opening = asked(&stage);
            act(&stage, outside, &mut acts).await;
        } else {
            // What is counted then is what the opening cost.
            acts.close(&stage);
        }
        stuck.map(|stuck| stuck.to_string()).or_else(|| outside.wants_end().then(|| ENDED.to_owned()))
    });
    let grown = outside.memory().zip(before).map(|(after, before)| after.saturating_sub(before));
    report(&stage, acts, broken, grown)
}

/// What comes of acting.
struct Acts {
    begin: Trace,
    end: Trace,
    /// Requests and bytes of each number while people act, and before.
    asked: Vec<(u64, u64)>,
    opening: Vec<(u64, u64)>,
    checks: Vec<Checked>,
    counts: Vec<Counted>,
}

impl Default for Acts {
    fn default() -> Self {
        let none = Trace { hash: crate::types::Hash([0; 32]), messages: 0, bytes: 0 };
        let asked = vec![(0, 0); NUMBERS];
        Self { begin: none, end: none, opening: asked.clone(), asked, checks: Vec::new(), counts: Vec::new() }
    }
}

impl Acts {
    /// Counts what acting cost.
    fn close(&mut self, stage: &Stage<'_>) {
        self.end = stage.sim.trace();
        self.asked = asked(stage);
        self.opening.iter().zip(&mut self.asked).for_each(|(before, now)| {
            now.0 -= before.0;
            now.1 -= before.1;
        });
    }
}

async fn act(stage: &Stage<'_>, outside: &dyn Outside, acts: &mut Acts) {
    let began = Instant::now();
    stage.began.set(Some(began));
    let mut agenda = Agenda::default();
    let mut weather = Weather::new(stage, &mut agenda);
    let mut deeds: Deeds<'_> = FuturesUnordered::new();
    let (mut end, check) = (stage.scenario.duration, &stage.scenario.check);
    (0..stage.people.len())
        .for_each(|person| Habit::ALL.iter().for_each(|habit| plan(stage, &mut agenda, person, *habit)));
    agenda.at(check.count_every, Act::Count);
    if let Some(every) = stage.scenario.quiet.every {
        agenda.at(every, Act::Quiet);
    }
    while let Some((at, next)) = agenda.next_before(end) {
        until(&mut deeds, began + at).await;
        outside.progress(stage.progress(Phase::Acting, at.as_secs_f64() / end.as_secs_f64()));
        if outside.wants_end() {
            return acts.close(stage);
        }
        match next {
            Act::Person(person, habit) => {
                if stage.is_free(person) {
                    deeds.push(deeds::begin(stage, person, habit));
                }
                plan(stage, &mut agenda, person, habit);
            }
            Act::Leave(node) => weather.leave(stage, &mut agenda, &deeds, node),
            Act::Return(node) => weather.come_back(stage, &mut agenda, &deeds, node),
            Act::Fault(number) => {
                weather.strike(stage, &mut agenda, &deeds, number);
                // What only those held who are away now is lost now, and might be back when it is quiet.
                count(stage, acts).await;
            }
            Act::Mend(number) => weather.mend(stage, &deeds, number),
            Act::Count => {
                count(stage, acts).await;
                agenda.at(stage.acted() + check.count_every, Act::Count);
            }
            Act::Quiet => {
                let quiet = Instant::now();
                acts.checks.push(calm_and_check(stage, &mut weather, &mut deeds, false, outside).await);
                // What was put off meanwhile happens at its time, only later.
                agenda.shift(quiet.elapsed());
                end += quiet.elapsed();
                if let Some(every) = stage.scenario.quiet.every {
                    agenda.at(stage.acted() + every, Act::Quiet);
                }
            }
        }
    }
    until(&mut deeds, began + end).await;
    acts.close(stage);
    acts.checks.push(calm_and_check(stage, &mut weather, &mut deeds, true, outside).await);
    count(stage, acts).await;
}

fn plan(stage: &Stage<'_>, agenda: &mut Agenda, person: usize, habit: Habit) {
    if let Some(wait) = habit.next(&stage.scenario.people, &mut stage.choices.borrow_mut()) {
        agenda.at(stage.acted() + wait, Act::Person(person, habit));
    }
}

async fn count(stage: &Stage<'_>, acts: &mut Acts) {
    note_published(stage).await;
    let (replicas, lost) = survey::count(stage);
    let up = (0..stage.nodes).filter(|node| stage.is_up(*node)).count();
    let at_h = stage.acted().as_secs_f64() / 3600.0;
    acts.counts.push(Counted { at_h, replicas: replicas.summary(), lost, up });
}

/// Returns how many requests of each number were sent so far, and how many bytes went in them and their answers.
fn asked(stage: &Stage<'_>) -> Vec<(u64, u64)> {
    let mut all = vec![(0, 0); NUMBERS];
    // An opening that was interrupted has not made all of them.
    for node in 0..stage.nodes.min(stage.sim.count()) {
        stage.sim.requests_of(node).into_iter().for_each(|(number, count)| all[usize::from(number)].0 += count);
        // Both ends count them.
        stage.sim.bytes_of(node).into_iter().for_each(|(number, bytes)| all[usize::from(number)].1 += bytes);
    }
    all.iter_mut().for_each(|(_, bytes)| *bytes /= 2);
    all
}

fn requests(asked: &[(u64, u64)], node_hours: f64) -> BTreeMap<&'static str, Traffic> {
    let mut all = BTreeMap::<&'static str, Traffic>::new();
    for (number, (count, bytes)) in asked.iter().enumerate().filter(|(_, (count, _))| *count > 0) {
        let sum = all.entry(request_name(number as u8)).or_default();
        sum.messages += *count as f64 / node_hours;
        sum.bytes += *bytes as f64 / node_hours;
    }
    all
}

fn report(stage: &Stage<'_>, acts: Acts, broken: Option<String>, grown: Option<u64>) -> Report {
    let (scenario, trace) = (stage.scenario, stage.sim.trace());
    let Measures { publish, queued, refused, read, unread, lookup, hops, lost_ways, left } =
        stage.measures.borrow().clone();
    let hours = scenario.duration.as_secs_f64() / 3600.0;
    let node_hours = stage.nodes as f64 * hours;
    let usages: Vec<_> = (0..stage.nodes.min(stage.sim.count())).map(|node| stage.sim.usage(node)).collect();
    let a_node = |sum: u64| sum as f64 / stage.nodes as f64;
    let mut report = Report {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        nodes: stage.nodes,
        people: stage.people.len(),
        hours,
        trace: trace.hash.to_string(),
        messages: trace.messages,
        bytes: trace.bytes,
        ok: false,
        broken,
        repeat: format!("timeline sim --seed {} --nodes {}", scenario.seed, stage.nodes),
        posts: posts(stage, &acts, queued, refused),
        traffic: Traffic {
            messages: acts.end.messages.saturating_sub(acts.begin.messages) as f64 / node_hours,
            bytes: acts.end.bytes.saturating_sub(acts.begin.bytes) as f64 / node_hours,
        },
        requests: requests(&acts.asked, node_hours),
        bounds: Vec::new(),
        opening: requests(&acts.opening, stage.nodes as f64),
        checks: acts.checks,
        counts: acts.counts,
        publish_ms: publish.summary(),
        read_ms: read.summary(),
        reads_failed: unread,
        lookup_ms: lookup.summary(),
        hops_counts: hops.histogram(0.0, HOPS as f64, HOPS),
        hops: hops.summary(),
        lookups_failed: lost_ways,
        left,
        memory: Memory {
            disk_bytes: a_node(usages.iter().map(|usage| usage.bytes).sum()),
            disk_records: a_node(usages.iter().map(|usage| usage.records).sum()),
            process_bytes: grown.map(a_node),
        },
        wall_s: None,
        opening_s: None,
    };
    report.bounds = bounds::judge(scenario, &report);
    report.ok = report.is_right();
    report
}

fn posts(stage: &Stage<'_>, acts: &Acts, queued_first: u64, refused: u64) -> Posts {
    let model = stage.model.borrow();
    let published = model.posts().iter().filter(|post| post.published.is_some()).count() as u64;
    let count = |check: &Checked, word: &str| check.counts.get(word).copied().unwrap_or(0) as u64;
    let missing = |check| LOSSES.iter().map(|word| count(check, word)).sum();
    let lost = acts.checks.iter().map(missing).max().unwrap_or(0);
    let (hours, at_worst) = (model.post_hours(stage.sim.now()), acts.counts.iter().map(|count| count.lost).max());
    let at_worst = at_worst.unwrap_or(0);
    // Where everybody is taken away on purpose, that nobody up holds a post then says nothing.
    let proven = if stage.scenario.check.live { lost.max(at_worst) } else { lost };
    Posts {
        acknowledged: model.posts().len() as u64,
        published,
        queued_first,
        refused,
        lost,
        lost_at_worst: at_worst,
        hours,
        loss_bound: loss_bound(proven, published as f64),
        loss_bound_per_hour: loss_bound(proven, hours),
    }
}
