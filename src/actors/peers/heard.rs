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

    /// Returns how long ago each peer asked something that did so within so long, and forgets all others.
    pub fn within(&self, within: Duration) -> BTreeMap<NodeId, Duration> {
        let mut heard = self.0.borrow_mut();
        heard.retain(|_, at| at.elapsed() < within);
        heard.iter().map(|(node, at)| (*node, at.elapsed())).collect()
    }
}
