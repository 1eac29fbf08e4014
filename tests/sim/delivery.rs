//! Posts reach those who follow: once, by whatever way, and through lookups where a node knows few others.

use std::collections::BTreeSet;
use std::time::Duration;

use timeline::actors::FeedEvent;
use timeline::sim::{SimConfig, Simulation, Ways};

use super::people::{SOON, flushed, follow, login, network, pause, post, publish, reads, register, settle, texts};

#[test]
fn a_post_that_comes_by_two_ways_is_shown_once() {
    // All ten nodes are replicas of every home, so each follower gets each post as a replica and from its author.
    let sim = network(10, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        let mut sent = Vec::new();
        for i in 0..10 {
            let text = format!("number {i}");
            let posted = publish(&sim, 4, &text).await;
            assert_eq!((posted.online, posted.delivered), (1, 1), "{posted:?}");
            sent.push(text);
        }
        // Several readings of the author's home later.
        pause(200).await;
        let mut seen = Vec::new();
        while let Ok(event) = watching.events.try_recv() {
            match event {
                FeedEvent::Post(post) => seen.push(post.text),
                other => panic!("nothing is missing, deleted or said of bob: {other:?}"),
            }
        }
        seen.sort();
        assert_eq!(seen, sent);
        let mut kept = texts(&sim, 5).await;
        kept.reverse();
        assert_eq!(kept, sent, "in the order in which they were made");
    });
}

#[test]
fn follows_and_posts_work_where_a_node_knows_few_others() {
    let sim = Simulation::new(11, SimConfig { nodes: 30, k: 3, ..SimConfig::default() });
    sim.run(async {
        let people = [(4, "alice"), (11, "bob"), (19, "carol"), (27, "dave")];
        for (node, user) in people {
            settle(&sim, node, user).await;
        }
        for (node, user) in people {
            for (_, other) in people.iter().filter(|(_, other)| *other != user) {
                follow(&sim, node, other).await;
            }
        }
        pause(5).await;
        for (node, user) in people {
            let posted = publish(&sim, node, user).await;
            assert_eq!((posted.wanted, posted.online, posted.delivered), (3, 3, 3), "{user}: {posted:?}");
        }
        for (node, _) in people {
            reads(&sim, node, &["alice", "bob", "carol", "dave"], SOON).await;
            flushed(&sim, node, SOON).await;
        }
        let known = sim.doors(4).routing.overview().await.expect("an overview").known;
        assert!(known < 29, "a node that knows all others proves nothing about lookups");
        login(&sim, 15, "bob").await.expect("bob logs in elsewhere");
        reads(&sim, 15, &["alice", "bob", "carol", "dave"], SOON).await;
    });
}

#[test]
fn a_follower_that_slept_catches_up() {
    let sim = network(12, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        sim.set_asleep(5, true);
        pause(600).await;
        let posted = post(&sim, 4, "while you slept").await;
        assert!(posted.published, "{posted:?}");
        assert_eq!(posted.delivered, 0, "{posted:?}");
        pause(300).await;
        sim.set_asleep(5, false);
        reads(&sim, 5, &["while you slept"], Duration::from_secs(90)).await;
        let read: BTreeSet<String> = texts(&sim, 5).await.into_iter().collect();
        assert_eq!(read.len(), 1);
    });
}

#[test]
fn messages_that_are_lost_on_the_way_cost_time_and_nothing_else() {
    let ways = Ways {
        shortest: Duration::from_millis(20),
        longest: Duration::from_millis(150),
        loss_percent: 2.0,
        ..Ways::default()
    };
    let config = SimConfig { nodes: 25, ways, ..SimConfig::default() };
    let sim = Simulation::new(13, config);
    sim.run(async {
        settle(&sim, 7, "alice").await;
        settle(&sim, 14, "bob").await;
        assert!(sim.doors(14).session.follow("alice".parse().expect("a name"), true).await.is_ok());
        flushed(&sim, 14, Duration::from_secs(60)).await;
        pause(60).await;
        for i in 0..10 {
            post(&sim, 7, &format!("number {i}")).await;
        }
        let all: Vec<String> = (0..10).map(|i| format!("number {i}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        reads(&sim, 14, &all, Duration::from_secs(90)).await;
        flushed(&sim, 7, Duration::from_secs(120)).await;
    });
}

#[test]
fn a_follower_is_known_to_be_online_for_hours_and_holders_may_change() {
    let sim = network(14, 5);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        // Longer than a word of interest lasts, then than a round of renewals.
        for (minutes, text) in [(65, "an hour later"), (2, "with other holders")] {
            pause(minutes * 60).await;
            let posted = publish(&sim, 3, text).await;
            assert_eq!((posted.online, posted.delivered), (1, 1), "{posted:?}");
            reads(&sim, 4, &[text], Duration::ZERO).await;
            (0..3).for_each(|node| sim.restart(node));
        }
    });
}

#[test]
fn a_network_begins_with_one_node() {
    let sim = Simulation::new(15, SimConfig { nodes: 1, bootpeers: 1, ..SimConfig::default() });
    sim.run(async {
        register(&sim, 0, "alice").await.expect("she is her own registrar");
        publish(&sim, 0, "anybody here").await;
        flushed(&sim, 0, SOON).await;
        let second = sim.add();
        settle(&sim, second, "bob").await;
        follow(&sim, second, "alice").await;
        reads(&sim, second, &["anybody here"], SOON).await;
        publish(&sim, 0, "welcome").await;
        reads(&sim, second, &["welcome"], SOON).await;
    });
}

#[test]
fn what_is_posted_right_after_everybody_was_restarted_is_soon_with_all_who_follow() {
    let sim = Simulation::new(411, SimConfig { nodes: 60, k: 4, ..SimConfig::default() });
    let followers = 6..14;
    sim.run(async {
        settle(&sim, 5, "alice").await;
        for node in followers.clone() {
            settle(&sim, node, &format!("reader{node}")).await;
            follow(&sim, node, "alice").await;
        }
        publish(&sim, 5, "before").await;
        for node in followers.clone() {
            reads(&sim, node, &["before"], SOON).await;
        }
        (0..60).for_each(|node| sim.crash(node));
        pause(30).await;
        // The author's node and those of its readers are up before most of those that are near its home.
        for node in (0..14).chain(14..60) {
            sim.start(node);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut wanted = vec!["before".to_owned()];
        for n in 0..3 {
            pause(8).await;
            let text = format!("after {n}");
            post(&sim, 5, &text).await;
            wanted.push(text);
        }
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        for node in followers.clone() {
            reads(&sim, node, &wanted, Duration::from_secs(60)).await;
        }
    });
}
