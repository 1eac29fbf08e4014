//! The status of a node: gathered from its actors, with warnings that say what to do.

use std::time::Duration;

use serde_json::{Value, json};

use super::warnings::{Facts, warnings};
use crate::actors::{BootpeerState, ClockState, Gone, Held, RoutingOverview, Waiting, WhoAmI};
use crate::node::local::{LocalNode, Role};
use crate::seam::Traffic;
use crate::types::{WallTime, format_rfc3339};

/// Everything a status is made of.
pub struct Sheet<'a> {
    node: &'a LocalNode,
    routing: RoutingOverview,
    held: Held,
    clock: ClockState,
    outbox: Vec<Waiting>,
    who: Option<WhoAmI>,
    synced: bool,
    now: WallTime,
}

/// Writes a round trip in milliseconds; `null` when it is not known.
pub fn millis(rtt: Option<Duration>) -> Option<f64> {
    rtt.filter(|rtt| !rtt.is_zero()).map(|rtt| rtt.as_micros() as f64 / 1000.0)
}

impl<'a> Sheet<'a> {
    /// Asks the actors.
    ///
    /// # Errors
    /// When one of them is being rebuilt.
    pub async fn read(node: &'a LocalNode) -> Result<Self, Gone> {
        let doors = &node.doors;
        let (routing, held, outbox, who, clock, synced) = tokio::try_join!(
            doors.routing.overview(),
            doors.storage.held(),
            doors.outbox.items(),
            doors.session.who(),
            doors.clock.state(),
            doors.repair.is_synced()
        )?;
        Ok(Self { node, routing, held, outbox, who, synced, now: clock.now, clock })
    }

    /// Writes it.
    pub fn to_json(&self) -> Value {
        let Self { node, routing, held, .. } = self;
        let account = self
            .who
            .as_ref()
            .map(|who| json!({ "username": who.device.username, "account_id": who.device.account.to_string() }));
        let mut status = json!({
            "node_id": node.node_id.to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "network": { "id": node.network.id.to_string(), "name": node.network.document.name },
            "role": node.role.as_str(),
            "listen": routing.addresses,
            "uptime_s": node.started.elapsed().as_secs(),
            "account": account,
            "peers": { "known": routing.known, "connected": routing.connected },
            "bootpeers": routing.bootpeers.iter().map(bootpeer).collect::<Vec<_>>(),
            "registrars": {
                "n": node.network.registrars.len(), "q": node.network.quorum(),
                "reachable": routing.registrars_reachable, "epoch": node.network.document.epoch,
            },
            "anchor": node.anchor.then(|| json!({ "full": held.full })),
            "clock": clock(&self.clock),
            "store": { "records": held.usage.records, "bytes": held.usage.bytes, "quota_bytes": held.quota, "commits": held.commits, "cut": held.cut },
            "synced": self.synced,
            "traffic": traffic(routing.traffic),
            "outbox": self.outbox.len(),
            "outbox_oldest": self.oldest().map(format_rfc3339),
            "network_size_estimate": routing.size_estimate,
            "warnings": warnings(&self.facts()),
        });
        if let Some(free) = held.free {
            status["disk_free_bytes"] = free.into();
        }
        status
    }

    fn oldest(&self) -> Option<WallTime> {
        self.outbox.iter().map(|item| item.since).min()
    }

    fn facts(&self) -> Facts {
        let (routing, network) = (&self.routing, &self.node.network);
        // A bootpeer may be among its own.
        let others: Vec<_> = routing.bootpeers.iter().filter(|b| b.contact.node != self.node.node_id).collect();
        Facts {
            is_bootpeer: self.node.role == Role::Bootpeer,
            bootpeers: others.len(),
            bootpeers_online: others.iter().filter(|b| b.online).count(),
            known: routing.known,
            registrars: network.registrars.len(),
            quorum: network.quorum(),
            registrars_reachable: routing.registrars_reachable,
            waiting: self.oldest().map(|oldest| self.now.since(oldest)).unwrap_or_default(),
            stored: self.held.usage.bytes,
            quota: self.held.quota,
            disk_free: self.held.free,
            cut: self.held.cut,
            clock: self.clock.clone(),
        }
    }
}

fn traffic(traffic: Traffic) -> Value {
    let Traffic { requests_sent, requests_received, bytes_sent, bytes_received } = traffic;
    json!({
        "requests_sent": requests_sent, "requests_received": requests_received,
        "bytes_sent": bytes_sent, "bytes_received": bytes_received,
    })
}

fn clock(clock: &ClockState) -> Value {
    json!({
        "source": if clock.server.is_some() { "time servers" } else { "system time" },
        "server": clock.server,
        "offset_ms": clock.offset_ms,
        "last": clock.last.map(format_rfc3339),
        "in_doubt": clock.in_doubt,
    })
}

fn bootpeer(bootpeer: &BootpeerState) -> Value {
    json!({
        "address": bootpeer.contact.addresses.first(),
        "node_id": bootpeer.contact.node.to_string(),
        "online": bootpeer.online,
        "rtt_ms": millis(bootpeer.rtt),
        "version": bootpeer.software,
    })
}
