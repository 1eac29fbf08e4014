//! Links that lose packets, and links that go down and come up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::hosts::lossy;
use crate::lan::{HEALED, Lan};
use crate::support::SOON;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

pub fn everything_arrives_where_every_twentieth_packet_is_lost(test: &str) {
    let Some(mut lan) = Lan::start(test, 2, &PEOPLE) else { return };
    lan.hosts.drop_packets(&[lossy(5)]);
    lan.register();
    lan.follow_and_watch();
    let mut posts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for n in 0..crate::rounds(1) * 8 {
        for who in PEOPLE {
            let (id, _) = lan.post(who, &format!("post {n} of {who}"));
            posts.entry(who.to_owned()).or_default().insert(id);
        }
    }
    // The loss goes on until all of it is there.
    lan.finishes(&posts);
    assert!(lan.hosts.heal() > 0, "the rule dropped something");
}

pub fn a_feed_is_whole_again_after_the_link_was_down(test: &str) {
    let Some(mut lan) = Lan::start(test, 2, &PEOPLE) else { return };
    lan.register();
    lan.follow_and_watch();
    let mut posts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for round in 0..crate::rounds(2) {
        lan.hosts.set_link("carol", false);
        for n in 0..2 {
            for (who, expected) in [("alice", "published"), ("bob", "published")] {
                let (id, state) = lan.post(who, &format!("{who} while carol is away {round}.{n}"));
                assert_eq!(state, expected);
                posts.entry(who.to_owned()).or_default().insert(id);
            }
        }
        let (id, state) = lan.post("carol", &format!("from a train {round}"));
        assert_eq!(state, "queued");
        posts.entry("carol".to_owned()).or_default().insert(id);
        assert_eq!(lan.run("carol", &["whoami"]).ok()["username"], json!("carol"), "the node goes on");
        lan.shows("bob", &posts["alice"].clone(), SOON);
        lan.hosts.set_link("carol", true);
        lan.finishes(&posts);
    }
    // Nobody is left out of what comes next.
    let (id, state) = lan.post("alice", "all here?");
    assert_eq!(state, "published");
    for who in ["bob", "carol"] {
        lan.shows(who, &BTreeSet::from([id.clone()]), HEALED);
    }
}
