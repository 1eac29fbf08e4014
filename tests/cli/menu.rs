//! The menu in a real pseudo-terminal: every entry, good and bad, and every way out of it.

use std::path::Path;
use std::process::Stdio;

use crate::support::{Net, PASSWORD, eventually, folder, run, signal, timeline};
use crate::terminal::{Terminal, USUAL};

/// The keys that leave.
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

fn two_people(dir: &Path) -> Net {
    Net::start(dir, &["--bootpeers", "1", "--peers", "2"])
}

fn logged_out(terminal: &mut Terminal, entry: &str, answers: &[(&str, &str)], expected: &str) {
    let said = terminal.choose(entry, answers);
    assert!(said.contains(expected), "{expected} is not in {said}");
    assert!(said.ends_with("[0] Login [1] Register [2] Quit\n> "), "{said}");
}

fn logged_in(terminal: &mut Terminal, entry: &str, answers: &[(&str, &str)], expected: &str) {
    let said = terminal.choose(entry, answers);
    assert!(said.contains(expected), "{expected} is not in {said}");
    assert!(said.contains("[0] Feed [1] Follow user [2] Unfollow user [3] Create new post"), "{said}");
}

#[test]
fn people_live_in_the_menu() {
    let dir = folder();
    let net = two_people(dir.path());
    let mut alice = Terminal::menu(&net.dir("peer-1"));
    let mut bob = Terminal::menu(&net.dir("peer-2"));

    // What is wrong is said, and the menu comes back.
    logged_out(&mut alice, "9", &[("there is no entry `9`", "")], "type what stands in brackets");
    logged_out(&mut alice, "1", &[("Name: ", "Alice")], "lower case: alice");
    logged_out(&mut alice, "1", &[("Name: ", "")], "is no name");
    let words = [("Name: ", "alice"), ("Password: ", PASSWORD), ("The same again: ", "something else")];
    logged_out(&mut alice, "1", &words, "the two passwords differ");
    let weak = [("Name: ", "alice"), ("Password: ", "password1"), ("The same again: ", "password1")];
    logged_out(&mut alice, "1", &weak, "error: ");
    logged_out(&mut alice, "0", &[("Name: ", "nobody_here"), ("Password: ", PASSWORD)], "error: ");

    let words = [("Name: ", "@alice"), ("Password: ", PASSWORD), ("The same again: ", PASSWORD)];
    logged_in(&mut alice, "1", &words, "registered @alice");
    let words = [("Name: ", "alice"), ("Password: ", PASSWORD), ("The same again: ", PASSWORD)];
    logged_out(&mut bob, "[1]", &words, "error: ");
    let words = [("Name: ", "bob"), ("Password: ", PASSWORD), ("The same again: ", PASSWORD)];
    logged_in(&mut bob, "register", &words, "registered @bob");
    assert!(!alice.written.contains(PASSWORD) && !bob.written.contains(PASSWORD), "a password is never shown");

    logged_in(&mut bob, "1", &[("Follow whom: ", "bob")], "error: ");
    logged_in(&mut bob, "1", &[("Follow whom: ", "nobody_here")], "error: ");
    logged_in(&mut bob, "1", &[("Follow whom: ", "alice")], "following @alice");
    logged_in(&mut alice, "3", &[("Text", "")], "error: ");
    logged_in(&mut alice, "3", &[("Text", &"x".repeat(501))], "error: ");
    logged_in(&mut alice, "3", &[("Text", "Grüße, 語! 🦀")], "posted ");
    bob.until("new post · @alice: Grüße, 語! 🦀");
    logged_in(&mut bob, "", &[], "@bob · 1 unread · ");
    logged_in(&mut bob, "0", &[], "  Grüße, 語! 🦀");
    logged_in(&mut bob, "", &[], "@bob · 0 unread · ");
    eventually("the post counts as seen", || net.run("peer-2", &["feed", "--peek"]).ok()["posts"][0]["seen"] == true);

    let id = net.run("peer-1", &["feed", "--peek"]).ok()["posts"][0]["id"].as_str().expect("an id")[..8].to_owned();
    logged_in(&mut alice, "l", &[("Which of your posts", &id)], "1 follower · received by 1 · seen by 1");
    logged_in(&mut alice, "l", &[("Which of your posts", "00000000")], "error: ");
    logged_in(&mut bob, "l", &[("Which of your posts", &id)], "error: ");
    logged_in(&mut bob, "n", &[], "registrars  1 of 1 reachable");
    logged_in(&mut bob, "2", &[("Unfollow whom: ", "@alice")], "not following @alice");
    logged_in(&mut bob, "0", &[], "no posts");
    // Escape cancels, whatever was typed.
    bob.press("3\r");
    bob.until("Text");
    bob.press("never sent\u{1b}");
    bob.until("\n> ");
    assert_eq!(net.run("peer-2", &["feed"]).ok()["posts"], serde_json::json!([]));

    logged_out(&mut bob, "5", &[], "logged out @bob");
    net.run("peer-2", &["whoami"]).refused(3, "not_logged_in");
    logged_out(&mut bob, "0", &[("Name: ", "bob"), ("Password: ", "not the password")], "error: ");
    logged_in(&mut bob, "0", &[("Name: ", "bob"), ("Password: ", PASSWORD)], "logged in as @bob");
    bob.press("q\r");
    assert_eq!(bob.end(), 0);
    alice.press("quit\r");
    assert_eq!(alice.end(), 0);
    net.stop();
}

