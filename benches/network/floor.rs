//! What QUIC and one signature cost by themselves, in the same process and on the same threads as our nodes.
//!
//! quinn with mutual TLS 1.3 of Ed25519 certificates, as our nodes have: one endpoint on a thread of its own kind, the
//! other end on another thread.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use quinn::{Connection, Endpoint};
use timeline::clock::SystemClock;
use timeline::keys::SecretKey;
use timeline::records::{PostBody, Signed};
use timeline::seam::Clock;
use timeline::types::{AccountId, DeviceId, Hlc, NetworkId, Rng};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::measure::{Line, Meter, cores};
use crate::quic::{client, server};

/// A row takes no longer.
const ROW: Duration = Duration::from_secs(15);
const REQUESTS: usize = 20_000;
const REQUESTS_AT_ONCE: usize = 60_000;
const AT_ONCE: usize = 32;
const ROUNDS: usize = 300;
const CHECKS: usize = 4_000;
const BYTES: usize = 300;

/// Measures it and prints a line for each row.
pub fn floor(seed: usize) {
    let line = |phase: &str| Line::new("floor", "quinn", phase).with("seed", seed);
    checks(line("verification"));
    let (here, there) = (thread(), thread());
    in_turn(&here, &there, line("request_in_turn"));
    at_once(&here, &there, line("requests_at_once"));
    for receivers in [1, 16, 128, 1000] {
        fan_out(&here, &[here.clone(), there.clone()], receivers, line("fan_out"));
    }
}

/// Starts a thread that runs whatever is spawned on it, one thing at a time.
fn thread() -> Handle {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
}

/// Runs something on a thread and waits for its end.
fn on<T: Send + 'static>(handle: &Handle, work: impl Future<Output = T> + Send + 'static) -> T {
    let (told, end) = std::sync::mpsc::channel();
    handle.spawn(async move { told.send(work.await) });
    end.recv().expect("a thread of the floor ended")
}

/// How long one record's signature takes, on one core and on all at the same time.
fn checks(line: Line) {
    let key = SecretKey::generate(&mut Rng::from_seed([9; 32]));
    let network = NetworkId([1; 32]);
    let body = |seq| PostBody {
        account: AccountId([2; 32]),
        device: DeviceId(key.public().0),
        seq,
        hlc: Hlc::new(SystemClock.now(), 0),
        prev: None,
        text: "x".repeat(100),
        lifetime_ms: 1000 * 3600,
        reply_to: None,
    };
    let posts: Arc<Vec<Signed<PostBody>>> =
        Arc::new((1..=CHECKS as u64).map(|seq| Signed::sign(body(seq), &key, &network)).collect());
    let public = key.public();
    let work = move |posts: &[Signed<PostBody>]| {
        let began = Instant::now();
        assert!(posts.iter().all(|post| post.signed_by(&public, &network)));
        began.elapsed().as_secs_f64() * 1e3 / posts.len() as f64
    };
    let alone = work(&posts);
    let threads: Vec<_> = (0..cores())
        .map(|_| {
            let posts = posts.clone();
            std::thread::spawn(move || work(&posts))
        })
        .collect();
    let (n, sum) = threads.into_iter().fold((0, 0.0), |(n, sum), thread| (n + 1, sum + thread.join().unwrap()));
    line.figure("p50", alone).figure("ms_all_cores", sum / f64::from(n)).with("cores", n).print();
}

/// Answers every stream with what came.
fn echo(endpoint: Endpoint) {
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else { return };
                while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                    tokio::spawn(async move {
                        let Ok(body) = receive.read_to_end(4096).await else { return };
                        if send.write_chunk(body.into()).await.is_ok() {
                            let _ = send.finish();
                        }
                    });
                }
            });
        }
    });
}

fn echoing(there: &Handle) -> SocketAddr {
    on(there, async {
        let endpoint = server();
        let address = endpoint.local_addr().unwrap();
        echo(endpoint);
        address
    })
}

