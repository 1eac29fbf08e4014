//! The delivery ledger on real processes: a follower is away and comes back, the author's node dies.

use serde_json::{Value, json};

use crate::support::{Net, eventually, folder, restart, timeline};

/// What a ledger says of followers.
fn receipts(ledger: &Value) -> (u64, u64, u64, Vec<&str>) {
    let number = |field: &str| ledger[field].as_u64().unwrap_or_else(|| panic!("{ledger}"));
    let owed = ledger["owed"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    (number("followers"), number("received"), number("seen"), owed)
}

#[test]
fn a_ledger_says_who_has_not_received_a_post() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "3", "--set", "seen.min_interval=0s"]);
    for (node, who) in [("peer-1", "alice"), ("peer-2", "bob"), ("peer-3", "carol")] {
        net.register(node, who);
    }
    for node in ["peer-2", "peer-3"] {
        eventually("the follow is published", || net.run(node, &["follow", "alice"]).ok()["queued"] == false);
    }
    net.kill("peer-3");
    let post = net.run("peer-1", &["post", "who has this?"]).ok();
    let id = post["id"].as_str().expect("an id");
    let ledger = || net.run("peer-1", &["ledger", &id[..10]]).ok();
    let says = |what: &str, expected: (u64, u64, u64, Vec<&str>)| {
        eventually(what, || {
            let ledger = ledger();
            ledger["complete"] == true && receipts(&ledger) == expected
        });
    };
    says("nobody has looked", (2, 0, 0, vec!["bob", "carol"]));
    net.post_in_feed("peer-2", id);
    net.run("peer-2", &["feed"]).ok();
    says("bob has seen it", (2, 1, 1, vec!["carol"]));
    let page = net.run("peer-1", &["ledger", id, "-n", "1"]).ok();
    assert_eq!((&page["count"], &page["next"], &page["state"]), (&json!(1), &json!(null), &json!("published")));
    let text = timeline().arg("--data-dir").arg(net.dir("peer-1")).args(["ledger", id]).output().expect("runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("2 followers · received by 1 · seen by 1\nnot received by 1: @carol"), "{text}");

    net.run("peer-2", &["ledger", id]).refused(6, "not_author");
    net.run("peer-1", &["ledger", "00000000"]).refused(5, "no_such_post");
    net.run("peer-1", &["ledger", "0"]).refused(2, "usage");

    // The author's node dies as well, and knows all of it when it is back.
    let before = ledger();
    net.kill("peer-1");
    restart(dir.path(), "peer-1").ok();
    assert_eq!(ledger()["replicas"]["wanted"].as_u64().map(|wanted| wanted > 0), Some(true), "{before}");
    restart(dir.path(), "peer-3").ok();
    net.post_in_feed("peer-3", id);
    net.run("peer-3", &["feed"]).ok();
    says("carol is back and has seen it", (2, 2, 2, vec![]));
    net.stop();
}
