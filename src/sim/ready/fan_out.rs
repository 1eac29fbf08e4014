//! A post to very many followers: the network is set up ready-made, the author posts, and who has it when is measured.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::list::List;
use super::people::Certified;
use super::report::FanReport;
use super::tables::Everybody;
use crate::actors::Posted;
use crate::seam::{Space, Store};
use crate::sim::chance::pick;
use crate::sim::play::Outside;
use crate::sim::{SimConfig, Simulation, Spread, Ways};
use crate::types::{AccountId, Rng, Section, Username};
use crate::wire::{Deliver, Forward, Get, Request};

/// Good enough for a test network.
const PASSWORD: &str = "velvet otter canyon marble drift";
const AUTHOR: &str = "author";
/// Nodes that start at once look around a little.
const SETTLED: Duration = Duration::from_secs(4);
/// Nodes that are set up at once.
const SIDE_BY_SIDE: usize = 5000;
/// How often it is looked who has the post.
const LOOK: Duration = Duration::from_millis(20);

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FanOut {
    /// What every random choice follows from.
    pub seed: u64,
    /// Followers, each on a node of its own.
    pub followers: usize,
    /// Nodes that are registrars and anchors.
    pub bootpeers: usize,
    /// Of a hundred nodes of followers, how many die just before.
    pub dead_percent: f64,
    /// A round trip.
    pub round_trip: Duration,
    /// All who live are to have it within this.
    pub within: Duration,
    /// It is looked for so long.
    pub patience: Duration,
}

impl Default for FanOut {
    fn default() -> Self {
        Self {
            seed: 1,
            followers: 1000,
            bootpeers: 3,
            dead_percent: 0.0,
            round_trip: Duration::from_millis(50),
            within: Duration::from_secs(3),
            patience: Duration::from_secs(9),
        }
    }
}

/// What happens after the author has posted.
pub enum Mishap {
    /// Nothing.
    None,
    /// The first forwarder that has the post and reads whom to bring it to dies with it.
    ForwarderDies,
}

/// Plays it.
///
/// # Panics
/// When something in a node panicked: that is a bug of the node's.
pub fn fan_out(wanted: FanOut, outside: &dyn Outside) -> FanReport {
    let _cache = crate::keys::CheckedOnce::begin();
    let _contacts = crate::records::OpenedOnce::begin();
    fan_out_with(wanted, outside, Mishap::None, |_| ())
}

/// Plays it in a network that `change` has changed first, and in which something happens.
///
/// # Panics
/// When something in a node panicked: that is a bug of the node's.
pub fn fan_out_with(
    wanted: FanOut,
    outside: &dyn Outside,
    mishap: Mishap,
    change: impl FnOnce(&mut SimConfig),
) -> FanReport {
    let stage = Stage::set_up(wanted, change);
    stage.sim.run(stage.play(outside, mishap))
}

struct Stage {
    wanted: FanOut,
    sim: Simulation,
    author: usize,
    rng: RefCell<Rng>,
    dead: RefCell<Vec<bool>>,
}

