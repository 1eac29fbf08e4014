//! Whether the nearest that were named have all answered: where a lookup for few may end.

use std::collections::BTreeMap;

use crate::actors::context::Context;
use crate::types::{Contact, Distance, Key, NodeId};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Heard,
    Answered,
    Failed,
}

/// Who was named near a key so far: as many as the lookup asks, k each.
pub struct Named {
    target: Key,
    states: BTreeMap<Distance, State>,
}

impl Named {
    /// Begins with those that this node knows.
    pub async fn begin(node: &Context, target: Key) -> Self {
        let mut named = Self { target, states: BTreeMap::new() };
        named.hear(node, &node.doors().routing.closest(target, node.network.k()).await);
        named
    }

    /// Notes what came of asking a peer: the contacts it named, `None` where it failed.
    pub fn note(&mut self, node: &Context, peer: &NodeId, contacts: Option<&[Contact]>) {
        let state = if contacts.is_some() { State::Answered } else { State::Failed };
        self.states.insert(peer.distance(&self.target), state);
        let contacts = contacts.unwrap_or_default();
        self.hear(node, &contacts[..contacts.len().min(node.network.k())]);
    }

    /// Tells whether the `n` nearest named that did not fail have all answered.
    pub fn is_settled(&self, n: usize) -> bool {
        let mut near = self.states.values().filter(|state| **state != State::Failed).take(n);
        let mut count = 0;
        near.all(|state| {
            count += 1;
            *state == State::Answered
        }) && count == n
    }

    /// Returns how many of the `n` nearest named that did not fail have answered.
    pub fn answered(&self, n: usize) -> usize {
        let near = self.states.values().filter(|state| **state != State::Failed).take(n);
        near.filter(|state| **state == State::Answered).count()
    }

    fn hear(&mut self, node: &Context, contacts: &[Contact]) {
        for contact in contacts.iter().filter(|c| c.node != node.me && !node.is_absent(c)) {
            self.states.entry(contact.node.distance(&self.target)).or_insert(State::Heard);
        }
    }
}
