//! Tests of what can be typed.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Args, clap::Error> {
    let words = std::iter::once("timeline").chain(line.split_whitespace());
    Args::try_parse_from(settings_first(words.map(OsString::from).collect()))
}

fn parsed(line: &str) -> Args {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn the_definition_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn global_options_may_stand_anywhere() {
    for line in
        ["--json --timeout 3 -v feed -n 7", "feed --json -n 7 -v --timeout 3", "feed -n 7 --timeout=3s --json -v"]
    {
        let args = parsed(line);
        assert!(args.global.json, "{line}");
        assert_eq!(args.global.timeout, Some(Duration::from_secs(3)), "{line}");
        assert_eq!(args.global.verbose, 1, "{line}");
        assert!(matches!(args.command, Command::Feed(FeedArgs { list: ListArgs { limit: 7, .. }, .. })), "{line}");
    }
    let args = parsed("net restart peer-1 --json --dir d");
    assert!(args.global.json);
}

#[test]
fn settings_add_up_wherever_they_stand() {
    for line in ["peer --set a.b=1 --set c.d=2", "--set a.b=1 --set c.d=2 net", "--set a.b=1 peer 0 --set=c.d=2"] {
        assert_eq!(parsed(line).global.set, ["a.b=1", "c.d=2"], "{line}");
    }
    let Command::Post(post) = parsed("post -- --set").command else { panic!("a post") };
    assert_eq!(post.text, "--set");
    for bad in ["peer --set", "--set", "peer --set --json"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_double_dash_ends_options_and_a_single_one_is_a_text() {
    let Command::Post(post) = parsed("post -").command else { panic!("a post") };
    assert_eq!(post.text, "-");
    let Command::Post(post) = parsed("post --ttl 2h -- --json").command else { panic!("a post") };
    assert_eq!((post.text.as_str(), post.ttl.as_deref()), ("--json", Some("2h")));
    assert!(!parsed("post -- --json").global.json);
}

#[test]
fn a_node_listens_on_a_port_or_an_address_and_not_both() {
    let Command::Peer(peer) = parsed("peer 0").command else { panic!("a peer") };
    assert_eq!(peer.port, Some(0));
    assert!(parse("peer --listen 127.0.0.1:1").is_ok());
    assert_eq!(parse("peer 1 --listen 127.0.0.1:1").map_err(|e| e.kind()).err(), Some(ErrorKind::ArgumentConflict));
    for bad in ["peer 65536", "peer x", "peer --listen 127.0.0.1", "peer -1"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_watched_feed_has_no_pages() {
    assert!(parse("feed --watch --peek").is_ok());
    for bad in
        ["feed --watch -n 5", "feed --watch --cursor c", "feed --watch --since 0123abcd", "feed -n 501", "feed -n 0"]
    {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn lists_are_asked_for_in_parts() {
    for line in [
        "user bob -n 500 --cursor c",
        "following -n 1",
        "followers bob --cursor c",
        "users a -n 2",
        "users",
        "mentions -n 3",
        "tag rust --cursor c",
        "search word -n 4 --cursor c",
        "ledger 0123abcd -n 3 --cursor c",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
    for bad in [
        "users -n 0",
        "mentions -n 501",
        "tag",
        "search",
        "user",
        "show",
        "thread",
        "ledger",
        "delete",
        "mute",
        "outbox x",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let Command::User(user) = parsed("user bob --local").command else { panic!("a user") };
    assert!(user.local && user.list.limit == 50 && user.list.cursor.is_none());
    let Command::Profile(profile) = parsed("profile --name= --bio -").command else { panic!("a profile") };
    assert_eq!((profile.name.as_deref(), profile.bio.as_deref()), (Some(""), Some("-")));
    let Command::Post(post) = parsed("post hi --reply-to 0123abcd").command else { panic!("a post") };
    assert_eq!(post.reply_to.as_deref(), Some("0123abcd"));
}

#[test]
fn a_network_on_this_machine_has_bounds() {
    let Command::Net(net) =
        parsed("net --peers 0 --bootpeers 1 --fresh --network-set k=3 --network-set test=true").command
    else {
        panic!("a net")
    };
    assert_eq!((net.peers, net.bootpeers, net.fresh), (Some(0), Some(1), true));
    assert_eq!(net.network_set, ["k=3", "test=true"]);
    let Command::Net(net) = parsed("net --peers 5 --peers 3").command else { panic!("a net") };
    assert_eq!(net.peers, Some(3), "whoever calls a script that names one may name another");
    for bad in ["net --bootpeers 0", "net --bootpeers 33", "net --peers 201", "net --base-port 0", "net restart"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn waiting_times_are_positive_seconds() {
    let check = |text: &str, millis: u64| assert_eq!(seconds(text), Ok(Duration::from_millis(millis)), "{text}");
    check("10", 10_000);
    check("0.5", 500);
    check("2s", 2_000);
    for bad in ["0", "-1", "x", "", "inf", "nan", "3601", "1e300"] {
        assert!(seconds(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_this_version_cannot_do_is_not_listed() {
    let help = Args::command().render_long_help().to_string();
    for absent in ["tui", "doctor", "exit-with-stdin"] {
        assert!(!help.split_whitespace().any(|word| word == absent), "{absent}");
    }
}
