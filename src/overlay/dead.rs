//! Peers that failed of late: who is not probed again at once because somebody names them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::types::{Contact, NodeId};

/// How long a failed peer is left alone.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The most failed peers remembered: several times what all buckets of a large network hold together. Beyond that the
/// oldest is forgotten, which costs one vain probe.
const MAX_DEAD: usize = 1024;

/// The failed peers, each with its contact where it had been in the table.
#[derive(Debug, Default)]
pub(super) struct Dead(BTreeMap<NodeId, Death>);

#[derive(Debug)]
struct Death {
    contact: Option<Contact>,
    at: Duration,
}

impl Death {
    fn counts(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < REMEMBERED
    }
}

impl Dead {
    /// Remembers that a peer failed.
    pub(super) fn insert(&mut self, node: NodeId, contact: Option<Contact>, now: Duration) {
        let contact = contact.or_else(|| self.0.remove(&node).and_then(|death| death.contact));
        self.0.insert(node, Death { contact, at: now });
        if self.0.len() > MAX_DEAD {
            self.0.retain(|_, death| death.counts(now));
        }
        if self.0.len() > MAX_DEAD
            && let Some(oldest) = self.0.iter().min_by_key(|(_, death)| death.at).map(|(node, _)| *node)
        {
            self.0.remove(&oldest);
        }
    }

    /// Forgets one failure.
    pub(super) fn remove(&mut self, node: &NodeId) {
        self.0.remove(node);
    }

    /// Tells whether the peer should be left alone. One that has signed new addresses since it failed should not.
    pub(super) fn shuns(&self, contact: &Contact, now: Duration) -> bool {
        self.0.get(&contact.node).is_some_and(|death| {
            death.counts(now) && death.contact.as_ref().is_none_or(|failed| contact.seq <= failed.seq)
        })
    }

    /// Forgets all failures and returns the contacts that had been in the table.
    pub(super) fn drain(&mut self) -> Vec<Contact> {
        std::mem::take(&mut self.0).into_values().filter_map(|death| death.contact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u16) -> NodeId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn contact(n: u16) -> Contact {
        Contact::hint(node(n), ([192, 0, 2, 1], 9).into())
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut dead = Dead::default();
        for n in 0..2000u16 {
            dead.insert(node(n), None, Duration::from_millis(n.into()));
        }
        assert_eq!(dead.0.len(), MAX_DEAD);
        assert!(!dead.shuns(&contact(0), Duration::from_millis(2000)));
        assert!(dead.shuns(&contact(1999), Duration::from_millis(2000)));
    }

    #[test]
    fn a_death_is_forgotten_in_time() {
        let mut dead = Dead::default();
        let at = Duration::from_secs(1000);
        dead.insert(node(1), None, at);
        assert!(dead.shuns(&contact(1), at));
        assert!(dead.shuns(&contact(1), at + REMEMBERED - Duration::from_millis(1)));
        assert!(!dead.shuns(&contact(1), at + REMEMBERED));
    }
}
