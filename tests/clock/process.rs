//! Nodes as processes, with time servers of all sorts.

use std::path::Path;

use serde_json::Value;

use crate::servers::{Manner, Server};
use crate::support::{Net, PASSWORD, Running, SOON, eventually, folder, run};

/// Starts a peer that asks these servers, with further settings.
pub fn peer_with(home: &Path, servers: &[&str], set: &[&str]) -> Running {
    let servers = format!("clock.servers={servers:?}");
    let mut words = vec!["peer", "--headless", "--listen", "127.0.0.1:0", "--set", &servers];
    set.iter().for_each(|set| words.extend(["--set", set]));
    let mut running = Running::start(Some(home), &words);
    running.lines.until("ready line", SOON, |v| v["ready"] == true);
    running
}

/// Waits until the clock in the status of a node is as wanted, and returns that status.
#[track_caller]
pub fn status_where(home: &Path, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut status = Value::Null;
    eventually(what, || {
        status = run(home, &["status"], "").json;
        wanted(&status["clock"])
    });
    status
}

fn warnings(status: &Value) -> Vec<&str> {
    status["warnings"].as_array().expect("a list").iter().filter_map(|w| w["code"].as_str()).collect()
}

fn offset_near(clock: &Value, ms: i64) -> bool {
    clock["offset_ms"].as_i64().is_some_and(|offset| (offset - ms).abs() < 1000)
}

#[test]
fn one_liar_among_three_servers_is_outvoted_and_a_liar_alone_is_believed() {
    let dir = folder();
    let (one, two, liar) =
        (Server::start(Manner::Ahead(0)), Server::start(Manner::Ahead(2)), Server::start(Manner::Ahead(3_600_000)));
    let home = dir.path().join("outvoted");
    let _outvoted = peer_with(&home, &[&liar.name(), &one.name(), &two.name()], &[]);
    let status = status_where(&home, "a majority is believed", |clock| clock["source"] == "time servers");
    assert!(offset_near(&status["clock"], 0) && status["clock"]["server"] != liar.name(), "{status}");
    let home = dir.path().join("alone");
    let _alone = peer_with(&home, &[&liar.name()], &[]);
    let status = status_where(&home, "the only server is believed", |clock| clock["source"] == "time servers");
    assert!(offset_near(&status["clock"], 3_600_000), "{status}");
}

#[test]
fn servers_that_give_no_time_leave_the_systems_time_and_a_warning() {
    let dir = folder();
    let (forged, kiss) = (Server::start(Manner::Forged), Server::start(Manner::Kiss));
    let (liar, honest) = (Server::start(Manner::Ahead(-3_600_000)), Server::start(Manner::Ahead(0)));
    for (name, servers) in [("none", vec![forged.name(), kiss.name()]), ("quarrel", vec![liar.name(), honest.name()])] {
        let home = dir.path().join(name);
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let _peer = peer_with(&home, &servers, &[]);
        eventually("the warning", || warnings(&run(&home, &["status"], "").ok()).contains(&"no_time_server"));
        let clock = &run(&home, &["status"], "").ok()["clock"];
        let shown = (clock["source"].as_str(), clock["server"].is_null(), clock["offset_ms"].is_null());
        assert_eq!(shown, (Some("system time"), true, true), "{clock}");
        // None agreed yet, but a day has not passed either.
        assert_eq!(clock["in_doubt"], false, "{clock}");
    }
}

#[test]
fn a_clock_an_hour_off_is_told_to_its_user_and_posts_wait_until_it_is_right() {
    let dir = folder();
    let net = Net::start(&dir.path().join("net"), &["--peers", "2"]);
    let invite = net.run("peer-1", &["network", "show"]).ok()["invite"].as_str().expect("an invite").to_owned();
    let server = Server::start(Manner::Ahead(0));
    let home = dir.path().join("home");
    run(&home, &["join", &invite], "").ok();
    let _peer = peer_with(&home, &[&server.name()], &["clock.interval=15s"]);
    status_where(&home, "the server is asked", |clock| clock["source"] == "time servers");
    run(&home, &["register", "alice", "--password-stdin"], PASSWORD).ok();
    assert_eq!(run(&home, &["post", "in time"], "").ok()["state"], "published");

    server.turn(Manner::Ahead(3_600_000));
    let status = status_where(&home, "the peers are not believed to be wrong", |clock| clock["in_doubt"] == true);
    assert!(warnings(&status).contains(&"clock_in_doubt"), "{status}");
    let warning = status["warnings"].as_array().expect("a list").iter().find(|w| w["code"] == "clock_in_doubt");
    assert!(warning.is_some_and(|w| !w["hint"].as_str().unwrap_or_default().is_empty()), "{status}");
    assert_eq!(run(&home, &["post", "waits"], "").ok()["state"], "queued");
    let shown = run(&home, &["status"], "").ok();
    assert!(shown["outbox"].as_u64() >= Some(1), "{shown}");
    run(&home, &["logout"], "").ok();
    run(&home, &["register", "bob", "--password-stdin"], PASSWORD).refused(7, "clock_in_doubt");

    server.turn(Manner::Ahead(0));
    status_where(&home, "the clock is right again", |clock| clock["in_doubt"] == false);
    eventually("what waited is sent", || run(&home, &["status"], "").ok()["outbox"] == 0);
    run(&home, &["register", "bob", "--password-stdin"], PASSWORD).ok();
    net.stop();
}
