//! Puts and gets, one after the other or many at once, and what they took.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use timeline::actors::Item as Parcels;
use timeline::clock::SystemClock;
use timeline::seam::{Batch, Clock};
use timeline::types::Section;
use tokio::time::timeout;

use crate::author::Place;
use crate::cluster::{Cluster, Nodes, Peer};
use crate::measure::{Cost, Meter};

/// An operation that has not ended by then has failed.
const LONGEST: Duration = Duration::from_secs(30);

/// Something that was put: where it lies, and which node put it.
#[derive(Clone)]
pub struct Item {
    pub place: Place,
    pub putter: usize,
}

/// One operation and the node that does it.
#[derive(Clone)]
pub enum Op {
    Put(usize, String),
    Get(usize, Item),
}

impl Op {
    fn node(&self) -> usize {
        match self {
            Op::Put(node, _) | Op::Get(node, _) => *node,
        }
    }
}

/// How one operation ended.
enum End {
    Put(Item),
    Got { here: bool },
    Failed(&'static str),
}

/// What came of a phase. Latencies are in milliseconds, taken on the thread of the node that was asked.
#[derive(Default)]
pub struct Phase {
    /// Of those that succeeded.
    pub took: Vec<f64>,
    /// Of those among them that needed the network.
    pub remote: Vec<f64>,
    /// The longest of all, failed ones included.
    pub longest: f64,
    pub here: usize,
    pub fails: BTreeMap<&'static str, usize>,
    pub items: Vec<Item>,
    pub cost: Cost,
    /// Requests that all nodes sent meanwhile, for whatever reason.
    pub requests: u64,
}

impl Phase {
    fn note(&mut self, took: Duration, end: End) {
        let took = took.as_secs_f64() * 1e3;
        self.longest = self.longest.max(took);
        match end {
            End::Failed(why) => return *self.fails.entry(why).or_default() += 1,
            End::Put(item) => {
                self.items.push(item);
                self.remote.push(took);
            }
            End::Got { here: true } => self.here += 1,
            End::Got { here: false } => self.remote.push(took),
        }
        self.took.push(took);
    }

    fn add(&mut self, other: Phase) {
        self.took.extend(other.took);
        self.remote.extend(other.remote);
        self.longest = self.longest.max(other.longest);
        self.here += other.here;
        other.fails.into_iter().for_each(|(why, n)| *self.fails.entry(why).or_default() += n);
        self.items.extend(other.items);
    }

    /// Returns how many operations ended, well or not.
    pub fn done(&self) -> usize {
        self.took.len() + self.fails.values().sum::<usize>()
    }
}

/// Runs operations with so many under way at once; each thread does those of its nodes.
pub async fn run(cluster: &Cluster, ops: Vec<Op>, at_once: usize) -> Phase {
    let sent = cluster.requests().await;
    let meter = Meter::begin();
    let mut all = if at_once == 1 { in_turn(cluster, ops).await } else { side_by_side(cluster, ops, at_once).await };
    all.cost = meter.end();
    all.requests = cluster.requests().await.saturating_sub(sent);
    all
}

async fn in_turn(cluster: &Cluster, ops: Vec<Op>) -> Phase {
    let (mut all, began) = (Phase::default(), Instant::now());
    for op in ops {
        if began.elapsed() > cluster.plan.cap {
            break;
        }
        let (took, end) = cluster.arbiter(op.node()).run(move |nodes| one(nodes, op)).await;
        all.note(took, end);
    }
    all
}

async fn side_by_side(cluster: &Cluster, ops: Vec<Op>, at_once: usize) -> Phase {
    let threads = cluster.arbiters.len();
    let mut shares: Vec<Vec<Op>> = vec![Vec::new(); threads];
    for op in ops {
        shares[cluster.thread_of(op.node())].push(op);
    }
    let cap = cluster.plan.cap;
    let working = cluster.arbiters.iter().zip(shares).map(|(arbiter, share)| {
        arbiter.run(move |nodes| async move {
            let (all, next, began) = (Rc::new(RefCell::new(Phase::default())), Rc::new(Cell::new(0)), Instant::now());
            let share = Rc::new(share);
            let workers = (0..at_once.div_ceil(threads)).map(|_| {
                let (all, next, share, nodes) = (all.clone(), next.clone(), share.clone(), nodes.clone());
                tokio::task::spawn_local(async move {
                    while let Some(op) = share.get(next.replace(next.get() + 1)).filter(|_| began.elapsed() < cap) {
                        let (took, end) = one(nodes.clone(), op.clone()).await;
                        all.borrow_mut().note(took, end);
                    }
                })
            });
            futures_util::future::join_all(workers.collect::<Vec<_>>()).await;
            all.take()
        })
    });
    let mut all = Phase::default();
    futures_util::future::join_all(working).await.into_iter().for_each(|part| all.add(part));
    all
}

/// Does one operation on the thread of its node.
async fn one(nodes: Nodes, op: Op) -> (Duration, End) {
    let peer = nodes.borrow().get(&op.node()).cloned();
    let Some(peer) = peer else { return (Duration::ZERO, End::Failed("the node is gone")) };
    let began = Instant::now();
    let end = match op {
        Op::Put(node, text) => timeout(LONGEST, put(&peer, node, text)).await,
        Op::Get(_, item) => timeout(LONGEST, get(&peer, item)).await,
    };
    (began.elapsed(), end.unwrap_or(End::Failed("the deadline")))
}

/// Signs a post, keeps it in the outbox as a session does, and has it published.
async fn put(peer: &Peer, node: usize, text: String) -> End {
    let author = peer.author.as_ref().unwrap();
    let now = SystemClock.now();
    let post = author.post(text, now);
    let parcels = Parcels::pack("post", post.hash(), std::slice::from_ref(&post), now);
    if peer.store.commit(Batch(vec![parcels.keep()])).await.is_err() {
        return End::Failed("the store");
    }
    match peer.doors.outbox.dispatch(parcels).await.published {
        true => End::Put(Item { place: author.place(&post), putter: node }),
        false => End::Failed("too few replicas"),
    }
}

/// Finds a post; the node has verified it.
async fn get(peer: &Peer, item: Item) -> End {
    let Place { key, slot, hash } = item.place;
    match peer.doors.storage.find(key, Section::Post, slot, hash).await {
        Some(found) => End::Got { here: found.here },
        None => End::Failed("not found"),
    }
}
