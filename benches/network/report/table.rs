//! The table: what was measured, of whom, and what was wanted.

use std::fmt::Write;

use super::results::{DISK, FLOOR, MEMORY, PEERS, Results, What, Who};
use crate::measure::cores;

/// A row, and how its figures are read.
struct Row {
    text: String,
    what: What,
    unit: Unit,
    floor: Option<What>,
    wanted: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Milliseconds,
    Seconds,
    PerSecond,
    Mebibytes,
}

const fn of(phase: &'static str, name: &'static str) -> What {
    What { phase, name, nodes: None, followers: None }
}

/// Returns what one verification and one request cost in the floor of this run, in milliseconds of CPU.
pub fn floor_costs(results: &Results) -> Option<(f64, f64)> {
    let check = results.figure(FLOOR, of("verification", "ms_all_cores"))?;
    Some((check, results.figure(FLOOR, of("requests_at_once", "cpu_s_per_1000"))?))
}

/// Returns the most puts a second that these costs leave room for.
pub fn ceiling(results: &Results) -> Option<f64> {
    let (check, request) = floor_costs(results)?;
    Some(cores() as f64 * 1e3 / (20.0 * (check + request)))
}

/// Writes the whole table.
pub fn table(results: &Results) -> String {
    let mut out = String::from("| what |");
    let columns: Vec<Who> = PEERS.into_iter().chain([FLOOR, MEMORY, DISK]).collect();
    columns.iter().for_each(|who| out += &format!(" {} |", who.label));
    out.push_str(" memory to best peer | wanted |\n|---|");
    out.push_str(&"---|".repeat(columns.len() + 2));
    out.push('\n');
    let measured =
        |row: &Row| PEERS.into_iter().chain([MEMORY, DISK]).any(|who| results.figure(who, row.what).is_some());
    for row in rows(results).into_iter().filter(measured) {
        let figure = |who: Who| match (who.peer == FLOOR.peer, row.floor) {
            (true, Some(floor)) => results.figure(who, floor),
            (true, None) => None,
            (false, _) => results.figure(who, row.what),
        };
        let _ = write!(out, "| {} |", row.text);
        columns.iter().for_each(|who| out += &format!(" {} |", shown(figure(*who), row.unit)));
        let _ = writeln!(out, " {} | {} |", ratio(results, &row), row.wanted);
    }
    out
}

/// Returns how ours stands to the best of the others: below one is better, but for rates.
fn ratio(results: &Results, row: &Row) -> String {
    let theirs = PEERS.into_iter().filter_map(|who| results.figure(who, row.what));
    let best = match row.unit {
        Unit::PerSecond => theirs.reduce(f64::max),
        _ => theirs.reduce(f64::min),
    };
    match (results.figure(MEMORY, row.what), best) {
        (Some(ours), Some(best)) if best > 0.0 => format!("{:.2}", ours / best),
        _ => "–".to_owned(),
    }
}

fn shown(figure: Option<f64>, unit: Unit) -> String {
    let Some(value) = figure else { return "–".to_owned() };
    match unit {
        Unit::Milliseconds => format!("{} ms", digits(value)),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::PerSecond => format!("{value:.0}/s"),
        Unit::Mebibytes => format!("{} MiB", digits(value / 1024.0)),
    }
}

