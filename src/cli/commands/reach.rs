//! `lookup` and `ping`: who is near a key, and whether a peer answers.

use serde_json::Value;

use crate::cli::args::{LookupArgs, PingArgs};
use crate::cli::context::Context;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, number_at, text_at};

/// Looks for the nodes nearest to a key.
pub fn lookup(context: &Context, args: &LookupArgs) -> Outcome {
    let answer = context.client()?.get_in_time("/lookup", &[("what", &args.what)])?;
    context.output.answer(&answer, |_| near(&answer))
}

/// Measures the round trip to a peer.
pub fn ping(context: &Context, args: &PingArgs) -> Outcome {
    let answer = context.client()?.get_in_time("/ping", &[("target", &args.target)])?;
    context.output.answer(&answer, |_| {
        format!("{} answers in {}", words::short_id(text_at(&answer, "/node_id")), millis(&answer, "/rtt_ms"))
    })
}

fn near(answer: &Value) -> String {
    let mut rows = vec![["NODE", "DISTANCE", "HOLDS"].map(str::to_owned).to_vec()];
    rows.extend(list_at(answer, "/closest").iter().map(|node| {
        let distance = node.pointer("/distance_log2").and_then(Value::as_u64);
        let holds = node.pointer("/has_value").and_then(Value::as_bool).unwrap_or_default();
        vec![
            words::short_id(text_at(node, "/node_id")),
            distance.map_or("0".into(), |log2| format!("2^{log2}")),
            if holds { "yes" } else { "-" }.into(),
        ]
    }));
    format!(
        "key {} · {} asked, {} · {}\n{}",
        words::short_id(text_at(answer, "/key")),
        words::count(number_at(answer, "/asked"), "node"),
        words::count(number_at(answer, "/hops"), "hop"),
        millis(answer, "/ms"),
        words::table(&rows)
    )
}

fn millis(answer: &Value, pointer: &str) -> String {
    format!("{:.1} ms", answer.pointer(pointer).and_then(Value::as_f64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn those_near_a_key_are_a_table() {
        let text = near(&json!({
            "key": "3f2a9c1b".repeat(8), "hops": 1, "asked": 2, "ms": 12.34,
            "closest": [
                { "node_id": "aaaaaaaa".repeat(8), "distance_log2": 254, "has_value": true },
                { "node_id": "bbbbbbbb".repeat(8), "distance_log2": null, "has_value": false },
            ],
        }));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "key 3f2a9c1b… · 2 nodes asked, 1 hop · 12.3 ms");
        assert_eq!(lines[2], "aaaaaaaa…  2^254     yes");
        assert_eq!(lines[3], "bbbbbbbb…  0         -");
    }
}
