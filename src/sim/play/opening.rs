//! Before people act: nodes start and join, everybody registers and follows.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::run::{ENDED, Outside, Phase};
use super::stage::Stage;
use crate::sim::chance::pick;
use crate::sim::scenario::Opening;

/// Good enough for a test network.
const PASSWORD: &str = "velvet otter canyon marble drift";
/// People who register or follow side by side: bootpeers take only so much from one moment.
const SIDE_BY_SIDE: usize = 16;
/// And those who do where nobody else is: what they write lies on each other's disks as well.
const FEW: usize = 4;
/// Nodes that started on their own disks have joined, and compared what they hold, after this.
const SETTLED: Duration = Duration::from_secs(120);
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
    set_clock(stage, 0..stage.scenario.bootpeers);
    let new = || {
        let node = stage.sim.build();
        set_clock(stage, node..node + 1);
        node
    };
    let more = stage.nodes - stage.scenario.bootpeers;
    match stage.scenario.opening {
        Opening::Together => {
            start_nodes(stage, outside, (0..more).map(|_| new())).await?;
            for step in [Step::Register, Step::Follow] {
                all(stage, outside, step, SIDE_BY_SIDE, |person| step.take(stage, person)).await?;
            }
        }
        Opening::Apart => {
            let nodes: Vec<usize> = (0..more).map(|_| new()).collect();
            // Nobody is to hold for long what it would not be given in the whole network.
            stage.sim.set_repairing(false);
            for step in [Step::Register, Step::Follow] {
                all(stage, outside, step, FEW, |person| step.take_apart(stage, person)).await?;
            }
            for bootpeer in 0..stage.scenario.bootpeers {
                stage.sim.shut_down(bootpeer).await;
            }
            stage.sim.spread();
            (0..stage.scenario.bootpeers).for_each(|bootpeer| stage.sim.start(bootpeer));
            start_nodes(stage, outside, nodes.into_iter()).await?;
            sleep(SETTLED).await;
            stage.sim.set_repairing(true);
        }
    }
    Ok(())
}

/// What everybody does before people act.
#[derive(Clone, Copy)]
enum Step {
    Register,
    Follow,
}

impl Step {
    async fn take(self, stage: &Stage<'_>, person: usize) -> Result<(), Stuck> {
        match self {
            Self::Register => register(stage, person).await,
            Self::Follow => follow(stage, person).await,
        }
    }

    /// The same, on a node that runs no longer than that.
    async fn take_apart(self, stage: &Stage<'_>, person: usize) -> Result<(), Stuck> {
        let node = stage.people[person].node;
        stage.sim.start(node);
        self.take(stage, person).await?;
        let deadline = Instant::now() + PATIENCE;
        while stage.sim.doors(node).outbox.items().await.map_or(true, |items| !items.is_empty()) {
            if Instant::now() > deadline {
                let (who, why) = (stage.people[person].name.to_string(), "something is still queued".to_owned());
                return Err(Stuck::Somebody { who, what: "finish", why });
            }
            sleep(PAUSE).await;
        }
        stage.sim.shut_down(node).await;
        Ok(())
    }
}

/// Lets everybody take a step, so many side by side.
async fn all<F: Future<Output = Result<(), Stuck>>>(
    stage: &Stage<'_>,
    outside: &dyn Outside,
    step: Step,
    side_by_side: usize,
    take: impl Fn(usize) -> F,
) -> Result<(), Stuck> {
    let count = stage.people.len();
    let phase = match step {
        Step::Register => Phase::Registering,
        Step::Follow => Phase::Following,
    };
    let mut steps = stream::iter(0..count).map(take).buffer_unordered(side_by_side);
    let mut done = 0;
    while let Some(outcome) = steps.next().await {
        outcome?;
        done += 1;
        outside.progress(stage.progress(phase, done as f64 / count as f64));
        go_on(outside)?;
    }
    Ok(())
}

async fn start_nodes(
    stage: &Stage<'_>,
    outside: &dyn Outside,
    nodes: impl Iterator<Item = usize>,
) -> Result<(), Stuck> {
    let more = stage.nodes - stage.scenario.bootpeers;
    let gap = stage.scenario.start_within / more as u32;
    for (number, node) in nodes.enumerate() {
        stage.sim.start(node);
        sleep(gap).await;
        outside.progress(stage.progress(Phase::Starting, (number + 1) as f64 / more as f64));
        go_on(outside)?;
    }
    Ok(())
}

fn go_on(outside: &dyn Outside) -> Result<(), Stuck> {
    if outside.wants_end() { Err(Stuck::Ended) } else { Ok(()) }
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
            Ok(_) => return someone.logged_out.set(false),
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
