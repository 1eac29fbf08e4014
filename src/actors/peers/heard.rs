//! Who asked this node something of late: whoever does is there, and need not be asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// Most peers remembered; others are pinged, as those that did not ask.
const HEARD: usize = 1024;
/// More than a table has contacts that ask.
const MANY: usize = 256;

/// When peers asked something last, at most [`HEARD`]; by the first bytes of their ids, as only our own contacts count, and two
/// of these do not begin alike but by intent, which spares them a ping.
pub struct Heard {
    began: Instant,
    /// In milliseconds since.
    all: RefCell<BTreeMap<u64, u64>>,
}

impl Default for Heard {
    fn default() -> Self {
        Self { began: Instant::now(), all: RefCell::default() }
    }
}

impl Heard {
    /// Notes that a peer asked something.
    pub fn note(&self, node: NodeId) {
        let mut all = self.all.borrow_mut();
        if all.len() < HEARD || all.contains_key(&node.head()) {
            all.insert(node.head(), self.began.elapsed().as_millis() as u64);
        }
    }

    /// Returns how long ago a peer asked something, where that is remembered.
    pub fn ago(&self, node: &NodeId) -> Option<Duration> {
        let at = *self.all.borrow().get(&node.head())?;
        Some(self.began.elapsed().saturating_sub(Duration::from_millis(at)))
    }

    /// Tells whether so many are remembered that it is time to [`Heard::keep`] some.
    pub fn is_many(&self) -> bool {
        self.all.borrow().len() > MANY
    }

    /// Forgets those that are none of `ours`, and those that asked nothing within so long.
    pub fn keep(&self, within: Duration, ours: impl Iterator<Item = NodeId>) {
        let mut all = self.all.borrow_mut();
        let now = self.began.elapsed();
        let recent = |at: &u64| now.saturating_sub(Duration::from_millis(*at)) < within;
        let kept = ours.filter_map(|node| all.get(&node.head()).filter(|at| recent(at)).map(|at| (node.head(), *at)));
        let kept = kept.collect();
        *all = kept;
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

    #[tokio::test(start_paused = true)]
    async fn who_asked_is_remembered_for_a_while_and_only_of_ours() {
        let heard = Heard::default();
        heard.note(node(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        (2..4).for_each(|n| heard.note(node(n)));
        assert_eq!(heard.ago(&node(1)), Some(Duration::from_secs(60)));
        heard.keep(Duration::from_secs(60), [1, 2, 9].into_iter().map(node));
        assert_eq!([1, 2, 3, 9].map(|n| heard.ago(&node(n))), [None, Some(Duration::ZERO), None, None]);
    }

    #[test]
    fn memory_is_bounded() {
        let heard = Heard::default();
        (0..2 * HEARD as u16).for_each(|n| heard.note(node(n)));
        assert_eq!(heard.all.borrow().len(), HEARD);
        assert!(heard.is_many());
        heard.keep(Duration::from_secs(60), (0..MANY as u16).map(node));
        assert!(!heard.is_many());
    }
}
