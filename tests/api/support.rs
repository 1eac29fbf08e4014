//! Nodes with an API, each world on a thread of its own, and a client for them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use timeline::actors::Settings;
use timeline::api;
use timeline::clock::SystemClock;
use timeline::keys::SecretKey;
use timeline::net::{NetLimits, Quic, QuicConfig};
use timeline::node::local::{LocalNode, Role};
use timeline::node::{Node, merge_rule, start};
use timeline::seam::{Lane, Offload, Transport, World};
use timeline::store::MemoryStore;
use timeline::types::{Code, Contact, Network, Rng};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub const TOKEN: &str = "5c1a-not-a-secret";
pub const PASSWORD: &str = "orbit lantern cactus";
/// Far more than anything here needs; only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Which nodes there are beside the one with the API.
#[derive(Clone, Copy, PartialEq)]
pub enum Others {
    /// None: it is bootpeer and registrar itself.
    None,
    /// A bootpeer that is the registrar.
    Bootpeer,
    /// A registrar that nobody ever started.
    Absent,
}

enum Order {
    EndBootpeer(mpsc::Sender<()>),
    End,
}

/// A node with an API, until it is dropped.
pub struct Served {
    pub addr: SocketAddr,
    pub agent: ureq::Agent,
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a world and waits until its API answers.
#[allow(clippy::disallowed_methods, reason = "the world of a test must run beside the blocking client")]
pub fn serve(others: Others) -> Served {
    let (orders, taken) = unbounded_channel();
    let (ready, told) = mpsc::channel();
    let thread = std::thread::spawn(move || actix::System::new().block_on(run(others, ready, taken)));
    let addr = told.recv_timeout(PATIENCE).expect("the API is open");
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    Served { addr, agent, orders, thread: Some(thread) }
}

async fn run(others: Others, ready: mpsc::Sender<SocketAddr>, mut orders: UnboundedReceiver<Order>) {
    let network = network();
    let mut bootpeer = None;
    let mut hints = vec![];
    if others == Others::Bootpeer {
        let (node, contact) = node(1, &network, vec![], true);
        hints.push(contact);
        bootpeer = Some(node);
    }
    let alone = others == Others::None;
    let (node, _) = node(if alone { 1 } else { 2 }, &network, hints, alone);
    let door = api::open(local(&node, &network, alone), loopback(), TOKEN.to_owned()).await.expect("opened");
    ready.send(door.address).expect("somebody waits");
    let mut stop = door.stop;
    loop {
        tokio::select! {
            _ = &mut stop => break,
            order = orders.recv() => match order {
                Some(Order::EndBootpeer(done)) => {
                    bootpeer.take().expect("there is one").shut_down().await;
                    done.send(()).expect("somebody waits");
                }
                Some(Order::End) | None => break,
            },
        }
    }
    (door.close)().await;
    node.shut_down().await;
    if let Some(bootpeer) = bootpeer {
        bootpeer.shut_down().await;
    }
}

/// Tries to open the API of a node where it may not be; returns why it is not there.
pub fn refused_to_listen(listen: SocketAddr) -> Code {
    actix::System::new().block_on(async {
        let network = network();
        let (node, _) = node(1, &network, vec![], true);
        let opened = api::open(local(&node, &network, true), listen, TOKEN.to_owned()).await;
        node.shut_down().await;
        opened.err().expect("refused").code
    })
}

fn network() -> Rc<Network> {
    let registrar = SecretKey::from_bytes(&[1; 32]);
    let text = format!(
        "name = \"api\"\nepoch = 1\ntest = true\nk = 3\n[limits]\nposts_per_minute = 6\n\
         [[registrar]]\nname = \"boot\"\nkey = \"{}\"\n",
        registrar.public()
    );
    Rc::new(Network::parse(Bytes::from(text)).expect("a document"))
}

fn local(node: &Node, network: &Network, bootpeer: bool) -> LocalNode {
    LocalNode {
        doors: node.doors(),
        node_id: node.id(),
        network: Arc::new(network.clone()),
        invite: "timeline:line".to_owned(),
        role: if bootpeer { Role::Bootpeer } else { Role::Peer },
        anchor: bootpeer,
        started: tokio::time::Instant::now(),
    }
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

fn node(secret: u8, network: &Rc<Network>, bootpeers: Vec<Contact>, bootpeer: bool) -> (Node, Contact) {
    let key = SecretKey::from_bytes(&[secret; 32]);
    let quic = Quic::bind(QuicConfig {
        listen: loopback(),
        advertise: vec![],
        secret: [secret; 32],
        alpn: network.alpn(),
        limits: NetLimits::default(),
    });
    let quic = quic.expect("bound");
    let contact = Contact::hint(quic.node_id(), quic.local_addr());
    let settings = Settings {
        anchors: true,
        bootpeers,
        bootpeer,
        gc_interval: Duration::from_secs(60),
        retention: Default::default(),
        store_quota: 1 << 20,
        store_min_free: 0,
        software: "timeline/test".to_owned(),
        time: Default::default(),
    };
    let net: Rc<dyn Transport> = quic;
    let world = World {
        net,
        store: Rc::new(MemoryStore::new(merge_rule)),
        clock: Rc::new(SystemClock),
        time: None,
        rng: Rng::from_seed([secret; 32]),
        offload: Rc::new(Spawn),
    };
    (start(world, key, network.clone(), settings), contact)
}

/// A thread for each job.
struct Spawn;

impl Offload for Spawn {
    #[allow(clippy::disallowed_methods, reason = "this is the other side of the seam")]
    fn run(&self, _: Lane, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

/// Status and body of an answer.
pub type Got = (u16, Value);

impl Served {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1/node{path}", self.addr)
    }

    pub fn get(&self, path: &str) -> Got {
        let request = self.agent.get(self.url(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.call().expect("an answer"))
    }

    pub fn post(&self, path: &str, body: &Value) -> Got {
        self.post_text(path, "application/json", &body.to_string())
    }

    pub fn post_text(&self, path: &str, content_type: &str, body: &str) -> Got {
        let request = self.agent.post(self.url(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.header("content-type", content_type).send(body).expect("an answer"))
    }

    /// Sends bytes as they are and returns everything that comes back until the connection ends.
    pub fn raw(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.write_all(text.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        String::from_utf8(answer).expect("text")
    }

    /// Opens the stream of events.
    pub fn events(&self) -> Events {
        let request = self.agent.get(self.url("/feed/events")).header("authorization", format!("Bearer {TOKEN}"));
        let response = request.call().expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Events(BufReader::new(Box::new(response.into_body().into_reader())))
    }

    pub fn register(&self, name: &str) -> Value {
        done(self.post("/register", &json!({ "username": name, "password": PASSWORD, "timeout_ms": 60_000 })))
    }

    /// Ends the bootpeer, and returns when it is gone.
    pub fn end_bootpeer(&self) {
        let (done, ended) = mpsc::channel();
        assert!(self.orders.send(Order::EndBootpeer(done)).is_ok(), "running");
        ended.recv_timeout(PATIENCE).expect("ended");
    }

    /// Ends everything without waiting.
    pub fn end(&self) {
        assert!(self.orders.send(Order::End).is_ok(), "running");
    }

    /// Waits until everything has ended by itself.
    pub fn ended(&mut self) {
        self.thread.take().expect("once").join().expect("a clean end");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended takes no orders.
        let _ = self.orders.send(Order::End);
        if let Some(thread) = self.thread.take() {
            let clean = thread.join().is_ok();
            assert!(clean || std::thread::panicking(), "the node panicked");
        }
    }
}

/// Server-sent events, one after another; comments are passed over.
pub struct Events(pub BufReader<Box<dyn Read>>);

impl Events {
    /// Returns name and data of the next event, `None` at the end of the stream.
    pub fn next(&mut self) -> Option<(String, Value)> {
        let (mut name, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => data = value.to_owned(),
                _ if line == "\n" && !data.is_empty() => {
                    // The number of a status is no JSON number: it has more digits than those keep.
                    let json = data.starts_with('{');
                    let data = if json { serde_json::from_str(&data).expect("JSON") } else { Value::String(data) };
                    return Some((name, data));
                }
                _ => {}
            }
        }
    }
}

pub fn read(mut response: ureq::http::Response<ureq::Body>) -> Got {
    let status = response.status().as_u16();
    for (name, value) in
        [("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(response.headers().get(name).map(|v| v.as_bytes()), Some(value.as_bytes()), "{name}");
    }
    (status, response.body_mut().read_json().expect("JSON"))
}

/// Expects success.
pub fn done((status, body): Got) -> Value {
    assert_eq!(status, 200, "{body}");
    body
}

/// Expects a refusal with this status and code; returns its message.
pub fn refused((status, body): Got, expected: u16, code: &str) -> String {
    assert_eq!((status, &body["error"]["code"]), (expected, &json!(code)), "{body}");
    assert!(body["error"].as_object().is_some_and(|error| error.contains_key("hint")), "{body}");
    body["error"]["message"].as_str().filter(|message| !message.is_empty()).expect("a message").to_owned()
}

/// Asks until an answer holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        #[allow(clippy::disallowed_methods, reason = "polls a state of another thread, with a deadline")]
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}
