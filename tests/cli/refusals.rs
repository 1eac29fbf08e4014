//! Bad input gets the documented error, loses nothing, and the node lives on.

use std::fs;

use crate::support::{Net, PASSWORD, Running, SOON, eventually, folder, run, signal, timeline};

#[test]
fn people_are_told_what_is_wrong_with_what_they_typed() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    let peer = net.dir("peer-1");
    let register = |name: &str, password: &str| run(&peer, &["register", name, "--password-stdin"], password);

    net.run("peer-1", &["whoami"]).refused(3, "not_logged_in");
    net.run("peer-1", &["post", "x"]).refused(3, "not_logged_in");
    net.run("peer-1", &["feed"]).refused(3, "not_logged_in");
    net.run("peer-1", &["logout"]).refused(3, "not_logged_in");
    register("Alice", PASSWORD).refused(6, "name_malformed");
    register("al", PASSWORD).refused(6, "name_malformed");
    register("al-ice", PASSWORD).refused(6, "name_malformed");
    register("admin", PASSWORD).refused(6, "name_reserved");
    register("alice", "password1").refused(6, "weak_password");
    net.run("peer-1", &["register", "alice"]).refused(2, "password_required");
    run(&peer, &["login", "nobody_here", "--password-stdin"], PASSWORD).refused(5, "no_such_user");

    net.register("peer-1", "alice");
    run(&net.dir("peer-2"), &["register", "alice", "--password-stdin"], PASSWORD).refused(6, "name_taken");
    run(&net.dir("peer-2"), &["login", "alice", "--password-stdin"], "not the password").refused(6, "wrong_password");
    run(&peer, &["login", "carol", "--password-stdin"], PASSWORD).refused(6, "already_logged_in");
    net.login("peer-1", "alice").ok();

    net.run("peer-1", &["post", ""]).refused(6, "text_empty");
    net.run("peer-1", &["post", " \n "]).refused(6, "text_empty");
    net.run("peer-1", &["post", &"x".repeat(501)]).refused(6, "text_too_long");
    net.run("peer-1", &["post", &"\u{1F980}".repeat(501)]).refused(6, "text_too_long");
    net.run("peer-1", &["post", "bell\u{7}"]).refused(6, "text_control");
    net.run("peer-1", &["post", "x", "--ttl", "9s"]).refused(6, "ttl_out_of_range");
    net.run("peer-1", &["post", "x", "--ttl", "31d"]).refused(6, "ttl_out_of_range");
    net.run("peer-1", &["post", "x", "--ttl", "soon"]).refused(2, "usage");
    net.run("peer-1", &["follow", "alice"]).refused(6, "follow_self");
    net.run("peer-1", &["follow", "nobody_here"]).refused(5, "no_such_user");
    net.run("peer-1", &["follow", "Bob"]).refused(6, "name_malformed");
    net.run("peer-1", &["feed", "--since", "00000000"]).refused(5, "no_such_post");
    net.run("peer-1", &["feed", "--since", "xyz"]).refused(2, "usage");
    net.run("peer-1", &["nonsense"]).refused(2, "usage");
    net.run("peer-1", &["--set", "net.nonsense=1", "peer", "--headless"]).refused(2, "bad_config");

    // After all that, the node does what it should.
    let text = "é".repeat(500);
    let long = net.run("peer-1", &["post", &text]).ok();
    let id = long["id"].as_str().expect("an id");
    assert_eq!(net.post_in_feed("peer-1", &id[..8].replace(&id[..8], id))["text"], text);
    let typed = run(&peer, &["post", "-"], "two\nlines\n").ok();
    assert_eq!(net.post_in_feed("peer-1", typed["id"].as_str().expect("an id"))["text"], "two\nlines");
    assert_eq!(net.run("peer-1", &["post", "--", "--json"]).ok()["state"], "published");
    net.stop();
}

#[test]
fn unfollowing_ends_what_comes_and_what_is_shown() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["unfollow", "nobody_here"]).refused(5, "no_such_user");
    assert_eq!(net.run("peer-2", &["unfollow", "alice"]).ok()["state"], "not_following");
    let first = net.run("peer-1", &["post", "before"]).ok();
    net.run("peer-2", &["follow", "alice"]).ok();
    net.post_in_feed("peer-2", first["id"].as_str().expect("an id"));
    assert_eq!(net.run("peer-2", &["unfollow", "@alice"]).ok()["state"], "not_following");
    net.run("peer-1", &["post", "after"]).ok();
    let feed = net.run("peer-2", &["feed"]).ok();
    assert_eq!(feed["posts"], serde_json::json!([]), "{feed}");
    net.stop();
}

