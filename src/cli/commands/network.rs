//! `network new` and `network show`.

use serde_json::{Value, json};

use crate::cli::args::NetworkNewArgs;
use crate::cli::context::Context;
use crate::cli::problem::{Outcome, usage};
use crate::cli::words::{self, list_at, number_at, text_at};
use crate::cli::{input, output::Style};
use crate::node::founding::{self, Founded, FoundingOptions};
use crate::types::Problem;

/// Founds a network.
pub fn new(context: &Context, args: NetworkNewArgs) -> Outcome {
    let bootpeers = args.bootpeer.iter().map(|text| name_and_address(text)).collect::<Result<_, _>>()?;
    let options =
        FoundingOptions { name: args.name, out: &args.out, bootpeers, test: args.test, settings: args.network_set };
    let founded = founding::found(options, &mut input::system_rng()?).map_err(Problem::from)?;
    context.output.answer(&founded_json(&founded), |_| founded_text(&founded))
}

/// Shows the network the node is in.
pub fn show(context: &Context) -> Outcome {
    let network = context.client()?.get("/network", &[])?;
    context.output.answer(&network, |style| shown(&network, style))
}

fn name_and_address(text: &str) -> Result<(String, String), Problem> {
    let (name, address) = text.split_once('=').ok_or_else(|| {
        usage(format!("--bootpeer {text}: expected NAME=ADDR:PORT"), "for example boot-1=192.0.2.1:4747")
    })?;
    Ok((name.to_owned(), address.to_owned()))
}

fn founded_json(founded: &Founded) -> Value {
    let bootpeers: Vec<Value> = founded
        .bootpeers
        .iter()
        .map(|b| {
            json!({
                "name": b.name, "address": b.address, "node_id": b.node_id.to_string(),
                "config": b.config, "data_dir": b.data_dir,
            })
        })
        .collect();
    json!({
        "network_id": founded.network.id.to_string(),
        "name": founded.network.document.name,
        "bootpeers": bootpeers,
        "invite": founded.invite,
    })
}

fn founded_text(founded: &Founded) -> String {
    let mut out = format!(
        "founded the network {} · {} · id {}\n\nStart each bootpeer on its machine:\n",
        words::printable(&founded.network.document.name),
        words::count(founded.bootpeers.len() as u64, "bootpeer"),
        words::short_id(&founded.network.id.to_string()),
    );
    for b in &founded.bootpeers {
        out.push_str(&format!("  timeline bootpeer --config {}\n", b.config.display()));
    }
    out.push_str(&format!("\nInvite others with:\n  timeline join {}", founded.invite));
    out
}

fn shown(network: &Value, style: Style) -> String {
    let limits = network.get("limits").and_then(Value::as_object);
    let limits = limits.map(|limits| limits.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", "));
    let mut rows = vec![
        ["network", &words::printable(text_at(network, "/name"))].map(str::to_owned).to_vec(),
        ["id", text_at(network, "/network_id")].map(str::to_owned).to_vec(),
        ["epoch", &number_at(network, "/epoch").to_string()].map(str::to_owned).to_vec(),
        ["registrars", &registrars(network)].map(str::to_owned).to_vec(),
    ];
    if let Some(limits) = limits {
        rows.push(vec!["limits".into(), limits]);
    }
    let invite = text_at(network, "/invite");
    format!(
        "{}\n\nInvite others with:\n  timeline join {}",
        words::table(&rows),
        style.strong(&words::printable(invite))
    )
}

/// The document's registrars come as a list; a count alone is shown as it is.
fn registrars(network: &Value) -> String {
    let listed = list_at(network, "/registrars");
    if listed.is_empty() {
        return network.pointer("/registrars").and_then(Value::as_u64).map_or("none".into(), |n| n.to_string());
    }
    let name = |entry: &Value| entry.as_str().map_or_else(|| text_at(entry, "/name").to_owned(), words::short_id);
    words::printable(&listed.iter().map(name).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootpeer_is_a_name_and_an_address() {
        assert_eq!(name_and_address("b=[::1]:1"), Ok(("b".into(), "[::1]:1".into())));
        assert!(name_and_address("b").is_err());
    }

    #[test]
    fn a_network_is_shown_with_its_invite() {
        let network = json!({
            "name": "campus", "network_id": "ab", "epoch": 1, "registrars": [{"name": "boot-1"}, {"name": "boot-2"}],
            "limits": {"posts_per_minute": 30}, "invite": "timeline:ab/cd@host:1",
        });
        let text = shown(&network, Style::default());
        for part in ["campus", "boot-1, boot-2", "posts_per_minute 30", "timeline join timeline:ab/cd@host:1"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(shown(&json!({}), Style::default()).contains("none"));
    }
}
