//! Random lives of a small network: whatever happens, once it is over everybody has what was said to them.
//!
//! A plain model notes what was acknowledged; what a crash cut short may have happened or not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use timeline::seam::Space;
use timeline::sim::{SimConfig, Simulation, Ways};
use timeline::types::Rng;

use super::people::{PASSWORD, feed, flushed, is_in, joined, login, name, pause, seeds, settle};

/// Everything that was interrupted is finished this long after the last fault.
const MENDED: Duration = Duration::from_secs(900);
const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const NODES: usize = 16;
const STEPS: u32 = 80;
/// Where a read may panic.
const SPACES: [Space; 4] = [Space::Feed, Space::Contacts, Space::Finals, Space::Followees];

/// What is known to have been done.
#[derive(Default)]
struct Model {
    /// Who follows whom: since which post of theirs for certain; `None` where that is not certain.
    follows: BTreeMap<(usize, usize), Option<usize>>,
    /// Posts that were acknowledged, by author; published ones and queued ones alike.
    posts: BTreeMap<usize, Vec<String>>,
    /// Posts that have ended before the end of the story, acknowledged or not.
    fleeting: BTreeSet<String>,
}

type Deed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Where a person lives; nodes 0 to 2 are the bootpeers.
fn node_of(person: usize) -> usize {
    4 + 2 * person
}

/// Where a person logs in and out with a second device.
fn second_of(person: usize) -> usize {
    5 + 2 * person
}

struct Life<'a> {
    sim: &'a Simulation,
    rng: RefCell<Rng>,
    model: RefCell<Model>,
    /// Deeds that have not ended, in words.
    begun: RefCell<BTreeSet<String>>,
}

impl<'a> Life<'a> {
    fn below(&self, bound: usize) -> usize {
        self.rng.borrow_mut().below(bound as u64) as usize
    }

