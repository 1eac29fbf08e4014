//! Whether this node reaches anybody, as its own requests and those of others tell.
//!
//! No interface says that a network is back behind a router that was off; the first answer after many vain requests does.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// So many different peers in a row that do not answer are not all gone: it is our own way to them.
const FEW: usize = 3;
/// A shorter outage is made up for by those who try again.
const SHORT: Duration = Duration::from_secs(5);
/// No connection outlives a longer one, and authors have given up to bring what they posted meanwhile.
const LONG: Duration = Duration::from_secs(30);

/// How long nobody was reached, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outage {
    /// Something may have been missed.
    Short,
    /// It was as after a sleep.
    Long,
}

/// Who did not answer since somebody was heard last.
#[derive(Debug, Default)]
pub struct Lifeline {
    /// At most [`FEW`].
    silent: BTreeSet<NodeId>,
    since: Option<Instant>,
    /// Whether this node looked around in vain.
    owed: bool,
}

impl Lifeline {
    /// Notes that a peer did not answer.
    pub fn failed(&mut self, node: NodeId, now: Instant) {
        self.since.get_or_insert(now);
        if self.silent.len() < FEW {
            self.silent.insert(node);
        }
    }

    /// Notes that somebody was heard; returns what kind of outage has ended with it.
    pub fn heard(&mut self, now: Instant) -> Option<Outage> {
        if self.since.is_none() && !self.owed {
            return None;
        }
        let before = std::mem::take(self);
        let lasted = before.since.filter(|_| before.is_cut_off()).map(|since| now.duration_since(since));
        match lasted {
            _ if before.owed => Some(Outage::Long),
            Some(lasted) if lasted >= LONG => Some(Outage::Long),
            Some(lasted) if lasted >= SHORT => Some(Outage::Short),
            _ => None,
        }
    }

    /// Notes that this node looked around and found nobody: whoever is heard next ends an outage, however short.
    pub fn owe(&mut self) {
        self.owed = true;
    }

    /// Tells whether nobody seems to be reached now.
    pub fn is_cut_off(&self) -> bool {
        self.owed || self.silent.len() >= FEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(start: Instant, failures: &[(u8, u64)]) -> Lifeline {
        let mut line = Lifeline::default();
        for (node, second) in failures {
            line.failed(NodeId([*node; 32]), start + Duration::from_secs(*second));
        }
        line
    }

    #[test]
    fn an_outage_is_of_several_peers_and_lasts() {
        let start = Instant::now();
        let check = |failures: &[(u8, u64)], heard, cut_off, expected| {
            let mut line = line(start, failures);
            assert_eq!(line.is_cut_off(), cut_off, "{failures:?}");
            assert_eq!(line.heard(start + Duration::from_secs(heard)), expected, "{failures:?}");
            assert!(!line.is_cut_off());
            assert_eq!(line.heard(start + Duration::from_secs(heard + 60)), None, "it has ended");
        };
        check(&[], 100, false, None);
        check(&[(1, 0), (1, 20), (1, 40), (2, 50)], 100, false, None);
        check(&[(1, 0), (2, 1), (3, 1)], 4, true, None);
        check(&[(1, 0), (2, 1), (3, 4)], 5, true, Some(Outage::Short));
        check(&[(1, 0), (2, 1), (3, 4), (4, 28), (5, 28)], 30, true, Some(Outage::Long));
    }

    #[test]
    fn whoever_looked_around_in_vain_does_so_again_as_soon_as_somebody_is_heard() {
        let start = Instant::now();
        let mut line = line(start, &[(1, 0)]);
        line.owe();
        assert!(line.is_cut_off());
        assert_eq!(line.heard(start), Some(Outage::Long));
        assert_eq!((line.is_cut_off(), line.heard(start)), (false, None));
    }
}
