//! From `post` to the follower's `feed --watch` line, on real processes: `make bench-slice`.
//!
//! Prints a table, and one JSON line for machines. Beside the figure stands what the commands themselves cost (starting a
//! process, asking the node's local API), measured in the same run: ratios hold on other machines, times do not.
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const POSTS: usize = 200;
const WARM_UP: usize = 20;
const PASSWORD: &str = "velvet otter canyon marble\n";

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut net = Command::new(env!("CARGO_BIN_EXE_timeline"))
        .args(["--json", "net", "--headless", "--bootpeers", "3", "--peers", "5", "--dir"])
        .arg(dir.path())
        .args(["--network-set", "limits.posts_per_minute=100000", "--network-set", "limits.posts_per_hour=100000"])
        .args(["--network-set", "limits.puts_per_minute=100000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = lines_of(&mut net);
    let ready: Value = serde_json::from_str(&lines.recv_timeout(Duration::from_secs(60)).unwrap()).unwrap();
    let start_up = started.elapsed();
    let nodes = ready["nodes"].as_array().unwrap();
    let node = |name: &str| nodes.iter().find(|n| n["name"] == name).unwrap().clone();
    let home = |name: &str| Path::new(node(name)["data_dir"].as_str().unwrap()).to_owned();
    let (alice, bob) = (home("peer-1"), home("peer-2"));
    run(&alice, &["register", "alice", "--password-stdin"], PASSWORD);
    run(&bob, &["register", "bob", "--password-stdin"], PASSWORD);
    run(&bob, &["follow", "alice"], "");
    let mut watcher = Command::new(env!("CARGO_BIN_EXE_timeline"))
        .args(["--json", "--data-dir"])
        .arg(&bob)
        .args(["feed", "--watch"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let watch = lines_of(&mut watcher);
    let idle_rss = rss_bytes(node("peer-5")["pid"].as_u64().unwrap());

    let by_command = measure(&watch, |text| {
        run(&alice, &["post", text], "");
    });
    let api: Value = serde_json::from_slice(&std::fs::read(alice.join("api.json")).unwrap()).unwrap();
    let url = format!("{}/api/v1/node/posts", api["url"].as_str().unwrap());
    let token = format!("Bearer {}", api["token"].as_str().unwrap());
    let by_api = measure(&watch, |text| {
        let sent = ureq::post(&url).header("Authorization", &token).send_json(json!({ "text": text }));
        assert!(sent.is_ok(), "{sent:?}");
    });
    let floor: Vec<f64> = (0..POSTS).map(|_| timed(|| run(&alice, &["whoami"], ""))).collect();

    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_timeline")).unwrap().len();
    let floor_p50 = percentile(&floor, 0.5);
    println!(
        "8 nodes ready after {:.2} s; idle peer {:.1} MiB; binary {:.1} MiB",
        start_up.as_secs_f64(),
        mib(idle_rss),
        mib(binary)
    );
    println!("{:<44} {:>9} {:>9} {:>18}", "milliseconds, 200 each", "p50", "p99", "p50 to `whoami`");
    for (what, times) in [
        ("`timeline post` to the line of `feed --watch`", &by_command),
        ("POST to the local API to the same line", &by_api),
        ("`timeline whoami`: the cost of a command", &floor),
    ] {
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        println!("{what:<44} {p50:>9.2} {p99:>9.2} {:>18.2}", p50 / floor_p50);
    }
    let figures = |t: &[f64]| json!({"p50_ms": percentile(t, 0.5), "p99_ms": percentile(t, 0.99)});
    println!(
        "{}",
        json!({
            "start_up_s": start_up.as_secs_f64(), "idle_rss_bytes": idle_rss, "binary_bytes": binary,
            "command_to_line": figures(&by_command), "api_to_line": figures(&by_api), "whoami": figures(&floor),
        })
    );
    terminate(&mut watcher);
    terminate(&mut net);
}

/// Posts one after the other and measures, in milliseconds, until the line of each.
fn measure(watch: &Receiver<String>, post: impl Fn(&str) + Sync) -> Vec<f64> {
    let mut times = Vec::with_capacity(POSTS);
    for i in 0..WARM_UP + POSTS {
        let text = format!("post number {i} at {:?}", Instant::now());
        let started = Instant::now();
        // The command may return after the line is out, so the line is awaited beside it.
        let elapsed = std::thread::scope(|scope| {
            let posting = scope.spawn(|| post(&text));
            loop {
                let line: Value = serde_json::from_str(&watch.recv_timeout(Duration::from_secs(10)).unwrap()).unwrap();
                if line["post"]["text"] == text.as_str() {
                    break;
                }
            }
            let elapsed = started.elapsed();
            posting.join().unwrap();
            elapsed
        });
        if i >= WARM_UP {
            times.push(elapsed.as_secs_f64() * 1e3);
        }
    }
    times
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e3
}

fn percentile(times: &[f64], p: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
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

fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn terminate(child: &mut Child) {
    Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status().unwrap();
    child.wait().unwrap();
}

/// Returns the resident memory of a process, where the system tells.
fn rss_bytes(pid: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
