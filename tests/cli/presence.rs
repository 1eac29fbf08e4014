//! Who is online, as others see it: after a start, after a kill, after a logout and after a clean end.

use std::time::Duration;

use serde_json::Value;

use crate::mastodon::Door;
use crate::support::{Net, SOON, eventually, folder, restart, signal, within};

/// How long a killed node may still look alive: 60 s by design; more only so that a busy machine fails no test.
const SILENCE: Duration = Duration::from_secs(90);
/// A goodbye is seen at once; less than the 24 s after which a holder that missed it asks.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Returns what a list, or a page, says about somebody.
fn online(answer: &Value, who: &str) -> Value {
    if answer["username"] == who && answer["online"].is_boolean() {
        return answer["online"].clone();
    }
    let users = answer["users"].as_array().cloned().unwrap_or_default();
    users.into_iter().find(|user| user["username"] == who).map_or(Value::Null, |user| user["online"].clone())
}

/// Every way in which others are told whether alice is online.
const WAYS: [(&str, &[&str]); 8] = [
    ("peer-2", &["user", "alice"]),
    ("peer-2", &["following"]),
    ("peer-2", &["followers"]),
    ("peer-3", &["user", "alice"]),
    ("peer-3", &["following"]),
    // Somebody else's list, and a node where nobody is logged in.
    ("peer-3", &["followers", "bob"]),
    ("boot-2", &["user", "alice"]),
    ("boot-2", &["users", "al"]),
];

/// Returns the first way that tells something else than `expected`, with what it tells.
fn otherwise(net: &Net, expected: bool) -> Option<String> {
    for (node, words) in WAYS {
        let said = net.run(node, words).json;
        if online(&said, "alice") != expected {
            return Some(format!("{} on {node}: {said}", words.join(" ")));
        }
    }
    let account = Door::of(net, "peer-3").get("v1/accounts/lookup?acct=alice");
    (account["timeline"]["online"] != expected).then(|| format!("client API: {account}"))
}

#[track_caller]
fn alice_shows(net: &Net, limit: Duration, expected: bool, when: &str) {
    let mut other = None;
    let reached = within(limit, || {
        other = otherwise(net, expected);
        other.is_none()
    });
    assert!(reached, "not within {limit:?} {when}: alice is online to all: {expected}; {other:?}");
}

/// Alice and bob follow each other on nodes of their own; carol, on a third, follows alice.
fn three_friends(dir: &std::path::Path) -> Net {
    let net = Net::start(dir, &["--bootpeers", "2", "--peers", "4"]);
    for (node, who) in [("peer-1", "alice"), ("peer-2", "bob"), ("peer-3", "carol")] {
        net.register(node, who);
    }
    for (node, whom) in [("peer-2", "alice"), ("peer-3", "alice"), ("peer-1", "bob")] {
        net.run(node, &["follow", whom]).ok();
    }
    alice_shows(&net, SOON, true, "after the start");
    net
}

#[test]
fn whoever_is_killed_shows_as_offline_within_a_minute_and_nobody_else_does() {
    let dir = folder();
    let net = three_friends(dir.path());
    net.kill("peer-1");
    alice_shows(&net, SILENCE, false, "after the kill");
    for (node, who) in [("peer-3", "bob"), ("peer-2", "carol")] {
        eventually(&format!("{who} is still online"), || net.run(node, &["user", who]).json["online"] == true);
    }
    // On another node she is online again.
    net.login("peer-4", "alice").ok();
    alice_shows(&net, SOON, true, "after a login elsewhere");
    net.stop();
}

/// Silence alone would take longer to be noticed than this test waits.
#[test]
fn whoever_leaves_shows_as_offline_at_once() {
    let dir = folder();
    let net = three_friends(dir.path());
    net.run("peer-1", &["logout"]).ok();
    alice_shows(&net, AT_ONCE, false, "after the logout");
    net.login("peer-1", "alice").ok();
    alice_shows(&net, SOON, true, "after the next login");

    // With two devices she is online until the second has left.
    net.login("peer-4", "alice").ok();
    net.run("peer-1", &["logout"]).ok();
    alice_shows(&net, SOON, true, "while another device is there");
    net.run("peer-4", &["stop"]).ok();
    alice_shows(&net, AT_ONCE, false, "after the clean end of her last node");

    let mut page = crate::terminal::Terminal::menu(&net.dir("peer-2"));
    let said = page.choose("9", &[("Whose page: ", "alice")]);
    assert!(said.contains("offline · 2 followers"), "{said}");
    let said = page.choose("4", &[]);
    assert!(said.contains("@alice  offline"), "{said}");
    page.press("\u{4}");
    assert_eq!(page.end(), 0);
    net.stop();
}

/// Soon after a start a node has told others of its user than those it settles on in the end.
#[test]
fn whoever_leaves_right_after_a_crash_and_a_restart_shows_as_offline_at_once() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "3", "--peers", "4"]);
    for (node, who) in [("peer-1", "alice"), ("peer-2", "bob"), ("peer-3", "carol")] {
        net.register(node, who);
    }
    net.run("peer-2", &["follow", "alice"]).ok();
    net.run("peer-3", &["follow", "bob"]).ok();
    let others: Vec<String> = net.names().into_iter().filter(|name| name != "peer-2").collect();
    let sees = |name: &String| online(&net.run(name, &["user", "bob"]).json, "bob");
    // A list with bob in it, of somebody who does not follow him, and has asked nobody where he is.
    let listed = || online(&net.run("peer-1", &["followers"]).json, "bob");
    eventually("bob is online", || listed() == true && others.iter().all(|name| sees(name) == true));
    net.kill("peer-2");
    for round in 1..=2 {
        let pid = restart(dir.path(), "peer-2").ok()["pid"].to_string();
        eventually("bob is online again", || listed() == true);
        net.run("peer-2", &["logout"]).ok();
        let mut late = Vec::new();
        let reached = within(AT_ONCE, || {
            late = others.iter().filter(|name| sees(name) != false).collect();
            listed() == false && late.is_empty()
        });
        assert!(
            reached,
            "not within {AT_ONCE:?}, round {round}: bob is offline to {late:?} and in the list {}",
            listed()
        );
        net.login("peer-2", "bob").ok();
        signal(pid.parse().expect("a number"), "KILL");
    }
    net.stop();
}
