//! What a running network looks like, for scripts and for people.

use std::path::Path;

use serde_json::{Value, json};

use super::child::{Node, Up};
use super::plan::PlannedRole;
use crate::cli::output::Style;
use crate::cli::words;

/// Returns the object that says all nodes are ready.
pub fn ready(nodes: &[(Node, Up)]) -> Value {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(node, up)| {
            json!({
                "name": node.plan.name, "role": node.plan.role.word(), "pid": node.pid(), "quic": up.quic, "api": up.api,
                "node_id": node.plan.node_id, "data_dir": node.data_dir, "log": node.log,
            })
        })
        .collect();
    json!({ "ready": true, "nodes": nodes })
}

/// Returns the table of all nodes, and what to do next.
pub fn table(nodes: &[(Node, Up)], with_menu: bool, style: Style) -> String {
    let mut rows = vec![["NAME", "ROLE", "QUIC", "API", "DATA DIR", "LOG"].map(str::to_owned).to_vec()];
    rows.extend(nodes.iter().map(|(node, up)| {
        let (dir, log) = (node.data_dir.display().to_string(), node.log.display().to_string());
        vec![node.plan.name.clone(), node.plan.role.word().into(), up.quic.clone(), up.api.clone(), dir, log]
    }));
    let mut out = words::table(&rows);
    if let Some((node, _)) = nodes.iter().find(|(node, _)| node.plan.role == PlannedRole::Peer) {
        out.push_str(&next_steps(&node.data_dir, with_menu, style));
    }
    out
}

fn next_steps(data_dir: &Path, with_menu: bool, style: Style) -> String {
    let command = |words: &str| style.strong(&format!("timeline --data-dir {} {words}", data_dir.display()));
    let end = if with_menu { "Leaving the menu" } else { "Ctrl-C" };
    format!(
        "\n\nUse it from another terminal, for example:\n  {}\n  {}\n  {}\n{end} ends all nodes and keeps their data.",
        command("menu"),
        command("register alice"),
        command("post 'Hello, network'"),
    )
}
