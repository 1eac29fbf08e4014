//! What keeps nodes from each other in a simulation: sleep, cuts, and other addresses.

use std::net::{Ipv4Addr, SocketAddr};

use super::links::Links;
use super::simulation::{PORT, Simulation};
use crate::types::NodeId;

impl Simulation {
    /// Suspends a node, or lets it go on.
    pub fn set_asleep(&self, number: usize, asleep: bool) {
        let _entered = self.runtime.enter();
        if let Some(running) = &self.machines.borrow()[number].running {
            self.wire.set_asleep(running.process, asleep);
            running.seat.set_asleep(asleep);
        }
    }

    /// Gives a node another address, where nobody is; one that runs goes on, and finds out by itself.
    pub fn relocate(&self, number: usize, to: Ipv4Addr) {
        let _entered = self.runtime.enter();
        let machine = &mut self.machines.borrow_mut()[number];
        machine.address = SocketAddr::new(to.into(), PORT);
        if let Some(running) = &machine.running {
            self.wire.relocate(running.process, machine.address);
        }
    }

    /// Cuts all ways between the nodes of one side and those of the other.
    pub fn cut(&self, one: &[usize], other: &[usize]) {
        self.cut_way(one, other);
        self.cut_way(other, one);
    }

    /// Lets nothing come any more from the nodes of one side to those of the other.
    pub fn cut_way(&self, from: &[usize], to: &[usize]) {
        self.each_way(from, to, |a, b| self.wire.links(|links: &mut Links| links.cut(a, b)));
    }

    /// Opens the ways between the nodes of one side and those of the other.
    pub fn mend(&self, one: &[usize], other: &[usize]) {
        self.each_way(one, other, |a, b| self.wire.mend(a, b));
        self.each_way(other, one, |a, b| self.wire.mend(a, b));
    }

    /// Opens all ways.
    pub fn heal(&self) {
        let _entered = self.runtime.enter();
        self.wire.heal();
    }

    fn each_way(&self, from: &[usize], to: &[usize], change: impl Fn(NodeId, NodeId)) {
        let _entered = self.runtime.enter();
        for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b) {
            change(self.id(a), self.id(b));
        }
    }
}
