//! The node and its network: status, peers, the network document, and stopping.

use actix_web::web::{Data, Json};
use serde_json::{Value, json};

use crate::actors::Peer;
use crate::api::answers::{self, Answer};
use crate::api::questions::Nothing;
use crate::api::server::Shared;
use crate::api::status::{Sheet, millis};
use crate::node::local::Role;
use crate::types::{PublicKey, RegistrarEntry, format_rfc3339};

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
        "role": if peer.bootpeer { Role::Bootpeer } else { Role::Peer }.as_str(),
    })
}

/// Shows the network document.
pub async fn network(shared: Data<Shared>) -> Answer {
    let (network, document) = (&shared.node.network, &shared.node.network.document);
    let registrar = |entry: &RegistrarEntry| {
        let node_id = entry.key.parse::<PublicKey>().ok().map(|key| key.node_id().to_string());
        json!({ "name": entry.name, "key": entry.key, "node_id": node_id })
    };
    answers::ok(json!({
        "network_id": network.id.to_string(),
        "name": document.name,
        "epoch": document.epoch,
        "test": document.test,
        "registrars": document.registrars.iter().map(registrar).collect::<Vec<_>>(),
        "k": network.k(),
        "q": network.quorum(),
        "limits": network.limits(),
        "invite": shared.node.invite,
    }))
}

/// Asks the node to stop; it is still ending when this is answered.
pub async fn stop(shared: Data<Shared>, _: Json<Nothing>) -> Answer {
    shared.ask_to_stop();
    answers::ok(json!({ "stopping": true }))
}
