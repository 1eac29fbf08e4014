//! The node under attack, its network, and what must be as before afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::rc::{Rc, Weak};
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use timeline::actors::{Retention, Settings};
use timeline::keys::SecretKey;
use timeline::net::{NetLimits, Quic, QuicConfig};
use timeline::node::{Node, merge_rule, start};
use timeline::seam::{
    Batch, Class, Clock, Inbound, Lane, Later, NetError, Offload, Op, Path, Space, Store, Traffic, Transport, World,
};
use timeline::store::SqliteStore;
use timeline::types::{Contact, Hash, Key, Network, NodeId, Rng, Section, WallTime};
use tokio::time::{Instant, sleep, timeout};

use crate::attacker::Attacker;
use crate::fixtures::{NOW, TestNet, secret};

/// Far more than anything here needs; only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// Panics on this thread, on which a whole test lives: its node, its attackers and itself.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Runs a test on one thread, as a node does; a panic in any task fails it.
pub fn run(test: impl Future<Output = ()>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with(|count| count.set(count.get() + 1));
            before(info);
        }));
    });
    actix::System::new().block_on(async { timeout(PATIENCE * 2, test).await.expect("the test hangs") });
    assert_eq!(PANICS.with(Cell::get), 0, "something panicked");
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

/// A network with `n` registrars and some lines of its own under `[limits]`.
pub fn network(n: usize, k: usize, limits: &str) -> TestNet {
    let registrars: Vec<SecretKey> = (0..n).map(|i| secret(&format!("registrar {i}"))).collect();
    let mut text = format!("name = \"hostile\"\nepoch = 1\ntest = true\nk = {k}\nreserved_names = [\"admin\"]\n");
    text.push_str(&format!("[limits]\n{limits}\n"));
    for (i, key) in registrars.iter().enumerate() {
        text.push_str(&format!("\n[[registrar]]\nname = \"r{i}\"\nkey = \"{}\"\n", key.public()));
    }
    TestNet { network: Network::parse(text.into_bytes().into()).expect("a valid document"), registrars }
}

/// A clock that stands at the fixtures' present until a test moves it.
pub struct Hand(Cell<WallTime>);

impl Hand {
    pub fn forward(&self, by: Duration) {
        self.0.set(self.0.get().plus(by));
    }
}

impl Clock for Hand {
    fn now(&self) -> WallTime {
        self.0.get()
    }

    fn in_doubt(&self) -> bool {
        false
    }

    /// It moves as a machine's clock does in its sleep, so nobody takes it for set.
    fn uptime(&self) -> Option<Duration> {
        Some(self.0.get().since(NOW))
    }
}

/// A thread for each job.
struct Spawn;