    fn begin(&'a self, what: String, deed: impl Future<Output = ()> + 'a) -> Deed<'a> {
        self.begun.borrow_mut().insert(what.clone());
        Box::pin(async move {
            deed.await;
            self.begun.borrow_mut().remove(&what);
        })
    }

    fn post(&'a self, person: usize, node: usize, number: u32) -> Deed<'a> {
        let text = format!("{} says {number}", PEOPLE[person]);
        let ttl = (self.below(8) == 0).then(|| Duration::from_secs(10 + self.below(60) as u64));
        let session = self.sim.doors(node).session;
        self.begin(text.clone(), async move {
            if ttl.is_some() {
                self.model.borrow_mut().fleeting.insert(text.clone());
            }
            if session.post(text.clone(), ttl).await.is_ok() && ttl.is_none() {
                self.model.borrow_mut().posts.entry(person).or_default().push(text);
            }
        })
    }

    /// Logs in, posts or logs out with the second device.
    fn elsewhere(&'a self, person: usize, number: u32) -> Deed<'a> {
        let leaves = self.below(3) == 0;
        let post = self.post(person, second_of(person), number);
        let session = self.sim.doors(second_of(person)).session;
        self.begin(format!("{} is elsewhere {number}", PEOPLE[person]), async move {
            if !matches!(session.who().await, Ok(Some(_))) {
                let _ = session.login(name(PEOPLE[person]), PASSWORD.to_owned().into(), false).await;
            } else if leaves {
                let _ = session.logout().await;
            }
            post.await;
        })
    }

    fn relate(&'a self, person: usize, other: usize, follows: bool) -> Deed<'a> {
        let what = format!("{} follows {}: {follows}", PEOPLE[person], PEOPLE[other]);
        self.begin(what, async move {
            self.model.borrow_mut().follows.insert((person, other), None);
            let done = self.sim.doors(node_of(person)).session.follow(name(PEOPLE[other]), follows).await;
            let mut model = self.model.borrow_mut();
            match done {
                Ok(_) if follows => {
                    let since = model.posts.get(&other).map_or(0, Vec::len);
                    model.follows.insert((person, other), Some(since));
                }
                Ok(_) => drop(model.follows.remove(&(person, other))),
                Err(_) => {}
            }
        })
    }

    /// Does one random thing; a deed of a person goes on beside what comes next.
    fn step(&'a self, number: u32, deeds: &FuturesUnordered<Deed<'a>>) {
        let (sim, person, node) = (self.sim, self.below(PEOPLE.len()), 1 + self.below(NODES - 1));
        let here = sim.is_running(node_of(person));
        match self.below(16) {
            0..=4 if here => deeds.push(self.post(person, node_of(person), number)),
            5..=6 if here => {
                let other = (person + 1 + self.below(PEOPLE.len() - 1)) % PEOPLE.len();
                // One after the other for each pair, or the model could not tell.
                let certain = !matches!(self.model.borrow().follows.get(&(person, other)), Some(None));
                if certain {
                    deeds.push(self.relate(person, other, self.below(3) > 0));
                }
            }
            7 if sim.is_running(node) => sim.crash(node),
            8 if sim.is_running(node) => sim.restart(node),
            7 | 8 => sim.start(node),
            9 => {
                let some: Vec<usize> = (0..NODES).filter(|_| self.below(3) == 0).collect();
                let others: Vec<usize> = (0..NODES).filter(|n| !some.contains(n)).collect();
                sim.cut(&some, &others);
            }
            10 => sim.heal(),
            11 if sim.is_running(second_of(person)) => deeds.push(self.elsewhere(person, number)),
            12 => sim.set_full(node, self.below(2) == 0),
            13 => {
                let (ahead, behind) = (self.below(120) as u64, self.below(120) as u64);
                sim.skew(node, Duration::from_secs(ahead), Duration::from_secs(behind), false);
            }
            14 => sim.sabotage(node, SPACES[self.below(SPACES.len())]),
            _ => sim.set_asleep(node, self.below(2) == 0),
        }
    }

    /// Ends all faults.
    async fn mend(&self) {
        self.sim.heal();
        for node in 0..NODES {
            self.sim.set_full(node, false);
            self.sim.skew(node, Duration::ZERO, Duration::ZERO, false);
            self.sim.set_asleep(node, false);
            if !self.sim.is_running(node) {
                self.sim.start(node);
            }
        }
        for (person, name) in PEOPLE.iter().enumerate() {
            assert!(is_in(self.sim, node_of(person), name).await, "{:?}: a login is lost", self.sim);
            flushed(self.sim, node_of(person), MENDED).await;
        }
    }

    /// Returns what is wrong with the feed that a person has on a node.
    async fn wrong(&self, person: usize, node: usize) -> Vec<String> {
        let rows = feed(self.sim, node).await;
        let mut wrong = Vec::new();
        let order: Vec<_> = rows.iter().map(|row| (row.hlc, row.device, row.seq)).collect();
        if !order.is_sorted_by(|a, b| a > b) {
            wrong.push("not in order, or twice".to_owned());
        }
        let texts: BTreeSet<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let model = self.model.borrow();
        wrong.extend(model.fleeting.iter().filter(|t| texts.contains(t.as_str())).map(|t| format!("still has {t:?}")));
        for (author, posts) in &model.posts {
            let since = if *author == person { Some(&Some(0)) } else { model.follows.get(&(person, *author)) };
            match since {
                Some(Some(since)) => {
                    let lacks = posts[*since..].iter().filter(|text| !texts.contains(text.as_str()));
                    wrong.extend(lacks.map(|text| format!("lacks {text:?}")));
                }
                Some(None) => {}
                None => wrong.extend(posts.iter().filter(|t| texts.contains(t.as_str())).map(|t| format!("has {t:?}"))),
            }
        }
        wrong
    }

    async fn check(&self, person: usize, node: usize) {
        let right = async || self.wrong(person, node).await.is_empty();
        let waited = tokio::time::timeout(MENDED, self.sim.until("a feed is right", MENDED * 2, right)).await;
        if waited.is_err() {
            let page = self.sim.doors(node).feed.page(Default::default()).await.map(|p| (p.missing, p.complete));
            let wrong = self.wrong(person, node).await;
            panic!("{:?}: the feed of {} on node {node} {wrong:?}, {page:?}", self.sim, PEOPLE[person]);
        }
    }
}

fn live(seed: u64) {
    let k = if seed.is_multiple_of(2) { 20 } else { 4 };
    let ways = Ways { loss_percent: 0.5, ..Ways::default() };
    let sim = Simulation::new(seed, SimConfig { nodes: NODES, k, ways, ..SimConfig::default() });
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let life = Life {
        sim: &sim,
        rng: RefCell::new(Rng::from_seed(bytes)),
        model: RefCell::default(),
        begun: RefCell::default(),
    };
    sim.run(async {
        for (person, user) in PEOPLE.iter().enumerate() {
            settle(&sim, node_of(person), user).await;
        }
        for (person, far) in (0..PEOPLE.len()).flat_map(|person| [(person, 1), (person, 3)]) {
            life.relate(person, (person + far) % PEOPLE.len(), true).await;
        }
        let mut deeds: FuturesUnordered<Deed<'_>> = FuturesUnordered::new();
        for number in 0..STEPS {
            life.step(number, &deeds);
            let busy = async { while deeds.next().await.is_some() {} };
            // What is under way may go on for longer than until the next thing happens.
            let _ = tokio::time::timeout(Duration::from_millis(life.below(8000) as u64), busy).await;
        }
        sim.heal();
        (0..NODES).for_each(|node| sim.set_asleep(node, false));
        let all = async { while deeds.next().await.is_some() {} };
        let ended = tokio::time::timeout(MENDED, all).await;
        assert!(ended.is_ok(), "{sim:?}: these never end: {:?}", life.begun.borrow());
        life.mend().await;
        for person in 0..PEOPLE.len() {
            life.check(person, node_of(person)).await;
        }
        pause(60).await;
        let fresh = sim.add();
        joined(&sim, fresh).await;
        let person = (seed % 5) as usize;
        login(&sim, fresh, PEOPLE[person]).await.unwrap_or_else(|problem| panic!("{sim:?}: {problem:?}"));
        // A fresh device knows whom the account follows, and reads what is there.
        life.check(person, fresh).await;
    });
}

#[test]
fn after_random_faults_everybody_has_what_was_said_to_them() {
    for seed in seeds(1..3) {
        println!("to repeat this life: make soak SEEDS={seed}..{}", seed + 1);
        live(seed);
    }
}
