//! A simulated network as its user sees it: nodes that start, crash, sleep and come back, and stories told with them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::config::SimConfig;
use super::crew::{Crew, Seat};
use super::disk::SimStore;
use super::faults;
use super::links::Links;
use super::transport::{Manners, SimTransport};
use super::wire::{Process, Wire};
use super::world::{InPlace, Servers, SimClock, SimTime, Skew};
use crate::actors::{Doors, Settings, TimeSettings};
use crate::keys::SecretKey;
use crate::node::{Node, start};
use crate::seam::{Op, Space, TimeSource, World};
use crate::store::{MemoryDisk, MemoryStore, Pool};
use crate::types::{Contact, Network, NodeId, Rng, WallTime};
use crate::wire::{Compare, Request};

/// The port that every simulated node listens on.
pub(super) const PORT: u16 = 4747;
/// How often a story looks whether something has happened.
const POLL: Duration = Duration::from_millis(20);

/// What stays of a node when its process ends.
pub(super) struct Machine {
    pub(super) id: NodeId,
    pub(super) key: SecretKey,
    pub(super) address: SocketAddr,
    pub(super) disk: MemoryDisk,
    skew: Rc<Skew>,
    trap: Rc<Cell<Option<Space>>>,
    servers: Vec<String>,
    set_system: bool,
    pub(super) running: Option<Running>,
}

pub(super) struct Running {
    pub(super) process: Process,
    pub(super) node: Node,
    pub(super) seat: Rc<Seat>,
}

/// A network of nodes in this thread, in virtual time.
pub struct Simulation {
    seed: u64,
    pub(super) config: SimConfig,
    pool: Option<Rc<Pool>>,
    rng: Rng,
    network: Rc<Network>,
    bootpeers: Vec<Contact>,
    pub(super) wire: Rc<Wire>,
    began: Instant,
    crew: Crew,
    pub(super) machines: RefCell<Vec<Machine>>,
    forgiven: Cell<u64>,
    /// Whether nodes compare what they hold with others.
    pub(super) repairing: Rc<Cell<bool>>,
    servers: Servers,
    pub(super) runtime: Runtime,
}

impl Simulation {
    /// Founds a network and starts all of its nodes.
    pub fn new(seed: u64, config: SimConfig) -> Self {
        faults::count_panics();
        let built = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = built.expect("a runtime without input and output needs nothing of the system");
        let entered = runtime.enter();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = Rng::from_seed(bytes);
        let key = |i: usize| SecretKey::generate(&mut rng.fork(&format!("key {i}")));
        let registrars: Vec<SecretKey> = (0..config.bootpeers).map(key).collect();
        let network = Rc::new(config.network(seed, &registrars));
        let bootpeers = registrars
            .iter()
            .enumerate()
            .map(|(i, key)| Contact::hint(key.public().node_id(), SocketAddr::new((config.addresses)(i).into(), PORT)))
            .collect();
        let wire = Wire::new(Links::new(&rng, config.ways));
        let began = Instant::now();
        drop(entered);
        let simulation = Self {
            seed,
            pool: config.share_bytes.then(Rc::default),
            rng,
            network,
            bootpeers,
            wire,
            began,
            crew: Crew::default(),
            machines: RefCell::default(),
            forgiven: Cell::new(faults::panics().0),
            repairing: Rc::new(Cell::new(true)),
            servers: Servers::default(),
            runtime,
            config,
        };
        for _ in 0..simulation.config.nodes {
            simulation.add();
        }
        simulation
    }

    /// Adds a node with an empty disk that knows all bootpeers, and starts it; returns its number.
    pub fn add(&self) -> usize {
        let number = self.build();
        self.start(number);
        number
    }

    /// Adds a node that knows only some bootpeers, by their numbers, and starts it; returns its number.
    pub fn add_knowing(&self, bootpeers: &[usize]) -> usize {
        let number = self.build();
        self.start_with(number, bootpeers.iter().map(|i| self.bootpeers[*i].clone()).collect());
        number
    }

    pub(super) fn empty_disk(&self) -> MemoryDisk {
        self.pool.clone().map(MemoryDisk::sharing).unwrap_or_default()
    }

