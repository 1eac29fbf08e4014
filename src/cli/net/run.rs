//! `net`: everything up, then watched, then down again.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::child::{LOOK_AGAIN, Node, Tie, Up};
use super::folder::Folder;
use super::plan::{Planned, PlannedRole};
use super::prepare::{self, Prepared, Wish};
use super::{joining, report, restart};
use crate::cli::args::{NetAction, NetArgs};
use crate::cli::context::Context;
use crate::cli::menu::{self, Ended, Menu};
use crate::cli::problem::{Failure, Outcome, usage};
use crate::cli::{input, signals};
use crate::types::{Code, Problem};

/// Where a network lives when nobody says.
const DEFAULT_DIR: &str = "target/net";
/// How long nodes get to end by themselves; a clean end takes a fraction of it.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Runs a network until it is told to end, or restarts a node of one that runs.
pub fn run(context: &Context, args: NetArgs) -> Outcome {
    if context.typed.config.is_some() || context.typed.data_dir.is_some() {
        return Err(usage("`net` writes configurations and data dirs itself", "choose its folder with --dir").into());
    }
    let dir = |inner: Option<PathBuf>| inner.or(args.dir.clone()).unwrap_or_else(|| DEFAULT_DIR.into());
    match &args.action {
        Some(NetAction::Restart(_)) if starts_something(&args) => {
            Err(usage("a restarted node keeps its network", "`net restart NAME` takes --dir only").into())
        }
        Some(NetAction::Restart(node)) => restart::run(context, &dir(node.dir.clone()), &node.name),
        None => up(context, &dir(None), &args),
    }
}

/// Returns the options that nodes get from this line.
pub fn passed_on(context: &Context) -> Vec<String> {
    let verbose = std::iter::repeat_n("-v".to_owned(), context.typed.verbose.into());
    verbose.chain(context.typed.quiet.then(|| "-q".to_owned())).collect()
}

fn starts_something(args: &NetArgs) -> bool {
    args.bootpeers.is_some()
        || args.peers.is_some()
        || args.base_port.is_some()
        || args.fresh
        || !args.network_set.is_empty()
}

fn up(context: &Context, dir: &Path, args: &NetArgs) -> Outcome {
    let wish = Wish {
        bootpeers: args.bootpeers.map(usize::from),
        peers: args.peers.map(usize::from),
        base_port: args.base_port,
        fresh: args.fresh,
        set: context.typed.set.clone(),
        network_set: args.network_set.clone(),
    };
    prepare::check_settings(dir, &wish.set)?;
    let folder = Folder::open(dir)?;
    let stop = Stop::on_signals()?;
    let prepared = prepare::prepare(&folder, &wish, &mut input::system_rng()?)?;
    let mut nodes = Vec::with_capacity(prepared.nodes.len());
    let outcome = start_and_watch(context, args, &folder, &prepared, &mut nodes, &stop);
    end_all(context, &mut nodes);
    outcome
}

/// Told to end by a signal.
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn on_signals() -> Result<Self, Problem> {
        let told = Arc::new(AtomicBool::new(false));
        let sender = Arc::clone(&told);
        let failed = |error| Problem::new(Code::Internal, format!("the system grants no signal handler: {error}"));
        signals::watch(move || sender.store(true, Ordering::Relaxed)).map_err(failed)?;
        Ok(Self(told))
    }

    fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn start_and_watch(
    context: &Context,
    args: &NetArgs,
    folder: &Folder,
    prepared: &Prepared,
    nodes: &mut Vec<(Node, Up)>,
    stop: &Stop,
) -> Outcome {
    for role in [PlannedRole::Bootpeer, PlannedRole::Peer] {
        let planned: Vec<&Planned> = prepared.nodes.iter().filter(|node| node.role == role).collect();
        start(context, folder.path(), &planned, nodes, stop)?;
    }
    if !stop.is_told() {
        wait_until_joined(context, prepared, nodes, stop);
    }
    if stop.is_told() {
        return Ok(());
    }
    let shown = opens_menu(context, args, nodes);
    context.output.answer(&report::ready(nodes), |style| report::table(nodes, shown.is_some(), style))?;
    match shown {
        Some(data_dir) => with_menu(context, &data_dir, folder.path(), nodes, stop),
        None => {
            watch(folder.path(), nodes, || stop.is_told(), |line| context.output.warn(line));
            Ok(())
        }
    }
}

/// Returns the data dir of the peer whose menu opens, where there is somebody to open it for.
fn opens_menu(context: &Context, args: &NetArgs, nodes: &[(Node, Up)]) -> Option<PathBuf> {
    if args.headless || context.output.json || !menu::has_terminal() {
        return None;
    }
    nodes.iter().find(|(node, _)| node.plan.role == PlannedRole::Peer).map(|(node, _)| node.data_dir.clone())
}

