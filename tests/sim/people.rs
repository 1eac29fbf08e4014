//! People of a simulated network, and what they do.

use std::ops::Range;
use std::time::Duration;

use timeline::actors::{LoggedIn, PageRequest, Posted, Relation, ShownPost};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Problem, Username};

/// Within this everything has to be done that needs nothing but messages.
pub const SOON: Duration = Duration::from_secs(20);

/// Good enough for a test network.
pub const PASSWORD: &str = "velvet otter canyon marble drift";

/// Returns the seeds to run: those that `TIMELINE_SIM_SEEDS` names, as in `TIMELINE_SIM_SEEDS=100..200`, or the usual ones.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let named = std::env::var("TIMELINE_SIM_SEEDS").ok();
    let range = named.as_deref().and_then(|text| text.split_once(".."));
    range.and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?)).unwrap_or(usual)
}

pub fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

/// A network of so many nodes, three of them bootpeers; everything else as usual.
pub fn network(seed: u64, nodes: usize) -> Simulation {
    Simulation::new(seed, SimConfig { nodes, ..SimConfig::default() })
}

pub async fn register(sim: &Simulation, node: usize, user: &str) -> Result<LoggedIn, Problem> {
    sim.doors(node).session.register(name(user), PASSWORD.to_owned().into()).await
}

pub async fn login(sim: &Simulation, node: usize, user: &str) -> Result<LoggedIn, Problem> {
    sim.doors(node).session.login(name(user), PASSWORD.to_owned().into(), false).await
}

/// Waits until the node has joined, and registers there.
pub async fn settle(sim: &Simulation, node: usize, user: &str) {
    joined(sim, node).await;
    register(sim, node, user).await.unwrap_or_else(|problem| panic!("{user} registers: {problem:?}"));
}

/// Follows, which has to be published at once.
pub async fn follow(sim: &Simulation, node: usize, user: &str) {
    let relation: Result<Relation, Problem> = sim.doors(node).session.follow(name(user), true).await;
    assert!(relation.as_ref().is_ok_and(|r| !r.queued), "{sim:?}: node {node} follows {user}: {relation:?}");
}

pub async fn post(sim: &Simulation, node: usize, text: &str) -> Posted {
    let posted = sim.doors(node).session.post(text.to_owned(), None).await;
    posted.unwrap_or_else(|problem| panic!("{sim:?}: node {node} posts: {problem:?}"))
}

/// Posts, which has to be published at once.
pub async fn publish(sim: &Simulation, node: usize, text: &str) -> Posted {
    let posted = post(sim, node, text).await;
    assert!(posted.published, "{sim:?}: {text}: {posted:?}");
    posted
}

/// Waits until a node knows somebody.
pub async fn joined(sim: &Simulation, node: usize) {
    let known = async || sim.doors(node).routing.overview().await.is_ok_and(|o| o.known > 0);
    sim.until(&format!("node {node} joins"), SOON, known).await;
}

pub async fn feed(sim: &Simulation, node: usize) -> Vec<ShownPost> {
    let request = PageRequest { limit: 1000, ..PageRequest::default() };
    sim.doors(node).feed.page(request).await.map(|page| page.posts).unwrap_or_default()
}

pub async fn texts(sim: &Simulation, node: usize) -> Vec<String> {
    feed(sim, node).await.into_iter().map(|post| post.text).collect()
}

/// Waits until a feed has these posts, whatever else it has.
pub async fn reads(sim: &Simulation, node: usize, wanted: &[&str], within: Duration) {
    let there = async || {
        let texts = texts(sim, node).await;
        wanted.iter().all(|w| texts.iter().any(|t| t == w))
    };
    sim.until(&format!("node {node} reads {wanted:?}"), within, there).await;
}

/// Waits until nothing waits in a node's outbox.
pub async fn flushed(sim: &Simulation, node: usize, within: Duration) {
    let empty = async || sim.doors(node).outbox.items().await.is_ok_and(|items| items.is_empty());
    sim.until(&format!("the outbox of node {node} empties"), within, empty).await;
}

pub async fn pause(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Tells whether this account is logged in on a node.
pub async fn is_in(sim: &Simulation, node: usize, user: &str) -> bool {
    let who = sim.doors(node).session.who().await;
    who.is_ok_and(|who| who.is_some_and(|who| who.device.username == name(user)))
}