    /// Adds a node with an empty disk, and does not start it; returns its number.
    pub fn build(&self) -> usize {
        let mut machines = self.machines.borrow_mut();
        let number = machines.len();
        let key = SecretKey::generate(&mut self.rng.fork(&format!("key {number}")));
        machines.push(Machine {
            id: key.public().node_id(),
            key,
            address: SocketAddr::new((self.config.addresses)(number).into(), PORT),
            disk: self.empty_disk(),
            skew: Rc::default(),
            trap: Rc::default(),
            servers: Vec::new(),
            set_system: false,
            running: None,
        });
        number
    }

    /// Starts a node that does not run, on the disk that it left.
    pub fn start(&self, number: usize) {
        self.start_with(number, self.bootpeers.clone());
    }

    fn start_with(&self, number: usize, bootpeers: Vec<Contact>) {
        let _entered = self.runtime.enter();
        let mut machines = self.machines.borrow_mut();
        let machine = &mut machines[number];
        assert!(machine.running.is_none(), "node {number} runs already");
        machine.trap.set(None);
        let process = self.wire.begin(machine.id, machine.address);
        let config = &self.config;
        let (repairing, refuses) = (self.repairing.clone(), config.refuses);
        let refuses = move |request| refuses.is_some_and(|refuses| refuses(number, request));
        let spares = move |request| request == Compare::NUMBER && !repairing.get();
        let lies = config.lies;
        let lies = move |request: &Bytes| lies.and_then(|lies| lies(number, request));
        let times = Manners(Box::new(refuses), Box::new(spares), Box::new(lies));
        let transport = SimTransport::new(process, machine.address, self.wire.clone(), times);
        let port = Rc::downgrade(&transport.0);
        let set = Rc::new(LocalSet::new());
        let inside = set.enter();
        let store = MemoryStore::on(machine.disk.clone(), config.merge);
        let drops = config.drops.map(|drops| Box::new(move |op: &Op| drops(number, op)) as Box<dyn Fn(&Op) -> bool>);
        let blind = config.blind.map(|blind| Box::new(move |space| blind(number, space)) as Box<dyn Fn(Space) -> bool>);
        let world = World {
            net: Rc::new(transport),
            store: Rc::new(SimStore::open(store, config.commit, machine.trap.clone(), (drops, blind))),
            clock: Rc::new(SimClock { began: self.began, skew: machine.skew.clone() }),
            time: (!machine.servers.is_empty()).then(|| {
                Rc::new(SimTime { skew: machine.skew.clone(), servers: self.servers.clone() }) as Rc<dyn TimeSource>
            }),
            rng: self.rng.fork(&format!("node {number} run {}", process.run)),
            offload: Rc::new(InPlace),
        };
        let settings = Settings {
            bootpeers,
            bootpeer: number < config.bootpeers,
            anchors: config.anchors,
            gc_interval: config.gc_interval,
            retention: config.retention,
            store_quota: config.store_quota,
            store_min_free: 0,
            software: "timeline simulated".to_owned(),
            time: TimeSettings {
                servers: machine.servers.clone(),
                interval: Duration::from_secs(3600),
                set_system: machine.set_system,
            },
        };
        let node = start(world, machine.key.clone(), self.network.clone(), settings);
        drop(inside);
        self.wire.plug(process, Rc::downgrade(&set), port);
        machine.running = Some(Running { process, node, seat: self.crew.seat(set) });
    }

    /// Ends a node's process as `kill -9` does; its disk stays.
    pub fn crash(&self, number: usize) {
        let _entered = self.runtime.enter();
        let running = self.machines.borrow_mut()[number].running.take();
        if let Some(Running { process, node, seat }) = running {
            self.wire.unplug(process, false);
            drop(node);
            seat.kill();
        }
    }

    /// Ends a node properly; ready when it has ended.
    pub async fn shut_down(&self, number: usize) {
        let running = self.machines.borrow_mut()[number].running.take();
        if let Some(Running { process, node, seat }) = running {
            node.shut_down().await;
            self.wire.unplug(process, true);
            seat.kill();
        }
    }

    /// Crashes a node and starts it again at once.
    pub fn restart(&self, number: usize) {
        self.crash(number);
        self.start(number);
    }

