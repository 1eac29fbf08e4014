//! Mentions: who is named hears of it, whether or not they follow, and sees only what really names them.

use std::time::Duration;

use timeline::actors::{FeedEvent, PostRequest};
use timeline::records::PrivateKind;
use timeline::sim::Simulation;
use timeline::types::Hash;

use super::people::{SOON, follow, login, name, network, pause, publish, settle, texts};
use super::reading::{first, told};

const WITHIN: Duration = Duration::from_secs(10);

pub async fn answer(sim: &Simulation, node: usize, text: &str, to: Hash) -> Hash {
    let request = PostRequest { text: text.to_owned(), ttl: None, reply_to: Some(to) };
    let posted = sim.doors(node).session.post_within(request, WITHIN).await;
    posted.unwrap_or_else(|problem| panic!("{sim:?}: node {node} answers: {problem:?}")).id
}

pub async fn hide(sim: &Simulation, node: usize, kind: PrivateKind, user: &str, on: bool) {
    let done = sim.doors(node).session.relate_privately(kind, name(user), on, WITHIN).await;
    assert!(done.is_ok(), "{sim:?}: {done:?}");
}

pub async fn delete(sim: &Simulation, node: usize, post: Hash) {
    let done = sim.doors(node).session.delete_within(post, WITHIN).await;
    assert!(done.is_ok(), "{sim:?}: {done:?}");
}

async fn mentioned(sim: &Simulation, node: usize) -> Vec<String> {
    let page = sim.doors(node).feed.mentions(first(50)).await;
    page.map(|page| page.posts.into_iter().map(|post| post.text).collect()).unwrap_or_default()
}

async fn are(sim: &Simulation, node: usize, expected: &[&str], within: Duration) {
    let there = async || mentioned(sim, node).await == expected;
    sim.until(&format!("the mentions of node {node} are {expected:?}"), within, there).await;
}

#[test]
fn whoever_is_named_or_answered_finds_it_among_the_mentions() {
    let sim = network(420, 12);
    sim.run(async {
        for (node, who) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 4, "bob").await;
        let question = publish(&sim, 4, "what time is it?").await.id;
        let mut watching = sim.doors(4).feed.watch().await.expect("alice watches");
        publish(&sim, 6, "good morning @alice").await;
        pause(1).await;
        answer(&sim, 6, "noon", question).await;
        pause(1).await;
        publish(&sim, 6, "nothing to do with anybody").await;
        publish(&sim, 5, "hello @alice from bob").await;
        are(&sim, 4, &["hello @alice from bob", "noon", "good morning @alice"], SOON).await;
        // Carol, whom she does not follow, is nowhere else.
        assert_eq!(texts(&sim, 4).await, ["hello @alice from bob", "what time is it?"]);
        // Without being asked for, it comes with time, and watchers hear of each once.
        let late = publish(&sim, 6, "are you there @alice").await.id;
        pause(200).await;
        let events = told(&mut watching.events);
        let mut heard: Vec<&str> = events
            .iter()
            .filter_map(|e| if let FeedEvent::Mention(post) = e { Some(post.text.as_str()) } else { None })
            .collect();
        heard.sort_unstable();
        let all = ["are you there @alice", "good morning @alice", "hello @alice from bob", "noon"];
        assert_eq!(heard, all);
        // Another device of hers has them too; what is deleted is gone from there, and shown is shown.
        login(&sim, 8, "alice").await.expect("alice logs in elsewhere");
        are(&sim, 8, &["are you there @alice", "hello @alice from bob", "noon", "good morning @alice"], SOON).await;
        assert_eq!(sim.doors(8).feed.shown(vec![late]).await, Ok(1));
        let page = sim.doors(8).feed.mentions(first(1)).await.expect("a page");
        assert!(page.posts[0].seen && page.next.is_some());
        delete(&sim, 6, late).await;
        for node in [4, 8] {
            are(&sim, node, &["hello @alice from bob", "noon", "good morning @alice"], Duration::from_secs(700)).await;
        }
        sim.restart(4);
        are(&sim, 4, &["hello @alice from bob", "noon", "good morning @alice"], SOON).await;
        sim.doors(4).session.logout().await.expect("alice leaves");
        settle(&sim, 4, "dora").await;
        assert_eq!(mentioned(&sim, 4).await, Vec::<String>::new(), "nothing is left for the next");
    });
}

#[test]
fn mentions_end_with_their_posts() {
    let sim = network(421, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let ttl = Some(Duration::from_secs(60));
        sim.doors(5).session.post("soon gone @alice".to_owned(), ttl).await.expect("posted");
        are(&sim, 4, &["soon gone @alice"], SOON).await;
        pause(61).await;
        assert_eq!(mentioned(&sim, 4).await, Vec::<String>::new());
        pause(200).await;
        assert_eq!(mentioned(&sim, 4).await, Vec::<String>::new());
    });
}

#[test]
fn mentions_by_those_who_are_muted_or_blocked_are_not_shown() {
    let sim = network(422, 10);
    sim.run(async {
        for (node, who) in [(4, "alice"), (5, "bob"), (6, "carol"), (7, "dave")] {
            settle(&sim, node, who).await;
        }
        for (node, text) in [(5, "bob says @alice"), (6, "carol says @alice"), (7, "dave says @alice")] {
            publish(&sim, node, text).await;
            pause(1).await;
        }
        are(&sim, 4, &["dave says @alice", "carol says @alice", "bob says @alice"], SOON).await;
        hide(&sim, 4, PrivateKind::Mute, "bob", true).await;
        hide(&sim, 4, PrivateKind::Block, "carol", true).await;
        assert_eq!(mentioned(&sim, 4).await, ["dave says @alice"]);
        let mut watching = sim.doors(4).feed.watch().await.expect("alice watches");
        publish(&sim, 5, "once more @alice, says bob").await;
        publish(&sim, 6, "once more @alice, says carol").await;
        pause(130).await;
        assert_eq!(mentioned(&sim, 4).await, ["dave says @alice"]);
        assert_eq!(told(&mut watching.events), []);
        hide(&sim, 4, PrivateKind::Mute, "bob", false).await;
        let texts = ["once more @alice, says bob", "dave says @alice", "bob says @alice"];
        are(&sim, 4, &texts, Duration::from_secs(90)).await;
    });
}
