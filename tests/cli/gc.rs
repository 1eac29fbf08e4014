//! Posts that everybody has seen, and those that have to make room, on real processes.

use serde_json::Value;

use crate::support::{Net, eventually, folder};

/// Returns how many records lie on a node, as it says itself.
fn records(net: &Net, name: &str) -> u64 {
    let status = net.run(name, &["status"]).ok();
    status["store"]["records"].as_u64().unwrap_or_else(|| panic!("{status}"))
}

/// Returns the texts in the feed of a node, newest first, without looking at them.
fn texts(net: &Net, name: &str) -> Vec<String> {
    let feed = net.run(name, &["feed", "--peek", "-n", "100"]).ok();
    let posts = feed["posts"].as_array().expect("posts").iter();
    posts.filter_map(|post| post["text"].as_str().map(str::to_owned)).collect()
}

fn collecting(dir: &std::path::Path) -> Net {
    let words = ["--bootpeers", "2", "--peers", "4", "--set", "gc.interval=300ms", "--set", "gc.min_age=0s"];
    Net::start(dir, &[&words[..], &["--set", "seen.min_interval=0s"]].concat())
}

#[test]
fn what_all_have_seen_leaves_the_network_and_stays_with_its_readers() {
    let dir = folder();
    let net = collecting(dir.path());
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    let before: Vec<u64> = ["boot-1", "boot-2", "peer-3"].iter().map(|name| records(&net, name)).collect();
    let ids: Vec<Value> =
        (1..=3).map(|i| net.run("peer-1", &["post", &format!("post {i}")]).ok()["id"].clone()).collect();
    net.post_in_feed("peer-2", ids[2].as_str().expect("an id"));
    eventually("bob is shown all three", || {
        net.run("peer-2", &["feed", "-n", "10"]).ok();
        texts(&net, "peer-2").len() == 3
    });
    // Three posts gone; records more say how far bob has read, to alice and to his devices, and how far the log goes.
    for (name, before) in ["boot-1", "boot-2", "peer-3"].iter().zip(before) {
        eventually(&format!("{name} lets go"), || records(&net, name) <= before + 3);
    }
    // Whoever comes now finds nothing of it, and misses nothing.
    net.register("peer-4", "dave");
    net.run("peer-4", &["follow", "alice"]).ok();
    net.run("peer-1", &["post", "post 4"]).ok();
    eventually("dave reads what is new", || texts(&net, "peer-4") == ["post 4"]);
    assert_eq!(texts(&net, "peer-2").len(), 4);
    assert_eq!(texts(&net, "peer-1").len(), 4);
    net.stop();
}

#[test]
fn the_eleventh_post_makes_room() {
    let dir = folder();
    let net = collecting(dir.path());
    net.register("peer-1", "alice");
    for i in 1..=12 {
        net.run("peer-1", &["post", &format!("post {i}")]).ok();
    }
    net.register("peer-4", "dave");
    net.run("peer-4", &["follow", "alice"]).ok();
    let ten: Vec<String> = (3..=12).rev().map(|i| format!("post {i}")).collect();
    eventually("dave reads the latest ten", || {
        let read = texts(&net, "peer-4");
        ten.iter().all(|text| read.contains(text))
    });
    // A node that comes later still finds these ten and no more.
    eventually("the oldest two are gone", || {
        net.run("peer-4", &["unfollow", "alice"]).ok();
        net.run("peer-4", &["follow", "alice"]).ok();
        texts(&net, "peer-4") == ten
    });
    assert_eq!(texts(&net, "peer-1").len(), 12);
    net.stop();
}
