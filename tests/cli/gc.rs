//! Posts that everybody has seen, and those that have to make room, on real processes.

use serde_json::Value;

use crate::support::{Net, eventually, folder, lone_peer, restart, run};

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

fn collecting(dir: &std::path::Path, peers: &str) -> Net {
    let words = ["--bootpeers", "2", "--peers", peers, "--set", "gc.interval=300ms", "--set", "gc.min_age=0s"];
    Net::start(dir, &[&words[..], &["--set", "seen.min_interval=0s"]].concat())
}

#[test]
fn what_all_have_seen_leaves_the_network_and_stays_with_its_readers() {
    let dir = folder();
    let net = collecting(dir.path(), "4");
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
    let net = collecting(dir.path(), "4");
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

/// Returns the texts of somebody's posts that a node holds for others, oldest first.
fn held(net: &Net, name: &str, who: &str) -> Vec<String> {
    of_page(net.run(name, &["user", who, "--local"]).ok())
}

fn of_page(page: Value) -> Vec<String> {
    let posts = page["posts"].as_array().unwrap_or_else(|| panic!("no posts: {page}")).iter();
    posts.rev().filter_map(|post| post["text"].as_str().map(str::to_owned)).collect()
}

fn post(net: &Net, name: &str, text: &str) -> String {
    let posted = net.run(name, &["post", text]).ok();
    assert_eq!(posted["state"], "published", "{posted}");
    posted["id"].as_str().expect("an id").to_owned()
}

/// Waits until both bootpeers hold exactly these posts of somebody.
#[track_caller]
fn left(net: &Net, who: &str, texts: &[String]) {
    for name in ["boot-1", "boot-2"] {
        eventually(&format!("{name} holds {texts:?} of {who}"), || held(net, name, who) == texts);
    }
}

fn numbered(what: &str, numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|n| format!("{what} {n}")).collect()
}

/// Who is where: alice on two nodes, and a replica where nobody is logged in.
fn crowd(net: &Net) {
    for (name, who) in [("peer-1", "alice"), ("peer-2", "bob"), ("peer-3", "carol"), ("peer-5", "dave")] {
        net.register(name, who);
    }
    net.login("peer-4", "alice").ok();
    for (name, whom) in [("peer-2", "alice"), ("peer-2", "dave"), ("peer-3", "dave")] {
        net.run(name, &["follow", whom]).ok();
    }
}

fn whoever_unfollows_is_not_waited_for(net: &Net) {
    let waits = post(net, "peer-5", "for bob and carol");
    let goes = post(net, "peer-1", "for bob alone");
    net.post_in_feed("peer-2", &waits);
    net.post_in_feed("peer-2", &goes);
    net.run("peer-2", &["feed"]).ok();
    left(net, "alice", &[]);
    left(net, "dave", &["for bob and carol".to_owned()]);
    net.run("peer-3", &["unfollow", "dave"]).ok();
    left(net, "dave", &[]);
}

/// Carol never returns: nothing of alice's goes before there is too much of it. Bob looks at what came last, that is all of
/// her second device's, and not at what her first one has written.
fn whoever_never_returns_is_waited_for_until_the_cap(net: &Net) {
    net.run("peer-3", &["follow", "alice"]).ok();
    net.kill("peer-3");
    numbered("first device", 1..=5).iter().for_each(|text| drop(post(net, "peer-1", text)));
    for text in numbered("second device", 1..=5) {
        net.post_in_feed("peer-2", &post(net, "peer-4", &text));
    }
    let last = post(net, "peer-5", "seen with these");
    net.post_in_feed("peer-2", &last);
    let ten = [numbered("first device", 1..=5), numbered("second device", 1..=5)].concat();
    for (who, texts) in [("dave", &["seen with these".to_owned()][..]), ("alice", &ten)] {
        eventually("the replica has all", || held(net, "peer-6", who) == texts);
    }
    net.kill("peer-6");
    assert_eq!(net.run("peer-2", &["feed", "-n", "6"]).ok()["posts"].as_array().map(Vec::len), Some(6));
    // Bob has said what he has seen, and the network knows all of it.
    left(net, "dave", &[]);
    eventually("bob has said all", || net.run("peer-2", &["status"]).ok()["outbox"] == 0);
    left(net, "alice", &ten);
}

/// Half of the followers have seen each post of the second device: of these the oldest go, though older ones are there.
fn of_those_seen_by_equally_many_the_oldest_go(net: &Net) -> Vec<String> {
    numbered("second device", 6..=7).iter().for_each(|text| drop(post(net, "peer-4", text)));
    let ten = [numbered("first device", 1..=5), numbered("second device", 3..=7)].concat();
    left(net, "alice", &ten);
    ten
}

fn a_replica_that_was_away_brings_nothing_back(net: &Net, dir: &std::path::Path, ten: &[String]) {
    restart(dir, "peer-6").ok();
    eventually("the replica has the same", || {
        held(net, "peer-6", "dave").is_empty() && held(net, "peer-6", "alice") == ten
    });
    let home = folder();
    let network = net.run("peer-1", &["network", "show"]).ok();
    run(home.path(), &["join", network["invite"].as_str().expect("a line")], "").ok();
    let _fresh = lone_peer(home.path());
    for at in [net.dir("peer-6"), home.path().to_owned()] {
        let read = |who| of_page(run(&at, &["user", who], "").ok());
        eventually("the fresh peer reads", || read("alice") == ten);
        assert!(read("dave").is_empty());
    }
    left(net, "alice", ten);
    left(net, "dave", &[]);
}

#[test]
fn followers_who_leave_die_or_look_elsewhere_and_a_replica_that_was_away() {
    let dir = folder();
    let net = collecting(dir.path(), "6");
    crowd(&net);
    whoever_unfollows_is_not_waited_for(&net);
    whoever_never_returns_is_waited_for_until_the_cap(&net);
    let ten = of_those_seen_by_equally_many_the_oldest_go(&net);
    a_replica_that_was_away_brings_nothing_back(&net, dir.path(), &ten);
    net.stop();
}
