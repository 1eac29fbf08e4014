//! Who is near a key, and whether a peer answers.

use std::net::{IpAddr, SocketAddr};

use actix_web::web::{Data, Query};
use serde::Deserialize;
use serde_json::json;

use crate::actors::{Doors, LookedUpFor, NearNode, PingError, PingTarget};
use crate::api::answers::{self, Answer, Refusal};
use crate::api::questions::{in_time, username, within};
use crate::api::server::Shared;
use crate::records::name_key;
use crate::types::{Code, Key, NodeId, Problem};

/// The port of a peer when none is named.
const PORT: u16 = 4747;
/// Digits of the shortest prefix that stands for an id.
const PREFIX: usize = 8;

/// `lookup`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupQuery {
    /// A name or a key.
    pub what: String,
    pub timeout_ms: Option<u64>,
}

/// `ping`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PingQuery {
    /// A node id, the start of one, or an address.
    pub target: String,
    pub timeout_ms: Option<u64>,
}

/// Looks for the nodes nearest to a key, or to that of a name.
pub async fn lookup(shared: Data<Shared>, query: Query<LookupQuery>) -> Answer {
    let key = match query.what.parse::<Key>() {
        Ok(key) => key,
        Err(_) => name_key(&username(&query.what)?),
    };
    let routing = shared.node.doors.routing.clone();
    let found = in_time(within(query.timeout_ms), async move { Ok(routing.look_up(key).await?) }).await?;
    if found.closest.is_empty() {
        let problem = Problem::new(Code::Unreachable, "no other node answers");
        return Err(problem.hint("look with: timeline status").into());
    }
    answers::ok(looked_up(&found))
}

fn looked_up(found: &LookedUpFor) -> serde_json::Value {
    let near = |near: &NearNode| {
        json!({
            "node_id": near.node.to_string(),
            "distance_log2": near.distance_log2,
            "has_value": near.has_value,
        })
    };
    json!({
        "key": found.key.to_string(),
        "hops": found.hops,
        "asked": found.asked,
        "ms": found.took.as_micros() as f64 / 1000.0,
        "closest": found.closest.iter().map(near).collect::<Vec<_>>(),
    })
}

/// Pings a peer.
pub async fn ping(shared: Data<Shared>, query: Query<PingQuery>) -> Answer {
    let target = target(&shared.node.doors, &query.target).await?;
    let routing = shared.node.doors.routing.clone();
    let pong = in_time(within(query.timeout_ms), async move { Ok(routing.ping(target).await?) }).await?;
    match pong {
        Ok(pong) => {
            answers::ok(json!({ "node_id": pong.node.to_string(), "rtt_ms": pong.rtt.as_micros() as f64 / 1000.0 }))
        }
        Err(PingError::Ourselves) => Err(Refusal::usage("this is the node itself")),
        Err(error) => {
            let problem = Problem::new(Code::Unreachable, format!("{}: {error}", query.target));
            Err(problem.hint("look for peers that answer with: timeline peers").into())
        }
    }
}

/// Reads whom to ping.
async fn target(doors: &Doors, text: &str) -> Result<PingTarget, Refusal> {
    if let Ok(node) = text.parse::<NodeId>() {
        return Ok(PingTarget::Node(node));
    }
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digits && (PREFIX..64).contains(&text.len()) {
        return Ok(PingTarget::Node(by_prefix(doors, text).await?));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(PingTarget::Address(SocketAddr::new(ip, PORT)));
    }
    let wrong =
        || Refusal::usage(format!("`{text}` is neither a node id, the first {PREFIX} digits of one, nor HOST:PORT"));
    let mut found = tokio::net::lookup_host(text).await.map_err(|_| wrong())?;
    found.next().map(PingTarget::Address).ok_or_else(wrong)
}

async fn by_prefix(doors: &Doors, prefix: &str) -> Result<NodeId, Refusal> {
    let (peers, overview) = (doors.routing.peers().await?, doors.routing.overview().await?);
    let all = peers.iter().map(|peer| peer.contact.node).chain(overview.bootpeers.iter().map(|b| b.contact.node));
    let mut matching: Vec<NodeId> = all.filter(|node| node.to_string().starts_with(prefix)).collect();
    matching.sort_unstable();
    matching.dedup();
    match matching[..] {
        [node] => Ok(node),
        [] => {
            let problem = Problem::new(Code::Unreachable, format!("no known node has an id that begins with {prefix}"));
            Err(problem.hint("give all 64 digits, or look with: timeline peers").into())
        }
        _ => Err(Refusal::usage(format!("{prefix} is the beginning of {} node ids: give more digits", matching.len()))),
    }
}