async fn ask(connection: &Connection) -> bool {
    let Ok((mut send, mut receive)) = connection.open_bi().await else { return false };
    if send.write_all(&[7; BYTES]).await.is_err() || send.finish().is_err() {
        return false;
    }
    receive.read_to_end(4096).await.is_ok_and(|body| body.len() == BYTES)
}

/// One request after the other over one connection.
fn in_turn(here: &Handle, there: &Handle, line: Line) {
    let address = echoing(there);
    let (took, cost) = on(here, async move {
        let connection = client().connect(address, "peer").unwrap().await.unwrap();
        for _ in 0..500 {
            ask(&connection).await;
        }
        let (meter, mut took) = (Meter::begin(), Vec::with_capacity(REQUESTS));
        while took.len() < REQUESTS && meter.elapsed() < ROW {
            let began = Instant::now();
            if !ask(&connection).await {
                break;
            }
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        (took, meter.end())
    });
    line.with("done", took.len()).latencies("", &took).cost(cost, took.len()).print();
}

/// Many requests at once: both threads ask one endpoint on the other, half of them each.
fn at_once(here: &Handle, there: &Handle, line: Line) {
    let meter = Meter::begin();
    let sides: Vec<_> = [(here, there), (there, here)]
        .into_iter()
        .map(|(from, to)| {
            let address = echoing(to);
            let (told, end) = std::sync::mpsc::channel();
            from.spawn(async move { told.send(ask_all(address, REQUESTS_AT_ONCE / 2, AT_ONCE / 2).await) });
            end
        })
        .collect();
    let took: Vec<f64> = sides.into_iter().flat_map(|end| end.recv().unwrap_or_default()).collect();
    line.with("done", took.len()).latencies("", &took).cost(meter.end(), took.len()).print();
}

async fn ask_all(address: SocketAddr, requests: usize, at_once: usize) -> Vec<f64> {
    let endpoint = client();
    let (next, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::with_capacity(requests))));
    let began = Instant::now();
    let asking = (0..at_once).map(|_| {
        let (next, all, endpoint) = (next.clone(), all.clone(), endpoint.clone());
        tokio::spawn(async move {
            let connection = endpoint.connect(address, "peer").unwrap().await.unwrap();
            let mut took = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < requests && began.elapsed() < ROW {
                let began = Instant::now();
                if !ask(&connection).await {
                    break;
                }
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            all.lock().unwrap().extend(took);
        })
    });
    join_all(asking.collect::<Vec<_>>()).await;
    std::mem::take(&mut *all.lock().unwrap())
}

/// One message to each of many receivers, each an endpoint of its own; until the last one has it.
fn fan_out(here: &Handle, there: &[Handle], receivers: usize, line: Line) {
    let (told, mut coming) = mpsc::unbounded_channel::<()>();
    let addresses: Vec<SocketAddr> = (0..receivers)
        .map(|number| {
            let told = told.clone();
            on(&there[number % there.len()], async move {
                let endpoint = server();
                let address = endpoint.local_addr().unwrap();
                tokio::spawn(receive(endpoint, told));
                address
            })
        })
        .collect();
    let (took, cost) = on(here, async move {
        let endpoint = client();
        let mut connections = Vec::new();
        for address in addresses {
            connections.push(endpoint.connect(address, "peer").unwrap().await.unwrap());
        }
        let (meter, mut took) = (Meter::begin(), Vec::new());
        while took.len() < ROUNDS && meter.elapsed() < ROW {
            let began = Instant::now();
            for connection in &connections {
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(&[9; BYTES]).await.unwrap();
                stream.finish().unwrap();
            }
            for _ in 0..receivers {
                coming.recv().await;
            }
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        (took, meter.end())
    });
    line.with("followers", receivers).with("done", took.len()).latencies("", &took).cost(cost, took.len()).print();
}

async fn receive(endpoint: Endpoint, told: mpsc::UnboundedSender<()>) {
    let Some(incoming) = endpoint.accept().await else { return };
    let Ok(connection) = incoming.await else { return };
    while let Ok(mut stream) = connection.accept_uni().await {
        if stream.read_to_end(4096).await.is_ok_and(|body| body.len() == BYTES) && told.send(()).is_err() {
            return;
        }
    }
}
