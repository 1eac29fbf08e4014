//! A network whose every packet takes its time: each node is reached through a relay that holds datagrams back.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PASSWORD, Running, SOON, eventually, folder, run, timeline};

/// How long a datagram takes, each way.
const DELAY: Duration = Duration::from_millis(50);
/// How often the relay looks around: a small part of the delay.
const LOOK: Duration = Duration::from_millis(1);
/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;

/// Passes datagrams on to a node and back, each of them [`DELAY`] later.
struct Relay {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay from one socket to an address.
    fn start(outside: UdpSocket, to: SocketAddr) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        let mut work = Work { outside, to, inside: BTreeMap::new(), waiting: VecDeque::new() };
        let thread = spawn(move || {
            while !until.load(Ordering::Relaxed) {
                work.take_in();
                work.send_out();
                sleep(LOOK);
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

struct Work {
    outside: UdpSocket,
    to: SocketAddr,
    /// A socket for each sender, so that the node can tell them apart.
    inside: BTreeMap<SocketAddr, UdpSocket>,
    /// What is on its way: when it is due, whose it is, whether it comes from the node. The delay being one, in order.
    waiting: VecDeque<(Instant, SocketAddr, bool, Vec<u8>)>,
}

impl Work {
    fn take_in(&mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let due = Instant::now() + DELAY;
        while let Some((length, from)) = received(&self.outside, &mut buffer) {
            self.inside.entry(from).or_insert_with(|| {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
                socket.set_nonblocking(true).expect("set");
                socket
            });
            self.waiting.push_back((due, from, false, buffer[..length].to_vec()));
        }
        for (sender, socket) in &self.inside {
            while let Some((length, _)) = received(socket, &mut buffer) {
                self.waiting.push_back((due, *sender, true, buffer[..length].to_vec()));
            }
        }
    }

    fn send_out(&mut self) {
        while self.waiting.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            let Some((_, sender, back, bytes)) = self.waiting.pop_front() else { return };
            // A queue that is full loses datagrams, as on any network.
            let _ =
                if back { self.outside.send_to(&bytes, sender) } else { self.inside[&sender].send_to(&bytes, self.to) };
        }
    }
}

/// Takes one datagram, if one is there.
fn received(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        match socket.recv_from(buffer) {
            // That nobody listens where the last one went is told to the next call.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
            received => return received.ok(),
        }
    }
}

/// A node that others reach through a relay only.
struct Far {
    // Ends first: its goodbye goes through the relay.
    _running: Running,
    _relay: Relay,
}

impl Far {
    fn start(outside: UdpSocket, dir: &Path, words: &[&str]) -> Self {
        outside.set_nonblocking(true).expect("set");
        let advertise = format!("net.advertise=[\"{}\"]", outside.local_addr().expect("bound"));
        let settings = ["--set", "net.listen=127.0.0.1:0", "--set", &advertise];
        let mut running = Running::start(Some(dir), &[&settings, words].concat());
        let ready = running.lines.until("ready line", SOON, |line| line["ready"] == true);
        let to = ready["quic"].as_str().and_then(|quic| quic.parse().ok()).expect("an address");
        Self { _running: running, _relay: Relay::start(outside, to) }
    }
}

pub fn people_live_with_a_tenth_of_a_second_to_everybody(_: &str) {
    let dir = folder();
    let sockets: Vec<UdpSocket> = (0..4).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port")).collect();
    let address = |n: usize| sockets[n].local_addr().expect("bound").to_string();
    let out = dir.path().join("far");
    let mut command = timeline();
    command.args(["--json", "network", "new", "far", "--test", "--out"]).arg(&out);
    for n in 0..2 {
        command.arg("--bootpeer").arg(format!("boot-{n}={}", address(n)));
    }
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{output:?}");
    let founded: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let home = |n: usize| out.join(["boot-0", "boot-1", "alice", "bob"][n]);
    let outside = |n: usize| sockets[n].try_clone().expect("cloned");
    let mut nodes = Vec::new();
    for n in 0..2 {
        let config = home(n).with_extension("toml");
        let words = ["bootpeer", "--config", config.to_str().expect("UTF-8")];
        nodes.push(Far::start(outside(n), &home(n), &words));
    }
    for n in 2..4 {
        run(&home(n), &["join", founded["invite"].as_str().expect("an invite")], "").ok();
        nodes.push(Far::start(outside(n), &home(n), &["peer", "--headless"]));
    }
    for n in 0..4 {
        eventually("all know all", || run(&home(n), &["status"], "").json["peers"]["known"] == 3);
    }
    let ping = run(&home(2), &["ping", &address(3)], "").ok();
    let both_ways = 2.0 * DELAY.as_secs_f64() * 1000.0;
    assert!(ping["rtt_ms"].as_f64().is_some_and(|rtt| rtt >= both_ways), "through the relay: {ping}");

    for (n, who) in [(2, "alice"), (3, "bob")] {
        run(&home(n), &["register", who, "--password-stdin"], PASSWORD).ok();
    }
    assert_eq!(run(&home(3), &["follow", "alice"], "").ok()["queued"], false);
    let mut watch = Running::start(Some(&home(3)), &["feed", "--watch"]);
    for n in 0..5 {
        let post = run(&home(2), &["post", &format!("a tenth of a second {n}")], "").ok();
        assert_eq!(post["state"], "published", "{post}");
        watch.lines.until("line of the post", SOON, |line| line["post"]["id"] == post["id"]);
    }
    eventually("nothing waits", || run(&home(2), &["outbox"], "").ok()["items"] == json!([]));
}