    /// Tells whether a node runs, asleep or not.
    pub fn is_running(&self, number: usize) -> bool {
        self.machines.borrow()[number].running.is_some()
    }

    /// Sets a node's clock wrong, and says whether it knows.
    pub fn skew(&self, number: usize, ahead: Duration, behind: Duration, in_doubt: bool) {
        let skew = self.machines.borrow()[number].skew.clone();
        skew.ahead.set(ahead);
        skew.behind.set(behind);
        skew.in_doubt.set(in_doubt);
    }

    /// Sets how far a node's clock is ahead now, in milliseconds, and how many millionths faster it goes.
    pub fn set_clock(&self, number: usize, ahead_ms: i64, drift_ppm: i64) {
        let skew = self.machines.borrow()[number].skew.clone();
        skew.set(ahead_ms - skew.ahead_ms());
        skew.drift_ppm.set(drift_ppm);
    }

    /// Moves a node's clock by so many milliseconds.
    pub fn shift_clock(&self, number: usize, by_ms: i64) {
        self.machines.borrow()[number].skew.set(by_ms);
    }

    /// Sets up a time server, or changes what it says: how far it is ahead of the truth in milliseconds, `None` for silence.
    pub fn time_server(&self, name: &str, ahead_ms: Option<i64>) {
        self.servers.borrow_mut().insert(name.to_owned(), ahead_ms);
    }

    /// Names the time servers of a node from its next start on, and says whether it sets its system's clock.
    pub fn use_time_servers(&self, number: usize, names: &[&str], set_system: bool) {
        let machine = &mut self.machines.borrow_mut()[number];
        machine.servers = names.iter().map(|name| (*name).to_owned()).collect();
        machine.set_system = set_system;
    }

    /// Makes the next read of a local space panic, in whatever actor it happens; that panic does not fail the run.
    pub fn sabotage(&self, number: usize, space: Space) {
        self.machines.borrow()[number].trap.set(Some(space));
        self.forgiven.set(self.forgiven.get() + 1);
    }

    /// Fills a node's disk, or makes room again.
    pub fn set_full(&self, number: usize, full: bool) {
        self.machines.borrow()[number].disk.set_full(full);
    }

    /// Returns the id of a node.
    pub fn id(&self, number: usize) -> NodeId {
        self.machines.borrow()[number].id
    }

    /// Returns the key of a node, with which a bootpeer also signs for names.
    pub fn key(&self, number: usize) -> SecretKey {
        self.machines.borrow()[number].key.clone()
    }

    /// Returns the doors to a node that runs.
    pub fn doors(&self, number: usize) -> Doors {
        let machines = self.machines.borrow();
        let running = machines[number].running.as_ref().unwrap_or_else(|| panic!("node {number} does not run"));
        running.node.doors()
    }

    /// Returns how many actors of all nodes that run were rebuilt after a panic.
    pub fn rebuilt(&self) -> u64 {
        self.machines.borrow().iter().filter_map(|m| m.running.as_ref()).map(|r| r.node.rebuilt()).sum()
    }

    /// Returns the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns how much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        let _entered = self.runtime.enter();
        self.began.elapsed()
    }

    /// Returns the time of a node without skew.
    pub fn now(&self) -> WallTime {
        super::world::BEGINNING.plus(self.elapsed())
    }

    /// Runs a story while all nodes run beside it.
    ///
    /// # Panics
    /// When anything in a node panicked, or an actor had to be rebuilt, beyond what [`Simulation::sabotage`] caused.
    pub fn run<T>(&self, story: impl Future<Output = T>) -> T {
        let end = self.runtime.block_on(self.crew.run(story, || self.look()));
        self.look();
        end
    }

    fn look(&self) {
        let (panics, last) = faults::panics();
        assert!(panics <= self.forgiven.get(), "{self:?}: a node panicked: {last}");
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// When it does not hold within that virtual time.
    pub async fn until(&self, what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + within;
        while !holds().await {
            assert!(Instant::now() < deadline, "{self:?}: not within {within:?}: {what}");
            tokio::time::sleep(POLL).await;
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulation with seed {} after {:?}", self.seed, self.elapsed())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let count = self.machines.borrow().len();
        (0..count).for_each(|number| self.crash(number));
    }
}