impl Stage {
    fn set_up(wanted: FanOut, change: impl FnOnce(&mut SimConfig)) -> Self {
        let way = wanted.round_trip / 2;
        let ways = Ways { shortest: way, longest: way, spread: Spread::Even, ..Ways::default() };
        let bootpeers = wanted.bootpeers;
        let mut config = SimConfig { nodes: bootpeers, bootpeers, ways, share_bytes: true, ..SimConfig::default() };
        change(&mut config);
        let sim = Simulation::new(wanted.seed, config);
        let author = sim.add();
        for _ in 0..wanted.followers {
            sim.add_knowing(&[]);
        }
        sim.set_repairing(false);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&wanted.seed.to_le_bytes());
        let rng = RefCell::new(Rng::from_seed(seed).fork("fan-out"));
        let dead = RefCell::new(vec![false; sim.count()]);
        Self { wanted, sim, author, rng, dead }
    }

    fn followers(&self) -> std::ops::Range<usize> {
        self.author + 1..self.sim.count()
    }

    async fn play(&self, outside: &dyn Outside, mishap: Mishap) -> FanReport {
        let everybody = Everybody::of(&self.sim);
        everybody.fill_tables(&self.sim, self.sim.network().k(), self.wanted.round_trip).await;
        self.say(outside, 0.3);
        let name: Username = AUTHOR.parse().expect("a name");
        let session = self.sim.doors(self.author).session;
        let author = session.register(name.clone(), Zeroizing::new(PASSWORD.to_owned())).await;
        let author = author.expect("the registrars are up").account;
        self.people_follow(&everybody, (author, name)).await;
        self.say(outside, 0.9);
        // Who is interested is read at a start, and now and then.
        self.sim.doors(self.author).presence.renew();
        sleep(SETTLED).await;
        self.some_die();
        self.post(mishap).await
    }

    fn say(&self, outside: &dyn Outside, part: f64) {
        use crate::sim::play::{Phase, Progress};
        let (passed, messages) = (self.sim.elapsed(), self.sim.trace().messages);
        outside.progress(Progress { phase: Phase::Starting, part, passed, messages });
    }

    /// Everybody has an account, follows the author, and is on the list.
    async fn people_follow(&self, everybody: &Everybody, author: (AccountId, Username)) {
        let mut list = List::new(author.0);
        let entries = self.sim.network().limits().page_entries as usize;
        let sections = [Section::Account, Section::Device];
        let home = crate::records::home(&author.0);
        let proofs: Vec<_> = sections
            .iter()
            .flat_map(|section| self.sim.stored(self.author, &home, *section))
            .map(|record| record.bytes().clone())
            .collect();
        let mut readers = Vec::with_capacity(self.wanted.followers);
        for (n, number) in self.followers().enumerate() {
            let name = format!("follower_{n}").parse().expect("a name");
            let person = {
                let mut rng = self.rng.borrow_mut();
                Certified::new(&self.sim, name, &mut rng)
            };
            let contact = everybody.contact(&self.sim.id(number)).expect("every node has one");
            let interest = person.interest(&self.sim, author.0, number, contact);
            list.add(entries, &person.account, &interest, &person.proofs);
            readers.push((number, (person.account, person.name)));
        }
        let authors = std::slice::from_ref(&author);
        // Side by side, as each waits for its disk while all nodes live on.
        let reading = readers.into_iter().map(|(number, who)| {
            let (ready, proofs) = (self.sim.ready(number), &proofs);
            async move { ready.let_read(who, authors, proofs).await }
        });
        stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
        list.lay_out(&self.sim, everybody).await;
    }

    fn some_die(&self) {
        let followers = self.followers();
        let count = (followers.len() as f64 * self.wanted.dead_percent / 100.0).round() as usize;
        let chosen = pick(&mut self.rng.borrow_mut(), count, followers.len());
        chosen.into_iter().for_each(|n| self.die(followers.start + n));
    }

    fn die(&self, number: usize) {
        self.sim.crash(number);
        self.dead.borrow_mut()[number] = true;
    }

    async fn post(&self, mishap: Mishap) -> FanReport {
        let (before, sent) = (self.sim.trace(), self.sent());
        let began = Instant::now();
        let session = self.sim.doors(self.author).session;
        let posting = session.post("to all of you".to_owned(), None);
        let (posted, times) = tokio::join!(posting, self.watch(began, mishap));
        let posted: Posted = posted.expect("the author is logged in");
        let mut report = FanReport { seed: self.wanted.seed, followers: self.wanted.followers, ..FanReport::default() };
        report.dead = self.dead.borrow().iter().filter(|dead| **dead).count();
        report.note_times(&times, self.wanted.followers - report.dead);
        let mut others: Vec<_> = self.sent().into_iter().zip(sent).map(|(now, before)| less(now, &before)).collect();
        let author = others.swap_remove(self.author);
        report.note_sent(&author, &others);
        report.note_trace(before, self.sim.trace());
        (report.online, report.delivered) = (posted.online, posted.delivered);
        report.ok = report.all_ms.is_some_and(|ms| u128::from(ms) <= self.wanted.within.as_millis())
            && report.author_brings <= 64;
        report
    }

    fn sent(&self) -> Vec<BTreeMap<u8, u64>> {
        (0..self.sim.count()).map(|number| self.sim.requests_of(number)).collect()
    }

    /// Returns when each follower that lives had the post, in order.
    async fn watch(&self, began: Instant, mut mishap: Mishap) -> Vec<Duration> {
        let mut waiting: Vec<usize> = self.followers().collect();
        let mut times = Vec::with_capacity(waiting.len());
        while began.elapsed() < self.wanted.patience {
            sleep(LOOK).await;
            if matches!(mishap, Mishap::ForwarderDies)
                && let Some(number) = self.followers().find(|number| self.has(*number) && self.reads_on(*number))
            {
                self.die(number);
                mishap = Mishap::None;
            }
            waiting.retain(|number| {
                if self.dead.borrow()[*number] {
                    return false;
                }
                let has = self.has(*number);
                times.extend(has.then(|| began.elapsed()));
                !has
            });
            if waiting.is_empty() {
                break;
            }
        }
        let gone = self.dead.borrow().iter().filter(|dead| **dead).count();
        times.truncate(self.wanted.followers - gone);
        times
    }

    /// Tells whether a follower's feed has a post: there is only one.
    fn has(&self, number: usize) -> bool {
        self.sim.store(number).local(Space::Feed, &[], None, 1).is_ok_and(|rows| !rows.is_empty())
    }

    /// Tells whether a follower reads pages and has brought the post to nobody; others ask for nothing in this time.
    fn reads_on(&self, number: usize) -> bool {
        let sent = self.sim.requests_of(number);
        sent.contains_key(&Get::NUMBER) && !sent.contains_key(&Deliver::NUMBER) && !sent.contains_key(&Forward::NUMBER)
    }
}

fn less(mut now: BTreeMap<u8, u64>, before: &BTreeMap<u8, u64>) -> BTreeMap<u8, u64> {
    now.iter_mut().for_each(|(number, n)| *n -= before.get(number).copied().unwrap_or_default());
    now
}
