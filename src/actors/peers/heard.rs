//! Who asked this node something of late: whoever does is there, and need not be asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// Most peers remembered; others are pinged, as those that did not ask.
const HEARD: usize = 1024;

/// When peers asked something last, at most [`HEARD`].
#[derive(Default)]
pub struct Heard(RefCell<BTreeMap<NodeId, Instant>>);

impl Heard {
    /// Notes that a peer asked something.
    pub fn note(&self, node: NodeId) {
        let mut heard = self.0.borrow_mut();
        if heard.len() < HEARD || heard.contains_key(&node) {
            heard.insert(node, Instant::now());
        }
    }

    /// Returns how long ago a peer asked something, where that is remembered.
    pub fn ago(&self, node: &NodeId) -> Option<Duration> {
        self.0.borrow().get(node).map(Instant::elapsed)
    }

    /// Forgets those that asked nothing within so long.
    pub fn forget_beyond(&self, within: Duration) {
        let now = Instant::now();
        self.0.borrow_mut().retain(|_, at| now.duration_since(*at) < within);
    }
}
