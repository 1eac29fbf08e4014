//! Before people act: nodes start and join, everybody registers and follows.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::run::{ENDED, Outside, Phase};
use super::stage::Stage;
use crate::sim::chance::pick;

/// Good enough for a test network.
const PASSWORD: &str = "velvet otter canyon marble drift";
/// People who register or follow side by side: bootpeers take only so much from one moment.
const SIDE_BY_SIDE: usize = 16;
/// Whoever cannot register or follow tries again for so long.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(2);

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    #[error("{who} could not {what} within {PATIENCE:?} of simulated time: {why}")]
    Somebody { who: String, what: &'static str, why: String },
    #[error("{ENDED}")]
    Ended,
}

/// Starts all nodes, registers all people, and lets them follow.
pub(super) async fn open(stage: &Stage<'_>, outside: &dyn Outside) -> Result<(), Stuck> {
    start_nodes(stage, outside).await;
    let count = stage.people.len();
    let done = std::cell::Cell::new(0_usize);
    let note = |phase| {
        done.set(done.get() + 1);
        outside.progress(stage.progress(phase, done.get() as f64 / count as f64));
        if outside.wants_end() { Err(Stuck::Ended) } else { Ok(()) }
    };
    let mut waves = stream::iter(0..count).map(|person| register(stage, person)).buffer_unordered(SIDE_BY_SIDE);
    while let Some(outcome) = waves.next().await {
        outcome?;
        note(Phase::Registering)?;
    }
    done.set(0);
    let mut waves = stream::iter(0..count).map(|person| follow(stage, person)).buffer_unordered(SIDE_BY_SIDE);
    while let Some(outcome) = waves.next().await {
        outcome?;
        note(Phase::Following)?;
    }
    Ok(())
}

async fn start_nodes(stage: &Stage<'_>, outside: &dyn Outside) {
    let more = stage.nodes - stage.scenario.bootpeers;
    let gap = stage.scenario.start_within / more as u32;
    set_clock(stage, 0..stage.scenario.bootpeers);
    for number in 0..more {
        let node = stage.sim.add();
        set_clock(stage, node..node + 1);
        sleep(gap).await;
        outside.progress(stage.progress(Phase::Starting, (number + 1) as f64 / more as f64));
    }
}

/// Sets the clocks of nodes as wrong as the scenario wants them.
fn set_clock(stage: &Stage<'_>, nodes: std::ops::Range<usize>) {
    let clocks = &stage.scenario.clocks;
    let mut fates = stage.fates.borrow_mut();
    for node in nodes {
        let off = fates.below(2 * clocks.off_by.as_millis() as u64 + 1) as i64 - clocks.off_by.as_millis() as i64;
        let drift = fates.below(2 * u64::from(clocks.drift_ppm) + 1) as i64 - i64::from(clocks.drift_ppm);
        stage.sim.set_clock(node, off, drift);
    }
}

async fn register(stage: &Stage<'_>, person: usize) -> Result<(), Stuck> {
    let someone = &stage.people[person];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let session = stage.sim.doors(someone.node).session;
        match session.register(someone.name.clone(), Zeroizing::new(PASSWORD.to_owned())).await {
            Ok(who) => {
                someone.account.set(Some(who.account));
                return Ok(());
            }
            Err(problem) if Instant::now() > deadline => {
                return Err(Stuck::Somebody { who: someone.name.to_string(), what: "register", why: problem.message });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Logs a person in again, whose disk was lost with the login.
pub(super) async fn log_in(stage: &Stage<'_>, person: usize) {
    let someone = &stage.people[person];
    while stage.sim.is_running(someone.node) {
        let session = stage.sim.doors(someone.node).session;
        let login = session.login(someone.name.clone(), Zeroizing::new(PASSWORD.to_owned()), true).await;
        match login {
            Ok(_) => return,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn follow(stage: &Stage<'_>, person: usize) -> Result<(), Stuck> {
    let others = stage.people.len() - 1;
    let chosen = pick(&mut stage.choices.borrow_mut(), stage.scenario.people.follows, others);
    for other in chosen.into_iter().map(|other| if other < person { other } else { other + 1 }) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(why) = super::deeds::relate(stage, person, other, true).await {
            if Instant::now() > deadline {
                return Err(Stuck::Somebody { who: stage.people[person].name.to_string(), what: "follow", why });
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}
