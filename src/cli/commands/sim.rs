//! `sim`: plays a scenario in a simulated network and reports.

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::args::SimArgs;
use crate::cli::context::Context;
use crate::cli::problem::{Failure, Outcome, usage};
use crate::cli::signals;
use crate::node::config::parse_duration;
use crate::sim::play::{Outside, Phase, Progress, Report, play, plots};
use crate::sim::scenario::Scenario;
use crate::types::{Code, Problem};

mod fan;
mod following;

/// The longest scenario file that is read.
const MAX_BYTES: u64 = 1024 * 1024;
/// Steps of the progress bar.
const STEPS: u64 = 1000;
/// Without a terminal a line is written so often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How a process ends that was asked a second time, as after SIGINT.
const KILLED: i32 = 130;

/// Plays the scenario once for each of its sizes.
pub fn run(context: &Context, args: &SimArgs) -> Outcome {
    let mut scenario = args.scenario.as_deref().map_or_else(|| Ok(Scenario::default()), read)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(nodes) = args.nodes {
        (scenario.nodes, scenario.sizes) = (nodes, Vec::new());
    }
    scenario.check().map_err(|error| refused(error.to_string()))?;
    if let Some(text) = &args.duration {
        let span = parse_duration(text)
            .map_err(|error| usage(format!("--duration {text}: {error}"), "for example 30m, 24h or 7d"))?;
        scenario.last_for(span).map_err(|error| usage(format!("--duration {text}: {error}"), "choose a longer one"))?;
    }
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(|error| unwritable(out, &error))?;
    }
    let sizes = if scenario.sizes.is_empty() { vec![scenario.nodes] } else { scenario.sizes.clone() };
    let screen = Screen::new(!context.output.json && !context.output.quiet);
    screen.end_on_signal();
    if let Some(keys) = &scenario.fan_out {
        return fan::run(context, (&scenario, keys), &sizes, args, &screen);
    }
    if let Some(keys) = &scenario.following {
        return following::run(context, (&scenario, keys), &sizes, args, &screen);
    }
    let mut reports = Vec::with_capacity(sizes.len());
    for nodes in sizes {
        if screen.wants_end() {
            break;
        }
        reports.push(one(&scenario, nodes, args, &screen)?);
    }
    screen.bar.finish_and_clear();
    let ok = reports.iter().all(|report| report.ok);
    let answer = json!({ "ok": ok, "scenario": scenario.name, "runs": reports });
    if let Some(out) = &args.out {
        write(&out.join("report.json"), &format!("{answer:#}\n"))?;
        plots(&reports).into_iter().try_for_each(|(name, svg)| write(&out.join(name), &svg))?;
    }
    let texts: Vec<String> = reports.iter().map(Report::for_people).collect();
    context.output.answer(&answer, |_| texts.join("\n\n"))?;
    if ok { Ok(()) } else { Err(Failure::Reported) }
}

fn one(scenario: &Scenario, nodes: usize, args: &SimArgs, screen: &Screen) -> Result<Report, Problem> {
    let repeat = repeat(scenario, nodes, args);
    let began = Instant::now();
    // A panic in a node is a finding like any other, and has to say how to see it again.
    screen.acted.set(None);
    let played = catch_unwind(AssertUnwindSafe(|| play(scenario, nodes, screen)));
    let mut report = played.map_err(|_| {
        let message = format!("a simulated node panicked; to see it again: {repeat}");
        Problem::new(Code::Internal, message).hint("the panic itself stands above; it is a bug of this program")
    })?;
    report.repeat = repeat;
    report.took(began.elapsed(), &scenario.bounds);
    report.opening_s = screen.acted.get().map(|acted| acted.duration_since(began).as_secs_f64());
    Ok(report)
}

fn repeat(scenario: &Scenario, nodes: usize, args: &SimArgs) -> String {
    let file = args.scenario.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default();
    let duration = args.duration.as_ref().map(|text| format!(" --duration {text}")).unwrap_or_default();
    format!("timeline sim{file} --seed {} --nodes {nodes}{duration}", scenario.seed)
}

