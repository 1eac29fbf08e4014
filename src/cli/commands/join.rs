//! `join`: an invite becomes a configuration file.

use serde_json::{Value, json};

use crate::cli::args::JoinArgs;
use crate::cli::context::Context;
use crate::cli::problem::Outcome;
use crate::cli::words;
use crate::node::invite::{self, Invite};
use crate::types::Problem;

/// Writes the configuration that an invite stands for.
pub fn run(context: &Context, args: &JoinArgs) -> Outcome {
    let invite: Invite = args.invite.parse().map_err(Problem::from)?;
    let path = invite::join(&context.data_dir, &invite).map_err(Problem::from)?;
    let bootpeers: Vec<Value> =
        invite.bootpeers.iter().map(|b| json!({ "address": b.address, "node_id": b.node_id.to_string() })).collect();
    let network_id = invite.network_id.to_string();
    let answer = json!({ "network_id": network_id, "bootpeers": bootpeers, "config": path });
    context.output.answer(&answer, |_| {
        let ways = words::count(bootpeers.len() as u64, "bootpeer");
        format!("joined network {} · {ways} · written to {}", words::short_id(&network_id), path.display())
    })?;
    context.output.advice("start your node with: timeline peer");
    Ok(())
}
