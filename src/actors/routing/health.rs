//! Whether bootpeers and anchors answer, whether or not they are in the table.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// What is known of one of them.
#[derive(Default, Clone, Copy, Debug)]
struct Pulse {
    answered: Option<Instant>,
    /// Since when it does not.
    failed: Option<Instant>,
}

/// The configured bootpeers and the registrars.
#[derive(Default, Debug)]
pub(super) struct Health(BTreeMap<NodeId, Pulse>);

impl Health {
    /// Watches these, of which nothing is known.
    pub(super) fn of(nodes: impl Iterator<Item = NodeId>) -> Self {
        Self(nodes.map(|node| (node, Pulse::default())).collect())
    }

    /// Watches one more.
    pub(super) fn watch(&mut self, node: NodeId) {
        self.0.entry(node).or_default();
    }

    /// Notes an answer; true when it is one of these and had not answered before, or failed since.
    pub(super) fn answered(&mut self, node: &NodeId) -> bool {
        let Some(pulse) = self.0.get_mut(node) else { return false };
        let back = pulse.failed.is_some() || pulse.answered.is_none();
        *pulse = Pulse { answered: Some(Instant::now()), failed: None };
        back
    }

    /// Notes that one did not answer.
    pub(super) fn failed(&mut self, node: &NodeId) {
        if let Some(pulse) = self.0.get_mut(node) {
            pulse.failed.get_or_insert_with(Instant::now);
        }
    }

    /// Returns when it answered last.
    pub(super) fn last(&self, node: &NodeId) -> Option<Instant> {
        self.0.get(node)?.answered
    }

    /// Tells whether it answered, and has not failed since.
    pub(super) fn is_up(&self, node: &NodeId) -> bool {
        self.0.get(node).is_some_and(|pulse| pulse.answered.is_some() && pulse.failed.is_none())
    }

    /// Tells whether it failed, and has not answered since.
    pub(super) fn has_failed(&self, node: &NodeId) -> bool {
        self.0.get(node).is_none_or(|pulse| pulse.failed.is_some())
    }

    /// Returns for how long one has not answered that did before; nothing where the last thing heard of it was an answer.
    pub(super) fn gone_for(&self, node: &NodeId) -> Option<Duration> {
        let pulse = self.0.get(node).filter(|pulse| pulse.answered.is_some())?;
        Some(pulse.failed?.elapsed())
    }
}
