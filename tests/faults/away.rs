//! Nodes that were away: stopped for longer than connections live, or moved to another address while they run.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lan::Lan;
use crate::support::{Net, SOON, Said, eventually, folder, signal, within};

/// Connections end that were silent for 30 s.
const STOPPED: Duration = Duration::from_secs(35);
/// Posts of which one has to come by itself: the first ones may be on their way to where the reader was.
const TRIES: usize = 6;

fn id_of(said: Said) -> String {
    let said = said.ok();
    assert_eq!(said["state"], "published", "{said}");
    said["id"].as_str().expect("an id").to_owned()
}

/// Waits until posts of an author come to a reader from the author's own node.
#[track_caller]
fn comes_directly(author: &str, reader: &str, run: impl Fn(&str, &[&str]) -> Said) {
    let mut via = Vec::new();
    for n in 0..TRIES {
        let id = id_of(run(author, &["post", &format!("{author} tries {n}")]));
        let mut found = Value::Null;
        eventually(&format!("{id} in the feed of {reader}"), || {
            let feed = run(reader, &["feed", "--peek", "-n", "100"]).ok();
            found = feed["posts"].as_array().into_iter().flatten().find(|post| post["id"] == *id).cloned().into();
            !found.is_null()
        });
        via.push(found["via"].clone());
        if found["via"] == "direct" {
            return;
        }
    }
    panic!("no post of {author} came to {reader} directly: {via:?}");
}

/// Waits until a reader has posts, and says that nothing is missing.
#[track_caller]
fn is_complete(test: &str, reader: &str, posts: &BTreeSet<String>, run: impl Fn(&str, &[&str]) -> Said) {
    let (began, mut feed) = (Instant::now(), Value::Null);
    let complete = within(SOON, || {
        feed = run(reader, &["feed", "--peek", "-n", "100"]).ok();
        let here: BTreeSet<&str> =
            feed["posts"].as_array().into_iter().flatten().filter_map(|post| post["id"].as_str()).collect();
        posts.iter().all(|id| here.contains(&**id)) && feed["complete"] == true && feed["missing"] == json!([])
    });
    assert!(complete, "the feed of {reader} is not complete within {SOON:?}: {feed}");
    eprintln!("{test}: the feed of {reader} is complete after {:?}", began.elapsed());
}

pub fn a_node_that_was_stopped_for_longer_than_connections_live_catches_up(test: &str) {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "3"]);
    let run = |node: &str, words: &[&str]| net.run(node, words);
    for (node, who) in [("peer-1", "alice"), ("peer-2", "bob"), ("peer-3", "carol")] {
        net.register(node, who);
    }
    for who in ["alice", "bob"] {
        eventually(&format!("carol follows {who}"), || run("peer-3", &["follow", who]).json["queued"] == false);
    }
    comes_directly("peer-1", "peer-3", run);
    signal(net.pid("peer-3"), "STOP");
    let stopped = Instant::now();
    let mut posts = BTreeSet::new();
    for n in 0..3 {
        for author in ["peer-1", "peer-2"] {
            posts.insert(id_of(run(author, &["post", &format!("{author} meanwhile {n}")])));
        }
    }
    sleep(STOPPED.saturating_sub(stopped.elapsed()));
    posts.insert(id_of(run("peer-1", &["post", "one more"])));
    signal(net.pid("peer-3"), "CONT");
    is_complete(test, "peer-3", &posts, run);
    comes_directly("peer-1", "peer-3", run);
    comes_directly("peer-2", "peer-3", run);
}

pub fn a_node_whose_address_changes_catches_up_and_is_reached_at_the_new_one(test: &str) {
    let Some(lan) = Lan::start(test, 1, &["alice", "bob", "carol"]) else { return };
    lan.register();
    let run = |node: &str, words: &[&str]| lan.run(node, words);
    for who in ["alice", "bob"] {
        eventually(&format!("carol follows {who}"), || run("carol", &["follow", who]).json["queued"] == false);
    }
    comes_directly("alice", "carol", run);
    let mut posts = BTreeSet::new();
    for round in 0..2 {
        let address = lan.hosts.readdress("carol", 101 + round, || {
            // Carol's machine is on its way.
            for author in ["alice", "bob"] {
                posts.insert(id_of(run(author, &["post", &format!("{author} meanwhile {round}")])));
            }
        });
        for author in ["alice", "bob"] {
            posts.insert(id_of(run(author, &["post", &format!("{author} just then {round}")])));
        }
        is_complete(test, "carol", &posts, run);
        comes_directly("alice", "carol", run);
        comes_directly("bob", "carol", run);
        eventually("the bootpeer knows the new address", || {
            let peers = run("boot-1", &["peers"]).ok();
            let text = peers.to_string();
            text.contains(&address)
        });
    }
}
