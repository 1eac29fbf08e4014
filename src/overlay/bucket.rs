//! One bucket: old live contacts first, newcomers wait until one of them fails.

use std::time::Duration;

use super::replicas::{PER_PREFIX, Prefix, prefix};
use super::table::Reached;
use crate::types::{Contact, NodeId};

/// The most newcomers that wait behind a full bucket; the youngest of them matter, the others are likely gone by then.
pub(super) const MAX_WAITING: usize = 16;

/// A peer that we reached.
#[derive(Debug)]
pub struct Entry {
    /// Who and where.
    pub contact: Contact,
    /// The round trip when it was last reached.
    pub rtt: Duration,
    /// When it was last reached, on the clock of whoever keeps the table.
    pub last_seen: Duration,
    /// When it came, or came back.
    pub(super) since: Duration,
    prefix: Option<Prefix>,
    questionable: bool,
}

impl Entry {
    fn refresh(&mut self, contact: Contact, rtt: Duration, now: Duration) {
        // Of two hints with one number, the one that has just worked is the better one.
        if contact.seq > self.contact.seq || (contact.seq == self.contact.seq && self.contact.proof.is_none()) {
            self.prefix = prefix(&contact);
            self.contact = contact;
        }
        (self.rtt, self.last_seen, self.questionable) = (rtt, now, false);
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

    /// Takes in a peer that answered us. Returns also a questionable contact that gave way.
    pub(super) fn reached(
        &mut self,
        contact: Contact,
        rtt: Duration,
        now: Duration,
        k: usize,
    ) -> (Reached, Option<Contact>) {
        if let Some(known) = self.live.iter_mut().find(|e| e.contact.node == contact.node) {
            known.refresh(contact, rtt, now);
            return (Reached::Known, None);
        }
        let entry = match self.waiting.iter().position(|e| e.contact.node == contact.node) {
            Some(place) => {
                let mut entry = self.waiting.remove(place);
                entry.refresh(contact, rtt, now);
                entry
            }
            None => {
                let prefix = prefix(&contact);
                Entry { contact, rtt, last_seen: now, since: now, prefix, questionable: false }
            }
        };
        if self.live.len() < k {
            self.live.push(entry);
            return (Reached::Added, None);
        }
        let Some(place) = self.gives_way(&entry.contact) else {
            self.wait(entry);
            return (Reached::Waiting, None);
        };
        let out = self.live.remove(place);
        self.live.push(entry);
        if out.questionable {
            return (Reached::Added, Some(out.contact));
        }
        self.wait(out);
        (Reached::Added, None)
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
        let alone = self.waiting.iter().rposition(|e| self.sharing(e.prefix) < PER_PREFIX);
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
        self.waiting.push(entry);
    }

    /// Returns the place of the live contact that a newcomer replaces: one that failed, else the youngest of a crowd of
    /// one prefix, when the newcomer is not itself of such a crowd.
    fn gives_way(&self, newcomer: &Contact) -> Option<usize> {
        self.live.iter().position(|e| e.questionable).or_else(|| {
            if self.sharing(prefix(newcomer)) >= PER_PREFIX {
                return None;
            }
            self.live.iter().rposition(|e| self.sharing(e.prefix) > PER_PREFIX)
        })
    }

    /// Returns how many live contacts have a prefix.
    fn sharing(&self, prefix: Option<Prefix>) -> usize {
        if prefix.is_none() {
            return 0;
        }
        self.live.iter().filter(|e| e.prefix == prefix).count()
    }
}
