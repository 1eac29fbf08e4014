//! Nodes outside of `net`: founding a network by hand, joining by invite, alone, and with bootpeers down.

use std::path::Path;

use crate::support::{PASSWORD, Running, SOON, eventually, folder, run, timeline};

fn found(out: &Path, bootpeers: &[(&str, u16)]) -> serde_json::Value {
    let mut command = timeline();
    command.args(["--json", "network", "new", "campus", "--test", "--out"]).arg(out);
    for (name, port) in bootpeers {
        command.arg("--bootpeer").arg(format!("{name}=127.0.0.1:{port}"));
    }
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one object")
}

/// Returns a UDP port that is free now.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}

fn bootpeer(out: &Path, name: &str) -> Running {
    let config = out.join(format!("{name}.toml"));
    let mut running = Running::start(None, &["bootpeer", "--config", config.to_str().expect("UTF-8")]);
    running.lines.until("ready line", SOON, |v| v["ready"] == true);
    running
}

fn peer(dir: &Path) -> Running {
    let mut running = Running::start(Some(dir), &["peer", "--headless", "--listen", "127.0.0.1:0"]);
    running.lines.until("ready line", SOON, |v| v["ready"] == true);
    running
}

fn register(dir: &Path, name: &str) -> crate::support::Said {
    run(dir, &["register", name, "--password-stdin"], PASSWORD)
}

#[test]
fn a_network_founded_by_hand_is_joined_by_its_invite() {
    let dir = folder();
    let out = dir.path().join("campus");
    let made = found(&out, &[("one", free_port())]);
    let _one = bootpeer(&out, "one");
    let shown = run(&out.join("one"), &["network", "show"], "").ok();
    assert_eq!((shown["name"].as_str(), shown["registrars"].as_array().map(Vec::len)), (Some("campus"), Some(1)));
    assert_eq!(shown["network_id"], made["network_id"]);
    let invite = shown["invite"].as_str().expect("an invite");

    let home = dir.path().join("home");
    let joined = run(&home, &["join", invite], "").ok();
    assert_eq!(joined["network_id"], shown["network_id"]);
    // The peer has only the id: the document comes from the bootpeer.
    let _peer = peer(&home);
    eventually("the peer knows the bootpeer", || run(&home, &["status"], "").json["peers"]["known"] == 1);
    let status = run(&home, &["status"], "").ok();
    assert_eq!(status["registrars"]["reachable"], 1, "{status}");
    assert_eq!(status["bootpeers"][0]["online"], true, "{status}");
    assert!(status["bootpeers"][0]["version"].is_string(), "{status}");
    // Nor does whoever was asked for the document take the peer's clock for a wrong one.
    let status = run(&out.join("one"), &["status"], "").ok();
    assert_eq!(status["warnings"].as_array().map(Vec::len), Some(0), "{status}");
    let peers = run(&home, &["peers"], "").ok();
    assert_eq!(peers["peers"][0]["role"], "bootpeer", "{peers}");
    register(&home, "alice").ok();
    assert_eq!(run(&home, &["post", "hello"], "").ok()["state"], "published");
    run(&home, &["join", "timeline:nonsense"], "").refused(2, "usage");
}

#[test]
fn without_registrars_a_claim_waits_and_finishes_by_itself() {
    let dir = folder();
    let out = dir.path().join("campus");
    found(&out, &[("one", free_port()), ("two", free_port()), ("three", free_port())]);
    let one = bootpeer(&out, "one");
    let home = dir.path().join("home");
    let invite = run(&out.join("one"), &["network", "show"], "").ok()["invite"].as_str().expect("an invite").to_owned();
    run(&home, &["join", &invite], "").ok();
    let home_peer = peer(&home);
    register(&home, "alice").refused(7, "no_registrars");
    run(&home, &["login", "alice", "--password-stdin"], PASSWORD).refused(7, "name_pending");
    run(&home, &["register", "alice", "--password-stdin"], "another good password here").refused(6, "wrong_password");
    run(&home, &["whoami"], "").refused(3, "not_logged_in");
    // The claim survives a restart of the node, and ends well once a second registrar is up.
    drop(home_peer);
    let _home_peer = peer(&home);
    let _two = bootpeer(&out, "two");
    eventually("the node finishes the claim", || run(&home, &["whoami"], "").json["username"] == "alice");
    // One registrar less does not matter to what exists.
    drop(one);
    eventually("posting goes on", || run(&home, &["post", "still here"], "").json["state"] == "published");
}

