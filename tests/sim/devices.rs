//! One account on several nodes.

use std::time::Duration;

use timeline::types::Code;

use super::people::{SOON, follow, login, name, network, pause, publish, reads, register, settle, texts};

#[test]
fn whom_one_device_follows_the_other_one_follows_too() {
    let sim = network(90, 10);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
        }
        follow(&sim, 5, "alice").await;
        login(&sim, 7, "bob").await.expect("bob logs in on another node");
        follow(&sim, 7, "carol").await;
        publish(&sim, 4, "from alice").await;
        publish(&sim, 6, "from carol").await;
        for node in [5, 7] {
            reads(&sim, node, &["from alice", "from carol"], Duration::from_secs(60)).await;
        }
        let gone = sim.doors(5).session.follow(name("alice"), false).await.expect("bob unfollows");
        assert!(!gone.queued && !gone.follows);
        sim.until("alice is gone everywhere", Duration::from_secs(60), async || {
            texts(&sim, 7).await == ["from carol"] && texts(&sim, 5).await == ["from carol"]
        })
        .await;
        sim.restart(7);
        pause(90).await;
        assert_eq!(texts(&sim, 7).await, ["from carol"]);
    });
}

#[test]
fn an_unfollow_wins_over_a_follow_by_a_device_whose_clock_is_ahead() {
    let sim = network(91, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        sim.skew(7, Duration::from_secs(200), Duration::ZERO, false);
        // Near enough for the peers; until they are asked it is in doubt.
        pause(3).await;
        login(&sim, 7, "bob").await.expect("bob logs in on another node");
        follow(&sim, 7, "alice").await;
        publish(&sim, 4, "hello").await;
        reads(&sim, 5, &["hello"], Duration::from_secs(60)).await;
        sim.doors(5).session.follow(name("alice"), false).await.expect("bob unfollows");
        sim.until("alice is gone everywhere", Duration::from_secs(60), async || texts(&sim, 7).await.is_empty()).await;
        pause(90).await;
        assert!(texts(&sim, 5).await.is_empty(), "the older word does not come back");
    });
}

#[test]
fn who_is_followed_is_unfollowed_without_the_network() {
    let sim = network(92, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        let others: Vec<usize> = (0..8).filter(|node| *node != 5).collect();
        sim.cut(&[5], &others);
        sim.restart(5);
        pause(5).await;
        let relation = sim.doors(5).session.follow(name("alice"), false).await.expect("it is queued");
        assert!(relation.queued && !relation.follows);
        sim.heal();
        super::people::flushed(&sim, 5, Duration::from_secs(60)).await;
        let doors = sim.doors(5);
        let wish = || doors.session.follow(name("alice"), true);
        let (one, other) = tokio::join!(wish(), wish());
        assert!(one.is_ok() && other.is_ok());
        let edges = sim.doors(5).outbox.items().await.expect("the outbox answers").len();
        assert!(edges <= 1, "two wishes make one edge");
        reads(&sim, 5, &[], SOON).await;
    });
}

#[test]
fn a_registration_that_the_node_finished_by_itself_is_no_error_for_who_has_the_password() {
    let sim = network(93, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        let first = sim.doors(4).session.who().await.expect("the session answers").expect("alice").device;
        assert_eq!(register(&sim, 4, "alice").await, Ok(first));
        let wrong = sim.doors(4).session.register(name("alice"), "another otter altogether".to_owned().into()).await;
        assert!(wrong.is_err_and(|problem| problem.code == Code::AlreadyLoggedIn));
    });
}