/// Writes a number with three digits that count.
fn digits(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

fn rows(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    for nodes in results.numbers("n", "seq_get") {
        rows.extend(of_network(results, nodes));
    }
    rows.extend(of_posts(results));
    let follows = |name, text: &str, wanted: &str| Row {
        text: text.to_owned(),
        what: of("follows", name),
        unit: Unit::Seconds,
        floor: None,
        wanted: wanted.to_owned(),
    };
    rows.push(follows("published_s", "31 follow one person at once: all published", "–"));
    rows.push(follows("recorded_s", "the same: a bystander counts 31", "≤ 0.2 s (a sibling service: 17.5 s)"));
    rows
}

fn of_network(results: &Results, nodes: u64) -> Vec<Row> {
    let row = |text: &str, phase, name, unit, floor, wanted: String| Row {
        text: format!("N = {nodes}: {text}"),
        what: What { nodes: Some(nodes), ..of(phase, name) },
        unit,
        floor,
        wanted: if wanted.is_empty() { "–".to_owned() } else { wanted },
    };
    let only = |n: u64, wanted: &str| if n == nodes { wanted.to_owned() } else { String::new() };
    let start = if nodes == 128 { "≤ 2.5 s".to_owned() } else { only(64, "≤ 1 s") };
    let puts = ceiling(results)
        .filter(|_| nodes == 64)
        .map_or(String::new(), |most| format!("≥ 60 % of the ceiling ({:.0}/s): {:.0}/s", most, most * 0.6));
    let (ms, rate) = (Unit::Milliseconds, Unit::PerSecond);
    let dead = |phase, text: &str| {
        [("p95_remote", "p95", "≤ 40 ms, all succeed"), ("p99_remote", "p99", "≤ 150 ms")]
            .map(|(name, part, wanted)| row(&format!("get, {text}, {part}"), phase, name, ms, None, only(64, wanted)))
    };
    let floor = |phase, name| Some(of(phase, name));
    let mut rows = vec![
        row("start-up until any reaches any", "startup", "t_ready_s", Unit::Seconds, None, start),
        row("memory a node", "startup", "rss_per_node_kib", Unit::Mebibytes, None, only(64, "≤ 1.5 MiB")),
        row(
            "get from another node, p50",
            "seq_get",
            "p50_remote",
            ms,
            floor("request_in_turn", "p50"),
            only(64, "≤ 0.12 ms, verified"),
        ),
        row("the same, p95", "seq_get", "p95_remote", ms, floor("request_in_turn", "p95"), String::new()),
        row("gets, 32 at once", "con_get", "ops_s", rate, floor("requests_at_once", "ops_s"), only(64, "≥ 15,000/s")),
        row(
            "CPU a get, 32 at once",
            "con_get",
            "cpu_s_per_1000",
            ms,
            floor("requests_at_once", "cpu_s_per_1000"),
            String::new(),
        ),
        row("put at a majority of 20, p50", "seq_put", "p50", ms, None, only(64, "≤ 2 ms in memory, ≤ 6 ms on disk")),
        row("the same, p95", "seq_put", "p95", ms, None, String::new()),
        row("puts, 32 at once", "con_put", "ops_s", rate, None, puts),
        row("CPU a put, 32 at once", "con_put", "cpu_s_per_1000", ms, None, String::new()),
    ];
    rows.extend(dead("fail25", "25 % died"));
    rows.extend(dead("fail50", "50 % died"));
    rows
}

fn of_posts(results: &Results) -> Vec<Row> {
    let costs = floor_costs(results);
    let row = |followers: u64| {
        let what = What { followers: Some(followers), ..of("post_feed", "p50") };
        let floor = if followers == 1 {
            of("request_in_turn", "p50")
        } else {
            What { followers: Some(followers), ..of("fan_out", "p50") }
        };
        let wanted = match (followers, results.figure(FLOOR, floor), costs) {
            (1, ..) => "≤ 0.2 ms in memory, ≤ 0.6 ms on disk".to_owned(),
            (16 | 128, Some(floor), Some((check, _))) => {
                let most = 1.5 * (floor + followers as f64 * check / cores() as f64);
                format!("≤ 1.5 × (floor + followers × verification ÷ cores) = {} ms", digits(most))
            }
            _ => "–".to_owned(),
        };
        let text = match followers {
            1 => "post → online follower's feed, p50".to_owned(),
            n => format!("post → the last of {n} online followers, p50"),
        };
        Row { text, what, unit: Unit::Milliseconds, floor: Some(floor), wanted }
    };
    results.numbers("followers", "post_feed").into_iter().map(row).collect()
}
