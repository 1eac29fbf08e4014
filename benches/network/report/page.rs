//! The page and its plots.

use std::path::Path;

use super::plot::{bars, lines};
use super::results::{DISK, FLOOR, LIBP2P, MAINLINE, MEMORY, NOSTR, PYTHON, Results, What, Who};
use super::table::{ceiling, floor_costs, table};
use crate::measure::cores;

/// How it was measured; what follows the table.
const METHOD: &str = include_str!("method.md");

/// Writes page and plots of the lines in a file into a folder.
pub fn report(lines: &Path, folder: &Path) {
    let results = Results::read(lines);
    std::fs::create_dir_all(folder).unwrap();
    let plots = plots(&results);
    for (name, _, svg) in &plots {
        std::fs::write(folder.join(name), svg).unwrap();
    }
    let mut page = String::from("# Benchmarks\n\n");
    page.push_str("Written by `make bench`: do not edit. One run of all programs on one machine, one after the other, nothing on the network.\n");
    page.push_str("**Ratios hold on other machines, times do not.**\n\n");
    page.push_str(&format!("- {} cores", cores()));
    results.notes("machine").iter().for_each(|note| page.push_str(&format!("; {note}")));
    page.push_str(&format!("; other programs kept {:.1} cores busy (median over phases)\n", results.others()));
    results.notes("version").iter().for_each(|note| page.push_str(&format!("- {note}\n")));
    results.notes("left_out").iter().for_each(|note| page.push_str(&format!("- **Left out**: {note}\n")));
    if let (Some((check, request)), Some(most)) = (floor_costs(&results), ceiling(&results)) {
        page.push_str(&format!(
            "- One verification takes {:.0} µs with all cores busy, one bare QUIC request {:.0} µs of CPU: the ceiling of puts is \
             cores ÷ (20 × both) = {most:.0} a second\n",
            check * 1e3,
            request * 1e3
        ));
    }
    page.push('\n');
    page.push_str(&table(&results));
    page.push('\n');
    for (name, alt, _) in &plots {
        page.push_str(&format!("![{alt}]({name})\n\n"));
    }
    page.push_str(METHOD);
    std::fs::write(folder.join("README.md"), page).unwrap();
}

type Plot = (&'static str, &'static str, String);

fn plots(results: &Results) -> Vec<Plot> {
    let nodes = results.numbers("n", "seq_get");
    let middle = if nodes.contains(&64) { Some(64) } else { nodes.last().copied() };
    let group = |text: &str, phase, name, with_floor: Option<(&'static str, &'static str)>| {
        let what = What { phase, name, nodes: middle, followers: None };
        let who = [LIBP2P, PYTHON, MAINLINE, MEMORY, DISK];
        let mut found: Vec<(Who, f64)> = who.into_iter().filter_map(|w| Some((w, results.figure(w, what)?))).collect();
        let bare = with_floor.map(|(phase, name)| What { phase, name, nodes: None, followers: None });
        found.extend(bare.and_then(|what| results.figure(FLOOR, what)).map(|value| (FLOOR, value)));
        (text.to_owned(), found)
    };
    let latency = [
        group("get from another node, p50", "seq_get", "p50_remote", Some(("request_in_turn", "p50"))),
        group("the same, p99", "seq_get", "p99_remote", Some(("request_in_turn", "p99"))),
        group("put at a majority of 20, p50", "seq_put", "p50", None),
        group("get after half of the nodes died, p95", "fail50", "p95_remote", None),
    ];
    let rate = [
        group("gets, 32 at once", "con_get", "ops_s", Some(("requests_at_once", "ops_s"))),
        group("puts, 32 at once", "con_put", "ops_s", None),
    ];
    let over = |who: Who, numbers: &[u64], what: &dyn Fn(u64) -> What| {
        let points = numbers.iter().filter_map(|n| Some((*n as f64, results.figure(who, what(*n))?))).collect();
        (who, points)
    };
    let start = |n| What { phase: "startup", name: "t_ready_s", nodes: Some(n), followers: None };
    let starts: Vec<(Who, Vec<(f64, f64)>)> =
        [LIBP2P, PYTHON, MAINLINE, MEMORY, DISK].into_iter().map(|who| over(who, &nodes, &start)).collect();
    let followers = results.numbers("followers", "post_feed");
    let post = |n| What { phase: "post_feed", name: "p50", nodes: None, followers: Some(n) };
    let bare = |n| What { phase: "fan_out", name: "p50", nodes: None, followers: Some(n) };
    let mut posts: Vec<(Who, Vec<(f64, f64)>)> =
        [NOSTR, MEMORY, DISK].into_iter().map(|who| over(who, &followers, &post)).collect();
    posts.push(over(FLOOR, &followers, &bare));
    let drawn = |all: Vec<(Who, Vec<(f64, f64)>)>| -> Vec<(Who, Vec<(f64, f64)>)> {
        all.into_iter().filter(|(_, points)| !points.is_empty()).collect()
    };
    let size = middle.unwrap_or_default();
    let plots = [
        (
            "latency.svg",
            "Latency",
            bars(&format!("Latency, N = {size}, one at a time; shorter is better"), "ms", &latency),
        ),
        ("rate.svg", "Rates", bars(&format!("Operations a second, N = {size}; longer is better"), "a second", &rate)),
        ("start.svg", "Start-up", lines("Start-up until any node reaches any", ("nodes", "s"), &drawn(starts))),
        (
            "posts.svg",
            "Posts",
            lines("A post until the last follower has it, p50", ("online followers", "ms"), &drawn(posts)),
        ),
    ];
    plots.into_iter().filter_map(|(name, alt, svg)| Some((name, alt, svg?))).collect()
}
