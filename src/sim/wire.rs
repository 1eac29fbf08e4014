//! The simulated network: which processes run where, and the carrying of messages between them.
//!
//! A message that is lost is never answered, as over UDP: whoever waits gives up by its own timer. A process that sleeps gets
//! what is sent to it meanwhile when it wakes, as datagrams are sent again; where it sleeps for longer than a connection may be
//! silent, its connections have ended in both directions, and all of that is lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Shared;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::links::{Links, Way};
use super::numbers::Numbers;
use super::trace::{Leg, Trace, Tracer};
use super::transport::Port;
use crate::seam::NetError;
use crate::types::{Contact, NodeId};

mod lines;

/// A connection to a process that fell silent is given up after this.
const IDLE: Duration = Duration::from_secs(30);

/// One run of a node: the second is another process than the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process {
    pub node: NodeId,
    /// The number of the node, by which it is found.
    pub host: u32,
    pub run: u32,
    /// How often all of the node's connections had ended at once: later ones are others.
    pub line: u32,
}

/// Becomes true to those who wait for it when a HELLO was taken in; an error when it never is.
pub(super) type Taken = Shared<oneshot::Receiver<()>>;

/// Where a request stands to the HELLO of its connection.
pub(super) enum Place {
    /// It is the HELLO.
    Hello(oneshot::Sender<()>),
    /// It was sent behind one that may still be on its way, and is not looked at before that.
    Behind(Taken),
    /// HELLO was answered long ago.
    Free,
}

/// What a process answered: the answer, or the one to send before it closes the connection.
pub(super) type Answered = Result<Result<Bytes, Bytes>, NetError>;

struct Running {
    set: Weak<LocalSet>,
    port: Weak<Port>,
}

struct Host {
    node: NodeId,
    run: u32,
    address: SocketAddr,
    running: Option<Running>,
    line: u32,
    /// Since when it says nothing on the line before, nor hears anything.
    turned: Option<Instant>,
    asleep: Option<Instant>,
    /// When the last run ended, and whether it said goodbye.
    ended: Option<(Instant, bool)>,
}

struct State {
    /// As many as the simulation has nodes.
    hosts: Vec<Host>,
    numbers: Numbers,
    places: BTreeMap<SocketAddr, u32>,
    links: Links,
    tracer: Tracer,
}

pub(super) struct Wire {
    began: Instant,
    state: RefCell<State>,
}

impl Wire {
    pub(super) fn new(links: Links) -> Rc<Self> {
        let state = State {
            hosts: Vec::new(),
            numbers: Numbers::default(),
            places: BTreeMap::new(),
            links,
            tracer: Tracer::default(),
        };
        Rc::new(Self { began: Instant::now(), state: RefCell::new(state) })
    }

    /// Changes the ways between nodes.
    pub(super) fn links<T>(&self, change: impl FnOnce(&mut Links) -> T) -> T {
        change(&mut self.state.borrow_mut().links)
    }

    pub(super) fn trace(&self) -> Trace {
        self.state.borrow().tracer.trace()
    }

    pub(super) fn requests_of(&self, node: &NodeId) -> BTreeMap<u8, u64> {
        let state = self.state.borrow();
        state.numbers.of(node).map(|host| state.tracer.requests_of(host)).unwrap_or_default()
    }

    pub(super) fn bytes_of(&self, node: &NodeId) -> BTreeMap<u8, u64> {
        let state = self.state.borrow();
        state.numbers.of(node).map(|host| state.tracer.bytes_of(host)).unwrap_or_default()
    }

    fn weigh(&self, number: u8, from: Process, to: Process, bytes: usize) {
        self.state.borrow_mut().tracer.weigh(number, [from.host, to.host], bytes);
    }

    /// Begins another run of a node.
    pub(super) fn begin(&self, node: NodeId, address: SocketAddr) -> Process {
        let mut state = self.state.borrow_mut();
        let next = state.hosts.len() as u32;
        let number = state.numbers.give(node);
        if number == next {
            let (line, turned, asleep, ended) = (0, None, None, None);
            state.hosts.push(Host { node, run: 0, address, running: None, line, turned, asleep, ended });
        }
        let before = std::mem::replace(&mut state.hosts[number as usize].address, address);
        state.places.remove(&before);
        state.places.insert(address, number);
        let host = &mut state.hosts[number as usize];
        host.run += 1;
        Process { node, host: number, run: host.run, line: host.line }
    }

    /// Lets a process be reached.
    pub(super) fn plug(&self, process: Process, set: Weak<LocalSet>, port: Weak<Port>) {
        let mut state = self.state.borrow_mut();
        let host = &mut state.hosts[process.host as usize];
        (host.running, host.ended) = (Some(Running { set, port }), None);
    }

    /// Ends a process; with a goodbye its peers know at once.
    pub(super) fn unplug(&self, process: Process, goodbye: bool) {
        let host = &mut self.state.borrow_mut().hosts[process.host as usize];
        if host.run == process.run && host.running.take().is_some() {
            host.ended = Some((Instant::now(), goodbye));
            host.asleep = None;
        }
    }

    /// Returns the node with a number.
    pub(super) fn node(&self, host: u32) -> NodeId {
        self.state.borrow().hosts[host as usize].node
    }

    /// Returns the number of a node that has begun.
    pub(super) fn number(&self, node: &NodeId) -> Option<u32> {
        self.state.borrow().numbers.of(node)
    }