#[test]
fn a_post_without_a_bootpeer_is_queued_and_goes_out_later_even_after_a_restart() {
    let dir = folder();
    let out = dir.path().join("campus");
    found(&out, &[("one", free_port())]);
    let one = bootpeer(&out, "one");
    let home = dir.path().join("home");
    let invite = run(&out.join("one"), &["network", "show"], "").ok()["invite"].as_str().expect("an invite").to_owned();
    run(&home, &["join", &invite], "").ok();
    let first = peer(&home);
    register(&home, "alice").ok();
    drop(one);
    let queued = run(&home, &["post", "nobody is there"], "").ok();
    assert_eq!(queued["state"], "queued", "{queued}");
    let named = run(&home, &["profile", "--name", "Alice"], "").ok();
    assert_eq!(named["queued"], true, "{named}");
    assert_eq!(run(&home, &["profile"], "").ok()["queued"], true, "it is on its way still, whoever asks");
    assert!(run(&home, &["status"], "").ok()["outbox"].as_u64() >= Some(1));
    drop(first);
    // It starts with all bootpeers down, says so, and keeps trying.
    let _second = peer(&home);
    let status = run(&home, &["status"], "").ok();
    assert_eq!(status["bootpeers"][0]["online"], false, "{status}");
    assert!(status["outbox"].as_u64() >= Some(1), "{status}");
    let _one = bootpeer(&out, "one");
    eventually("the outbox is empty", || run(&home, &["status"], "").json["outbox"] == 0);
    run(&out.join("one"), &["login", "alice", "--password-stdin"], PASSWORD).ok();
    eventually("the post is at the bootpeer", || {
        run(&out.join("one"), &["feed", "--peek"], "").json["posts"][0]["id"] == queued["id"]
    });
}

#[test]
fn a_first_start_with_all_bootpeers_down_opens_its_door_and_becomes_whole_later() {
    let dir = folder();
    let out = dir.path().join("campus");
    let made = found(&out, &[("one", free_port())]);
    let first = bootpeer(&out, "one");
    let invite = run(&out.join("one"), &["network", "show"], "").ok()["invite"].as_str().expect("an invite").to_owned();
    drop(first);
    let home = dir.path().join("home");
    run(&home, &["join", &invite], "").ok();
    let _peer = peer(&home);
    let status = run(&home, &["status"], "").ok();
    assert_eq!(status["network"]["pending"], true, "{status}");
    assert_eq!(status["network"]["id"], made["network_id"]);
    assert_eq!(status["bootpeers"][0]["online"], false, "{status}");
    assert_eq!(status["warnings"][0]["code"], "network_pending", "{status}");
    register(&home, "alice").refused(7, "unreachable");
    for words in [&["whoami"][..], &["post", "hello"], &["feed"], &["peers"], &["lookup", "alice"]] {
        run(&home, words, "").refused(7, "unreachable");
    }
    let _one = bootpeer(&out, "one");
    eventually("the node has its network", || run(&home, &["status"], "").json["network"]["name"] == "campus");
    eventually("it has joined", || run(&home, &["status"], "").json["peers"]["known"] == 1);
    register(&home, "alice").ok();
}

#[test]
fn a_node_that_still_waits_for_its_network_can_be_stopped() {
    let dir = folder();
    let out = dir.path().join("campus");
    found(&out, &[("one", free_port())]);
    let first = bootpeer(&out, "one");
    let invite = run(&out.join("one"), &["network", "show"], "").ok()["invite"].as_str().expect("an invite").to_owned();
    drop(first);
    let home = dir.path().join("home");
    run(&home, &["join", &invite], "").ok();
    let mut waiting = peer(&home);
    assert_eq!(waiting.end("TERM"), Some(0));
    let _again = peer(&home);
    assert_eq!(run(&home, &["stop"], "").ok()["stopped"], true);
    run(&home, &["status"], "").refused(4, "no_node");
}

#[test]
fn a_node_without_a_network_starts_and_says_what_to_do() {
    let dir = folder();
    let home = dir.path().join("home");
    let _peer = peer(&home);
    let status = run(&home, &["status"], "").ok();
    assert_eq!(status["peers"]["known"], 0);
    assert!(!status["warnings"].as_array().expect("warnings").is_empty(), "{status}");
    register(&home, "alice").refused(7, "no_registrars");
}
