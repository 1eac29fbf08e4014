//! Connections that peers dialled: known of, and used for requests where the peer says that it can be reached where it came from.

use std::rc::{Rc, Weak};
use std::time::Duration;

use super::link::{Link, micros};
use super::{Guest, Port, Slot};
use crate::sim::wire::Process;

impl Port {
    /// Takes in a connection whose HELLO was answered; the bootpeers, which have the lowest numbers, stay longest.
    pub(super) fn admit(&self, from: Process, srtt: Duration) {
        let mut guests = self.guests.borrow_mut();
        guests.insert(from.host, Guest { run: from.run, line: from.line, srtt_us: micros(srtt) });
        if guests.len() > self.limits.inbound {
            guests.pop_last();
        }
        drop(guests);
        let inbound = self.inbound.borrow().as_ref().and_then(Weak::upgrade);
        let place = self.wire.place(&from.node);
        if inbound.zip(place).is_some_and(|(inbound, place)| inbound.may_call_back(&from.node, place)) {
            self.adopt(from, srtt);
        }
    }

    fn adopt(&self, from: Process, srtt: Duration) {
        let mut slots = self.slots.borrow_mut();
        let is_free = match slots.get(&from.host) {
            Some(Slot::Dialling(dial)) => dial.peek().is_some_and(Result::is_err),
            Some(Slot::Linked(link)) => !self.is_open(link),
            None => slots.len() < self.limits.pool,
        };
        if is_free {
            let way = self.wire.way(self.me.node, from.node);
            let link = Link::adopted(from, way, srtt, self.uses.get());
            slots.insert(from.host, Slot::Linked(Rc::new(link)));
        }
    }
}