#[test]
fn posts_of_one_minute_are_limited_and_those_that_end_go() {
    let dir = folder();
    let net = Net::start(
        dir.path(),
        &[
            "--bootpeers",
            "1",
            "--peers",
            "1",
            "--network-set",
            "limits.posts_per_minute=3",
            "--set",
            "gc.interval=500ms",
        ],
    );
    net.register("peer-1", "alice");
    let short = net.run("peer-1", &["post", "short", "--ttl", "10s"]).ok();
    let id = short["id"].as_str().expect("an id").to_owned();
    net.post_in_feed("peer-1", &id);
    net.run("peer-1", &["post", "two"]).ok();
    net.run("peer-1", &["post", "three"]).ok();
    net.run("peer-1", &["post", "four"]).refused(6, "rate_limited");
    eventually("the short post has ended", || {
        let feed = net.run("peer-1", &["feed", "--peek"]).ok();
        let posts = feed["posts"].as_array().expect("posts").clone();
        posts.len() == 2 && posts.iter().all(|p| p["id"] != id.as_str())
    });
    net.stop();
}

#[test]
fn what_was_shown_is_not_shown_again_and_pages_go_on() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    let ids: Vec<String> = (0..5)
        .map(|i| net.run("peer-1", &["post", &format!("post {i}")]).ok()["id"].as_str().expect("an id").to_owned())
        .collect();
    net.post_in_feed("peer-2", &ids[4]);
    let page = net.run("peer-2", &["feed", "--peek", "-n", "2"]).ok();
    let texts = |page: &serde_json::Value| -> Vec<String> {
        page["posts"].as_array().expect("posts").iter().map(|p| p["text"].as_str().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(texts(&page), ["post 4", "post 3"]);
    let cursor = page["next"].as_str().expect("a cursor");
    assert_eq!(
        texts(&net.run("peer-2", &["feed", "--peek", "-n", "2", "--cursor", cursor]).ok()),
        ["post 2", "post 1"]
    );
    assert_eq!(texts(&net.run("peer-2", &["feed", "--peek", "--since", &ids[2]]).ok()), ["post 4", "post 3"]);
    assert_eq!(texts(&net.run("peer-2", &["feed", "--peek", "--before", &ids[2][..16]]).ok()), ["post 1", "post 0"]);

    let mut watch = net.watch("peer-2");
    for id in &ids {
        watch.lines.until("an unseen post, oldest first", SOON, |v| v["post"]["id"] == id.as_str());
    }
    assert_eq!(watch.end("INT"), Some(0));
    let last = net.run("peer-1", &["post", "post 5"]).ok()["id"].as_str().expect("an id").to_owned();
    net.post_in_feed("peer-2", &last);
    let mut again = net.watch("peer-2");
    let first = again.lines.until("the only unseen post", SOON, |_| true);
    assert_eq!(first["post"]["id"], last.as_str());
    let stopped = net.run("peer-2", &["stop"]).ok();
    assert_eq!(stopped["stopped"], true);
    eventually("the watcher notices that its node stopped", || again.child.try_wait().expect("waitable").is_some());
    assert_eq!(again.end("TERM"), Some(4));
    net.run("peer-2", &["feed"]).refused(4, "no_node");
    net.stop();
}

#[test]
fn folders_and_files_that_are_not_right_are_refused_and_left_alone() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "1"]);
    net.register("peer-1", "alice");
    let peer = net.dir("peer-1");
    run(&peer, &["peer", "--headless"], "").refused(6, "data_dir_in_use");
    let second = timeline().args(["--json", "net", "--headless", "--dir"]).arg(dir.path()).output().expect("runs");
    assert_eq!(second.status.code(), Some(6), "{second:?}");
    net.stop();

    run(&peer, &["whoami"], "").refused(4, "no_node");
    fs::write(peer.join("api.json"), r#"{"url":"http://127.0.0.1:1","token":"00"}"#).expect("writable");
    run(&peer, &["whoami"], "").refused(4, "no_node");
    fs::remove_file(peer.join("api.json")).expect("removable");

    let store = fs::read_dir(&peer)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|e| e == "db" || e == "sqlite"))
        .expect("a store");
    let good = fs::read(&store).expect("readable");
    fs::write(&store, b"this is not a store, whatever its name says").expect("writable");
    run(&peer, &["peer", "--headless"], "").refused(1, "store_damaged");
    assert_eq!(fs::read(&store).expect("readable"), b"this is not a store, whatever its name says");
    fs::write(&store, good).expect("writable");
    let mut node = Running::start(Some(&peer), &["peer", "--headless"]);
    node.lines.until("ready line", SOON, |v| v["ready"] == true);
    assert_eq!(run(&peer, &["whoami"], "").ok()["username"], "alice");
    signal(node.child.id(), "TERM");
    eventually("the node ends", || node.child.try_wait().expect("waitable").is_some());
    assert!(!peer.join("api.json").exists(), "a clean end removes it");
}
