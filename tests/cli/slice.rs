//! Two people on a real network: follow, post, see it at once; then nodes die, and the post is still there.

use crate::support::{Net, SOON, eventually, folder};

/// The whole way with k = 20: everybody is a replica of everything.
#[test]
fn a_post_outlives_its_authors_node_in_a_small_network() {
    whole_way("20");
}

/// The whole way with k = 3: replica sets are smaller than the network, lookups are real.
#[test]
fn a_post_outlives_its_authors_node_in_a_network_larger_than_k() {
    whole_way("3");
}

fn whole_way(k: &str) {
    let dir = folder();
    let setting = format!("k={k}");
    let words = ["--bootpeers", "3", "--peers", "5", "--network-set", &setting];
    let net = Net::start(dir.path(), &words);
    assert_eq!(net.names().len(), 8);

    let alice = net.register("peer-1", "alice");
    let bob = net.register("peer-2", "bob");
    assert_ne!(alice["account_id"], bob["account_id"]);
    assert_eq!(net.run("peer-2", &["whoami"]).ok()["username"], "bob");

    let follow = net.run("peer-2", &["follow", "alice"]).ok();
    assert_eq!((follow["state"].as_str(), follow["queued"].as_bool()), (Some("following"), Some(false)));

    let mut watch = net.watch("peer-2");
    eventually("alice's node knows that bob is online", || {
        let probe = net.run("peer-1", &["post", "are you there?"]).ok();
        assert_eq!(probe["state"], "published", "{probe}");
        probe["delivered"]["acked"] == 1
    });
    let post = net.run("peer-1", &["post", "hello, bob"]).ok();
    let id = post["id"].as_str().expect("an id").to_owned();
    assert_eq!((post["state"].as_str(), post["delivered"]["acked"].as_u64()), (Some("published"), Some(1)), "{post}");
    let line = watch.lines.until("line of the post", SOON, |v| v["post"]["id"] == id.as_str());
    assert_eq!(line["post"]["text"], "hello, bob");
    assert_eq!(line["post"]["author"]["username"], "alice");
    // Bob's node may be a replica of alice's home too: whichever way is first counts.
    assert!(["direct", "replica"].contains(&line["post"]["via"].as_str().unwrap_or_default()), "{line}");
    assert_eq!(watch.end("INT"), Some(0));
    let lines = watch.lines.rest();
    assert_eq!(lines.iter().filter(|v| v["post"]["id"] == id.as_str()).count(), 1, "shown once: {lines:?}");

    net.kill("peer-1");
    net.login("peer-3", "bob").ok();
    let read = net.post_in_feed("peer-3", &id);
    assert_eq!((read["text"].as_str(), read["via"].as_str()), (Some("hello, bob"), Some("replica")));

    // What bob publishes now has to survive as well.
    let answer = net.run("peer-3", &["post", "hello, alice"]).ok();
    assert_eq!(answer["state"], "published", "{answer}");
    let answer_id = answer["id"].as_str().expect("an id");

    for name in net.names().iter().filter(|name| *name != "boot-2" && *name != "peer-1") {
        net.kill(name);
    }
    eventually("bob logs in on the last bootpeer", || net.login("boot-2", "bob").exit == 0);
    net.post_in_feed("boot-2", &id);
    net.post_in_feed("boot-2", answer_id);
    net.run("boot-2", &["logout"]).ok();
    net.stop();

    let net = Net::start(dir.path(), &words);
    assert_eq!(net.run("peer-1", &["whoami"]).ok()["username"], "alice");
    assert_eq!(net.run("peer-2", &["whoami"]).ok()["username"], "bob");
    net.post_in_feed("peer-2", &id);
    net.post_in_feed("peer-2", answer_id);
    let again = net.run("peer-1", &["post", "I am back"]).ok();
    assert_eq!(again["state"], "published", "{again}");
    net.post_in_feed("peer-2", again["id"].as_str().expect("an id"));
    net.post_in_feed("peer-3", again["id"].as_str().expect("an id"));
    net.stop();
}