impl Offload for Spawn {
    #[allow(clippy::disallowed_methods, reason = "this is the other side of the seam")]
    fn run(&self, _: Lane, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

/// A real transport under which peers seem to dial from wherever a test wants, as all of them live on one machine.
struct Disguise {
    quic: Rc<Quic>,
    origins: Origins,
}

/// Where peers seem to dial from.
pub type Origins = Rc<RefCell<BTreeMap<NodeId, IpAddr>>>;

impl Transport for Disguise {
    fn request(&self, to: &Contact, body: Bytes, class: Class, within: Duration) -> Later<Result<Bytes, NetError>> {
        self.quic.request(to, body, class, within)
    }

    fn reach(&self, to: &Contact, within: Duration) -> Later<Result<(), NetError>> {
        self.quic.reach(to, within)
    }

    fn serve(&self, inbound: Weak<dyn Inbound>) {
        self.quic.serve(inbound);
    }

    fn rebind(&self) {
        self.quic.rebind();
    }

    fn path(&self, peer: &NodeId) -> Option<Path> {
        self.quic.path(peer)
    }

    fn connected(&self) -> Vec<NodeId> {
        self.quic.connected()
    }

    fn traffic(&self) -> Traffic {
        self.quic.traffic()
    }

    fn origin(&self, peer: &NodeId) -> Option<IpAddr> {
        self.origins.borrow().get(peer).copied().or_else(|| self.quic.origin(peer))
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.quic.addresses()
    }

    fn close(&self) -> Later<()> {
        self.quic.close()
    }
}

/// What a node is made of.
pub struct Plan {
    pub key: SecretKey,
    pub bootpeers: Vec<Contact>,
    pub store_quota: u64,
    pub origins: Origins,
    pub gc_interval: Duration,
    pub retention: Retention,
    /// Whether its disk says that it ran a moment ago.
    pub was_up: bool,
}

impl Plan {
    /// The first registrar of the network.
    pub fn registrar(net: &TestNet) -> Self {
        Self::of(net.registrars[0].clone())
    }

    pub fn of(key: SecretKey) -> Self {
        Self {
            key,
            bootpeers: vec![],
            store_quota: 64 << 20,
            origins: Origins::default(),
            gc_interval: Duration::from_secs(60),
            retention: Retention::default(),
            was_up: false,
        }
    }
}

/// The node under attack.
pub struct Victim {
    pub node: Node,
    pub contact: Contact,
    pub store: Rc<SqliteStore>,
    pub clock: Rc<Hand>,
    dir: TempDir,
    plan: Plan,
    network: Rc<Network>,
}

/// Everything that lies in a store, but for what the node itself changes while nobody asks: the routing table, the
/// outbox, and times of storing.
#[derive(Debug, PartialEq, Eq)]
pub struct Holdings {
    records: Vec<(Key, Section, Bytes, Hash, Bytes)>,
    local: BTreeMap<Space, Vec<(Bytes, Bytes)>>,
}

impl Holdings {
    /// Leaves out the directory, which a registrar completes by itself some seconds after its start.
    pub fn but_directory(mut self) -> Self {
        self.records.retain(|(_, section, ..)| *section != Section::Directory);
        self
    }
}

impl Victim {
    pub fn start(net: &TestNet) -> Self {
        Self::with(net, Plan::registrar(net))
    }

    pub fn with(net: &TestNet, plan: Plan) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        if plan.was_up {
            let store = SqliteStore::open(&dir.path().join("store.db"), merge_rule).expect("a store");
            let alive = Op::SetLocal(Space::Node, Bytes::from_static(b"alive"), NOW.0.to_be_bytes().to_vec().into());
            // Made before the store is closed, which the end of this block waits for.
            drop(store.commit(Batch(vec![alive])));
        }
        Self::over(dir, Rc::new(net.network.clone()), plan, Rc::new(Hand(Cell::new(NOW))))
    }

    fn over(dir: TempDir, network: Rc<Network>, plan: Plan, clock: Rc<Hand>) -> Self {
        let quic = bind(&plan.key, &network, NetLimits::default());
        let contact = Contact::hint(quic.node_id(), quic.local_addr());
        let store = Rc::new(SqliteStore::open(&dir.path().join("store.db"), merge_rule).expect("a store"));
        let settings = Settings {
            anchors: true,
            bootpeers: plan.bootpeers.clone(),
            bootpeer: network.is_registrar(&quic.node_id()),
            gc_interval: plan.gc_interval,
            retention: plan.retention,
            store_quota: plan.store_quota,
            store_min_free: 0,
            software: "timeline/test".to_owned(),
            time: Default::default(),
        };
        let world = World {
            net: Rc::new(Disguise { quic, origins: plan.origins.clone() }),
            store: store.clone(),
            clock: clock.clone(),
            time: None,
            rng: Rng::from_seed(*plan.key.to_bytes()),
            offload: Rc::new(Spawn),
        };
        let node = start(world, plan.key.clone(), network.clone(), settings);
        Self { node, contact, store, clock, dir, plan, network }
    }

    /// Ends the node and starts it again from its disk, at another address.
    pub async fn restart(self) -> Self {
        let Self { node, store, clock, dir, plan, network, .. } = self;
        node.shut_down().await;
        drop(store);
        Self::over(dir, network, plan, clock)
    }

    /// From now on a peer seems to dial from there; to be said before it does.
    pub fn sees(&self, peer: &SecretKey, from: &str) {
        self.plan.origins.borrow_mut().insert(peer.public().node_id(), from.parse().expect("an address"));
    }

    /// Returns how many bytes of records lie in the store.
    pub fn store_bytes(&self) -> u64 {
        self.store.usage().bytes
    }

    pub fn id(&self) -> NodeId {
        self.contact.node
    }

    /// Returns everything that lies in the store.
    pub fn holdings(&self) -> Holdings {
        let mut reader = self.store.reader().expect("a reader");
        let mut records = Vec::new();
        let walked = reader.walk(None, &mut |row| {
            let (key, section, slot, hash) = row.place();
            records.push((key, section, slot, hash, row.bytes.to_bytes()));
            ControlFlow::Continue(())
        });
        walked.expect("walked");
        let spaces = [Space::Session, Space::Claims, Space::Followees, Space::Feed, Space::Finals];
        let rows = |space| self.store.local(space, &[], None, 100_000).expect("read");
        Holdings { records, local: spaces.into_iter().map(|space| (space, rows(space))).collect() }
    }

    /// Answers, holds what it held before, and never lost a part.
    pub async fn unharmed(&self, before: &Holdings) {
        self.alive().await;
        assert_eq!(&self.holdings(), before);
    }

    /// Answers a stranger, and never lost a part.
    pub async fn alive(&self) {
        let stranger = Attacker::new(&self.network, &secret("somebody who knocks"));
        stranger.ping(&self.contact).await;
        assert_eq!(self.node.rebuilt(), 0);
        assert_eq!(PANICS.with(Cell::get), 0, "something panicked");
        stranger.close().await;
    }

    pub async fn end(self) {
        self.alive().await;
        self.node.shut_down().await;
    }
}

/// Listens on loopback; dialling gives a loaded machine time.
pub fn bind(key: &SecretKey, network: &Network, limits: NetLimits) -> Rc<Quic> {
    let limits = NetLimits { dial: Duration::from_secs(10), ..limits };
    let config =
        QuicConfig { listen: loopback(), advertise: vec![], secret: *key.to_bytes(), alpn: network.alpn(), limits };
    Quic::bind(config).expect("bound")
}
