//! `sim` with a scenario of one person who follows very many.

use serde_json::json;

use super::{Screen, repeat, write};
use crate::cli::args::SimArgs;
use crate::cli::context::Context;
use crate::cli::problem::{Failure, Outcome};
use crate::sim::play::Outside;
use crate::sim::ready::{Following, FollowingReport, following};
use crate::sim::scenario::{FollowingKeys, Scenario};

/// Plays it once for each number of nodes.
pub(super) fn run(
    context: &Context,
    (scenario, keys): (&Scenario, &FollowingKeys),
    sizes: &[usize],
    args: &SimArgs,
    screen: &Screen,
) -> Outcome {
    let mut reports: Vec<FollowingReport> = Vec::with_capacity(sizes.len());
    let mut texts = Vec::with_capacity(sizes.len());
    for nodes in sizes {
        if screen.wants_end() {
            break;
        }
        let wanted = Following {
            seed: scenario.seed,
            nodes: *nodes,
            bootpeers: scenario.bootpeers,
            followees: keys.followees,
            round_trip: keys.round_trip,
            settle: keys.settle,
            duration: scenario.duration,
            post_every: keys.post_every,
            most: keys.most,
        };
        let report = following(wanted, screen);
        texts.push(format!("{}  again: {}\n", report.for_people(), repeat(scenario, *nodes, args)));
        reports.push(report);
    }
    screen.bar.finish_and_clear();
    let ok = reports.iter().all(|report| report.ok);
    let answer = json!({ "ok": ok, "scenario": scenario.name, "runs": reports });
    if let Some(out) = &args.out {
        write(&out.join("report.json"), &format!("{answer:#}\n"))?;
    }
    context.output.answer(&answer, |_| texts.join("\n"))?;
    if ok { Ok(()) } else { Err(Failure::Reported) }
}
