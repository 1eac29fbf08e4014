//! Nodes for tests, and waiting for a state with a deadline.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use timeline::keys::SecretKey;
use timeline::net::{NetLimits, Quic, QuicConfig};
use timeline::seam::{Class, Inbound, Later, NetError, Refused, Transport};
use timeline::types::{Contact, NodeId};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

pub const ALPN: &[u8] = b"timeline/1/0123456789abcdef";
/// Far more than anything here needs; only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test on one thread, as a node does.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let timed = async { tokio::time::timeout(Duration::from_secs(120), test).await.expect("the test hangs") };
    LocalSet::new().block_on(&runtime, timed);
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

pub fn id(secret: u8) -> NodeId {
    SecretKey::from_bytes(&[secret; 32]).public().node_id()
}

/// What a node of a test does with requests: `e` echoes, `g` waits at the gate, `b` answers with many bytes, and these may come
/// before HELLO; `w` echoes and may not.
pub struct Probe {
    /// HELLOs and requests in the order in which they came.
    pub order: RefCell<Vec<Bytes>>,
    pub requests: RefCell<Vec<(NodeId, Bytes)>>,
    pub hellos: RefCell<Vec<NodeId>>,
    pub answers: RefCell<Vec<(NodeId, Bytes)>>,
    pub refuse_hello: Cell<bool>,
    pub refuse_answer: Cell<bool>,
    /// Whether requests may go back over connections that peers dialled.
    pub calls_back: Cell<bool>,
    pub big: Cell<usize>,
    pub gate: Rc<Semaphore>,
    pub running: Rc<Cell<usize>>,
    pub most: Rc<Cell<usize>>,
    pub done: Rc<Cell<usize>>,
}

impl Probe {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            order: RefCell::default(),
            requests: RefCell::default(),
            hellos: RefCell::default(),
            answers: RefCell::default(),
            refuse_hello: Cell::new(false),
            refuse_answer: Cell::new(false),
            calls_back: Cell::new(false),
            big: Cell::new(0),
            gate: Rc::new(Semaphore::new(0)),
            running: Rc::default(),
            most: Rc::default(),
            done: Rc::default(),
        })
    }
}

impl Inbound for Probe {
    fn hello(&self) -> Bytes {
        Bytes::from_static(b"\x01hello")
    }

    fn greeted(&self, from: NodeId, answer: Bytes) -> Result<(), Refused> {
        let welcome = answer == "welcome";
        self.answers.borrow_mut().push((from, answer));
        if self.refuse_answer.get() || !welcome { Err(Refused) } else { Ok(()) }
    }

    fn may_be_early(&self, body: &[u8]) -> bool {
        body.first().is_some_and(|first| b"egb".contains(first))
    }

    fn may_call_back(&self, peer: &NodeId, from: SocketAddr) -> bool {
        assert!(self.hellos.borrow().contains(peer) && from.ip().to_canonical().is_loopback());
        self.calls_back.get()
    }

    fn handle(&self, from: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>> {
        self.order.borrow_mut().push(body.clone());
        if body.first() == Some(&1) {
            self.hellos.borrow_mut().push(from);
            let refuse = self.refuse_hello.get();
            return Box::pin(async move { if refuse { Err("go away".into()) } else { Ok("welcome".into()) } });
        }
        self.requests.borrow_mut().push((from, body.clone()));
        let (gate, running, most, done, big) =
            (self.gate.clone(), self.running.clone(), self.most.clone(), self.done.clone(), self.big.get());
        Box::pin(async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            let answer = match body.first() {
                Some(b'g') => {
                    gate.acquire().await.expect("never closed").forget();
                    body
                }
                Some(b'b') => vec![7; big].into(),
                _ => {
                    tokio::task::yield_now().await;
                    body
                }
            };
            running.set(running.get() - 1);
            done.set(done.get() + 1);
            Ok(answer)
        })
    }
}

/// A node of a test.
pub struct Node {
    pub quic: Rc<Quic>,
    pub probe: Rc<Probe>,
    pub id: NodeId,
}

impl Node {
    pub fn new(secret: u8) -> Self {
        Self::with(secret, quick())
    }

    pub fn with(secret: u8, limits: NetLimits) -> Self {
        Self::at(secret, limits, loopback(), ALPN)
    }

    pub fn at(secret: u8, limits: NetLimits, listen: SocketAddr, alpn: &[u8]) -> Self {
        let node = Self::silent(secret, limits, listen, alpn);
        node.serve();
        node
    }

    /// A node that does not serve yet.
    pub fn silent(secret: u8, limits: NetLimits, listen: SocketAddr, alpn: &[u8]) -> Self {
        let config = QuicConfig { listen, advertise: vec![], secret: [secret; 32], alpn: alpn.to_vec(), limits };
        let quic = Quic::bind(config).expect("bound");
        Self { id: quic.node_id(), quic, probe: Probe::new() }
    }

    pub fn serve(&self) {
        let weak: Weak<Probe> = Rc::downgrade(&self.probe);
        self.quic.serve(weak);
    }

    pub fn contact(&self) -> Contact {
        Contact::hint(self.id, self.quic.local_addr())
    }

    pub async fn ask(&self, to: &Contact, body: &'static str) -> Result<Bytes, NetError> {
        self.ask_as(to, body, Class::Read).await
    }

    pub async fn ask_as(&self, to: &Contact, body: &'static str, class: Class) -> Result<Bytes, NetError> {
        self.quic.request(to, Bytes::from_static(body.as_bytes()), class, PATIENCE).await
    }

    pub async fn close(self) {
        self.quic.close().await;
    }
}

/// The limits of the protocol with a dial that gives a loaded machine time.
pub fn quick() -> NetLimits {
    NetLimits { dial: Duration::from_secs(10), ..NetLimits::default() }
}

/// The same, with everything that is waited out in a test cut short.
pub fn impatient() -> NetLimits {
    let short = Duration::from_millis(300);
    NetLimits { arrival: short, delivery: short, ..quick() }
}