    /// Returns the process that can be reached now at a contact's addresses, whoever it is.
    pub(super) fn at(&self, from: NodeId, to: &Contact) -> Option<Process> {
        let state = self.state.borrow();
        let number = *to.addresses.iter().find_map(|address| state.places.get(address))?;
        let host = Some(&state.hosts[number as usize]).filter(|h| h.running.is_some() && h.asleep.is_none())?;
        let node = host.node;
        let open = !state.links.is_cut(from, node) && !state.links.is_cut(node, from);
        open.then_some(Process { node, host: number, run: host.run, line: host.line })
    }

    /// Returns where a node is.
    pub(super) fn place(&self, node: &NodeId) -> Option<SocketAddr> {
        let state = self.state.borrow();
        Some(state.hosts[state.numbers.of(node)? as usize].address)
    }

    /// Tells whether nothing comes from one node to another.
    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.state.borrow().links.is_cut(from, to)
    }

    /// Returns how long a packet takes that carries nothing of ours.
    pub(super) fn transit(&self, way: Way) -> Duration {
        self.state.borrow_mut().links.transit(way)
    }

    /// Returns how long the way between two nodes is.
    pub(super) fn way(&self, from: NodeId, to: NodeId) -> Way {
        self.state.borrow().links.way(from, to)
    }

    /// Puts a message on its way and returns how long it takes.
    fn send(&self, leg: Leg, from: Process, to: Process, way: Way, body: &[u8]) -> Duration {
        let mut state = self.state.borrow_mut();
        if leg != Leg::Answer {
            state.tracer.count(from.host, body.first().copied().unwrap_or_default());
        }
        state.tracer.note(self.began.elapsed(), leg, &from.node, &to.node, body);
        state.links.transit(way)
    }

    fn running(&self, to: Process) -> Option<(Rc<LocalSet>, Rc<Port>)> {
        let state = self.state.borrow();
        let host = Some(&state.hosts[to.host as usize]).filter(|h| h.run == to.run && h.line == to.line)?;
        let running = host.running.as_ref()?;
        Some((running.set.upgrade()?, running.port.upgrade()?))
    }

    /// Tells whether somebody is there who would say that this process is gone.
    fn is_succeeded(&self, gone: Process) -> bool {
        let host = &self.state.borrow().hosts[gone.host as usize];
        host.run != gone.run && host.running.is_some()
    }

    fn said_goodbye(&self, gone: Process) -> bool {
        let host = &self.state.borrow().hosts[gone.host as usize];
        host.run == gone.run && host.ended.is_some_and(|(_, goodbye)| goodbye)
    }

    /// Carries a request to a process and its answer back; returns the answer and the round trip without the work on it.
    ///
    /// # Errors
    /// `Broken` when the process ended and that can be known; nothing at all when a message was lost.
    pub(super) async fn carry(
        self: &Rc<Self>,
        place: Place,
        from: Process,
        (to, way): (Process, Way),
        body: Bytes,
    ) -> (Answered, Duration) {
        let (leg, taken, behind) = match place {
            Place::Hello(taken) => (Leg::Hello, Some(taken), None),
            Place::Behind(behind) => (Leg::Request, None, Some(behind)),
            Place::Free => (Leg::Request, None, None),
        };
        let from = self.of_now(from);
        let (tell, told) = oneshot::channel();
        let number = body.first().copied().unwrap_or_default();
        self.weigh(number, from, to, body.len());
        let there = self.send(leg, from, to, way, &body);
        let Some((set, port)) = self.running(to).filter(|_| !self.is_cut(from.node, to.node)) else {
            if !self.is_cut(from.node, to.node) && (self.is_succeeded(to) || self.said_goodbye(to)) {
                sleep(there * 2).await;
                return (Err(NetError::Broken), there * 2);
            }
            return pending().await;
        };
        if leg == Leg::Request && self.links(Links::comes_twice) {
            let (again, port, body) = (self.send(leg, from, to, way, &body), port.clone(), body.clone());
            let (behind, wire) = (behind.clone(), self.clone());
            // What comes twice is answered twice, and nobody waits for the second answer.
            set.spawn_local(async move {
                sleep(again).await;
                if wire.is_on(to) && follows(behind).await {
                    drop(port.receive(leg, from, again * 2, body).await);
                }
            });
        }
        let wire = self.clone();
        // A task of the receiver: it waits while the receiver sleeps, and goes down with it.
        set.spawn_local(async move {
            sleep(there).await;
            if wire.is_cut(from.node, to.node) || !wire.is_on(to) || !follows(behind).await {
                return;
            }
            let Some(answer) = port.receive(leg, from, there * 2, body).await else { return };
            if let (Some(taken), Ok(Ok(_))) = (taken, &answer) {
                // Nothing may have been sent behind it.
                let _ = taken.send(());
            }
            let bytes = match &answer {
                Ok(Ok(bytes) | Err(bytes)) => bytes.as_ref(),
                Err(_) => &[],
            };
            wire.weigh(number, from, to, bytes.len());
            let back = wire.send(Leg::Answer, to, from, way, bytes);
            // Whoever asked may have given up.
            let _ = tell.send((answer, Instant::now() + back, there + back));
        });
        drop(set);
        match told.await {
            Ok((answer, at, round_trip)) => {
                sleep_until(at).await;
                if self.is_cut(to.node, from.node) || !self.is_on(from) {
                    return pending().await;
                }
                (answer, round_trip)
            }
            Err(_) if self.said_goodbye(to) => (Err(NetError::Broken), there * 2),
            Err(_) => pending().await,
        }
    }
}

/// Waits until the HELLO was taken in behind which something came; false when it never is.
async fn follows(behind: Option<Taken>) -> bool {
    match behind {
        Some(taken) => taken.await.is_ok(),
        None => true,
    }
}
