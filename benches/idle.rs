//! What a node costs that does nothing, on real processes: `make bench-idle`. Linux only, as it reads `/proc`.
//!
//! Prints a table, and one JSON line for machines. `TIMELINE_IDLE_SECONDS` says how long is measured.
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long is measured where nobody says: as long as every timer but the rare ones takes.
const MEASURED: u64 = 120;
/// Until the starts, logins and posts are digested: presence is renewed often in the first minute.
const SETTLING: Duration = Duration::from_secs(70);
const PASSWORD: &str = "velvet otter canyon marble\n";
/// What `/proc/PID/stat` counts in, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A node of the network.
struct Node {
    name: String,
    home: PathBuf,
    pid: u64,
}

/// What was counted of a node up to a moment.
struct Reading {
    at: Instant,
    cpu_seconds: f64,
    resident_bytes: u64,
    disk_bytes: u64,
    status: Value,
}

/// What a node costs.
struct Cost {
    cpu_percent: f64,
    resident_mib: f64,
    requests_sent: f64,
    requests_received: f64,
    kib: f64,
    commits: f64,
    disk_kib: f64,
}

fn main() {
    if !cfg!(target_os = "linux") {
        println!("idle nodes are measured on Linux only: memory, CPU and disk writes are read from /proc");
        return;
    }
    let seconds = std::env::var("TIMELINE_IDLE_SECONDS").ok().map_or(MEASURED, |s| s.parse().unwrap());
    // Beside the program, where a disk is: what is written to memory is not counted.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (mut net, nodes) = start(dir.path());
    let node = |name: &str| nodes.iter().find(|n| n.name == name).unwrap();
    let people = [(node("peer-1"), "alice", "bob"), (node("peer-2"), "bob", "alice")];
    for (node, name, _) in &people {
        run(&node.home, &["register", name, "--password-stdin"], PASSWORD);
    }
    for (node, name, other) in &people {
        run(&node.home, &["follow", other], "");
        for number in 1..=3 {
            run(&node.home, &["post", &format!("post {number} of {name}")], "");
        }
    }
    for (node, ..) in &people {
        run(&node.home, &["feed"], "");
    }
    sleep(SETTLING);
    let before: Vec<Reading> = nodes.iter().map(read).collect();
    sleep(Duration::from_secs(seconds));
    let after: Vec<Reading> = nodes.iter().map(read).collect();
    let costs: Vec<Cost> = before.iter().zip(&after).map(|(before, after)| cost(before, after)).collect();
    let kind = |node: &Node| match &node.name {
        name if name.starts_with("boot") => "bootpeer",
        _ if people.iter().any(|(someone, ..)| someone.name == node.name) => "peer, logged in",
        _ => "peer, no account",
    };
    println!(
        "{} nodes, two people who follow each other, idle; {seconds} s measured, an hour extrapolated",
        nodes.len()
    );
    println!(
        "{:<18} {:>5} {:>7} {:>9} {:>11} {:>11} {:>9} {:>9} {:>10}",
        "", "nodes", "CPU %", "MiB RSS", "requests/h", "received/h", "KiB/h", "commits/h", "disk KiB/h"
    );
    let mut figures = serde_json::Map::new();
    for what in ["bootpeer", "peer, logged in", "peer, no account"] {
        let those: Vec<&Cost> = nodes.iter().zip(&costs).filter(|(n, _)| kind(n) == what).map(|(_, c)| c).collect();
        let mean = |of: fn(&Cost) -> f64| those.iter().map(|cost| of(cost)).sum::<f64>() / those.len() as f64;
        let (cpu, resident) = (mean(|c| c.cpu_percent), mean(|c| c.resident_mib));
        let (sent, received, kib) = (mean(|c| c.requests_sent), mean(|c| c.requests_received), mean(|c| c.kib));
        let (commits, disk) = (mean(|c| c.commits), mean(|c| c.disk_kib));
        println!(
            "{what:<18} {:>5} {cpu:>7.2} {resident:>9.1} {sent:>11.0} {received:>11.0} {kib:>9.0} {commits:>9.0} {disk:>10.0}",
            those.len()
        );
        let hour = json!({
            "requests_sent": sent, "requests_received": received, "kib": kib, "commits": commits, "disk_kib": disk,
        });
        figures.insert(what.to_owned(), json!({ "cpu_percent": cpu, "resident_mib": resident, "an_hour": hour }));
    }
    println!("{}", Value::Object(figures));
    terminate(&mut net);
}

/// Starts three bootpeers and five peers.
fn start(dir: &Path) -> (Child, Vec<Node>) {
    let mut net = Command::new(env!("CARGO_BIN_EXE_timeline"))
        .args(["--json", "net", "--headless", "--bootpeers", "3", "--peers", "5", "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(net.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let node = |node: &Value| Node {
        name: node["name"].as_str().unwrap().to_owned(),
        home: node["data_dir"].as_str().unwrap().into(),
        pid: node["pid"].as_u64().unwrap(),
    };
    (net, ready["nodes"].as_array().unwrap().iter().map(node).collect())
}

fn read(node: &Node) -> Reading {
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", node.pid)).unwrap();
    let line = |text: &str, name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // The name of the program is in brackets, and may have spaces in it.
    let stat = file("stat");
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    Reading {
        at: Instant::now(),
        cpu_seconds: ticks / TICKS_PER_SECOND,
        resident_bytes: line(&file("status"), "VmRSS:") * 1024,
        disk_bytes: line(&file("io"), "write_bytes:"),
        status: run(&node.home, &["status"], ""),
    }
}

fn cost(before: &Reading, after: &Reading) -> Cost {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let hourly = |before: f64, after: f64| (after - before) * 3600.0 / seconds;
    let number = |reading: &Reading, at: &str| reading.status.pointer(at).and_then(Value::as_f64).unwrap();
    let counted = |at: &str| hourly(number(before, at), number(after, at));
    Cost {
        cpu_percent: 100.0 * (after.cpu_seconds - before.cpu_seconds) / seconds,
        resident_mib: after.resident_bytes as f64 / (1024.0 * 1024.0),
        requests_sent: counted("/traffic/requests_sent"),
        requests_received: counted("/traffic/requests_received"),
        kib: (counted("/traffic/bytes_sent") + counted("/traffic/bytes_received")) / 1024.0,
        commits: counted("/store/commits"),
        disk_kib: hourly(before.disk_bytes as f64, after.disk_bytes as f64) / 1024.0,
    }
}

fn run(dir: &Path, words: &[&str], stdin: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_timeline"))
        .args(["--json", "--data-dir"])
        .arg(dir)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn terminate(child: &mut Child) {
    Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status().unwrap();
    child.wait().unwrap();
}
