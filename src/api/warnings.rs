//! What about a node is worth a word, and what to do about it.

use std::time::Duration;

use serde::Serialize;

/// An item that waits longer than this is worth a word.
const OUTBOX_OLD: Duration = Duration::from_secs(5 * 60);
/// The share of the quota, in hundredths, beyond which the store is worth a word.
const STORE_FULL: u64 = 90;
/// Less room on the disk than this is worth a word.
const DISK_LOW: u64 = 256 << 20;

/// A warning as people and scripts see it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A word that scripts may look for.
    pub code: &'static str,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// What warnings are made of.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether the node is itself a way in, and may be the first.
    pub is_bootpeer: bool,
    /// Bootpeers other than the node itself.
    pub bootpeers: usize,
    /// Those that answer.
    pub bootpeers_online: usize,
    /// Contacts in the routing table.
    pub known: usize,
    /// Registrars of the network.
    pub registrars: usize,
    /// Registrars that must sign for a name.
    pub quorum: usize,
    /// Registrars that answer.
    pub registrars_reachable: usize,
    /// How long the oldest item of the outbox waits; zero when it is empty.
    pub waiting: Duration,
    /// Bytes in the store.
    pub stored: u64,
    /// Bytes from which on records of strangers are refused.
    pub quota: u64,
    /// Bytes left on the disk, where the system says.
    pub disk_free: Option<u64>,
}

/// Returns everything that is worth a word.
pub fn warnings(facts: &Facts) -> Vec<Warning> {
    let &Facts { registrars: n, quorum: q, registrars_reachable: reachable, stored, quota, .. } = facts;
    let mut all = Vec::new();
    let mut warn = |code, message, hint| all.push(Warning { code, message, hint });
    if facts.bootpeers == 0 && facts.known == 0 && !facts.is_bootpeer {
        let hint = "join a network: timeline join INVITE, or found one: timeline network new";
        warn("alone", "this node has no bootpeer and knows no other node".into(), hint);
    }
    if facts.bootpeers > 0 && facts.bootpeers_online == 0 {
        let hint = "posts wait in the outbox; are the bootpeers running, and is UDP let through?";
        warn("no_bootpeer", format!("none of {} bootpeers answers", facts.bootpeers), hint);
    }
    if n > 0 && reachable < q {
        let message = format!("{reachable} of {n} registrars answer, {q} are needed to register");
        warn("few_registrars", message, "a registration waits until more of them answer");
    }
    if facts.waiting > OUTBOX_OLD {
        let message = format!("something waits in the outbox for {} minutes", facts.waiting.as_secs() / 60);
        warn("outbox_waits", message, "the node keeps trying");
    }
    if u128::from(stored) * 100 > u128::from(quota) * u128::from(STORE_FULL) {
        let message = format!("the store holds {stored} of {quota} bytes");
        warn("store_nearly_full", message, "raise store.quota, or others' records are refused");
    }
    if let Some(free) = facts.disk_free.filter(|free| *free < DISK_LOW) {
        warn("disk_nearly_full", format!("the disk has {free} bytes left"), "make room, or nothing new can be kept");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Facts {
        Facts {
            is_bootpeer: false,
            bootpeers: 3,
            bootpeers_online: 1,
            known: 5,
            registrars: 3,
            quorum: 2,
            registrars_reachable: 2,
            waiting: OUTBOX_OLD,
            stored: 90,
            quota: 100,
            disk_free: Some(DISK_LOW),
        }
    }

    #[test]
    fn each_trouble_has_its_word() {
        let check = |change: fn(&mut Facts), expected: &[&str]| {
            let mut facts = healthy();
            change(&mut facts);
            let codes: Vec<&str> = warnings(&facts).iter().map(|warning| warning.code).collect();
            assert_eq!(codes, expected, "{facts:?}");
        };
        check(|_| {}, &[]);
        check(|f| f.bootpeers_online = 0, &["no_bootpeer"]);
        check(|f| (f.bootpeers, f.bootpeers_online) = (0, 0), &[]);
        check(|f| (f.bootpeers, f.bootpeers_online, f.known) = (0, 0, 0), &["alone"]);
        check(|f| (f.bootpeers, f.bootpeers_online, f.known, f.is_bootpeer) = (0, 0, 0, true), &[]);
        check(|f| f.registrars_reachable = 1, &["few_registrars"]);
        check(|f| (f.registrars, f.quorum, f.registrars_reachable) = (0, 1, 0), &[]);
        check(|f| f.waiting += Duration::from_millis(1), &["outbox_waits"]);
        check(|f| f.stored = 91, &["store_nearly_full"]);
        check(|f| (f.stored, f.quota) = (u64::MAX, u64::MAX), &["store_nearly_full"]);
        check(|f| f.disk_free = Some(DISK_LOW - 1), &["disk_nearly_full"]);
        check(|f| f.disk_free = None, &[]);
    }
}
