//! Commands about posts on real processes: profile, reply, delete, show, thread, tag, search, mentions, outbox, and the watched feed.

use serde_json::{Value, json};

use crate::support::{Net, SOON, eventually, folder, run};

fn texts(answer: &Value) -> Vec<&str> {
    answer["posts"].as_array().expect("a list of posts").iter().filter_map(|post| post["text"].as_str()).collect()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

/// A bootpeer, and two people who know nothing of each other yet.
fn alice_and_bob(dir: &std::path::Path) -> Net {
    let net = Net::start(dir, &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net
}

#[test]
fn a_conversation_is_held_and_ends() {
    let dir = folder();
    let net = alice_and_bob(dir.path());
    let alice = |words: &[&str]| net.run("peer-1", words);
    let bob = |words: &[&str]| net.run("peer-2", words);
    bob(&["follow", "alice"]).ok();
    let first = id(&alice(&["post", "Who knows #Rust and #語?"]).ok());
    net.post_in_feed("peer-2", &first);

    let reply = bob(&["post", "I do, @alice", "--reply-to", &first[..8]]).ok();
    let reply = id(&reply);
    let shown = bob(&["show", &reply[..12]]).ok()["post"].clone();
    assert_eq!((shown["text"].as_str(), shown["reply_to"].as_str()), (Some("I do, @alice"), Some(first.as_str())));
    assert_eq!(shown["mentions"], json!(["alice"]));
    assert_eq!(bob(&["show", &first]).ok()["post"]["tags"], json!(["rust", "語"]));
    let thread = bob(&["thread", &reply[..8]]).ok();
    assert_eq!((&thread["post"]["id"], &thread["ancestors"][0]["id"]), (&json!(reply), &json!(first)));
    eventually("the author sees the reply in the conversation", || {
        alice(&["thread", &first]).json["replies"][0]["id"] == reply.as_str()
    });

    // Who is named learns of it without following anybody.
    eventually("the mention arrives", || texts(&alice(&["mentions"]).ok()) == ["I do, @alice"]);
    assert_eq!(bob(&["mentions"]).ok(), json!({ "posts": [], "next": null }));

    assert_eq!(texts(&bob(&["tag", "#RUST"]).ok()), ["Who knows #Rust and #語?"]);
    assert_eq!(texts(&bob(&["tag", "語"]).ok()).len(), 1);
    assert_eq!(texts(&bob(&["tag", "nothing_like_it"]).ok()), [""; 0]);
    assert_eq!(texts(&bob(&["search", "i do"]).ok()), ["I do, @alice"]);
    assert_eq!(texts(&run(&net.dir("peer-2"), &["search", "-"], "who knows\n").ok()).len(), 1);

    // What is wrong is said, and nothing happens.
    for command in ["show", "thread", "delete"] {
        bob(&[command, "00000000"]).refused(5, "no_such_post");
        bob(&[command, "0000000"]).refused(2, "usage");
        bob(&[command, "0000000G"]).refused(2, "usage");
        bob(&[command]).refused(2, "usage");
    }
    bob(&["post", "x", "--reply-to", "00000000"]).refused(5, "no_such_post");
    bob(&["post", "x", "--reply-to", "here"]).refused(2, "usage");
    bob(&["tag", "two words"]).refused(2, "usage");
    bob(&["search", " "]).refused(2, "usage");
    bob(&["search", "x", "-n", "501"]).refused(2, "usage");
    bob(&["mentions", "--cursor", "!"]).refused(2, "usage");
    bob(&["delete", &first]).refused(6, "not_author");

    let mut watch = net.watch("peer-2");
    let second = id(&alice(&["post", "second"]).ok());
    watch.lines.until("the second post", SOON, |line| line["post"]["id"] == second.as_str());
    let deleted = alice(&["delete", &second[..8]]).ok();
    assert_eq!(deleted, json!({ "id": second, "state": "deleted" }));
    watch.lines.until("its deletion", SOON, |line| line["deleted"] == second.as_str());
    assert_eq!(watch.end("INT"), Some(0));
    let is_one_of_three = |line: &Value| {
        line.as_object().is_some_and(|line| line.len() == 1)
            && ["post", "deleted", "missing"].iter().any(|kind| !line[kind].is_null())
    };
    assert!(watch.lines.rest().iter().all(is_one_of_three));
    eventually("nobody shows it any more", || {
        let feed = bob(&["feed", "--peek"]).ok();
        !texts(&feed).contains(&"second") && !texts(&feed).is_empty()
    });
    assert_eq!(bob(&["show", &second]).exit, 5);
    assert_eq!(alice(&["delete", &second]).ok()["state"], "deleted", "twice does no harm");
    net.stop();
}

#[test]
fn a_profile_is_shown_to_others() {
    let dir = folder();
    let net = alice_and_bob(dir.path());
    let alice = |words: &[&str]| net.run("peer-1", words);
    let empty = alice(&["profile"]).ok();
    assert_eq!((&empty["username"], &empty["display_name"], &empty["bio"]), (&json!("alice"), &json!(""), &json!("")));
    alice(&["profile", "--name", "Alice 語", "--bio", "gardens"]).ok();
    let changed = run(&net.dir("peer-1"), &["profile", "--bio", "-"], "gardens\nand trains\n").ok();
    assert_eq!((&changed["display_name"], &changed["bio"]), (&json!("Alice 語"), &json!("gardens\nand trains")));
    eventually("others see it", || {
        let page = net.run("peer-2", &["user", "@alice"]).json;
        page["display_name"] == "Alice 語" && page["bio"] == "gardens\nand trains"
    });
    assert_eq!(alice(&["profile", "--name="]).ok()["display_name"], "");
    assert_ne!(alice(&["profile", "--name", &"x".repeat(5000)]).exit, 0);
    assert_ne!(alice(&["profile", "--name", "bell\u{7}"]).exit, 0);
    alice(&["profile", "--name", "-", "--bio", "-"]).refused(2, "usage");
    assert_eq!(alice(&["profile"]).ok()["bio"], "gardens\nand trains", "what was refused changed nothing");
    alice(&["logout"]).ok();
    let nobodys = "0".repeat(64);
    for words in [
        &["profile"][..],
        &["profile", "--name", "x"],
        &["mentions"],
        &["muted"],
        &["blocked"],
        &["following"],
        &["followers"],
        &["delete", &nobodys],
        &["mute", "bob"],
    ] {
        let said = alice(words);
        assert_eq!((said.exit, &said.json["error"]["code"]), (3, &json!("not_logged_in")), "{words:?}: {said:?}");
    }
    net.stop();
}

#[test]
fn what_the_network_does_not_have_yet_is_in_the_outbox() {
    let dir = folder();
    let net = alice_and_bob(dir.path());
    eventually("the outbox is empty", || net.run("peer-1", &["outbox"]).ok() == json!({ "items": [] }));
    let kept = id(&net.run("peer-1", &["post", "kept"]).ok());
    net.kill("boot-1");
    net.kill("peer-2");
    let post = net.run("peer-1", &["--timeout", "1", "post", "later"]).ok();
    assert_eq!(post["state"], "queued", "{post}");
    let items = net.run("peer-1", &["outbox"]).ok()["items"].clone();
    let item = items.as_array().expect("items").iter().find(|item| item["id"] == post["id"]).expect("the post waits");
    assert_eq!(item["kind"], "post");
    assert!(item["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{item}");
    assert_eq!(item["acked"], 0, "{item}");
    let status = net.run("peer-1", &["status"]).ok();
    assert!(status["outbox"].as_u64() >= Some(1), "{status}");
    let gone = net.run("peer-1", &["--timeout", "1", "delete", &kept]).ok();
    assert_eq!(gone, json!({ "id": kept, "state": "queued" }));
    net.stop();
}