#[test]
fn news_appear_above_what_is_being_typed() {
    let dir = folder();
    let net = two_people(dir.path());
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    net.run("peer-1", &["post", "from before"]).ok();
    eventually("the post has come", || {
        net.run("peer-2", &["feed", "--peek"]).ok()["posts"][0]["text"] == "from before"
    });

    let mut bob = Terminal::menu(&net.dir("peer-2"));
    let rows = bob.shows("the whole menu", |rows| rows.iter().any(|row| row.starts_with("> ")));
    assert!(rows.iter().any(|row| row.starts_with("@bob · 1 unread")), "{rows:#?}");
    assert!(!bob.written.contains("new post ·"), "what is old is no news");
    bob.press("3\r");
    bob.until("Text");
    bob.press("half a sent");
    bob.shows("what was typed", |rows| rows.iter().any(|row| row.ends_with("Text (Esc cancels): half a sent")));
    // What could drive a terminal, or turn its line around, stays harmless text.
    let trick = "news\u{202e}gnp.exe\nsecond line";
    net.run("peer-1", &["post", trick]).ok();
    bob.until("new post · @alice: news\u{fffd}gnp.exe second line");
    let is_below = |rows: &[String]| {
        let news = rows.iter().position(|row| row.starts_with("new post · @alice"));
        let typed = rows.iter().position(|row| row.ends_with("half a sent"));
        news.is_some() && typed == news.map(|row| row + 1)
    };
    bob.shows("the line that was being typed, below the news", is_below);
    bob.resize((40, 12));
    bob.press("ence\u{1b}[D\u{1b}[DX");
    bob.shows("the end of the line", |rows| rows.iter().any(|row| row.ends_with("ntenXce")));
    bob.resize(USUAL);
    bob.press("\u{1b}[200~, pasted\nas one\u{1b}[201~\r");
    bob.until("posted ");
    bob.until("\n> ");
    let feed = net.run("peer-2", &["feed", "--peek"]).ok();
    assert_eq!(feed["posts"][0]["text"], "half a sentenX, pasted as onece");
    assert_eq!(feed["posts"][1]["seen"], false, "an announcement shows nothing in full");

    // A screen at a time; what was not shown stays unread.
    for i in 0..8 {
        net.run("peer-1", &["post", &format!("post {i}")]).ok();
        bob.until(&format!("new post · @alice: post {i}"));
    }
    bob.enter("0", "  post 7");
    bob.until("[Enter] More [q] Back > ");
    bob.enter("q", "[0] Feed");
    bob.until("\n> ");
    let unseen = || {
        let feed = net.run("peer-2", &["feed", "--peek"]).ok();
        let posts = feed["posts"].as_array().expect("posts").clone();
        posts.iter().filter(|post| post["seen"] == false && post["author"]["username"] == "alice").count()
    };
    eventually("the newest count as seen, the oldest do not", || (1..9).contains(&unseen()));
    bob.enter("0", "[Enter] More");
    bob.until(" [q] Back > ");
    // What is not an answer there is chosen from the menu.
    bob.enter("n", "registrars  1 of 1");
    bob.until("\n> ");
    bob.enter("0", "[Enter] More");
    bob.enter("", "[Enter] More");
    bob.enter("", "  from before");
    bob.until("\n> ");
    eventually("all count as seen", || unseen() == 0);
    assert!(!bob.written.contains('\u{202e}'));
    bob.press(CTRL_D);
    assert_eq!(bob.end(), 0);
    net.stop();
}

