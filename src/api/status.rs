//! The status of a node: gathered from its actors, with warnings that say what to do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::actors::{BootpeerState, Gone, Held, RoutingOverview, Waiting, WhoAmI};
use crate::clock::SystemClock;
use crate::node::local::{LocalNode, Role};
use crate::seam::Clock;
use crate::types::{WallTime, format_rfc3339};

/// An item that waits longer than this is worth a word.
const OUTBOX_OLD: Duration = Duration::from_secs(5 * 60);
/// The share of the quota, in hundredths, from which on the store is worth a word.
const STORE_FULL: u64 = 90;
/// Less room on the disk than this is worth a word.
const DISK_LOW: u64 = 256 << 20;

/// Everything a status is made of.
pub struct Sheet<'a> {
    node: &'a LocalNode,
    routing: RoutingOverview,
    held: Held,
    outbox: Vec<Waiting>,
    who: Option<WhoAmI>,
    disk_free: Option<u64>,
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
        let (routing, held, outbox, who) = tokio::try_join!(
            doors.routing.overview(),
            doors.storage.held(),
            doors.outbox.items(),
            doors.session.who()
        )?;
        let disk_free = held.free;
        Ok(Self { node, routing, held, outbox, who, disk_free, now: SystemClock.now() })
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
            "clock": { "source": "system time", "in_doubt": false },
            "store": { "records": held.usage.records, "bytes": held.usage.bytes, "quota_bytes": held.quota },
            "outbox": self.outbox.len(),
            "outbox_oldest": self.oldest().map(format_rfc3339),
            "network_size_estimate": routing.size_estimate,
            "warnings": self.warnings(),
        });
        if let Some(free) = self.disk_free {
            status["disk_free_bytes"] = free.into();
        }
        status
    }

    fn oldest(&self) -> Option<WallTime> {
        self.outbox.iter().map(|item| item.since).min()
    }

    fn warnings(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut warn = |code: &str, message: String, hint: &str| {
            all.push(json!({ "code": code, "message": message, "hint": hint }));
        };
        let (routing, network, usage) = (&self.routing, &self.node.network, &self.held.usage);
        // A bootpeer may be the only one, and first.
        let others: Vec<_> = routing.bootpeers.iter().filter(|b| b.contact.node != self.node.node_id).collect();
        if others.is_empty() && self.node.role == Role::Peer && routing.known == 0 {
            let hint = "join a network: timeline join INVITE, or found one: timeline network new";
            warn("alone", "this node has no bootpeer and knows no other node".into(), hint);
        } else if !others.is_empty() && !others.iter().any(|b| b.online) {
            let hint = "posts wait in the outbox; are the bootpeers running, and is UDP let through?";
            warn("no_bootpeer", format!("none of {} bootpeers answers", others.len()), hint);
        }
        let (n, q, reachable) = (network.registrars.len(), network.quorum(), routing.registrars_reachable);
        if n > 0 && reachable < q {
            let message = format!("{reachable} of {n} registrars answer, {q} are needed to register");
            warn("few_registrars", message, "a registration waits until more of them answer");
        }
        let waiting = self.oldest().map(|oldest| self.now.since(oldest)).unwrap_or_default();
        if waiting > OUTBOX_OLD {
            let message = format!("something waits in the outbox for {} minutes", waiting.as_secs() / 60);
            warn("outbox_waits", message, "the node keeps trying");
        }
        if usage.bytes.saturating_mul(100) > self.held.quota.saturating_mul(STORE_FULL) {
            let message = format!("the store holds {} of {} bytes", usage.bytes, self.held.quota);
            warn("store_nearly_full", message, "raise store.quota, or others' records are refused");
        }
        if let Some(free) = self.disk_free.filter(|free| *free < DISK_LOW) {
            warn(
                "disk_nearly_full",
                format!("the disk has {free} bytes left"),
                "make room, or nothing new can be kept",
            );
        }
        all
    }
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
