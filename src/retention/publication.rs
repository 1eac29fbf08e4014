//! When a record counts as published, and until when the outbox keeps it.

use std::collections::BTreeSet;

use crate::types::NodeId;

/// Returns how many of `r` replicas make a record published: floor(r/2)+1.
pub const fn majority(r: usize) -> usize {
    r / 2 + 1
}

/// Returns how many of `r` replicas must have a record before the outbox lets go of it: 14, or all where there are fewer.
pub const fn wanted(r: usize) -> usize {
    if r < 14 { r } else { 14 }
}

/// What an anchor said to a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It has the record on disk.
    Has,
    /// It is the writer itself, which has the record on disk.
    Writer,
    /// It is full, and says so: it does not count.
    Full,
    /// It could not be reached: it does not count.
    Down,
    /// It is up and has not acknowledged.
    Owes,
}

/// Where the copies of a record at one key stand.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Publication {
    /// The k closest nodes that answered, the writer not counted.
    pub replicas: BTreeSet<NodeId>,
    /// Whether the writer knows of nobody else in the network.
    pub alone: bool,
    /// Nodes with the record on disk.
    pub acked: BTreeSet<NodeId>,
    /// The anchors of the network.
    pub anchors: Vec<(NodeId, Anchor)>,
}

impl Publication {
    /// Returns how many replicas have it.
    pub fn acked_replicas(&self) -> usize {
        self.replicas.intersection(&self.acked).count()
    }

    /// Tells whether a majority of the replicas and every anchor that counts, at least one, have the record.
    ///
    /// A writer that is alone is its own set, and so is an anchor that reaches nobody; where others are known, or an anchor answers,
    /// but no replica, the lookup found too little. In a network without anchors the majority alone is enough.
    pub fn is_published(&self) -> bool {
        let said = |what| self.anchors.iter().any(|(_, a)| *a == what);
        let enough = match self.replicas.len() {
            0 => !said(Anchor::Has) && (self.alone || said(Anchor::Writer)),
            r => self.acked_replicas() >= majority(r),
        };
        let anchored = (said(Anchor::Has) || said(Anchor::Writer)) && !said(Anchor::Owes);
        enough && (self.anchors.is_empty() || anchored)
    }

    /// Tells whether another try may soon bring what lacks: somebody was there, and an anchor, where the network has any;
    /// `heard` says that one answered a moment ago, whatever became of this try.
    pub fn is_hopeful(&self, heard: bool) -> bool {
        let there = |anchor: &Anchor| matches!(anchor, Anchor::Has | Anchor::Writer | Anchor::Owes);
        match self.anchors.is_empty() {
            true => !self.replicas.is_empty(),
            false => heard || self.anchors.iter().any(|(_, anchor)| there(anchor)),
        }
    }

    /// Tells whether the outbox may let go: published, and with as many replicas as it wants.
    pub fn is_complete(&self) -> bool {
        self.is_published() && self.acked_replicas() >= wanted(self.replicas.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn publication(r: u8, acked: u8, anchors: &[Anchor]) -> Publication {
        let node = |i: u8| NodeId([i; 32]);
        Publication {
            replicas: (0..r).map(node).collect(),
            alone: false,
            acked: (0..acked).map(node).collect(),
            anchors: anchors.iter().enumerate().map(|(i, a)| (node(200 + i as u8), *a)).collect(),
        }
    }

    #[test]
    fn published_takes_a_majority_and_the_anchors_that_are_up() {
        let check = |r, acked, anchors: &[Anchor], expected| {
            assert_eq!(publication(r, acked, anchors).is_published(), expected, "{r} {acked} {anchors:?}");
        };
        check(20, 11, &[Anchor::Has], true);
        check(20, 10, &[Anchor::Has], false);
        check(20, 20, &[Anchor::Down, Anchor::Full], false);
        check(20, 11, &[Anchor::Has, Anchor::Down, Anchor::Full], true);
        check(20, 11, &[Anchor::Has, Anchor::Owes], false);
        check(20, 11, &[], true);
        check(0, 0, &[], false);
        check(0, 0, &[Anchor::Down], false);
        check(0, 0, &[Anchor::Has], false);
        check(0, 0, &[Anchor::Writer], true);
        check(2, 2, &[Anchor::Writer, Anchor::Down], true);
        check(1, 0, &[Anchor::Has], false);
        check(2, 1, &[Anchor::Has], false);
        let alone = |anchors: &[Anchor]| Publication { alone: true, ..publication(0, 0, anchors) }.is_published();
        assert!(alone(&[]) && alone(&[Anchor::Writer]), "nobody else is known");
        assert!(!alone(&[Anchor::Down]) && !alone(&[Anchor::Has]), "not without an anchor, and not where one answers");
    }

    #[test]
    fn another_try_is_worth_waiting_for_where_somebody_was_there() {
        let check = |r, anchors: &[Anchor], heard, expected| {
            assert_eq!(publication(r, 0, anchors).is_hopeful(heard), expected, "{r} {anchors:?} {heard}");
        };
        check(0, &[], false, false);
        check(3, &[], false, true);
        check(3, &[Anchor::Down, Anchor::Full], false, false);
        check(3, &[Anchor::Down], true, true);
        check(0, &[Anchor::Down, Anchor::Owes], false, true);
    }

    proptest! {
        #[test]
        fn complete_means_published_and_any_two_majorities_meet(r in 0u8..40, acked in 0u8..40, has: bool) {
            let anchor = if has { Anchor::Has } else { Anchor::Down };
            let p = publication(r, acked.min(r), &[anchor]);
            prop_assert!(!p.is_complete() || p.is_published());
            prop_assert!(2 * majority(r.into()) > usize::from(r));
            prop_assert!(wanted(r.into()) <= usize::from(r));
        }
    }
}
