//! What is asked of a peer that was met before, in the flight that begins the handshake: a round trip in all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use super::{Port, Slot};
use crate::sim::wire::Place;
use crate::types::Contact;

/// As many as the real transport remembers.
const SESSIONS: usize = 1024;

/// Whom a process has met, by the numbers of nodes, and in which of their runs: a later one knows nothing of it.
#[derive(Default)]
pub(super) struct Sessions(RefCell<BTreeMap<u32, u32>>);

impl Sessions {
    /// Notes that a run of a node was met.
    pub fn note(&self, host: u32, run: u32) {
        let mut sessions = self.0.borrow_mut();
        if sessions.len() < SESSIONS || sessions.contains_key(&host) {
            sessions.insert(host, run);
        }
    }

    fn knows(&self, host: u32, run: u32) -> bool {
        self.0.borrow().get(&host) == Some(&run)
    }
}

impl Port {
    /// Asks a peer that was met before and is not connected, while it is dialled; `None` where that cannot be, or brings nothing.
    pub(super) async fn early(self: &Rc<Self>, to: &Contact, body: &Bytes) -> Option<Bytes> {
        let number = self.wire.number(&to.node)?;
        let process = self.wire.at(self.me.node, to).filter(|process| process.node == to.node)?;
        if self.closed.get() || !self.sessions.knows(process.host, process.run) {
            return None;
        }
        let slot = self.slots.borrow().get(&number).cloned();
        match slot {
            Some(Slot::Linked(link)) if self.is_open(&link) => return None,
            Some(Slot::Dialling(dial)) if dial.peek().is_some_and(Result::is_ok) => return None,
            Some(Slot::Dialling(dial)) if dial.peek().is_none() => {}
            _ => drop(self.dial(Some(number), to.clone())),
        }
        let way = self.wire.way(self.me.node, to.node);
        let (answer, _) = self.carry(Place::Free, (process, way), body.clone()).await;
        answer.ok()?.ok()
    }
}
