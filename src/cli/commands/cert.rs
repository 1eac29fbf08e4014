//! `cert`: a node's identity, made before the node first runs.

use serde_json::json;

use crate::cli::args::CertArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::{Outcome, usage};
use crate::node::founding;
use crate::types::Problem;

/// Makes a node key, unless there is one, and its certificate.
pub fn run(context: &Context, args: &CertArgs) -> Outcome {
    let folder = match &args.name {
        Some(name) if name.contains(['/', '\\']) || [".", ".."].contains(&name.as_str()) || name.is_empty() => {
            return Err(usage(format!("`{name}` is no name of a folder"), "say where with --out").into());
        }
        Some(name) => args.out.join(name),
        None => args.out.clone(),
    };
    let key = founding::make_identity(&folder, &mut input::system_rng()?).map_err(Problem::from)?;
    let (node_id, key_file, certificate) = (key.node_id(), folder.join("node.key"), folder.join("cert.pem"));
    let answer = json!({
        "node_id": node_id.to_string(), "public_key": key.to_string(), "key": key_file, "certificate": certificate,
    });
    context.output.answer(&answer, |_| {
        format!("node {node_id}\nkey {} (keep it secret)\ncertificate {}", key_file.display(), certificate.display())
    })
}
