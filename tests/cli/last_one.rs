//! Of three bootpeers and eight peers one bootpeer is left: whoever comes then reads everything. Then all start again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Net, PASSWORD, eventually, folder, lone_peer, run};

/// Who lives where.
const PEOPLE: [(&str, &str); 4] = [("peer-1", "alice"), ("peer-3", "bob"), ("peer-5", "carol"), ("peer-8", "dave")];
/// Who follows whom.
const FOLLOWS: [(&str, &[&str]); 4] =
    [("alice", &["bob", "carol", "dave"]), ("bob", &["alice"]), ("carol", &["alice", "bob"]), ("dave", &["carol"])];
/// How many posts each of them publishes.
const POSTS: usize = 4;

/// The texts of everybody's posts, newest first.
type Published = BTreeMap<&'static str, Vec<String>>;

#[test]
fn the_last_bootpeer_has_everything_and_so_have_all_after_a_restart() {
    everything_is_there("20");
}

/// Replica sets are smaller than the network: no peer holds everything.
#[test]
fn the_last_bootpeer_has_everything_of_a_network_larger_than_k() {
    everything_is_there("3");
}

fn everything_is_there(k: &str) {
    let dir = folder();
    let setting = format!("k={k}");
    let words = ["--bootpeers", "3", "--peers", "8", "--network-set", &setting];
    let net = Net::start(dir.path(), &words);
    let mut published = live(&net);
    for name in net.names().iter().filter(|name| *name != "boot-3") {
        net.kill(name);
    }

    let fresh = folder();
    let invite = net.run("boot-3", &["network", "show"]).ok()["invite"].as_str().expect("a line").to_owned();
    run(fresh.path(), &["join", &invite], "").ok();
    let node = lone_peer(fresh.path());
    shows_everything(fresh.path(), "a fresh peer", &published);
    eventually("alice logs in on the fresh peer", || login(fresh.path()));
    shows_feed(fresh.path(), "alice", "a fresh peer", &published);
    drop(node);
    net.stop();

    let net = Net::start(dir.path(), &words);
    for (node, who) in PEOPLE {
        assert_eq!(net.run(node, &["whoami"]).ok()["username"], who, "on {node}");
        shows_feed(&net.dir(node), who, node, &published);
    }
    for node in ["peer-2", "peer-7", "boot-1"] {
        shows_everything(&net.dir(node), node, &published);
    }
    // It goes on where it was: what is posted now is one more.
    for (node, who) in PEOPLE {
        let text = format!("{who} is back");
        assert_eq!(net.run(node, &["post", &text]).ok()["state"], "published");
        published.get_mut(who).expect("known").insert(0, text);
    }
    for (node, who) in PEOPLE {
        shows_feed(&net.dir(node), who, node, &published);
    }
    let _node = lone_peer(fresh.path());
    assert_eq!(run(fresh.path(), &["whoami"], "").ok()["username"], "alice");
    shows_feed(fresh.path(), "alice", "the peer that is fresh no more", &published);
    net.stop();
}

/// People register, follow and post, and one post of each is deleted; returns what is left.
fn live(net: &Net) -> Published {
    for (node, who) in PEOPLE {
        net.register(node, who);
    }
    for ((node, _), (who, whom)) in PEOPLE.iter().zip(FOLLOWS) {
        for other in whom {
            let said = net.run(node, &["follow", other]).ok();
            assert_eq!(said, json!({ "username": other, "state": "following", "queued": false }), "{who}");
        }
    }
    let mut published = Published::new();
    for i in 0..POSTS {
        for (node, who) in PEOPLE {
            let text = format!("post {i} of {who}");
            let post = net.run(node, &["post", &text]).ok();
            assert_eq!(post["state"], "published", "{post}");
            let id = post["id"].as_str().expect("an id");
            if i == 1 {
                assert_eq!(net.run(node, &["delete", id]).ok()["state"], "deleted");
            } else {
                published.entry(who).or_default().insert(0, text);
            }
        }
    }
    published
}

fn login(dir: &Path) -> bool {
    run(dir, &["login", "alice", "--password-stdin"], PASSWORD).exit == 0
}

fn texts(answer: &Value) -> Vec<String> {
    let posts = answer["posts"].as_array().cloned().unwrap_or_default();
    posts.iter().filter_map(|post| post["text"].as_str().map(str::to_owned)).collect()
}

fn names(answer: &Value) -> BTreeSet<String> {
    let users = answer["users"].as_array().cloned().unwrap_or_default();
    users.iter().filter_map(|user| user["username"].as_str().map(str::to_owned)).collect()
}

/// Every account, its page, whom it follows and who follows it, on a node where nobody is logged in.
#[track_caller]
fn shows_everything(dir: &Path, at: &str, published: &Published) {
    for (who, whom) in FOLLOWS {
        let mut page = Value::Null;
        eventually(&format!("{at} has the page of {who}"), || {
            page = run(dir, &["user", who], "").json;
            texts(&page) == published[who]
        });
        let following: BTreeSet<String> = whom.iter().map(|name| (*name).to_owned()).collect();
        eventually(&format!("{at} knows whom {who} follows"), || {
            names(&run(dir, &["following", who], "").json) == following
        });
        let of_who = |(_, whom): &&(&str, &[&str])| whom.contains(&who);
        let followers: BTreeSet<String> = FOLLOWS.iter().filter(of_who).map(|(name, _)| (*name).to_owned()).collect();
        eventually(&format!("{at} knows who follows {who}"), || {
            names(&run(dir, &["followers", who], "").json) == followers
        });
    }
    let all: BTreeSet<String> = PEOPLE.iter().map(|(_, who)| (*who).to_owned()).collect();
    eventually(&format!("{at} has the directory"), || names(&run(dir, &["users"], "").json) == all);
}

/// The feed of somebody is what they and those whom they follow published, whole and without a gap.
#[track_caller]
fn shows_feed(dir: &Path, who: &str, at: &str, published: &Published) {
    let (_, whom) = FOLLOWS.iter().find(|(name, _)| *name == who).expect("known");
    let expected: BTreeSet<&String> = whom.iter().chain([&who]).flat_map(|name| &published[*name]).collect();
    let mut feed = Value::Null;
    eventually(&format!("{at} has the feed of {who}"), || {
        feed = run(dir, &["feed", "--peek", "-n", "100"], "").json;
        texts(&feed).iter().collect::<BTreeSet<_>>() == expected && feed["complete"] == true
    });
    assert_eq!(texts(&feed).len(), expected.len(), "nothing twice: {feed}");
    assert_eq!(feed["missing"], json!([]), "{feed}");
}
