//! Peers that greeted us and were not reached yet: whom they greet, they want to be known by.

use std::collections::BTreeMap;

use crate::types::{Contact, NodeId};

/// Most peers that are remembered: as many as are probed within some ticks.
const KNOCKED: usize = 256;
/// How often such a peer is tried before it has to greet us anew.
const TRIES: u8 = 5;
/// Of those far away, which nobody needs soon, so many have their turn in one tick: when many nodes start at once, dialling
/// everybody back would take most of what there is of time.
const FAR: usize = 4;

/// At most [`KNOCKED`], each with how often it is still tried.
#[derive(Debug, Default)]
pub(super) struct Knocks(BTreeMap<NodeId, (Contact, u8)>);

impl Knocks {
    /// Notes that a peer greeted us. One that is probed at once has one try less.
    pub(super) fn note(&mut self, contact: Contact) {
        if self.0.len() < KNOCKED {
            self.0.insert(contact.node, (contact, TRIES));
        }
    }

    /// Notes that a peer was reached.
    pub(super) fn reached(&mut self, node: &NodeId) {
        self.0.remove(node);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns who is tried now: all that are near, and some of the others, those that were tried least first; none that is
    /// being probed, which has its turn later.
    pub(super) fn turn(
        &mut self,
        is_near: impl Fn(&NodeId) -> bool,
        is_busy: impl Fn(&NodeId) -> bool,
    ) -> Vec<Contact> {
        self.0.retain(|_, (_, left)| *left > 0);
        let idle = self.0.values_mut().filter(|(contact, _)| !is_busy(&contact.node));
        let (mut turn, mut far): (Vec<_>, Vec<_>) = idle.partition(|(contact, _)| is_near(&contact.node));
        far.sort_by_key(|(_, left)| u8::MAX - *left);
        turn.extend(far.into_iter().take(FAR));
        let begin = |(contact, left): &mut (Contact, u8)| {
            *left -= 1;
            contact.clone()
        };
        turn.into_iter().map(begin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(n: u8) -> Contact {
        Contact::hint(NodeId([n; 32]), ([192, 0, 2, n], 9).into())
    }

    fn turn(knocks: &mut Knocks, near: u8, busy: u8) -> Vec<u8> {
        let turn = knocks.turn(|node| node.0[0] < near, |node| node.0[0] == busy);
        turn.into_iter().map(|contact| contact.node.0[0]).collect()
    }

    #[test]
    fn the_near_are_tried_at_every_turn_and_the_others_one_after_the_other() {
        let mut knocks = Knocks::default();
        (1..=20).for_each(|n| knocks.note(contact(n)));
        assert_eq!(turn(&mut knocks, 4, 2), [1, 3, 4, 5, 6, 7]);
        assert_eq!(turn(&mut knocks, 4, 0), [1, 2, 3, 8, 9, 10, 11]);
        knocks.reached(&NodeId([1; 32]));
        assert_eq!(turn(&mut knocks, 4, 0), [2, 3, 12, 13, 14, 15]);
        assert_eq!(turn(&mut knocks, 4, 0), [2, 3, 16, 17, 18, 19]);
        assert_eq!(turn(&mut knocks, 4, 0), [2, 3, 20, 4, 5, 6], "the fifth time for some, the second for others");
        let mut turns = 0;
        while !turn(&mut knocks, 4, 0).is_empty() {
            turns += 1;
        }
        assert!(knocks.is_empty() && turns <= 5 * 20 / FAR, "{turns}");
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut knocks = Knocks::default();
        for n in 0..600u16 {
            let mut id = [0; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            knocks.note(Contact::hint(NodeId(id), ([192, 0, 2, 1], 9).into()));
        }
        assert_eq!(knocks.0.len(), KNOCKED);
    }
}
