//! `peers`: whom this node knows.

use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, text_at};

/// Lists the peers.
pub fn run(context: &Context) -> Outcome {
    let answer = context.client()?.get("/peers", &[])?;
    context.output.answer(&answer, |_| listing(list_at(&answer, "/peers")))
}

fn listing(peers: &[Value]) -> String {
    if peers.is_empty() {
        return "no peers known; join a network with: timeline join INVITE".into();
    }
    let mut rows = vec![["NODE", "ROLE", "STATE", "RTT", "BUCKET", "SEEN", "ADDRESSES"].map(str::to_owned).to_vec()];
    rows.extend(peers.iter().map(row));
    words::table(&rows)
}

fn row(peer: &Value) -> Vec<String> {
    let connected = peer.pointer("/connected").and_then(Value::as_bool).unwrap_or_default();
    let rtt = peer.pointer("/rtt_ms").and_then(Value::as_f64).map_or("-".into(), |ms| format!("{ms:.1} ms"));
    let bucket = peer.pointer("/bucket").and_then(Value::as_u64).map_or("-".into(), |bucket| bucket.to_string());
    let addresses: Vec<&str> = list_at(peer, "/addresses").iter().filter_map(Value::as_str).collect();
    let seen = match text_at(peer, "/last_seen") {
        "" => "never".into(),
        time => words::when(time),
    };
    vec![
        words::short_id(text_at(peer, "/node_id")),
        words::printable(text_at(peer, "/role")),
        if connected { "connected" } else { "known" }.into(),
        rtt,
        bucket,
        seen,
        words::printable(&addresses.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn peers_are_a_table_with_a_heading() {
        let peer = json!({
            "node_id": "3f2a9c1b".repeat(8), "addresses": ["127.0.0.1:4747"], "bucket": 255, "rtt_ms": 0.42,
            "connected": true, "last_seen": null, "role": "bootpeer",
        });
        let text = listing(&[peer, json!({})]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], "3f2a9c1b…  bootpeer  connected  0.4 ms  255     never  127.0.0.1:4747");
        assert!(listing(&[]).contains("join"));
    }
}
