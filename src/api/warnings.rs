//! What about a node is worth a word, and what to do about it.

use std::time::Duration;

use serde::Serialize;

use crate::actors::ClockState;
use crate::clock::{Doubt, PEER_TOLERANCE};
use crate::seam::SetClockError;

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
    /// Changes of pages that were found lost when the store was opened.
    pub cut: u64,
    /// How the clock is.
    pub clock: ClockState,
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
    if facts.cut > 0 {
        let message = format!("the disk has damaged the store's log: its last {} page writes were lost", facts.cut);
        let hint = "what others have comes back by itself, what only waited here does not; see to the disk (store.db-wal.damaged is a copy)";
        warn("store_cut", message, hint);
    }
    all.extend(of_clock(&facts.clock));
    all
}

/// Returns what is worth a word about the clock.
fn of_clock(clock: &ClockState) -> Vec<Warning> {
    let mut all = Vec::new();
    let mut warn = |code, message, hint| all.push(Warning { code, message, hint });
    let set = "set this machine's clock, or name time servers: clock.servers";
    let off = clock.peers_ahead_ms.unsigned_abs() > PEER_TOLERANCE.as_millis() as u64;
    match clock.doubt {
        Some(Doubt::Step(ms)) => {
            let message =
                format!("the clock was set {}, and nothing confirms it yet: posts wait, nothing ends", way(ms));
            let hint = if clock.servers > 0 {
                "this ends when the time servers agree (clock.servers, UDP port 123)"
            } else {
                "this ends when three peers agree, or after ten steady minutes; if it is wrong, set it right"
            };
            warn("clock_in_doubt", message, hint);
        }
        Some(Doubt::Servers) => {
            let message = "no time server has agreed for a day: posts wait, nothing ends".into();
            warn("clock_in_doubt", message, "check clock.servers, and that UDP port 123 is let through");
        }
        Some(Doubt::Peers(ms)) => {
            let message = format!("this clock is {} the clocks of peers: posts wait, nothing ends", behind(ms));
            warn("clock_in_doubt", message, set);
        }
        None if off && clock.peers > 0 => {
            let message =
                format!("this clock is {} the clock of the peers that were asked", behind(clock.peers_ahead_ms));
            warn("clock_differs", message, set);
        }
        None if clock.in_doubt => warn("clock_in_doubt", "the clock was set a moment ago".into(), set),
        None => {}
    }
    if clock.failing && clock.doubt != Some(Doubt::Servers) {
        let message = format!("{} time servers gave no time that a majority agrees on", clock.servers);
        warn("no_time_server", message, "check clock.servers, and that UDP port 123 is let through");
    }
    if let Some(error) = clock.not_set {
        let hint = match error {
            SetClockError::Denied => "start the node with the right to set the clock, or set clock.set_system to false",
            SetClockError::Failed => "set clock.set_system to false: the node's own clock is right without it",
        };
        warn("clock_not_set", format!("clock.set_system: {error}"), hint);
    }
    all
}

/// Says how far and which way a clock was set.
fn way(ms: i64) -> String {
    format!("{} {}", span(ms), if ms < 0 { "back" } else { "ahead" })
}

/// Says where this clock is, seen from peers that are ahead by so much.
fn behind(ahead_ms: i64) -> String {
    format!("{} {}", span(ahead_ms), if ahead_ms < 0 { "ahead of" } else { "behind" })
}

fn span(ms: i64) -> String {
    match ms.unsigned_abs() / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
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
            cut: 0,
            clock: ClockState { peers: 2, peers_ahead_ms: -300_000, ..ClockState::default() },
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_by_how_much_and_which_way() {
        let message = |doubt| {
            let clock = ClockState { doubt: Some(doubt), ..ClockState::default() };
            of_clock(&clock).remove(0).message
        };
        for (doubt, part) in [
            (Doubt::Peers(3 * 3_600_000), "3 h behind the clocks of peers"),
            (Doubt::Peers(-360_000), "6 min ahead of the clocks of peers"),
            (Doubt::Step(-6_000), "6 s back"),
        ] {
            assert!(message(doubt).contains(part), "{}", message(doubt));
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
        check(|f| f.cut = 3, &["store_cut"]);
        check(|f| f.clock.peers_ahead_ms = -300_001, &["clock_differs"]);
        check(|f| f.clock.doubt = Some(Doubt::Peers(3_600_000)), &["clock_in_doubt"]);
        check(|f| f.clock.in_doubt = true, &["clock_in_doubt"]);
        check(|f| (f.clock.doubt, f.clock.failing) = (Some(Doubt::Servers), true), &["clock_in_doubt"]);
        check(
            |f| (f.clock.doubt, f.clock.failing) = (Some(Doubt::Step(1)), true),
            &["clock_in_doubt", "no_time_server"],
        );
        check(|f| f.clock.failing = true, &["no_time_server"]);
        check(|f| f.clock.not_set = Some(SetClockError::Denied), &["clock_not_set"]);
    }
}
