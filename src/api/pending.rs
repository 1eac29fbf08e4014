//! A node whose network is not known yet: its status says so, it can be stopped, and everything else has to wait.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use serde_json::{Value, json};

use super::answers::Refusal;
use super::warnings::Warning;
use crate::node::config::Bootpeer;
use crate::node::local::{Arrival, Pending, Role};
use crate::types::{Code, Problem};

/// Lets requests through once the node is there; answers in its place before.
pub async fn pass(
    node: &Arrival,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(pending) = node.pending() else { return Ok(next.call(request).await?.map_into_boxed_body()) };
    match (request.method(), request.path()) {
        (&Method::GET, "/api/v1/node/status") => Ok(request.into_response(HttpResponse::Ok().json(status(pending)))),
        (&Method::POST, "/api/v1/node/stop") => Ok(next.call(request).await?.map_into_boxed_body()),
        _ => Ok(request.error_response(refusal(pending))),
    }
}

fn refusal(pending: &Pending) -> Refusal {
    Problem::new(Code::Unreachable, message(pending)).hint(HINT).into()
}

const HINT: &str = "the node keeps trying: are the bootpeers running, and is UDP let through?";

fn message(pending: &Pending) -> String {
    match pending.bootpeers.len() {
        0 => "no bootpeer is configured that could give the network document".to_owned(),
        count => format!("none of {count} bootpeers has given the network document yet"),
    }
}

/// Writes the status: the same fields as later, with what is known.
fn status(pending: &Pending) -> Value {
    let warning = Warning { code: "network_pending", message: message(pending), hint: HINT };
    json!({
        "node_id": pending.node_id.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "network": { "id": pending.network.to_string(), "name": null, "pending": true },
        "role": pending.role.as_str(),
        "listen": pending.listen,
        "uptime_s": pending.started.elapsed().as_secs(),
        "account": null,
        "peers": { "known": 0, "connected": 0 },
        "bootpeers": pending.bootpeers.iter().map(bootpeer).collect::<Vec<_>>(),
        "registrars": { "n": 0, "q": 0, "reachable": 0, "epoch": null },
        "anchor": (pending.role == Role::Bootpeer).then(|| json!({ "full": false })),
        "clock": { "source": "system time", "in_doubt": false },
        "store": null,
        "synced": false,
        "traffic": null,
        "outbox": 0,
        "outbox_oldest": null,
        "network_size_estimate": 1,
        "warnings": [warning],
    })
}

fn bootpeer(bootpeer: &Bootpeer) -> Value {
    json!({
        "address": bootpeer.address,
        "node_id": bootpeer.node_id.to_string(),
        "online": false,
        "rtt_ms": null,
        "version": null,
    })
}
