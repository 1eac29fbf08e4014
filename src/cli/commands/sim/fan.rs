//! `sim` with a scenario of one post to very many.

use serde_json::json;

use super::{Screen, repeat, write};
use crate::cli::args::SimArgs;
use crate::cli::context::Context;
use crate::cli::problem::{Failure, Outcome};
use crate::sim::play::Outside;
use crate::sim::ready::{FanOut, FanReport, fan_out};
use crate::sim::scenario::{FanOutKeys, Scenario};

/// Plays it once for each number of nodes.
pub(super) fn run(
    context: &Context,
    (scenario, keys): (&Scenario, &FanOutKeys),
    sizes: &[usize],
    args: &SimArgs,
    screen: &Screen,
) -> Outcome {
    let mut reports: Vec<FanReport> = Vec::with_capacity(sizes.len());
    let mut texts = Vec::with_capacity(sizes.len());
    for nodes in sizes {
        if screen.wants_end() {
            break;
        }
        let wanted = FanOut {
            seed: scenario.seed,
            followers: nodes - scenario.bootpeers - 1,
            bootpeers: scenario.bootpeers,
            dead_percent: keys.dead_percent,
            round_trip: keys.round_trip,
            within: keys.within,
            patience: keys.patience,
        };
        let report = fan_out(wanted, screen);
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
