//! What peers said of themselves in their HELLO, and contacts that were opened: each kept once.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::keys::SIGNATURE_BYTES;
use crate::types::{Contact, NodeId};

/// Most greetings remembered; a node talks to fewer peers than that within a day.
const GREETINGS: usize = 4096;
/// Most contacts whose signatures are remembered to hold: the same ones come in answer after answer.
const OPENED: usize = 1024;
/// Most programs that are kept once for all that run them.
const PROGRAMS: usize = 64;

/// What a peer said of itself in its HELLO.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Its signed contact.
    pub contact: Contact,
    /// What it runs.
    pub program: Rc<Program>,
}

/// What a peer runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// Name and version.
    pub software: Box<str>,
    /// Its flags.
    pub flags: u64,
}

/// A greeting, by who sent it.
#[derive(Debug)]
struct ByNode(Greeting);

/// Greetings of peers.
#[derive(Debug, Default)]
pub struct Greetings {
    /// At most [`GREETINGS`].
    all: BTreeSet<ByNode>,
    /// At most [`PROGRAMS`].
    programs: BTreeSet<Rc<Program>>,
}

impl Greetings {
    /// Remembers one, in the place of what the peer said before.
    pub fn note(&mut self, mut greeting: Greeting) {
        match self.programs.get(&greeting.program) {
            Some(known) => greeting.program = known.clone(),
            None if self.programs.len() < PROGRAMS => drop(self.programs.insert(greeting.program.clone())),
            None => {}
        }
        if self.all.len() >= GREETINGS && !self.all.contains(&greeting.contact.node) {
            self.all.pop_first();
        }
        self.all.replace(ByNode(greeting));
    }

    /// Returns what a peer said.
    pub fn of(&self, node: &NodeId) -> Option<&Greeting> {
        self.all.get(node).map(|by| &by.0)
    }
}

/// Contacts whose signatures were found to hold, by the first bytes of their signatures: two of which these are alike take
/// turns.
#[derive(Debug, Default)]
pub struct Opened(BTreeMap<u64, Contact>);

impl Opened {
    /// Returns the contact that was signed with these bytes.
    pub fn find(&self, bytes: &[u8]) -> Option<&Contact> {
        let known = self.0.get(&mark(bytes)?)?;
        (known.proof.as_ref()?.0 == bytes).then_some(known)
    }

    /// Remembers one.
    pub fn note(&mut self, contact: Contact) {
        let Some(mark) = contact.proof.as_ref().and_then(|proof| mark(&proof.0)) else { return };
        if self.0.len() >= OPENED {
            self.0.pop_first();
        }
        self.0.insert(mark, contact);
    }
}

fn mark(bytes: &[u8]) -> Option<u64> {
    let signature = bytes.last_chunk::<SIGNATURE_BYTES>()?;
    signature.first_chunk().map(|first| u64::from_be_bytes(*first))
}

impl Borrow<NodeId> for ByNode {
    fn borrow(&self) -> &NodeId {
        &self.0.contact.node
    }
}

impl Ord for ByNode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.contact.node.cmp(&other.0.contact.node)
    }
}

impl PartialOrd for ByNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByNode {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByNode {}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::ContactProof;

    fn contact(n: u16, seq: u64) -> Contact {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let proof = [&seq.to_be_bytes(), id.as_slice(), id.as_slice()].concat();
        Contact::hint(NodeId(id), ([192, 0, 2, 1], 9).into()).but(|reach| {
            reach.seq = seq;
            reach.proof = Some(ContactProof(Bytes::from(proof)));
        })
    }

    #[test]
    fn the_last_word_of_a_peer_counts() {
        let mut greetings = Greetings::default();
        for (n, seq) in [(1, 1), (2, 1), (1, 2)] {
            let program = Program { software: "one".into(), flags: u64::from(n) };
            greetings.note(Greeting { contact: contact(n, seq), program: program.into() });
        }
        let of = |n| greetings.of(&contact(n, 0).node).map(|greeting| (greeting.contact.seq, greeting.program.flags));
        assert_eq!((of(1), of(2), of(3)), (Some((2, 1)), Some((1, 2)), None));
        greetings
            .note(Greeting { contact: contact(3, 1), ..greetings.of(&contact(1, 0).node).cloned().expect("known") });
        let program = |n| greetings.of(&contact(n, 0).node).map(|greeting| greeting.program.clone());
        assert!(Rc::ptr_eq(&program(1).expect("known"), &program(3).expect("known")));
    }

    #[test]
    fn contacts_are_found_by_their_bytes() {
        let mut opened = Opened::default();
        opened.note(contact(1, 1));
        opened.note(contact(1, 2));
        let bytes = |contact: &Contact| contact.proof.clone().expect("signed").0;
        assert_eq!(opened.find(&bytes(&contact(1, 2))), Some(&contact(1, 2)));
        assert_eq!(opened.find(&bytes(&contact(1, 3))), None);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut greetings, mut opened) = (Greetings::default(), Opened::default());
        for n in 0..3 * GREETINGS as u16 {
            let program = Program { software: format!("{n}").into(), flags: 0 };
            greetings.note(Greeting { contact: contact(n, 1), program: program.into() });
            opened.note(contact(n, 1));
        }
        assert_eq!((greetings.all.len(), greetings.programs.len(), opened.0.len()), (GREETINGS, PROGRAMS, OPENED));
    }
}
