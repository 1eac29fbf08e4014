//! `status`: how the node and its network are doing.

use std::time::Duration;

use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, number_at, text_at};

/// Shows the status.
pub fn run(context: &Context) -> Outcome {
    let status = context.client()?.get("/status", &[])?;
    context.output.answer(&status, |style| sheet(&status, style))
}

/// Returns the status as people read it.
pub fn sheet(status: &Value, style: Style) -> String {
    let mut rows = vec![
        row("node", node(status)),
        row("network", name_or(status, "/network", "/network/name", no_network(status))),
    ];
    rows.push(row("listen", any_text(status.pointer("/listen"))));
    rows.push(row("account", name_or(status, "/account", "/account/username", "nobody is logged in")));
    rows.push(row(
        "peers",
        format!("{} known, {} connected", number_at(status, "/peers/known"), number_at(status, "/peers/connected")),
    ));
    rows.extend(list_at(status, "/bootpeers").iter().map(|bootpeer| row("bootpeer", of_bootpeer(bootpeer))));
    if status.pointer("/registrars/n").is_some() {
        let at = |name: &str| number_at(status, &format!("/registrars/{name}"));
        rows.push(row("registrars", format!("{} of {} reachable, {} needed", at("reachable"), at("n"), at("q"))));
    }
    if let Some(full) = status.pointer("/anchor/full").and_then(Value::as_bool) {
        rows.push(row("anchor", if full { "full: takes no new strangers" } else { "yes" }.into()));
    }
    if status.pointer("/store").is_some_and(Value::is_object) {
        rows.push(row("store", store(status)));
    }
    if let Some(synced) = status.pointer("/synced").and_then(Value::as_bool) {
        let yes = "yes: it has what it should keep for others";
        rows.push(row(
            "synced",
            if synced { yes } else { "not yet: it has just come, or was away, and asks others what it lacks" }.into(),
        ));
    }
    if status.pointer("/clock").is_some_and(Value::is_object) {
        rows.push(row("clock", clock(status)));
    }
    rows.push(row("outbox", outbox(status)));
    let mut out = words::table(&rows);
    for warning in list_at(status, "/warnings") {
        out.push_str(&format!(
            "\n{}",
            style.strong(&format!("warning: {}", words::printable(text_at(warning, "/message"))))
        ));
        if !text_at(warning, "/hint").is_empty() {
            out.push_str(&format!("\n  {}", words::printable(text_at(warning, "/hint"))));
        }
    }
    out
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn node(status: &Value) -> String {
    format!(
        "{} ({}) · version {} · up {}",
        words::short_id(text_at(status, "/node_id")),
        words::printable(text_at(status, "/role")),
        words::printable(text_at(status, "/version")),
        words::span(Duration::from_secs(number_at(status, "/uptime_s"))),
    )
}

/// A name that stands alone or in an object.
fn name_or(status: &Value, alone: &str, within: &str, otherwise: &str) -> String {
    let name = status.pointer(alone).and_then(Value::as_str).unwrap_or_else(|| text_at(status, within));
    if name.is_empty() { otherwise.to_owned() } else { words::printable(name) }
}

fn no_network(status: &Value) -> &'static str {
    let pending = status.pointer("/network/pending").and_then(Value::as_bool).unwrap_or_default();
    if pending { "pending: its document has not come yet" } else { "none" }
}

/// A text, or several.
fn any_text(value: Option<&Value>) -> String {
    let several = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let all: Vec<&str> =
        value.and_then(Value::as_str).into_iter().chain(several.iter().filter_map(Value::as_str)).collect();
    if all.is_empty() { "-".into() } else { words::printable(&all.join(" ")) }
}

fn of_bootpeer(bootpeer: &Value) -> String {
    let address = words::printable(text_at(bootpeer, "/address"));
    match bootpeer.pointer("/online").and_then(Value::as_bool) {
        Some(true) => match bootpeer.pointer("/rtt_ms").and_then(Value::as_f64) {
            Some(ms) => format!("{address} online, {ms:.1} ms"),
            None => format!("{address} online"),
        },
        Some(false) => format!("{address} offline"),
        None => format!("{address} not tried yet"),
    }
}

fn store(status: &Value) -> String {
    format!(
        "{} · {} of {} · {} free on the disk",
        words::count(number_at(status, "/store/records"), "record"),
        words::bytes(number_at(status, "/store/bytes")),
        words::bytes(number_at(status, "/store/quota_bytes")),
        words::bytes(number_at(status, "/disk_free_bytes")),
    )
}

fn clock(status: &Value) -> String {
    let at = |name: &str| text_at(status, &format!("/clock/{name}"));
    let mut text = words::printable(at("source"));
    if !at("server").is_empty() {
        let offset = status.pointer("/clock/offset_ms").and_then(Value::as_i64).unwrap_or_default();
        let last = words::when(at("last"));
        text = format!("{}, corrected by {offset} ms, {last}", words::printable(at("server")));
    }
    let in_doubt = status.pointer("/clock/in_doubt").and_then(Value::as_bool) == Some(true);
    if in_doubt { format!("{text} · in doubt") } else { text }
}

fn outbox(status: &Value) -> String {
    match (number_at(status, "/outbox"), text_at(status, "/outbox_oldest")) {
        (0, _) => "empty".into(),
        (n, "") => format!("{n} waiting"),
        (n, oldest) => format!("{n} waiting, the oldest since {}", words::when(oldest)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sheet_shows_what_a_person_asks_first() {
        let status = json!({
            "node_id": "3f2a9c1b".repeat(8), "version": "0.1.0", "network": "campus", "role": "peer",
            "listen": ["[::]:4747"], "uptime_s": 200, "account": { "username": "alice" },
            "peers": { "known": 7, "connected": 5 },
            "bootpeers": [
                { "address": "a:1", "online": true, "rtt_ms": 0.44 }, { "address": "b:2", "online": false },
                { "address": "c:3", "online": null },
            ],
            "registrars": { "n": 3, "q": 2, "reachable": 1, "epoch": 1 }, "anchor": null,
            "store": { "records": 1, "bytes": 2048, "quota_bytes": 1u64 << 30 }, "disk_free_bytes": 5u64 << 30, "synced": false,
            "clock": { "source": "time servers", "server": "t.example", "offset_ms": -3600000, "last": null, "in_doubt": true },
            "outbox": 2, "outbox_oldest": null,
            "warnings": [{ "code": "x", "message": "few registrars", "hint": "start one" }],
        });
        let text = sheet(&status, Style::default());
        for part in [
            "3f2a9c1b… (peer) · version 0.1.0 · up 3 min",
            "campus",
            "[::]:4747",
            "alice",
            "7 known, 5 connected",
            "a:1 online, 0.4 ms",
            "b:2 offline",
            "c:3 not tried yet",
            "1 of 3 reachable, 2 needed",
            "1 record · 2.0 KiB of 1.0 GiB · 5.0 GiB free",
            "t.example, corrected by -3600000 ms",
            "· in doubt",
            "not yet: it has just come, or was away",
            "2 waiting",
            "warning: few registrars\n  start one",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("anchor"));
    }

    #[test]
    fn an_answer_with_less_in_it_is_shown_all_the_same() {
        let text = sheet(&json!({}), Style::default());
        assert!(text.contains("nobody is logged in") && text.contains("empty"));
    }
}
