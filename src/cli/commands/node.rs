//! `peer` and `bootpeer`, which become a node, and `stop`, which ends one.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

use serde_json::json;

use crate::cli::args::{BootpeerArgs, PeerArgs};
use crate::cli::context::Context;
use crate::cli::menu::{self, Ended, Menu};
use crate::cli::problem::Outcome;
use crate::cli::{ending, logging, words};
use crate::node::config::Flags;
use crate::node::local::{OpenDoors, Role};
use crate::node::run::{Ready, RunOptions, run_node};
use crate::types::{Code, Problem};

/// Where a node logs while its menu has the terminal.
const LOG_FILE: &str = "node.log";

/// Runs a node until it is told to end; on a terminal with its menu, and until that is left.
pub fn peer(context: &Context, args: &PeerArgs, open_doors: OpenDoors) -> Outcome {
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let flags = Flags { listen: args.listen.or(args.port.map(any)) };
    if args.headless || args.exit_with_stdin || context.output.json || !menu::has_terminal() {
        return run(context, flags, Role::Peer, args.exit_with_stdin, open_doors);
    }
    with_menu(context, flags, open_doors)
}

/// Runs a node in a thread of its own, and its menu in this one. Whichever ends first ends the other.
fn with_menu(context: &Context, flags: Flags, open_doors: OpenDoors) -> Outcome {
    let config = context.config(flags)?;
    let log = context.data_dir.join(LOG_FILE);
    logging::start_in(&context.data_dir, LOG_FILE, config.log.format, &context.typed)?;
    let (is_ready, ready) = sync_channel::<String>(1);
    let data_dir = context.data_dir.clone();
    let node = move || {
        let announce = move |ready: Ready| drop(is_ready.send(ready_text(Role::Peer, &ready)));
        run_node(RunOptions {
            data_dir,
            config,
            role: Role::Peer,
            exit_with_stdin: false,
            open_doors,
            on_ready: Box::new(announce),
        })
    };
    let failed = |error| Problem::new(Code::Internal, format!("the system grants no thread: {error}"));
    let node = thread::Builder::new().name("node".into()).spawn(node).map_err(failed)?;
    let mut left = Ok(Ended::Left);
    // Without a word the node has ended: its own outcome says why.
    if let Ok(text) = ready.recv() {
        context.output.answer(&json!({}), |_| format!("{text} · log {}", log.display()))?;
        left = Menu::new().open(context);
        if !node.is_finished() {
            // One that is ending already needs no second word.
            let _ = ending::end_node(&context.data_dir, context.timeout);
        }
    }
    let ended = node.join().map_err(|_| Problem::new(Code::Internal, "the node ended in a way that it should not"))?;
    left?;
    ended?;
    Ok(())
}

/// Runs a bootpeer until it is told to end.
pub fn bootpeer(context: &Context, args: &BootpeerArgs, open_doors: OpenDoors) -> Outcome {
    let config = context.typed.config.as_deref().filter(|_| !context.data_dir_was_named);
    match config.and_then(data_dir_beside) {
        Some(data_dir) => {
            run(&context.in_dir(data_dir), Flags::default(), Role::Bootpeer, args.exit_with_stdin, open_doors)
        }
        None => run(context, Flags::default(), Role::Bootpeer, args.exit_with_stdin, open_doors),
    }
}

/// Ends the node that runs in the data dir, and waits until it has ended.
pub fn stop(context: &Context) -> Outcome {
    ending::end_node(&context.data_dir, context.timeout)?;
    context.output.answer(&json!({ "stopped": true }), |_| "the node has stopped".into())
}

/// Returns the data dir that belongs to a bootpeer's configuration when nobody names one, so that several bootpeers of one
/// machine do not share one: the folder `NAME` that `network new` makes beside `NAME.toml`, or the folder of a `config.toml`.
fn data_dir_beside(config: &Path) -> Option<PathBuf> {
    let candidate = match config.file_name()?.to_str()? {
        "config.toml" => config.parent()?.to_owned(),
        _ => config.with_extension(""),
    };
    candidate.join("node.key").is_file().then_some(candidate)
}

fn run(context: &Context, flags: Flags, role: Role, exit_with_stdin: bool, open_doors: OpenDoors) -> Outcome {
    let config = context.config(flags)?;
    logging::start(config.log.format, &context.typed);
    let output = context.output;
    let announce = move |ready: Ready| {
        let answer = json!({
            "ready": true, "node_id": ready.node_id.to_string(), "quic": ready.quic.to_string(), "api": ready.api,
        });
        // A node goes on when nobody reads what it says.
        let _ = output.answer(&answer, |_| ready_text(role, &ready));
    };
    run_node(RunOptions {
        data_dir: context.data_dir.clone(),
        config,
        role,
        exit_with_stdin,
        open_doors,
        on_ready: Box::new(announce),
    })?;
    Ok(())
}

fn ready_text(role: Role, ready: &Ready) -> String {
    let role = match role {
        Role::Peer => "peer",
        Role::Bootpeer => "bootpeer",
    };
    let id = words::short_id(&ready.node_id.to_string());
    format!("{role} {id} is up · QUIC {} · API {}", ready.quic, ready.api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootpeers_configuration_leads_to_its_data_dir() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = folder.path().join("boot-1");
        std::fs::create_dir(&made).expect("writable");
        assert_eq!(data_dir_beside(&folder.path().join("boot-1.toml")), None);
        std::fs::write(made.join("node.key"), "").expect("writable");
        assert_eq!(data_dir_beside(&folder.path().join("boot-1.toml")), Some(made.clone()));
        assert_eq!(data_dir_beside(&made.join("config.toml")), Some(made));
        assert_eq!(data_dir_beside(&folder.path().join("boot-2.toml")), None);
    }
}
