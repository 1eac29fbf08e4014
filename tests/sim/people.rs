//! People of a simulated network, and what they do.

use std::collections::BTreeMap;
use std::time::Duration;

use timeline::actors::{LoggedIn, PageRequest, Posted, Relation, ShownPost};
use timeline::sim::Simulation;
use timeline::types::{Problem, Username};

/// Within this everything has to be done that needs nothing but messages.
pub const SOON: Duration = Duration::from_secs(20);

/// Good enough for a test network.
const PASSWORD: &str = "velvet otter canyon marble drift";

pub fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

pub async fn register(sim: &Simulation, node: usize, user: &str) -> Result<LoggedIn, Problem> {
    sim.doors(node).session.register(name(user), PASSWORD.to_owned().into()).await
}

pub async fn login(sim: &Simulation, node: usize, user: &str) -> Result<LoggedIn, Problem> {
    sim.doors(node).session.login(name(user), PASSWORD.to_owned().into(), false).await
}

pub async fn follow(sim: &Simulation, node: usize, user: &str) -> Result<Relation, Problem> {
    sim.doors(node).session.follow(name(user), true).await
}

pub async fn post(sim: &Simulation, node: usize, text: &str) -> Result<Posted, Problem> {
    sim.doors(node).session.post(text.to_owned(), None).await
}

/// Everybody registers, each on a node of their own; waits until the network is joined first.
pub async fn settle(sim: &Simulation, people: &BTreeMap<usize, &str>) {
    for (node, user) in people {
        joined(sim, *node).await;
        register(sim, *node, user).await.unwrap_or_else(|p| panic!("{user} registers: {p:?}"));
    }
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
