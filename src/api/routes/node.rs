//! The node and its network: status, peers, the network document, and stopping.

use actix_web::web::{Data, Json};
use serde_json::{Value, json};

use crate::actors::Peer;
use crate::api::answers::{self, Answer};
use crate::api::config::RegistrarView;
use crate::api::questions::Nothing;
use crate::api::server::Shared;
use crate::api::status::{Sheet, millis};
use crate::node::local::Role;
use crate::types::format_rfc3339;

/// Says how the node is doing.
pub async fn status(shared: Data<Shared>) -> Answer {
    answers::ok(Sheet::read(&shared.node).await?.to_json())
}

/// Lists the contacts of the routing table.
pub async fn peers(shared: Data<Shared>) -> Answer {
    let peers: Vec<Value> = shared.node.doors.routing.peers().await?.iter().map(peer).collect();
    answers::ok(json!({ "peers": peers }))
}

fn peer(peer: &Peer) -> Value {
    json!({
        "node_id": peer.contact.node.to_string(),
        "addresses": peer.contact.addresses,
        "bucket": peer.bucket,
        "rtt_ms": millis(Some(peer.rtt)),
        "connected": peer.connected,
        "last_seen": format_rfc3339(peer.last_seen),
        "role": if peer.bootpeer { Role::Bootpeer.as_str() } else { Role::Peer.as_str() },
    })
}

/// Shows the network document.
pub async fn network(shared: Data<Shared>) -> Answer {
    let network = &shared.node.network;
    let registrar = |r: &RegistrarView| json!({ "name": r.name, "key": r.key, "node_id": r.node_id.to_string() });
    answers::ok(json!({
        "network_id": network.id.to_string(),
        "name": network.name,
        "epoch": network.epoch,
        "test": network.test,
        "registrars": network.registrars.iter().map(registrar).collect::<Vec<_>>(),
        "k": network.k,
        "q": network.q,
        "limits": network.limits,
        "invite": network.invite,
    }))
}

/// Asks the node to stop; it is still ending when this is answered.
pub async fn stop(shared: Data<Shared>, _: Json<Nothing>) -> Answer {
    if shared.stop.try_send(()).is_err() {
        tracing::debug!("the node is stopping already");
    }
    answers::ok(json!({ "stopping": true }))
}
