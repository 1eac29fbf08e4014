//! Commands about people on real processes: following, followers, users, somebody's page, mute and block.

use serde_json::{Value, json};

use crate::support::{Net, eventually, folder};

fn names(answer: &Value) -> Vec<&str> {
    answer["users"].as_array().expect("a list of users").iter().filter_map(|user| user["username"].as_str()).collect()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

#[test]
fn people_find_each_other() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "3"]);
    let (alice, bob, carol) = ("peer-1", "peer-2", "peer-3");
    let account = net.register(alice, "alice")["account_id"].clone();
    net.register(bob, "bob");
    net.register(carol, "carol");
    net.run(bob, &["follow", "alice"]).ok();
    net.run(carol, &["follow", "@alice"]).ok();
    net.run(carol, &["follow", "bob"]).ok();

    eventually("both followers are known", || net.run(alice, &["followers"]).json["count"] == 2);
    let followers = net.run(alice, &["followers"]).ok();
    let mut found = names(&followers);
    found.sort_unstable();
    assert_eq!(
        (found, &followers["username"], &followers["next"]),
        (vec!["bob", "carol"], &json!("alice"), &Value::Null)
    );
    let user = &followers["users"][0];
    assert_eq!(user["account_id"].as_str().map(str::len), Some(64));
    assert!(user["since"].as_str().is_some_and(|since| since.ends_with('Z')));
    assert_eq!(net.run(bob, &["followers", "@alice"]).ok()["count"], 2, "of others, too");
    let following = net.run(carol, &["following"]).ok();
    assert_eq!((following["count"].as_u64(), names(&following).len()), (Some(2), 2));
    assert_eq!(names(&net.run(bob, &["following", "carol"]).ok()).len(), 2);
    assert_eq!(net.run(alice, &["following"]).ok()["count"], 0);

    // A list in pages holds everybody once.
    let mut paged = Vec::new();
    let mut cursor = None::<String>;
    while paged.len() < 3 {
        let mut words = vec!["followers", "alice", "-n", "1"];
        words.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor.as_str()]));
        let page = net.run(carol, &words).ok();
        paged.extend(names(&page).iter().map(|name| (*name).to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    paged.sort_unstable();
    assert_eq!(paged, ["bob", "carol"]);

    eventually("the directory has all of them", || {
        names(&net.run(carol, &["users"]).json) == ["alice", "bob", "carol"]
    });
    assert_eq!(names(&net.run(bob, &["users", "@al"]).ok()), ["alice"]);
    assert_eq!(net.run(bob, &["users", "al"]).ok()["users"][0]["account_id"], account);
    assert_eq!(names(&net.run(bob, &["users", "zz"]).ok()), [""; 0]);
    let first = net.run(bob, &["users", "-n", "2"]).ok();
    let next = first["next"].as_str().expect("there is more").to_owned();
    assert_eq!(names(&net.run(bob, &["users", "-n", "2", "--cursor", &next]).ok()), ["carol"]);

    net.run(bob, &["users", "Al"]).refused(6, "name_malformed");
    net.run(bob, &["following", "nobody_here"]).refused(5, "no_such_user");
    net.run(bob, &["followers", "Alice"]).refused(6, "name_malformed");
    net.run(bob, &["following", "-n", "0"]).refused(2, "usage");
    net.run(bob, &["followers", "--cursor", "x"]).refused(2, "usage");
    net.stop();
}

#[test]
fn a_page_shows_what_the_network_holds_and_counts_as_nothing() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    let account = net.register("peer-1", "alice")["account_id"].clone();
    for i in 0..3 {
        net.run("peer-1", &["post", &format!("post {i}")]).ok();
    }
    // Nobody need be logged in to read what is public.
    let page = net.run("peer-2", &["user", "alice"]).ok();
    let texts: Vec<&str> = page["posts"].as_array().expect("posts").iter().filter_map(|p| p["text"].as_str()).collect();
    assert_eq!(texts, ["post 2", "post 1", "post 0"]);
    assert_eq!((&page["username"], &page["account_id"]), (&json!("alice"), &account));
    assert_eq!((&page["followers"], &page["following"]), (&json!(0), &json!(0)));
    let local = net.run("peer-1", &["user", "alice", "--local", "-n", "2"]).ok();
    assert_eq!(local["posts"].as_array().map(Vec::len), Some(2));
    let next = local["next"].as_str().expect("there is more").to_owned();
    let rest = net.run("peer-1", &["user", "alice", "--local", "--cursor", &next]).ok();
    assert_eq!(rest["posts"][0]["text"], "post 0");

    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    let post = id(&net.run("peer-1", &["post", "seen by nobody"]).ok());
    net.post_in_feed("peer-2", &post);
    net.run("peer-2", &["user", "alice"]).ok();
    net.run("peer-2", &["show", &post]).ok();
    net.run("peer-2", &["search", "nobody"]).ok();
    assert_eq!(net.post_in_feed("peer-2", &post)["seen"], false, "only a feed that is written in full marks posts");
    net.run("peer-2", &["feed"]).ok();
    assert_eq!(net.post_in_feed("peer-2", &post)["seen"], true);
    assert_eq!(net.run("peer-1", &["user", "alice"]).ok()["followers"], 1);

    net.run("peer-2", &["user", "nobody_here"]).refused(5, "no_such_user");
    net.run("peer-2", &["user", "Alice"]).refused(6, "name_malformed");
    net.run("peer-2", &["user", "alice", "-n", "501"]).refused(2, "usage");
    net.stop();
}