/// Shows the menu of one node while all of them are watched. When that node ends the others go on, as they do without a menu.
fn with_menu(context: &Context, data_dir: &Path, folder: &Path, nodes: &mut [(Node, Up)], stop: &Stop) -> Outcome {
    let menu = Menu::new();
    let notices = menu.notices();
    let has_left = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        let is_over = || has_left.load(Ordering::Relaxed) || stop.is_told();
        // While the menu has the terminal, it writes what is to be told.
        let tell = |line: &str| {
            if !notices.tell(line) {
                context.output.warn(line);
            }
        };
        let watching = scope.spawn(move || watch(folder, nodes, is_over, tell));
        let ended = menu.open(&context.in_dir(data_dir.to_owned()));
        match &ended {
            Ok(Ended::NodeGone(_)) => {
                context.output.warn("the node of this menu is gone; the others go on, and Ctrl-C ends them");
            }
            Ok(Ended::Left) | Err(_) => has_left.store(true, Ordering::Relaxed),
        }
        let _ = watching.join();
        ended
    });
    ended?;
    Ok(())
}

/// Starts some nodes side by side, and waits for all of them.
fn start(context: &Context, folder: &Path, planned: &[&Planned], nodes: &mut Vec<(Node, Up)>, stop: &Stop) -> Outcome {
    let mut starting = Vec::with_capacity(planned.len());
    let mut failure: Option<Failure> = None;
    for plan in planned {
        match Node::start(folder, plan, Tie::Bound, &passed_on(context)) {
            Ok(node) => starting.push(node),
            Err(problem) => failure = Some(failure.unwrap_or(problem.into())),
        }
    }
    for mut node in starting {
        let up = if failure.is_some() { Ok(None) } else { node.wait_until_up(|| stop.is_told()) };
        match up {
            Ok(Some(up)) => nodes.push((node, up)),
            Ok(None) => end(vec![&mut node], context),
            Err(problem) => {
                failure = Some(problem.into());
                end(vec![&mut node], context);
            }
        }
    }
    failure.map_or(Ok(()), Err)
}

fn wait_until_joined(context: &Context, prepared: &Prepared, nodes: &[(Node, Up)], stop: &Stop) {
    let data_dirs: Vec<&Path> = nodes.iter().map(|(node, _)| node.data_dir.as_path()).collect();
    let wanted = joining::enough(nodes.len(), prepared.network.k());
    let laggards = joining::wait(&data_dirs, wanted, || stop.is_told());
    if stop.is_told() {
        return;
    }
    for laggard in laggards {
        let name = &nodes[laggard.index].0.plan.name;
        context.output.warn(&format!("warning: {name} knows {} of {wanted} other nodes so far", laggard.known));
    }
}

/// Tells of nodes that end by themselves, until told to end. Nothing is restarted: whoever breaks one wants to see what happens.
fn watch(folder: &Path, nodes: &mut [(Node, Up)], is_over: impl Fn() -> bool, tell: impl Fn(&str)) {
    let mut gone = vec![false; nodes.len()];
    while !is_over() {
        for ((node, _), gone) in nodes.iter_mut().zip(&mut gone) {
            if let Some(status) = node.ended().filter(|_| !*gone) {
                *gone = true;
                tell(&farewell(node, folder, status));
            }
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn farewell(node: &Node, folder: &Path, status: ExitStatus) -> String {
    let (name, log, folder) = (&node.plan.name, node.log.display(), folder.display());
    if status.success() {
        return format!("{name} was stopped");
    }
    format!(
        "{name} has ended ({status}); its log: {log}; start it again with: timeline net restart {name} --dir {folder}"
    )
}

/// Ends all nodes, also those that were restarted by hand.
fn end_all(context: &Context, nodes: &mut [(Node, Up)]) {
    let restarted: Vec<PathBuf> =
        nodes.iter_mut().filter_map(|(node, _)| node.ended().map(|_| node.data_dir.clone())).collect();
    end(nodes.iter_mut().map(|(node, _)| node).collect(), context);
    for data_dir in restarted {
        if let Err(problem) = prepare::end_if_running(&data_dir) {
            context.output.warn(&format!("warning: {}: {}", data_dir.display(), problem.message));
        }
    }
}

fn end(mut nodes: Vec<&mut Node>, context: &Context) {
    nodes.iter_mut().for_each(|node| node.ask_to_end());
    let deadline = Instant::now() + END_WITHIN;
    for node in nodes {
        if !node.wait_for_end(deadline) {
            let wait = END_WITHIN.as_secs();
            context.output.warn(&format!("warning: {} did not end within {wait} s and was killed", node.plan.name));
        }
    }
}
