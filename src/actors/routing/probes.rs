//! Which peers are probed, and in which order; the probes themselves are requests of the actor.

use std::collections::{BTreeSet, VecDeque};

use crate::types::{Contact, NodeId};

/// Most probes under way at once: more would crowd out what people wait for.
const AT_ONCE: usize = 32;
/// Most that wait: all contacts that the disk holds, and some that are named meanwhile.
const WAITING: usize = 1024;

/// Probes under way and those to come.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// At most [`AT_ONCE`].
    under_way: BTreeSet<NodeId>,
    /// At most [`WAITING`]; nobody twice.
    waiting: VecDeque<Contact>,
}

impl Probes {
    /// Adds one behind those that wait; dropped when too many do.
    pub(super) fn add(&mut self, contact: Contact) {
        if self.waiting.len() < WAITING && !self.under_way.contains(&contact.node) {
            match self.waiting.iter_mut().find(|c| c.node == contact.node) {
                Some(known) if contact.seq > known.seq => *known = contact,
                Some(_) => {}
                None => self.waiting.push_back(contact),
            }
        }
    }

    /// Adds one before those that wait.
    pub(super) fn add_first(&mut self, contact: Contact) {
        if !self.under_way.contains(&contact.node) {
            self.waiting.retain(|c| c.node != contact.node);
            self.waiting.push_front(contact);
            self.waiting.truncate(WAITING);
        }
    }

    /// Returns the next one to probe now, if any.
    pub(super) fn begin(&mut self) -> Option<Contact> {
        if self.under_way.len() >= AT_ONCE {
            return None;
        }
        let contact = self.waiting.pop_front()?;
        self.under_way.insert(contact.node);
        Some(contact)
    }

    /// Tells whether a peer is being probed.
    pub(super) fn is_under_way(&self, node: &NodeId) -> bool {
        self.under_way.contains(node)
    }

    /// Notes that a probe ended.
    pub(super) fn ended(&mut self, node: &NodeId) {
        self.under_way.remove(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(n: u16, seq: u64) -> Contact {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        Contact::hint(NodeId(id), ([192, 0, 2, 1], 9).into()).but(|reach| reach.seq = seq)
    }

    fn begun(probes: &mut Probes) -> Vec<Contact> {
        std::iter::from_fn(|| probes.begin()).collect()
    }

    #[test]
    fn all_have_their_turn_and_some_come_first() {
        let mut probes = Probes::default();
        (0..100).for_each(|n| probes.add(contact(n, 1)));
        probes.add(contact(50, 7));
        probes.add(contact(50, 3));
        probes.add_first(contact(99, 1));
        let first = begun(&mut probes);
        assert_eq!((first.len(), first[0].clone()), (AT_ONCE, contact(99, 1)));
        probes.add(contact(99, 2));
        let mut seen: Vec<Contact> = first;
        let mut next = 0;
        while next < seen.len() {
            probes.ended(&seen[next].node);
            seen.extend(begun(&mut probes));
            next += 1;
        }
        assert_eq!(seen.len(), 100, "nobody twice, nobody forgotten");
        assert!(seen.contains(&contact(50, 7)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut probes = Probes::default();
        (0..3000).for_each(|n| probes.add(contact(n, 1)));
        (0..3000).for_each(|n| probes.add_first(contact(n, 1)));
        assert_eq!(probes.waiting.len(), WAITING);
    }
}