#[test]
fn every_way_out_gives_the_terminal_back() {
    let dir = folder();
    let net = two_people(dir.path());
    let peer = net.dir("peer-1");
    let usual = Terminal::start(USUAL, Some(&peer), &["status"], &[]).mode();
    let check = |what: &str, exit: u32, leave: &dyn Fn(&mut Terminal)| {
        let mut terminal = Terminal::menu(&peer);
        assert_ne!(terminal.mode(), usual, "{what}: keys are read one by one");
        leave(&mut terminal);
        assert_eq!(terminal.end(), exit, "{what}");
        assert_eq!(terminal.mode(), usual, "{what}");
        assert!(terminal.written.ends_with("\u{1b}[?2004l") || terminal.written.ends_with('\n'), "{what}");
    };
    check("the entry", 0, &|t| t.press("2\r"));
    check("Ctrl-C", 0, &|t| t.press(CTRL_C));
    check("Ctrl-D", 0, &|t| t.press(CTRL_D));
    check("Ctrl-C at a question", 0, &|t| {
        t.enter("0", "Name: ");
        t.enter("alice", "Password: ");
        t.press(&format!("secret{CTRL_C}"));
    });
    check("a signal", 0, &|t| t.signal("TERM"));
    // It ends the menu of a terminal that is closed, too.
    let mut closed = Terminal::menu(&peer);
    closed.signal("HUP");
    assert_eq!(closed.end(), 0);
    check("the node ends", 4, &|t| {
        run(&peer, &["stop"], "").ok();
        t.until("no node");
    });
    net.kill("peer-2");
    let refused = Terminal::start(USUAL, Some(&net.dir("peer-2")), &["menu"], &[]).end();
    assert_eq!(refused, 4, "there is nothing to show");
    net.stop();
}

#[test]
fn a_node_that_does_not_answer_does_not_hold_its_person() {
    let dir = folder();
    let net = two_people(dir.path());
    net.register("peer-1", "alice");
    let mut alice = Terminal::menu(&net.dir("peer-1"));
    signal(net.pid("peer-1"), "STOP");
    alice.enter("n", "waiting for the network");
    alice.press("typed ahead\r");
    alice.press(CTRL_C);
    let exit = alice.end();
    signal(net.pid("peer-1"), "CONT");
    assert_eq!(exit, 0);
    net.stop();
}

#[test]
fn an_account_with_too_many_devices_retires_one_when_its_owner_agrees() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2", "--network-set", "limits.devices=1"]);
    net.register("peer-1", "alice");
    let mut second = Terminal::menu(&net.dir("peer-2"));
    let (name, password) = (("Name: ", "alice"), ("Password: ", PASSWORD));
    logged_out(&mut second, "0", &[name, password, ("[y/N] ", "")], "devices");
    logged_in(&mut second, "0", &[name, password, ("[y/N] ", "y")], "logged in as @alice");
    second.press(CTRL_D);
    assert_eq!(second.end(), 0);
    net.stop();
}

#[test]
fn a_killed_node_ends_its_menu_in_the_middle_of_a_word() {
    let dir = folder();
    let net = two_people(dir.path());
    net.register("peer-1", "alice");
    let mut alice = Terminal::menu(&net.dir("peer-1"));
    alice.enter("3", "Text");
    alice.press("a wor");
    net.kill("peer-1");
    assert_eq!(alice.end(), 4);
    assert!(alice.written.contains("error: "), "{}", alice.written);
    net.stop();
}

