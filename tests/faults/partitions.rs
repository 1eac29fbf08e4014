//! Networks that fall apart, in both ways or in one, and come together again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::hosts::{apart, one_way};
use crate::lan::{HEALED, Lan};
use crate::support::{SOON, eventually, within};

/// How long faults are kept up at least, in seconds; longer ones let connections end and pauses grow.
const HOLD: &str = "TIMELINE_TEST_HOLD";

fn hold() -> Duration {
    Duration::from_secs(
        std::env::var(HOLD).map_or(0, |n| n.parse().expect("TIMELINE_TEST_HOLD is a number of seconds")),
    )
}

/// Waits for the end of the fault; what is asserted does not depend on how long it was.
fn keep_up(since: Instant) {
    std::thread::sleep(hold().saturating_sub(since.elapsed()));
}

/// What was posted, by author.
type Posts = BTreeMap<String, BTreeSet<String>>;

fn note(posts: &mut Posts, author: &str, id: &str) {
    posts.entry(author.to_owned()).or_default().insert(id.to_owned());
}

pub fn a_partition_heals_and_all_that_was_pending_finishes_by_itself(test: &str) {
    let Some(mut lan) = Lan::start(test, 2, &["alice", "bob", "carol"]) else { return };
    lan.register();
    lan.follow_and_watch();
    let mut posts = Posts::new();
    for round in 0..crate::rounds(1) {
        let since = Instant::now();
        lan.hosts.drop_packets(&apart(&[&["boot-1", "alice"], &["boot-2", "bob"], &["carol"]]));
        for n in 0..2 {
            for (who, expected) in [("alice", "published"), ("bob", "published"), ("carol", "queued")] {
                let (id, state) = lan.post(who, &format!("{who} apart {round}.{n}"));
                assert_eq!(state, expected, "{who} in part {n} of round {round}");
                note(&mut posts, who, &id);
            }
        }
        // Neither is heard by both sides: the last word of each has to win everywhere afterwards.
        let said = lan.run("bob", &["--timeout", "3", "unfollow", "carol"]).ok();
        assert_eq!(said["state"], "not_following", "{said}");
        let said = lan.run("bob", &["--timeout", "3", "follow", "carol"]).ok();
        assert_eq!(said["state"], "following", "{said}");
        assert!(!lan.run("carol", &["outbox"]).ok()["items"].as_array().expect("a list").is_empty());
        keep_up(since);
        assert!(lan.hosts.heal() > 0, "the rules dropped something");
        let healed = Instant::now();
        lan.finishes(&posts);
        for name in ["alice", "bob", "carol", "boot-1", "boot-2"] {
            let left = HEALED.saturating_sub(healed.elapsed());
            let mut list = json!(null);
            let both = within(left, || {
                list = lan.run(name, &["followers", "carol"]).json;
                list["count"] == 2
            });
            assert!(both, "{name} knows who follows carol: {list}");
        }
    }
}

pub fn who_is_not_heard_by_one_or_hears_nobody_loses_nothing(test: &str) {
    let Some(mut lan) = Lan::start(test, 2, &["alice", "bob", "carol"]) else { return };
    lan.register();
    lan.follow_and_watch();
    let mut posts = Posts::new();
    for round in 0..crate::rounds(1) {
        // Bob does not hear alice, though alice hears bob: others have what she publishes.
        let since = Instant::now();
        lan.hosts.drop_packets(&[one_way(&["alice"], &["bob"])]);
        for n in 0..3 {
            let (id, state) = lan.post("alice", &format!("unheard {round}.{n}"));
            assert_eq!(state, "published");
            note(&mut posts, "alice", &id);
        }
        eventually("bob reads what alice published, from others", || {
            let feed = lan.run("bob", &["feed", "--peek"]).ok();
            let ids: BTreeSet<&str> =
                feed["posts"].as_array().into_iter().flatten().filter_map(|post| post["id"].as_str()).collect();
            posts["alice"].iter().all(|id| ids.contains(&**id))
        });
        keep_up(since);
        assert!(lan.hosts.heal() > 0, "the rule dropped something");
        lan.finishes(&posts);

        // Carol is heard, and hears nothing: she cannot know that what she posts arrives.
        let since = Instant::now();
        lan.hosts.drop_packets(&[one_way(&["boot-1", "boot-2", "alice", "bob"], &["carol"])]);
        let (id, state) = lan.post("carol", &format!("is anybody there {round}"));
        assert_eq!(state, "queued");
        note(&mut posts, "carol", &id);
        for who in ["alice", "bob"] {
            let (id, state) = lan.post(who, &format!("carol is away {round}"));
            assert_eq!(state, "published");
            note(&mut posts, who, &id);
        }
        // The two go on as if nothing were the matter.
        let of_bob = posts["bob"].clone();
        lan.shows("alice", &of_bob, SOON);
        keep_up(since);
        assert!(lan.hosts.heal() > 0, "the rule dropped something");
        lan.finishes(&posts);
    }
}
