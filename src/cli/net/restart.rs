//! `net restart`: one node ends and starts again, while the others go on.

use std::path::Path;
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::child::{LOOK_AGAIN, Node, Tie, Up};
use super::folder::absolute;
use super::plan::{Plan, Planned};
use super::prepare::end_if_running;
use crate::cli::context::Context;
use crate::cli::problem::{Outcome, usage};
use crate::types::{Code, Problem};

/// Restarts a node of the network in `dir`; it then goes on until it is stopped, also without the `net` that runs there.
pub fn run(context: &Context, dir: &Path, name: &str) -> Outcome {
    let folder = absolute(dir)?;
    let plan = Plan::read(&folder)?.filter(|plan| plan.complete).ok_or_else(|| {
        usage(
            format!("there is no network in {}", folder.display()),
            "name the folder of a running `timeline net` with --dir",
        )
    })?;
    let planned = plan.nodes.iter().find(|node| node.name == name).ok_or_else(|| {
        let names: Vec<&str> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
        usage(format!("there is no node {name}"), format!("its nodes are {}", names.join(", ")))
    })?;
    end_if_running(&planned.data_dir(&folder))?;
    let (node, up) = start(context, &folder, planned)?;
    let answer = json!({ "name": name, "pid": node.pid(), "quic": up.quic, "api": up.api });
    context
        .output
        .answer(&answer, |_| format!("{name} is up again · process {} · QUIC {} · API {}", node.pid(), up.quic, up.api))
}

/// Starts the node; one that was killed may take a moment to let go of its folder.
fn start(context: &Context, folder: &Path, planned: &Planned) -> Result<(Node, Up), Problem> {
    let deadline = Instant::now() + context.timeout;
    loop {
        let mut node = Node::start(folder, planned, Tie::Free, &super::run::passed_on(context))?;
        match node.wait_until_up(|| false) {
            Ok(Some(up)) => return Ok((node, up)),
            Ok(None) => return Err(Problem::new(Code::Internal, "the start was broken off")),
            Err(problem) if problem.code == Code::DataDirInUse && Instant::now() < deadline => {
                node.wait_for_end(deadline);
                thread::sleep(LOOK_AGAIN);
            }
            Err(problem) => {
                node.wait_for_end(Instant::now());
                return Err(problem);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::GlobalArgs;
    use crate::cli::problem::Failure;

    #[test]
    fn what_is_not_there_is_not_restarted() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::new(GlobalArgs::default());
        let refused = |name: &str| match run(&context, folder.path(), name) {
            Err(Failure::Problem(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("peer-1").code, Code::Usage);
        Plan { complete: true, ..Plan::default() }.write(folder.path()).expect("writable");
        assert!(refused("peer-1").message.contains("no node peer-1"));
    }
}
