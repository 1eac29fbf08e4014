//! One account on a second node: it goes on where the first one ended.

use serde_json::Value;

use crate::support::{Net, SOON, eventually, folder};

/// Returns text and `seen` of what is in the feed of a node, oldest first, without looking at it.
fn marks(net: &Net, name: &str) -> Vec<(String, bool)> {
    let feed = net.run(name, &["feed", "--peek", "-n", "100"]).ok();
    let posts = feed["posts"].as_array().expect("posts").iter().rev();
    posts.map(|post| (post["text"].as_str().unwrap_or_default().to_owned(), post["seen"] == true)).collect()
}

#[test]
fn what_was_read_before_a_login_elsewhere_is_not_shown_again() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "2", "--peers", "4"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    let texts: Vec<String> = (1..=5).map(|i| format!("post {i}")).collect();
    for text in &texts {
        let id = net.run("peer-1", &["post", text]).ok()["id"].clone();
        net.post_in_feed("peer-2", id.as_str().expect("an id"));
    }
    net.run("peer-2", &["post", "from bob"]).ok();
    net.run("peer-2", &["feed", "-n", "20"]).ok();
    net.run("peer-2", &["logout"]).ok();
    for name in ["peer-3", "peer-2"] {
        net.login(name, "bob").ok();
        let mut watch = net.watch(name);
        eventually(&format!("everything is in the feed of {name}"), || marks(&net, name).len() > texts.len());
        let unread: Vec<_> = marks(&net, name).into_iter().filter(|(_, seen)| !seen).collect();
        assert_eq!(unread, [], "{name}");
        let new = format!("new for {name}");
        net.run("peer-1", &["post", &new]).ok();
        watch.lines.until("the new post", SOON, |line| line["post"]["text"] == *new);
        let printed: Vec<&Value> = watch.lines.read.iter().filter(|line| line["post"].is_object()).collect();
        assert_eq!(printed.len(), 1, "{name}: {printed:?}");
        assert_eq!(watch.end("INT"), Some(0));
        // What the watcher has printed is read; the last word about that goes along with the logout.
        eventually("it is seen", || marks(&net, name).iter().all(|(_, seen)| *seen));
        net.run(name, &["logout"]).ok();
    }
    net.stop();
}
