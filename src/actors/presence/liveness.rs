//! The judgement of who is online: from put records, heartbeats and checks, by durations alone.
//!
//! Pure: time is the duration since any fixed moment of this node, so no clock that is wrong, here or elsewhere, changes
//! a judgement. A judgement is never a record. Implements `docs/PROTOCOL.md`, section "Who is online".

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::types::{AccountId, Contact, DeviceId, NodeId};

/// The nearest live nodes to a home that hold the presence of its account.
pub const HOLDERS: usize = 3;
/// How often a node shows that a device is there.
pub const HEARTBEAT: Duration = Duration::from_secs(20);
/// Who was not heard from for so long is offline: three heartbeats.
pub const SILENCE: Duration = Duration::from_secs(60);
/// A heartbeat that is missing for so long is missed: the node is asked. Later than a beat and its way.
const MISSED: Duration = Duration::from_secs(24);
/// A node that did not answer is asked again after this: twice before it is offline.
const CHECK_AGAIN: Duration = Duration::from_secs(12);

/// Time since a fixed moment.
pub type Moment = Duration;

/// What is judged of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known here.
    Unknown,
    /// All of its devices said goodbye or fell silent; how long ago the last sign of any of them came.
    Offline(Duration),
    /// A device was heard from, so long ago.
    Online(Duration),
}

/// A presence record that came, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Word {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The record's number.
    pub seq: u64,
    /// Whether it says "online".
    pub online: bool,
    /// The node that it names, which signed it too.
    pub contact: Contact,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    online: bool,
    contact: Contact,
    /// The last sign of life, or the goodbye; none when nothing that was heard is worth anything any more.
    heard: Option<Moment>,
    /// When the node was asked last.
    checked: Option<Moment>,
}

impl Entry {
    fn silent(&self, now: Moment) -> Option<Duration> {
        self.heard.map(|at| now.saturating_sub(at))
    }

    fn is_online(&self, now: Moment) -> bool {
        self.online && self.silent(now).is_some_and(|silent| silent < SILENCE)
    }
}

/// Who was heard from, and when.
#[derive(Debug, Default)]
pub struct Liveness {
    /// One for each presence record held: as many as [`super::held`] holds, which says when one goes.
    entries: BTreeMap<(AccountId, DeviceId), Entry>,
}

fn devices(account: AccountId) -> RangeInclusive<(AccountId, DeviceId)> {
    (account, DeviceId([0; 32]))..=(account, DeviceId([0xff; 32]))
}

impl Liveness {
    /// Takes a record that won over what was held before: its coming is a sign of life, or the goodbye.
    pub fn put(&mut self, word: Word, now: Moment) {
        let Word { account, device, seq, online, contact } = word;
        let entry = Entry { seq, online, contact, heard: Some(now), checked: None };
        self.entries.insert((account, device), entry);
    }

    /// Takes a heartbeat of a node; it counts only where the record held says "online" and names that node.
    ///
    /// Returns whether it counted, and the number of the record held.
    pub fn heartbeat(
        &mut self,
        from: NodeId,
        account: AccountId,
        device: DeviceId,
        now: Moment,
    ) -> (bool, Option<u64>) {
        let Some(entry) = self.entries.get_mut(&(account, device)) else { return (false, None) };
        let counts = entry.online && entry.contact.node == from;
        if counts {
            entry.heard = Some(now);
        }
        (counts, Some(entry.seq))
    }

    /// Returns the nodes to be asked now because a heartbeat is missing, each with its accounts; they count as asked.
    ///
    /// Who is offline is not asked: it speaks up by itself.
    pub fn due_checks(&mut self, now: Moment, most: usize) -> Vec<(Contact, Vec<AccountId>)> {
        let mut due: BTreeMap<NodeId, (Contact, Vec<AccountId>)> = BTreeMap::new();
        for ((account, _), entry) in &mut self.entries {
            let missed = match entry.silent(now) {
                Some(silent) => silent >= MISSED && silent < SILENCE,
                None => true,
            };
            let asked = entry.checked.is_some_and(|at| now.saturating_sub(at) < CHECK_AGAIN);
            let node = entry.contact.node;
            if !entry.online || !missed || asked || (due.len() >= most && !due.contains_key(&node)) {
                continue;
            }
            entry.checked = Some(now);
            let (_, accounts) = due.entry(node).or_insert_with(|| (entry.contact.clone(), Vec::new()));
            if accounts.last() != Some(account) {
                accounts.push(*account);
            }
        }
        due.into_values().collect()
    }

    /// Takes what a node answered about an account that records say is there; not about a record that came after it was
    /// asked.
    pub fn checked(&mut self, node: NodeId, account: AccountId, here: bool, now: Moment) {
        for (_, entry) in self.entries.range_mut(devices(account)) {
            if entry.contact.node != node || !entry.online || entry.checked.is_none() {
                continue;
            }
            entry.heard = Some(now);
            // Only a newer record brings it back: the node itself says that it is not there.
            entry.online = here;
        }
    }

    /// Says what is judged of an account: the best of its devices.
    pub fn standing(&self, account: &AccountId, now: Moment) -> Standing {
        let mut standing = Standing::Unknown;
        for (_, entry) in self.entries.range(devices(*account)) {
            let Some(silent) = entry.silent(now) else { continue };
            standing = match (standing, entry.is_online(now)) {
                (Standing::Online(best), true) => Standing::Online(best.min(silent)),
                (_, true) => Standing::Online(silent),
                (Standing::Offline(best), false) => Standing::Offline(best.min(silent)),
                (Standing::Unknown, false) => Standing::Offline(silent),
                (online, false) => online,
            };
        }
        standing
    }

    /// Forgets how long everybody has been silent: this node was away itself, and silence then says nothing.
    ///
    /// All are asked anew.
    pub fn doubt(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| entry.online) {
            (entry.heard, entry.checked) = (None, None);
        }
    }

    /// Forgets a device whose record is no longer held.
    pub fn forget(&mut self, account: AccountId, device: DeviceId) {
        self.entries.remove(&(account, device));
    }
}

#[cfg(test)]
mod tests;
