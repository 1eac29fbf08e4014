//! How far an account has read, on whatever of its devices.

use std::time::Duration;

use timeline::actors::{FeedEvent, Retention, Watching};
use timeline::sim::{SimConfig, Simulation};

use super::gc::look;
use super::people::{SOON, feed, follow, is_in, joined, login, pause, publish, reads, settle};

/// Within this one device knows what another one was shown: it is written and read every half a minute.
const KNOWN: Duration = Duration::from_secs(100);

fn network(seed: u64, publish_seen: bool) -> Simulation {
    let retention = Retention { publish_seen, ..Retention::default() };
    Simulation::new(seed, SimConfig { nodes: 9, retention, ..SimConfig::default() })
}

/// Returns the texts that the user of a node was not shown, oldest first.
async fn unseen(sim: &Simulation, node: usize) -> Vec<String> {
    feed(sim, node).await.into_iter().rev().filter(|post| !post.seen).map(|post| post.text).collect()
}

async fn watch(sim: &Simulation, node: usize) -> Watching {
    sim.doors(node).feed.watch().await.expect("somebody watches")
}

/// Returns the texts of the posts that a watcher was told of, those that waited for it first.
fn told(watching: &mut Watching) -> Vec<String> {
    let mut texts: Vec<String> = watching.unseen.drain(..).map(|post| post.text).collect();
    while let Ok(event) = watching.events.try_recv() {
        if let FeedEvent::Post(post) = event {
            texts.push(post.text);
        }
    }
    texts
}

async fn logout(sim: &Simulation, node: usize) {
    sim.doors(node).session.logout().await.expect("logged out");
    assert!(!is_in(sim, node, "bob").await);
}

#[test]
fn a_login_goes_on_where_another_one_ended() {
    for publish_seen in [true, false] {
        let sim = network(960, publish_seen);
        sim.run(async {
            settle(&sim, 4, "alice").await;
            settle(&sim, 5, "bob").await;
            follow(&sim, 5, "alice").await;
            for text in ["one", "two", "three"] {
                publish(&sim, 4, text).await;
            }
            publish(&sim, 5, "from bob").await;
            reads(&sim, 5, &["one", "two", "three"], SOON).await;
            look(&sim, 5).await;
            publish(&sim, 4, "four").await;
            reads(&sim, 5, &["four"], SOON).await;
            logout(&sim, 5).await;
            let mut left = vec!["four".to_owned()];
            // On another node, and on the same one again.
            for node in [7, 5] {
                joined(&sim, node).await;
                login(&sim, node, "bob").await.expect("bob logs in");
                let mut watching = watch(&sim, node).await;
                reads(&sim, node, &["one", "two", "three", "from bob"], SOON).await;
                reads(&sim, node, &left.iter().map(String::as_str).collect::<Vec<_>>(), SOON).await;
                assert_eq!(unseen(&sim, node).await, left, "node {node}");
                left.push(format!("new for {node}"));
                publish(&sim, 4, &format!("new for {node}")).await;
                reads(&sim, node, &[&format!("new for {node}")], SOON).await;
                assert_eq!(told(&mut watching), left);
                // It is left as it was.
                sim.restart(node);
                pause(60).await;
                assert_eq!(unseen(&sim, node).await, left);
                if node == 7 {
                    logout(&sim, node).await;
                }
            }
        });
    }
}

#[test]
fn what_one_device_was_shown_the_other_one_need_not_show_again() {
    let sim = network(961, false);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        joined(&sim, 7).await;
        login(&sim, 7, "bob").await.expect("bob logs in on a second node");
        pause(60).await;
        let mut watching = watch(&sim, 7).await;
        publish(&sim, 4, "one").await;
        publish(&sim, 4, "two").await;
        publish(&sim, 5, "from bob").await;
        for node in [5, 7] {
            reads(&sim, node, &["one", "two", "from bob"], KNOWN).await;
        }
        assert_eq!(unseen(&sim, 7).await, ["one", "two"], "what bob wrote is no news to him");
        let heard = told(&mut watching);
        assert_eq!(heard.len(), 3, "each is told once, as it comes: {heard:?}");
        look(&sim, 5).await;
        sim.until("the other device knows", KNOWN, async || unseen(&sim, 7).await.is_empty()).await;
        assert!(watch(&sim, 7).await.unseen.is_empty());
        // And the other way round; nothing goes backwards.
        publish(&sim, 4, "three").await;
        reads(&sim, 7, &["three"], SOON).await;
        reads(&sim, 5, &["three"], KNOWN).await;
        look(&sim, 7).await;
        sim.until("the first device knows", KNOWN, async || unseen(&sim, 5).await.is_empty()).await;
        for node in [5, 7] {
            sim.restart(node);
        }
        pause(120).await;
        for node in [5, 7] {
            assert_eq!(unseen(&sim, node).await, [] as [String; 0], "node {node}");
        }
    });
}

#[test]
fn what_was_shown_elsewhere_while_the_disk_was_full_is_marked_when_there_is_room() {
    let sim = network(962, false);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        joined(&sim, 7).await;
        login(&sim, 7, "bob").await.expect("bob logs in on a second node");
        pause(60).await;
        for text in ["one", "two"] {
            publish(&sim, 4, text).await;
        }
        for node in [5, 7] {
            reads(&sim, node, &["one", "two"], KNOWN).await;
        }
        sim.set_full(7, true);
        look(&sim, 5).await;
        pause(2 * KNOWN.as_secs()).await;
        assert_eq!(unseen(&sim, 7).await, ["one", "two"], "nothing can be marked");
        sim.set_full(7, false);
        sim.until("it is marked", KNOWN, async || unseen(&sim, 7).await.is_empty()).await;
        assert!(watch(&sim, 7).await.unseen.is_empty());
    });
}
