//! Peers that were dialled in vain: lookups pass them over for a while, longer each time, up to 10 minutes.
//!
//! Of whoever is in the routing table, the table itself decides; this spares lookups the dead whom others still name.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::{Contact, NodeId};

/// After a first vain dial: a sequence of lookups waits for each such peer once.
const FIRST: Duration = Duration::from_secs(20);
/// After several: as long as the routing table leaves them alone.
const LONGEST: Duration = Duration::from_secs(600);
/// Doublings from the first to the longest.
const DOUBLINGS: u32 = 5;
/// Most such peers remembered: several lookups among the dead alone; beyond that the next one is waited for again.
const MOST: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Absence {
    since: Instant,
    times: u32,
}

impl Absence {
    fn counts(&self, now: Instant) -> bool {
        let length = FIRST.saturating_mul(1 << self.times.saturating_sub(1).min(DOUBLINGS)).min(LONGEST);
        now.duration_since(self.since) < length
    }
}

/// Who was dialled in vain of late, by the number of the contact that was dialled: newer addresses are worth a try, and a
/// vain dial of older ones, as those in the configuration of a bootpeer, says nothing about them. At most [`MOST`].
#[derive(Debug, Default)]
pub struct Absences(BTreeMap<(NodeId, u64), Absence>);

impl Absences {
    /// Notes a vain dial.
    pub fn note(&mut self, contact: &Contact, now: Instant) {
        let dialled = (contact.node, contact.seq);
        if self.0.len() >= MOST && !self.0.contains_key(&dialled) {
            self.0.retain(|_, absence| absence.counts(now));
            if self.0.len() >= MOST {
                return;
            }
        }
        let before = self.0.get(&dialled);
        if before.is_some_and(|absence| absence.counts(now)) {
            // Several dialled it at the same time: that is one vain attempt.
            return;
        }
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        self.0.insert(dialled, Absence { since: now, times });
    }

    /// Forgets one peer's absence.
    pub fn forget(&mut self, node: &NodeId) {
        while let Some((dialled, _)) = self.0.range((*node, 0)..=(*node, u64::MAX)).next() {
            let dialled = *dialled;
            self.0.remove(&dialled);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns who is passed over now, by whatever addresses.
    pub fn all(&self, now: Instant) -> impl Iterator<Item = NodeId> {
        self.0.iter().filter(move |(_, absence)| absence.counts(now)).map(|((node, _), _)| *node)
    }

    /// Tells whether the peer is passed over now. One that has signed new addresses since is not.
    pub fn passes_over(&self, contact: &Contact, now: Instant) -> bool {
        let dialled = self.0.range((contact.node, contact.seq)..=(contact.node, u64::MAX));
        dialled.map(|(_, absence)| absence).any(|absence| absence.counts(now))
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

    #[test]
    fn whoever_stays_away_is_passed_over_ever_longer_up_to_ten_minutes() {
        let (mut absences, peer) = (Absences::default(), contact(1, 1));
        let mut now = Instant::now();
        for seconds in [20, 40, 80, 160, 320, 600, 600] {
            absences.note(&peer, now);
            let length = Duration::from_secs(seconds);
            assert!(absences.passes_over(&peer, now + length - Duration::from_millis(1)), "{seconds} s");
            assert!(!absences.passes_over(&peer, now + length), "{seconds} s");
            assert!(!absences.passes_over(&contact(1, 2), now), "new addresses are worth a try");
            now += length;
        }
        absences.note(&peer, now);
        assert_eq!(absences.all(now).collect::<Vec<_>>(), [peer.node]);
        assert_eq!(absences.all(now + LONGEST).count(), 0);
        absences.forget(&peer.node);
        assert!(!absences.passes_over(&peer, now));
        absences.note(&peer, now);
        assert!(!absences.passes_over(&peer, now + Duration::from_secs(20)), "the count begins anew");
    }

    #[test]
    fn a_vain_dial_of_older_addresses_leaves_newer_ones_as_they_were() {
        let (mut absences, now) = (Absences::default(), Instant::now());
        absences.note(&contact(1, 5), now);
        let later = now + Duration::from_secs(5);
        absences.note(&contact(1, 0), later);
        assert!(absences.passes_over(&contact(1, 5), later), "it was dialled in vain itself");
        assert!(!absences.passes_over(&contact(1, 5), now + FIRST), "for its own time");
        assert!(absences.passes_over(&contact(1, 0), now + FIRST));
        assert!(!absences.passes_over(&contact(2, 0), later), "others are not concerned");
        absences.forget(&contact(1, 0).node);
        assert!(!absences.passes_over(&contact(1, 5), later) && !absences.passes_over(&contact(1, 0), later));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut absences, now) = (Absences::default(), Instant::now());
        (0..2000).for_each(|n| absences.note(&contact(n, 1), now));
        assert_eq!(absences.0.len(), MOST);
        absences.note(&contact(1999, 1), now + FIRST);
        assert_eq!(absences.0.len(), 1, "those that no longer count make room");
    }
}
