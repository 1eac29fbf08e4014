//! What it costs to follow very many: a network is set up ready-made, one person follows, and what its node sends is counted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use zeroize::Zeroizing;

use super::following_report::{Cost, FollowingReport};
use super::homes::{Author, Land};
use super::tables::Everybody;
use crate::actors::PageRequest;
use crate::sim::play::{Outside, Phase, Progress};
use crate::sim::{SimConfig, Simulation, Spread, Ways};
use crate::types::Rng;
use crate::wire::Status;

/// Good enough for a test network.
const PASSWORD: &str = "velvet otter canyon marble drift";
const FOLLOWER: &str = "follower";
/// Authors are followed so far apart: somebody who follows has many people to choose, and takes some time.
const APART: Duration = Duration::from_millis(100);
/// How often the follower looks at its feed, where there are posts.
const LOOK: Duration = Duration::from_secs(60);
/// Most posts that are looked at in one go.
const PAGE: usize = 200;
/// How often it is said how far the run is.
const SAY: Duration = Duration::from_secs(60);

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Following {
    /// What every random choice follows from.
    pub seed: u64,
    /// Nodes, registrars and the follower's included.
    pub nodes: usize,
    /// Nodes that are registrars and anchors.
    pub bootpeers: usize,
    /// Whom the one person follows.
    pub followees: usize,
    /// A round trip.
    pub round_trip: Duration,
    /// So long after the follows nothing is counted: at first homes are looked at more often.
    pub settle: Duration,
    /// So long it is counted.
    pub duration: Duration,
    /// How far apart the posts of one author are; nobody posts where there is nothing.
    pub post_every: Option<Duration>,
    /// The follower's node is to send no more requests a second.
    pub most: f64,
}

impl Default for Following {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: 1000,
            bootpeers: 3,
            followees: 500,
            round_trip: Duration::from_millis(50),
            settle: Duration::from_secs(3600),
            duration: Duration::from_secs(2 * 3600),
            post_every: None,
            most: 2.0,
        }
    }
}

/// Plays it twice: with all who are followed, and with nobody, to see what the node costs by itself.
///
/// # Panics
/// When something in a node panicked: that is a bug of the node's.
pub fn following(wanted: Following, outside: &dyn Outside) -> FollowingReport {
    let _cache = crate::keys::CheckedOnce::begin();
    let _contacts = crate::records::OpenedOnce::begin();
    let idle = Following { followees: 0, ..wanted };
    let costs = [(idle, 0.0), (wanted, 0.5)].map(|(wanted, part)| {
        let stage = Stage::set_up(wanted, part);
        stage.sim.run(stage.play(outside))
    });
    FollowingReport::new(&wanted, costs)
}

struct Stage {
    wanted: Following,
    /// How much of the whole was done before.
    before: f64,
    sim: Simulation,
    follower: usize,
    authors: RefCell<Vec<Author>>,
    refused: Cell<u64>,
}

