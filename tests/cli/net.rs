//! `timeline net` itself: single nodes restart, nothing outlives it that should not, and a folder is resumed as it was left.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Net, PASSWORD, Running, eventually, folder, restart, run, signal, timeline};

fn start(dir: &Path, words: &[&str]) -> (Running, Value) {
    let mut all = vec!["net", "--headless", "--dir", dir.to_str().expect("UTF-8")];
    all.extend_from_slice(words);
    let mut running = Running::start(None, &all);
    let ready = running.lines.until("ready line", Duration::from_secs(90), |v| v["ready"] == true);
    (running, ready)
}

fn node<'a>(ready: &'a Value, name: &str) -> &'a Value {
    let nodes = ready["nodes"].as_array().expect("a list of nodes");
    nodes.iter().find(|node| node["name"] == name).unwrap_or_else(|| panic!("no node {name}"))
}

/// A process that has ended counts as gone also while nobody has asked how it ended.
fn is_alive(pid: &Value) -> bool {
    if Path::new("/proc/self/stat").exists() {
        // The state follows the name, which stands in brackets and may hold any character.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']));
    }
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps can be run");
    let state = String::from_utf8_lossy(&state.stdout);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

#[test]
fn a_node_restarts_while_the_others_go_on() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    let first = restart(dir.path(), "peer-1").ok();
    assert_eq!(net.run("peer-1", &["whoami"]).ok()["username"], "alice");
    // Killed, it leaves a stale address behind and still starts again, at the address the others know.
    net.kill("peer-2");
    let second = restart(dir.path(), "peer-2").ok();
    assert!(is_alive(&second["pid"]));
    let pid = second["pid"].to_string();
    signal(pid.parse().expect("a number"), "KILL");
    let third = restart(dir.path(), "peer-2").ok();
    assert_eq!(third["quic"], second["quic"]);
    assert_ne!(third["pid"], second["pid"]);
    restart(dir.path(), "peer-9").refused(2, "usage");
    net.stop();
    for restarted in [first, third] {
        eventually("a clean end also ends what was restarted", || !is_alive(&restarted["pid"]));
    }
}

#[test]
fn nodes_end_with_a_killed_net_and_the_next_one_resumes() {
    let dir = folder();
    let (mut killed, ready) = start(dir.path(), &["--bootpeers", "1", "--peers", "1", "--set", "store.quota=64MiB"]);
    let peer = dir.path().join("peer-1");
    run(&peer, &["register", "alice", "--password-stdin"], PASSWORD).ok();
    let survivor = restart(dir.path(), "peer-1").ok();
    assert_eq!(killed.end("KILL"), None);
    eventually("the bootpeer ends with its net", || !is_alive(&node(&ready, "boot-1")["pid"]));
    assert!(is_alive(&survivor["pid"]), "a node restarted by hand goes on");

    let (mut resumed, again) = start(dir.path(), &["--peers", "2"]);
    eventually("the survivor ends, since its folder is needed", || !is_alive(&survivor["pid"]));
    for name in ["boot-1", "peer-1"] {
        assert_eq!(node(&again, name)["quic"], node(&ready, name)["quic"], "{name}");
    }
    assert_eq!(again["nodes"].as_array().map(Vec::len), Some(3));
    assert_eq!(run(&peer, &["whoami"], "").ok()["username"], "alice");
    // Its settings were those of the first run alone.
    assert_eq!(run(&peer, &["status"], "").ok()["store"]["quota_bytes"], 1 << 30);
    assert_eq!(resumed.end("INT"), Some(0));
    for node in again["nodes"].as_array().expect("a list of nodes") {
        assert!(!is_alive(&node["pid"]), "{node}");
    }
}

#[test]
fn what_cannot_work_is_refused_before_a_process_starts() {
    let dir = folder();
    let refused = |words: &[&str], exit: i32, code: &str| {
        let mut all = vec!["net", "--headless", "--dir", dir.path().to_str().expect("UTF-8")];
        all.extend_from_slice(words);
        let output = timeline().arg("--json").args(&all).output().expect("runs");
        let json: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(
            (output.status.code(), json["error"]["code"].as_str()),
            (Some(exit), Some(code)),
            "{words:?}: {json}"
        );
    };
    refused(&["--set", "no.such=1"], 2, "bad_config");
    refused(&["--set", "store.quota=some"], 2, "bad_config");
    refused(&["--set", "net.listen=127.0.0.1:1"], 2, "usage");
    refused(&["--network-set", "k=many"], 2, "usage");
    refused(&["--bootpeers", "0"], 2, "usage");
    let busy = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = busy.local_addr().expect("bound").port().to_string();
    refused(&["--base-port", &port], 6, "port_in_use");
}
