//! When connections end that nobody closes: with sleep, a change of address, or a cut that lasts longer than they live.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Host, IDLE, Process, Wire};
use crate::sim::links::Links;
use crate::sim::transport::Port;
use crate::types::NodeId;

impl Wire {
    /// Tells whether a connection of one node to a process would still look open to it.
    pub(in crate::sim) fn looks_alive(&self, from: NodeId, to: Process) -> bool {
        let state = self.state.borrow();
        let host = &state.hosts[to.host as usize];
        let silent = match host.line.checked_sub(to.line) {
            Some(0) => host.asleep,
            Some(1) => host.turned,
            _ => return false,
        };
        host.run == to.run
            && silent.is_none_or(|since| since.elapsed() < IDLE)
            && host.ended.is_none_or(|(at, goodbye)| !goodbye && at.elapsed() < IDLE)
            && state.links.apart_for(from, to.node).is_none_or(|apart| apart < IDLE)
    }

    /// Returns the same process on the line that it has now.
    pub(super) fn of_now(&self, process: Process) -> Process {
        Process { line: self.state.borrow().hosts[process.host as usize].line, ..process }
    }

    /// Tells whether the connections that a process had then have not ended all at once since.
    pub(in crate::sim) fn is_on(&self, process: Process) -> bool {
        self.state.borrow().hosts[process.host as usize].line == process.line
    }

    /// Suspends a process, or lets it go on: before it does anything, its connections have ended where that took too long.
    pub(in crate::sim) fn set_asleep(&self, process: Process, asleep: bool) {
        let port = self.change(process, |host| {
            if asleep {
                host.asleep.get_or_insert_with(Instant::now);
                return false;
            }
            let slept = host.asleep.take().filter(|since| since.elapsed() >= IDLE);
            slept.is_some_and(|since| host.turn(since))
        });
        if let Some(port) = port {
            port.lose_all();
        }
    }

    /// Takes a process to another address: what is sent to the old one is lost, and what it sends over its old connections.
    pub(in crate::sim) fn relocate(&self, process: Process, to: SocketAddr) {
        let port = self.change(process, |host| host.turn(Instant::now()));
        let mut state = self.state.borrow_mut();
        let before = std::mem::replace(&mut state.hosts[process.host as usize].address, to);
        state.places.remove(&before);
        state.places.insert(to, process.host);
        drop(state);
        if let Some(port) = port {
            port.moved(to);
        }
    }

    /// Opens a way again; what was connected over it is not any more where it was cut for too long.
    pub(in crate::sim) fn mend(&self, from: NodeId, to: NodeId) {
        if let Some(apart) = self.links(|links| links.mend(from, to)) {
            self.part(from, to, apart);
        }
    }

    /// Opens all ways.
    pub(in crate::sim) fn heal(&self) {
        for (from, to, apart) in self.links(Links::heal) {
            self.part(from, to, apart);
        }
    }

    fn part(&self, one: NodeId, other: NodeId, apart: Duration) {
        let (Some(one), Some(other)) = (self.number(&one), self.number(&other)) else { return };
        for (of, from) in [(one, other), (other, one)].into_iter().filter(|_| apart >= IDLE) {
            if let Some(port) = self.port(of) {
                port.lose(from);
            }
        }
    }

    fn port(&self, host: u32) -> Option<Rc<Port>> {
        self.state.borrow().hosts[host as usize].running.as_ref()?.port.upgrade()
    }

    /// Changes a process that runs; returns its end of the network where `change` says that its connections end.
    fn change(&self, process: Process, change: impl FnOnce(&mut Host) -> bool) -> Option<Rc<Port>> {
        let host = &mut self.state.borrow_mut().hosts[process.host as usize];
        let running = host.running.as_ref().filter(|_| host.run == process.run)?;
        let port = running.port.upgrade();
        change(host).then_some(port).flatten()
    }
}

impl Host {
    /// Ends all connections, which have been silent since then.
    fn turn(&mut self, since: Instant) -> bool {
        self.line += 1;
        self.turned = Some(since);
        true
    }
}