impl Stage {
    fn set_up(wanted: Following, before: f64) -> Self {
        let way = wanted.round_trip / 2;
        let ways = Ways { shortest: way, longest: way, spread: Spread::Even, ..Ways::default() };
        let bootpeers = wanted.bootpeers;
        let config = SimConfig { nodes: bootpeers, bootpeers, ways, share_bytes: true, ..SimConfig::default() };
        let sim = Simulation::new(wanted.seed, config);
        let follower = sim.add();
        for _ in follower + 1..wanted.nodes {
            sim.add_knowing(&[]);
        }
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&wanted.seed.to_le_bytes());
        let mut rng = Rng::from_seed(seed).fork("following");
        let author = |n| Author::new(&sim, format!("author_{n}").parse().expect("a name"), &mut rng);
        let authors = RefCell::new((0..wanted.followees).map(author).collect());
        Self { wanted, before, sim, follower, authors, refused: Cell::default() }
    }

    async fn play(&self, outside: &dyn Outside) -> Cost {
        let everybody = Everybody::of(&self.sim);
        everybody.fill_tables(&self.sim, self.sim.network().k(), self.wanted.round_trip).await;
        let land = Land::new(&self.sim, &everybody);
        let session = self.sim.doors(self.follower).session;
        let name = FOLLOWER.parse().expect("a name");
        session.register(name, Zeroizing::new(PASSWORD.to_owned())).await.expect("the registrars are up");
        for n in 0..self.wanted.followees {
            self.post(&land, n).await;
            let who = self.authors.borrow()[n].who();
            self.sim.ready(self.follower).let_follow(&[who]).await;
            sleep(APART).await;
        }
        let began = Instant::now();
        let counted = began + self.wanted.settle;
        self.live(&land, (began, counted), outside).await;
        let before = self.sent();
        self.live(&land, (began, counted + self.wanted.duration), outside).await;
        let after = self.sent();
        Cost::of(&before, &after, self.wanted.duration, self.sim.trace(), self.refused.get())
    }

    /// Requests and bytes by the numbers of requests.
    fn sent(&self) -> [BTreeMap<u8, u64>; 2] {
        [self.sim.requests_of(self.follower), self.sim.bytes_of(self.follower)]
    }

    /// Lets authors post and the follower look until a time.
    async fn live(&self, land: &Land<'_>, (began, until): (Instant, Instant), outside: &dyn Outside) {
        let gap = self.wanted.post_every.map(|every| every / self.wanted.followees.max(1) as u32);
        let gap = gap.filter(|_| self.wanted.followees > 0);
        let mut next = [gap.map(|gap| Instant::now() + gap), gap.map(|_| Instant::now() + LOOK), Some(Instant::now())];
        let mut turn = 0;
        while let Some(at) = next.iter().flatten().min().copied().filter(|at| *at < until) {
            sleep_until(at).await;
            if next[0].is_some_and(|post| post <= at) {
                self.post(land, turn % self.wanted.followees).await;
                (turn, next[0]) = (turn + 1, gap.map(|gap| at + gap));
            } else if next[1].is_some_and(|look| look <= at) {
                self.look().await;
                next[1] = Some(at + LOOK);
            } else {
                self.say(began, outside);
                next[2] = Some(at + SAY);
            }
        }
        sleep_until(until).await;
    }

    fn say(&self, began: Instant, outside: &dyn Outside) {
        let (passed, messages) = (self.sim.elapsed(), self.sim.trace().messages);
        let whole = (self.wanted.settle + self.wanted.duration).as_secs_f64();
        let part = self.before + 0.5 * began.elapsed().as_secs_f64() / whole;
        outside.progress(Progress { phase: Phase::Acting, part, passed, messages });
    }

    /// An author posts: the replicas have it, and it is brought to the follower.
    async fn post(&self, land: &Land<'_>, n: usize) {
        let (account, proofs, records) = {
            let author = &mut self.authors.borrow_mut()[n];
            let (post, heads) = author.post(&self.sim);
            (author.account(), author.proofs(), [post.bytes().clone(), heads.bytes().clone()])
        };
        let all: Vec<_> = proofs.iter().chain(&records).cloned().collect();
        land.lay(&account, &all, self.wanted.bootpeers).await;
        let brought = self.sim.ready(self.follower).let_arrive(records[0].clone(), proofs).await;
        self.refused.set(self.refused.get() + u64::from(!brought.is_acknowledged() && brought != Status::NotFollowed));
    }

    /// The follower looks at what is new.
    async fn look(&self) {
        let feed = self.sim.doors(self.follower).feed;
        let page =
            feed.page(PageRequest { limit: PAGE, ..PageRequest::default() }).await.expect("somebody is logged in");
        feed.shown(page.posts.iter().map(|post| post.id).collect()).await.expect("somebody is logged in");
    }
}
