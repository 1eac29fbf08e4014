//! Quiet times: everything that is not for good ends, what is under way finishes, and the checker looks until nothing is
//! wrong, or for as long as the scenario allows.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, sleep};

use super::measures::millis;
use super::report::Checked;
use super::run::{Outside, Phase};
use super::stage::{Deeds, Stage, all_ended};
use super::survey;
use super::weather::Weather;
use crate::sim::model::{Findings, check};
use crate::types::Hash;

/// How often the checker looks at first.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// A node that was just added has joined after this.
const JOINED: Duration = Duration::from_secs(30);
/// Findings that a report lists in full; the others are counted.
const LISTED: usize = 50;

/// Calms everything down and checks. The time counts from when everybody was told to come back: within it what is under way
/// has to end, a new reader to get in, and the look to begin that finds nothing wrong.
pub(super) async fn calm_and_check<'s>(
    stage: &'s Stage<'_>,
    weather: &mut Weather,
    deeds: &mut Deeds<'s>,
    last: bool,
    outside: &dyn Outside,
) -> Checked {
    weather.calm(stage, deeds);
    let (began, calm) = (Instant::now(), stage.sim.now());
    let deadline = began + stage.scenario.quiet.within;
    let newcomer =
        async { if last && stage.scenario.check.fresh_reader { Some(add_reader(stage).await) } else { None } };
    let (ended, reader) = join(all_ended(deeds, deadline), newcomer).await;
    let (mut wait, mut clean) = (FIRST_LOOK, None);
    let mut found = Findings::default();
    let (mut before, mut seen);
    loop {
        let in_time = Instant::now() <= deadline;
        note_published(stage).await;
        seen = survey::look(stage, reader, calm).await;
        before = std::mem::replace(&mut found, check(&stage.model.borrow(), &seen));
        let part = stage.acted().as_secs_f64() / stage.scenario.duration.as_secs_f64();
        outside.progress(stage.progress(Phase::Checking, part));
        if found.is_empty() && in_time {
            clean = Some(began.elapsed());
            break;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || outside.wants_end() {
            break;
        }
        sleep(wait.min(left)).await;
        wait = (2 * wait).min(stage.scenario.quiet.within / 8).max(FIRST_LOOK);
    }
    stage.model.borrow_mut().note_had(&seen);
    report(stage, (&before, &found), clean, ended)
}

fn report(stage: &Stage<'_>, (before, found): (&Findings, &Findings), clean: Option<Duration>, ended: bool) -> Checked {
    let by_kind = |found: &Findings| found.counts().into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
    Checked {
        at_s: stage.acted().as_secs_f64(),
        clean_after_ms: clean.map(millis),
        deeds_ended: ended,
        until_then: by_kind(before),
        counts: by_kind(found),
        findings: found.0.iter().take(LISTED).cloned().collect(),
    }
}

/// Adds a node that has nothing, and lets it join.
async fn add_reader(stage: &Stage<'_>) -> usize {
    let reader = stage.sim.add();
    let deadline = Instant::now() + JOINED;
    let known = async || stage.sim.doors(reader).routing.overview().await.is_ok_and(|o| o.known > 0);
    while !known().await && Instant::now() < deadline {
        sleep(FIRST_LOOK).await;
    }
    reader
}

/// Notes which of the posts that were queued are published by now: what is in no outbox any more has been sent.
pub(super) async fn note_published(stage: &Stage<'_>) {
    for someone in stage.people.iter().filter(|someone| stage.is_up(someone.node)) {
        let queued = someone.queued.borrow().clone();
        if queued.is_empty() && someone.promised.borrow().is_empty() {
            continue;
        }
        let Ok(items) = stage.sim.doors(someone.node).outbox.items().await else { continue };
        if items.iter().all(|item| item.progress.published) {
            someone.promised.borrow_mut().clear();
        }
        let now = stage.sim.now();
        let waits = |id: &Hash| items.iter().any(|item| item.id == *id && !item.progress.published);
        let (waiting, sent): (Vec<_>, Vec<_>) = queued.into_iter().partition(waits);
        sent.iter().for_each(|id| stage.model.borrow_mut().published(id, now));
        *someone.queued.borrow_mut() = waiting;
    }
}
