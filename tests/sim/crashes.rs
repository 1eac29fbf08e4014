//! What was published stays readable, and what was begun is finished, whoever crashes.

use std::time::Duration;

use timeline::types::Code;

use super::people::{
    SOON, flushed, follow, is_in, joined, login, network, pause, post, publish, reads, register, settle, texts,
};

#[test]
fn a_published_post_outlives_its_authors_node() {
    let sim = network(20, 25);
    sim.run(async {
        settle(&sim, 6, "alice").await;
        settle(&sim, 7, "bob").await;
        follow(&sim, 7, "alice").await;
        sim.crash(7);
        publish(&sim, 6, "still here").await;
        sim.crash(6);
        login(&sim, 8, "bob").await.expect("bob logs in elsewhere");
        reads(&sim, 8, &["still here"], SOON).await;
    });
}

#[test]
fn one_bootpeer_is_enough_to_read_everything_that_was_published() {
    let sim = network(21, 40);
    sim.run(async {
        let authors = [(10, "alice"), (20, "bob"), (30, "carol")];
        for (node, user) in authors {
            settle(&sim, node, user).await;
        }
        settle(&sim, 15, "reader").await;
        for (_, user) in authors {
            follow(&sim, 15, user).await;
        }
        sim.crash(15);
        let mut all = Vec::new();
        for (node, user) in authors {
            for i in 0..5 {
                let text = format!("{user} {i}");
                publish(&sim, node, &text).await;
                all.push(text);
            }
        }
        for node in (0..40).filter(|node| *node != 1 && *node != 15) {
            sim.crash(node);
        }
        pause(60).await;
        let fresh = sim.add_knowing(&[1]);
        joined(&sim, fresh).await;
        login(&sim, fresh, "reader").await.expect("the reader logs in");
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        reads(&sim, fresh, &all, SOON).await;
        // Without a quorum of registrars nobody registers, and the answer says so.
        let problem = register(&sim, sim.add_knowing(&[1]), "newcomer").await.expect_err("nobody can sign");
        assert_eq!(problem.code, Code::NoRegistrars);
    });
}

#[test]
fn everything_goes_on_after_all_nodes_crashed() {
    let sim = network(22, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        publish(&sim, 4, "before").await;
        reads(&sim, 5, &["before"], SOON).await;
        for node in 0..12 {
            if node != 4 {
                sim.crash(node);
            }
        }
        let queued = post(&sim, 4, "in between").await;
        assert!(!queued.published, "{queued:?}");
        sim.crash(4);
        for node in 0..12 {
            sim.start(node);
        }
        assert!(is_in(&sim, 4, "alice").await && is_in(&sim, 5, "bob").await);
        assert_eq!(texts(&sim, 5).await, ["before"], "the feed is there before any peer is");
        flushed(&sim, 4, Duration::from_secs(60)).await;
        reads(&sim, 5, &["in between"], Duration::from_secs(90)).await;
        pause(30).await;
        let posted = publish(&sim, 4, "after").await;
        assert_eq!((posted.online, posted.delivered), (1, 1), "interest is told again: {posted:?}");
        reads(&sim, 5, &["before", "in between", "after"], SOON).await;
        assert_eq!(texts(&sim, 5).await.len(), 3);
    });
}

#[test]
fn what_is_queued_while_no_bootpeer_is_up_is_published_when_one_returns() {
    let sim = network(23, 15);
    sim.run(async {
        settle(&sim, 5, "alice").await;
        settle(&sim, 9, "bob").await;
        follow(&sim, 9, "alice").await;
        flushed(&sim, 5, SOON).await;
        pause(5).await;
        (0..3).for_each(|bootpeer| sim.crash(bootpeer));
        let posted = post(&sim, 5, "nobody keeps this for me").await;
        assert!(!posted.published, "{posted:?}");
        // Direct delivery does not wait for anchors.
        reads(&sim, 9, &["nobody keeps this for me"], SOON).await;
        pause(600).await;
        let items = sim.doors(5).outbox.items().await.expect("the outbox");
        assert_eq!(items.len(), 1, "{items:?}");
        assert!(!items[0].progress.published && items[0].last_error.is_some(), "{items:?}");
        sim.start(2);
        let published = async || {
            let items = sim.doors(5).outbox.items().await.unwrap_or_default();
            items.iter().all(|item| item.progress.published)
        };
        sim.until("what was queued is published", SOON, published).await;
        flushed(&sim, 5, SOON).await;
    });
}

#[test]
fn posts_go_on_while_single_nodes_come_and_go() {
    let sim = network(24, 30);
    sim.run(async {
        settle(&sim, 5, "alice").await;
        settle(&sim, 6, "bob").await;
        follow(&sim, 6, "alice").await;
        pause(5).await;
        let mut sent = Vec::new();
        for round in 0..8 {
            let (down, up) = (10 + round, 10 + (round + 7) % 8);
            sim.crash(down);
            if !sim.is_running(up) {
                sim.start(up);
            }
            let text = format!("round {round}");
            post(&sim, 5, &text).await;
            sent.push(text);
            pause(20).await;
        }
        let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
        reads(&sim, 6, &sent, SOON).await;
        flushed(&sim, 5, Duration::from_secs(400)).await;
    });
}