fn read(path: &Path) -> Result<Scenario, Problem> {
    let shown = path.display();
    let unreadable = |error| usage(format!("{shown}: cannot be read: {error}"), "scenarios are in config/sim");
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(refused(format!("{shown}: has more than {MAX_BYTES} bytes")));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Scenario::parse(&text).map_err(|error| refused(format!("{shown}: {error}")))
}

fn refused(message: String) -> Problem {
    Problem::new(Code::BadConfig, message.trim_end()).hint("config/sim/README.md describes every key")
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    usage(format!("{}: cannot be written: {error}", path.display()), "choose another folder with --out")
}

/// Who watches a run: a progress bar on a terminal, elsewhere a line now and then.
struct Screen {
    bar: ProgressBar,
    lines: bool,
    said: Cell<Option<Instant>>,
    /// When people began to act.
    acted: Cell<Option<Instant>>,
    ends: Arc<AtomicBool>,
}

impl Screen {
    fn new(wanted: bool) -> Self {
        // It hides itself where standard error is no terminal.
        let bar = if wanted { ProgressBar::new(STEPS) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:24} {bar:40} {percent:>3} % · {prefix} · {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let lines = wanted && bar.is_hidden();
        Self { bar, lines, said: Cell::default(), acted: Cell::default(), ends: Arc::default() }
    }

    /// The first request to end ends the run with a report of what there is, the second one at once.
    fn end_on_signal(&self) {
        let ends = self.ends.clone();
        let watched = signals::watch(move || {
            if ends.swap(true, Ordering::Relaxed) {
                std::process::exit(KILLED);
            }
        });
        if let Err(error) = watched {
            tracing::debug!(%error, "requests to end are not heard");
        }
    }

    fn say(&self, title: &str, percent: f64, hours: f64, messages: u64) {
        if self.said.get().is_some_and(|said| said.elapsed() < LINE_EVERY) {
            return;
        }
        self.said.set(Some(Instant::now()));
        let mib = self.memory().map_or(0, |bytes| bytes >> 20);
        eprintln!("{title}: {percent:.0} % · {hours:.2} h simulated · {messages} messages · {mib} MiB");
    }
}

impl Outside for Screen {
    fn progress(&self, at: Progress) {
        if at.phase == Phase::Acting && self.acted.get().is_none() {
            self.acted.set(Some(Instant::now()));
        }
        let title = match at.phase {
            Phase::Starting => "nodes start",
            Phase::Registering => "people register",
            Phase::Following => "people follow",
            Phase::Acting => "people act",
            Phase::Checking => "everything is checked",
        };
        let (part, hours) = (at.part.clamp(0.0, 1.0), at.passed.as_secs_f64() / 3600.0);
        if self.lines {
            return self.say(title, 100.0 * part, hours, at.messages);
        }
        if self.bar.message() != title {
            self.bar.set_message(title);
        }
        self.bar.set_prefix(format!("{hours:.1} h simulated"));
        self.bar.set_position((part * STEPS as f64) as u64);
    }

    fn wants_end(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_repeats_a_run_names_what_it_depends_on() {
        let scenario = Scenario { seed: 7, ..Scenario::default() };
        let mut args = SimArgs { scenario: None, nodes: None, seed: None, duration: None, out: None };
        assert_eq!(repeat(&scenario, 20, &args), "timeline sim --seed 7 --nodes 20");
        args.scenario = Some("config/sim/storm.toml".into());
        args.duration = Some("7d".to_owned());
        let all = "timeline sim config/sim/storm.toml --seed 7 --nodes 20 --duration 7d";
        assert_eq!(repeat(&scenario, 20, &args), all);
    }

    #[test]
    fn a_scenario_that_cannot_be_used_says_why() {
        let dir = tempfile::tempdir().expect("a folder");
        let check = |text: &str, code: Code, said: &str| {
            let path = dir.path().join("s.toml");
            fs::write(&path, text).expect("written");
            let problem = read(&path).expect_err("refused");
            assert!(problem.code == code && problem.message.contains(said), "{problem:?}");
        };
        check("nodez = 3", Code::BadConfig, "nodez");
        check("nodes = 1", Code::BadConfig, "nodes");
        assert_eq!(read(&dir.path().join("none.toml")).expect_err("missing").code, Code::Usage);
    }
}