#[test]
fn who_is_muted_or_blocked_is_not_shown() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    let bob = |words: &[&str]| net.run("peer-2", words);
    bob(&["follow", "alice"]).ok();
    let first = id(&net.run("peer-1", &["post", "one"]).ok());
    net.post_in_feed("peer-2", &first);
    let shows = |wanted: bool| {
        eventually("the feed is as it should be", || {
            let feed = bob(&["feed", "--peek"]).ok();
            feed["posts"].as_array().expect("posts").iter().any(|post| post["id"] == first.as_str()) == wanted
        });
    };
    let state = |words: &[&str]| bob(words).ok()["state"].clone();

    assert_eq!(bob(&["muted"]).ok(), json!({ "users": [] }));
    assert_eq!(state(&["mute", "@alice"]), "muted");
    assert_eq!(names(&bob(&["muted"]).ok()), ["alice"]);
    shows(false);
    assert_eq!(state(&["unmute", "alice"]), "not_muted");
    assert_eq!(state(&["unmute", "alice"]), "not_muted");
    shows(true);
    assert_eq!(state(&["block", "alice"]), "blocked");
    assert_eq!((names(&bob(&["blocked"]).ok()), names(&bob(&["muted"]).ok()).len()), (vec!["alice"], 0));
    shows(false);
    assert_eq!(state(&["unblock", "alice"]), "not_blocked");
    assert_eq!(bob(&["blocked"]).ok(), json!({ "users": [] }));

    for command in ["mute", "unmute", "block", "unblock"] {
        bob(&[command, "nobody_here"]).refused(5, "no_such_user");
        bob(&[command, "Alice"]).refused(6, "name_malformed");
        bob(&[command]).refused(2, "usage");
    }
    assert_ne!(bob(&["mute", "bob"]).exit, 0);
    net.stop();
}

#[test]
fn the_menu_has_all_of_that_too() {
    use crate::terminal::Terminal;

    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-1", &["follow", "bob"]).ok();
    let first = id(&net.run("peer-1", &["post", "A question for @bob #garden"]).ok());
    eventually("bob is named", || net.run("peer-2", &["mentions"]).json["posts"][0]["id"] == first.as_str());
    let mut bob = Terminal::menu(&net.dir("peer-2"));
    net.run("peer-1", &["post", "Good morning, @bob"]).ok();
    // The inbox is looked at now and then, and whenever its owner asks.
    eventually("the inbox is read", || {
        net.run("peer-2", &["mentions"]).json["posts"][0]["text"] == "Good morning, @bob"
    });
    bob.until("you are named · @alice: Good morning, @bob");
    let mut check = |entry: &str, answers: &[(&str, &str)], expected: &[&str]| {
        let said = bob.choose(entry, answers);
        for part in expected {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(said.contains("[0] Feed [1] Follow user"), "{said}");
    };
    check("1", &[("Follow whom: ", "alice")], &["following @alice"]);
    check("4", &[], &["@bob follows 1\n@alice", "@bob has 1 follower\n@alice"]);
    check("6", &[], &["A question for @bob #garden"]);
    check("8", &[("begin with", "al")], &["@alice"]);
    check("8", &[("begin with", "Al")], &["error: ", "hint: "]);
    check("9", &[("Whose page: ", "alice")], &["1 follower · 1 following", "A question for @bob"]);
    check("9", &[("Whose page: ", "nobody_here")], &["error: "]);
    let short = &first[..8];
    check("r", &[("Reply to which post", short), ("Reply (", "An answer")], &["A question for @bob", "posted "]);
    check("r", &[("Reply to which post", "00000000")], &["error: "]);
    check("r", &[("Reply to which post", "0")], &["is no id"]);
    check("t", &[("Which post", short)], &["> @alice", "An answer"]);
    check("s", &[("Search for", "#garden")], &["A question for @bob #garden"]);
    check("s", &[("Search for", "answer")], &["An answer"]);
    check("s", &[("Search for", "absent")], &["no post that this node holds"]);
    check("7", &[("Display name", "Bob B."), ("Bio", "")], &["@bob · Bob B."]);
    let own = net.run("peer-2", &["user", "bob"]).ok()["posts"][0]["id"].as_str().expect("a post")[..8].to_owned();
    check("d", &[("Delete which post", &own), ("[y/N]", "")], &["nothing was deleted"]);
    check("d", &[("Delete which post", &own), ("[y/N]", "y")], &["deleted "]);
    check("d", &[("Delete which post", short), ("[y/N]", "yes")], &["error: "]);
    check("m", &[("[Enter] Back > ", "0"), ("Whom: ", "alice")], &["you mute nobody", "muted @alice"]);
    check("m", &[("[Enter] Back > ", "1"), ("Whom: ", "alice")], &["muted:\n@alice", "not muted @alice"]);
    check("m", &[("[Enter] Back > ", "2"), ("Whom: ", "nobody_here")], &["error: "]);
    check("m", &[("[Enter] Back > ", "9")], &["nothing was changed"]);
    check("m", &[("[Enter] Back > ", "")], &["you block nobody"]);
    check("o", &[], &["nothing waits"]);
    check("n", &[], &["account     bob"]);
    bob.press("\u{4}");
    assert_eq!(bob.end(), 0);
    net.stop();
}
