//! Conversations, read from wherever their posts lie.

use std::time::Duration;

use timeline::actors::{ShownPost, Thread};
use timeline::records::PrivateKind;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Hash;

use super::mentions::{answer, delete, hide};
use super::people::{follow, pause, publish, reads, settle};

/// Few replicas, so that most of what is read is read over the network.
fn network(seed: u64) -> Simulation {
    Simulation::new(seed, SimConfig { nodes: 24, k: 3, ..SimConfig::default() })
}

async fn thread(sim: &Simulation, node: usize, post: Hash) -> Thread {
    let thread = sim.doors(node).people.thread(post).await;
    thread.unwrap_or_else(|problem| panic!("{sim:?}: a conversation at node {node}: {problem:?}"))
}

fn texts(posts: &[ShownPost]) -> Vec<&str> {
    posts.iter().map(|post| post.text.as_str()).collect()
}

#[test]
fn a_conversation_is_read_upwards_and_downwards() {
    let sim = network(430);
    sim.run(async {
        for (node, who) in [(5, "alice"), (10, "bob"), (15, "carol"), (20, "dave")] {
            settle(&sim, node, who).await;
        }
        // Everybody follows whom they answer; dave follows carol alone.
        for (node, who) in [(10, "alice"), (15, "bob"), (10, "carol"), (20, "carol")] {
            follow(&sim, node, who).await;
        }
        let root = publish(&sim, 5, "root").await.id;
        reads(&sim, 10, &["root"], Duration::from_secs(90)).await;
        let first = answer(&sim, 10, "first answer", root).await;
        reads(&sim, 15, &["first answer"], Duration::from_secs(90)).await;
        let second = answer(&sim, 15, "answer to the answer", first).await;
        reads(&sim, 10, &["answer to the answer"], Duration::from_secs(90)).await;
        pause(1).await;
        answer(&sim, 10, "and on", second).await;
        reads(&sim, 20, &["answer to the answer"], Duration::from_secs(90)).await;
        pause(30).await;
        // Dave knows one post of it, and sees all that is above, and what answers it.
        let read = thread(&sim, 20, second).await;
        assert_eq!(texts(&read.ancestors), ["root", "first answer"]);
        assert_eq!((read.ancestors_end, read.complete), (None, true));
        assert_eq!(texts(&read.replies), ["and on"]);
        assert_eq!(read.ancestors[1].reply_to, Some(root));
        // The author of the first post sees whatever she was told of, and what lies beside it.
        let read = thread(&sim, 5, root).await;
        assert_eq!((texts(&read.ancestors), texts(&read.replies)[0]), (vec![], "first answer"));
        // Where a link is gone, that is said; what lies above is not shown.
        delete(&sim, 10, first).await;
        pause(30).await;
        let read = thread(&sim, 20, second).await;
        assert_eq!((texts(&read.ancestors), read.ancestors_end), (vec![], Some("deleted")));
        hide(&sim, 20, PrivateKind::Mute, "bob", true).await;
        let read = thread(&sim, 20, second).await;
        assert_eq!((read.ancestors_end, read.replies.len()), (Some("hidden"), 0));
    });
}
