//! One bucket: old live contacts first, newcomers wait until one of them fails.

use std::time::Duration;

use super::replicas::{PER_PREFIX, Prefix, prefix};
use super::table::Reached;
use crate::types::{Contact, NodeId};

/// The most newcomers that wait behind a full bucket; the youngest of them matter, the others are likely gone by then.
pub(super) const MAX_WAITING: usize = 16;

/// Room that is made for so many at a time.
const ROOM: usize = 4;

/// A peer that we reached. There are many, so times are in milliseconds.
#[derive(Debug)]
pub struct Entry {
    /// Who and where.
    pub contact: Contact,
    last_seen_ms: u64,
    since_ms: u64,
    rtt_us: u32,
    questionable: bool,
}

impl Entry {
    fn new(contact: Contact, rtt: Duration, now: Duration) -> Self {
        let (now_ms, rtt_us) = (now.as_millis() as u64, micros(rtt));
        Self { contact, last_seen_ms: now_ms, since_ms: now_ms, rtt_us, questionable: false }
    }

    /// Returns the round trip when it was last reached.
    pub fn rtt(&self) -> Duration {
        Duration::from_micros(self.rtt_us.into())
    }

    /// Returns when it was last reached, on the clock of whoever keeps the table.
    pub fn last_seen(&self) -> Duration {
        Duration::from_millis(self.last_seen_ms)
    }

    /// Returns when it came, or came back.
    pub(super) fn since(&self) -> Duration {
        Duration::from_millis(self.since_ms)
    }

    fn refresh(&mut self, contact: Contact, rtt: Duration, now: Duration) {
        // Of two hints with one number, the one that has just worked is the better one.
        if contact.seq > self.contact.seq || (contact.seq == self.contact.seq && self.contact.proof.is_none()) {
            self.contact = contact;
        }
        (self.rtt_us, self.last_seen_ms, self.questionable) = (micros(rtt), now.as_millis() as u64, false);
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// What an answer did to a bucket.
pub(super) struct Taken {
    pub reached: Reached,
    /// The questionable contact that gave way.
    pub gave_way: Option<Contact>,
    /// How long the contact had been silent; nothing where it was not here.
    pub stayed: Duration,
}

impl From<Reached> for Taken {
    fn from(reached: Reached) -> Self {
        Self { reached, gave_way: None, stayed: Duration::ZERO }
    }
}

/// What a failure did to a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The peer is not here.
    Absent,
    /// One more failure and it is removed.
    Questionable,
    /// It was removed.
    Removed(Contact),
}

/// Contacts whose distance has the same highest bit.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// At most k, in the order of their coming.
    live: Vec<Entry>,
    /// At most [`MAX_WAITING`], the freshest last.
    waiting: Vec<Entry>,
}

impl Bucket {
    pub(super) fn live(&self) -> &[Entry] {
        &self.live
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.waiting.is_empty()
    }

    /// Returns the number of the contact that is known of a node.
    pub(super) fn seq_of(&self, node: &NodeId) -> Option<u64> {
        self.live.iter().find(|entry| entry.contact.node == *node).map(|entry| entry.contact.seq)
    }

    /// Tells whether a newcomer would be one more of many: half of the places are taken, and none of a crowd would give way.
    pub(super) fn is_enough(&self, contact: &Contact, k: usize) -> bool {
        let is_new = !self.live.iter().chain(&self.waiting).any(|entry| entry.contact.node == contact.node);
        is_new && self.live.len() >= k.div_ceil(2) && self.gives_way(contact).is_none()
    }

    /// Tells whether reaching this peer would teach us something.
    pub(super) fn wants(&self, contact: &Contact, k: usize) -> bool {
        match self.live.iter().chain(&self.waiting).find(|e| e.contact.node == contact.node) {
            Some(known) => contact.seq > known.contact.seq,
            None => self.live.len() < k || self.waiting.len() < MAX_WAITING || self.gives_way(contact).is_some(),
        }
    }

    /// Takes in a peer that answered us.
    pub(super) fn reached(&mut self, contact: Contact, rtt: Duration, now: Duration, k: usize) -> Taken {
        if let Some(known) = self.live.iter_mut().find(|e| e.contact.node == contact.node) {
            let stayed = now.saturating_sub(known.last_seen());
            known.refresh(contact, rtt, now);
            return Taken { reached: Reached::Known, gave_way: None, stayed };
        }
        let entry = match self.waiting.iter().position(|e| e.contact.node == contact.node) {
            Some(place) => {
                let mut entry = self.waiting.remove(place);
                entry.refresh(contact, rtt, now);
                entry
            }
            None => Entry::new(contact, rtt, now),
        };
        if self.live.len() < k {
            // Buckets far away hold few for long.
            if self.live.len() == self.live.capacity() {
                self.live.reserve_exact(ROOM);
            }
            self.live.push(entry);
            return Reached::Added.into();
        }
        let Some(place) = self.gives_way(&entry.contact) else {
            self.wait(entry);
            return Reached::Waiting.into();
        };
        let out = self.live.remove(place);
        self.live.push(entry);
        if out.questionable {
            return Taken { gave_way: Some(out.contact), ..Reached::Added.into() };
        }
        self.wait(out);
        Reached::Added.into()
    }

    /// Notes that a peer did not answer us.
    pub(super) fn failed(&mut self, node: &NodeId) -> Loss {
        if let Some(place) = self.waiting.iter().position(|e| e.contact.node == *node) {
            return Loss::Removed(self.waiting.remove(place).contact);
        }
        let Some(place) = self.live.iter().position(|e| e.contact.node == *node) else { return Loss::Absent };
        if !self.live[place].questionable && self.waiting.is_empty() {
            self.live[place].questionable = true;
            return Loss::Questionable;
        }
        let out = self.live.remove(place);
        let alone = self.waiting.iter().rposition(|e| self.sharing(prefix(&e.contact)) < PER_PREFIX);
        if let Some(next) = alone.or(self.waiting.len().checked_sub(1)) {
            self.live.push(self.waiting.remove(next));
        }
        Loss::Removed(out.contact)
    }

    /// Takes back the marks of first failures.
    pub(super) fn forgive(&mut self) {
        self.live.iter_mut().for_each(|e| e.questionable = false);
    }

    fn wait(&mut self, entry: Entry) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.remove(0);
        }
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.reserve_exact(ROOM);
        }
        self.waiting.push(entry);
    }

    /// Returns the place of the live contact that a newcomer replaces: one that failed, else the youngest of a crowd of
    /// one prefix, when the newcomer is not itself of such a crowd.
    fn gives_way(&self, newcomer: &Contact) -> Option<usize> {
        self.live.iter().position(|e| e.questionable).or_else(|| {
            if self.sharing(prefix(newcomer)) >= PER_PREFIX {
                return None;
            }
            self.live.iter().rposition(|e| self.sharing(prefix(&e.contact)) > PER_PREFIX)
        })
    }

    /// Returns how many live contacts have a prefix.
    fn sharing(&self, of: Option<Prefix>) -> usize {
        if of.is_none() {
            return 0;
        }
        self.live.iter().filter(|e| prefix(&e.contact) == of).count()
    }
}