#[test]
fn a_small_terminal_without_colour_is_enough() {
    let dir = folder();
    let net = two_people(dir.path());
    net.register("peer-1", "alice");
    net.run("peer-1", &["post", "hello"]).ok();
    for (term, colour) in [("xterm", true), ("xterm", false), ("dumb", true)] {
        let environment = [("TERM", term), ("NO_COLOR", "1")];
        let used = if colour { &environment[..1] } else { &environment[..] };
        let mut alice = Terminal::start(USUAL, Some(&net.dir("peer-1")), &["menu"], used);
        let rows = alice.shows("the prompt", |rows| rows.iter().any(|row| row.trim_end() == ">"));
        let lines = [
            "[0] Feed [1] Follow user [2] Unfollow user [3] Create new post",
            "[4] See Following and Followers [5] Logout",
        ];
        for line in lines {
            assert!(rows.iter().any(|row| row == line), "{line} is not in {rows:#?}");
        }
        alice.choose("0", &[]);
        assert_eq!(alice.written.contains("\u{1b}[1m"), colour && term != "dumb", "{term} {colour}");
        assert_eq!(alice.written.contains('\u{1b}'), term != "dumb");
        alice.press(CTRL_C);
        assert_eq!(alice.end(), 0);
    }
    net.stop();
}

#[test]
fn without_a_terminal_there_is_a_hint() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "1"]);
    net.run("peer-1", &["menu"]).refused(2, "usage");
    let piped = timeline().arg("--data-dir").arg(net.dir("peer-1")).arg("menu").stdin(Stdio::null()).output();
    let piped = piped.expect("runs");
    assert_eq!(piped.status.code(), Some(2));
    let said = String::from_utf8_lossy(&piped.stderr);
    assert!(said.contains("needs a terminal") && said.contains("timeline feed"), "{said}");
    net.stop();
}

#[test]
fn a_peer_on_a_terminal_has_its_menu_and_ends_with_it() {
    let dir = folder();
    let peer = dir.path().join("peer");
    for leave in [CTRL_D, CTRL_C, "2\r"] {
        let mut terminal = Terminal::start(USUAL, Some(&peer), &["peer", "--listen", "127.0.0.1:0"], &[]);
        terminal.until("warning: this node has no bootpeer");
        terminal.until("[0] Login [1] Register [2] Quit\n> ");
        assert!(run(&peer, &["status"], "").ok()["node_id"].is_string());
        terminal.press(leave);
        assert_eq!(terminal.end(), 0);
        run(&peer, &["status"], "").refused(4, "no_node");
        assert!(!peer.join("api.json").exists(), "a clean end");
    }
    let mut stopped = Terminal::start(USUAL, Some(&peer), &["peer", "--listen", "127.0.0.1:0"], &[]);
    stopped.until("\n> ");
    run(&peer, &["stop"], "").ok();
    assert_eq!(stopped.end(), 0);
    let mut told = Terminal::start(USUAL, Some(&peer), &["peer", "--listen", "127.0.0.1:0"], &[]);
    told.until("\n> ");
    told.signal("TERM");
    assert_eq!(told.end(), 0);
    let log = std::fs::read_to_string(peer.join("node.log")).expect("a log");
    assert!(!log.is_empty());
}

#[test]
fn a_net_on_a_terminal_opens_the_menu_of_its_first_peer() {
    let dir = folder();
    let words = ["net", "--bootpeers", "1", "--peers", "2", "--dir", dir.path().to_str().expect("UTF-8")];
    let mut net = Terminal::start((200, 50), None, &words, &[]);
    net.until("peer-1");
    net.until("\n> ");
    let (first, second) = (dir.path().join("peer-1"), dir.path().join("peer-2"));
    run(&second, &["register", "bob", "--password-stdin"], PASSWORD).ok();
    net.choose("1", &[("Name: ", "alice"), ("Password: ", PASSWORD), ("again: ", PASSWORD)]);
    assert_eq!(run(&first, &["whoami"], "").ok()["username"], "alice");
    // Another node ends: it is told, and the menu goes on.
    run(&second, &["stop"], "").ok();
    net.until("peer-2 was stopped");
    net.choose("n", &[]);
    net.press(CTRL_C);
    assert_eq!(net.end(), 0);
    run(&first, &["status"], "").refused(4, "no_node");

    let mut again = Terminal::start((200, 50), None, &words, &[]);
    again.until("@alice · 0 unread");
    again.until("\n> ");
    // Its own node ends: the menu is closed, the others go on until Ctrl-C.
    run(&first, &["stop"], "").ok();
    again.until("the others go on");
    assert!(run(&second, &["status"], "").ok()["node_id"].is_string());
    again.press(CTRL_C);
    assert_eq!(again.end(), 0);
    run(&second, &["status"], "").refused(4, "no_node");
}
