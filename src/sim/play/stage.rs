//! The stage of a run: the simulated network, the people on it, the model, and the deeds that are under way.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::measures::Measures;
use super::run::{Phase, Progress};
use crate::sim::model::{Deed, Model};
use crate::sim::scenario::Scenario;
use crate::sim::{SimConfig, Simulation};
use crate::types::{AccountId, Hash, Rng, Username};

/// Deeds of one person that may be under way at once; a node that is suspended answers none of them.
const BUSY: usize = 4;

/// Somebody.
pub(super) struct Someone {
    pub name: Username,
    pub node: usize,
    pub account: Cell<Option<AccountId>>,
    /// Whether a login was lost with the disk, and none came in its place.
    pub logged_out: Cell<bool>,
    /// Deeds under way.
    pub busy: Cell<usize>,
    /// Posts that were acknowledged as queued; those that are published go at the next count.
    pub queued: RefCell<Vec<Hash>>,
    /// What else was acknowledged as queued: it is certain only while the disk lasts.
    pub promised: RefCell<Vec<Deed>>,
}

/// Where a run plays.
pub(super) struct Stage<'a> {
    pub scenario: &'a Scenario,
    pub sim: Simulation,
    /// Nodes of the scenario; those that are added for the last check come behind.
    pub nodes: usize,
    pub people: Vec<Someone>,
    pub by_name: BTreeMap<Username, usize>,
    pub model: RefCell<Model>,
    pub measures: RefCell<Measures>,
    /// What people choose.
    pub choices: RefCell<Rng>,
    /// What happens to nodes.
    pub fates: RefCell<Rng>,
    /// Nodes that a fault has ended for good.
    pub dead: RefCell<Vec<bool>>,
    /// Nodes that are ending properly.
    pub ending: RefCell<Vec<bool>>,
    /// Nodes that are suspended.
    pub asleep: RefCell<Vec<bool>>,
    /// When people began to act.
    pub began: Cell<Option<Instant>>,
}

/// The deeds that are under way: at most [`BUSY`] a person, and those of the weather.
pub(super) type Deeds<'s> = FuturesUnordered<LocalBoxFuture<'s, ()>>;

impl<'a> Stage<'a> {
    /// Founds the network of a scenario; only its bootpeers run. `change` may break it on purpose.
    pub(super) fn set_up(scenario: &'a Scenario, nodes: usize, change: impl FnOnce(&mut SimConfig)) -> Self {
        let mut config = SimConfig {
            nodes: scenario.bootpeers,
            bootpeers: scenario.bootpeers,
            k: scenario.k,
            ways: scenario.links.ways(),
            commit: scenario.disks.commit,
            gc_interval: scenario.retention.interval,
            posts_kept: Some(scenario.retention.posts),
            anchors: scenario.anchors,
            share_bytes: scenario.share.records,
            ..SimConfig::default()
        };
        config.retention.min_age = scenario.retention.min_age;
        config.retention.collect_seen = scenario.retention.collect_seen;
        change(&mut config);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&scenario.seed.to_le_bytes());
        let rng = Rng::from_seed(seed).fork("scenario");
        let peers = nodes - scenario.bootpeers;
        let count = ((peers as f64 * scenario.people.percent / 100.0).round() as usize).clamp(1, peers);
        let people: Vec<Someone> = (0..count).map(|i| someone(i, scenario.bootpeers + i * peers / count)).collect();
        Self {
            scenario,
            sim: Simulation::new(scenario.seed, config),
            nodes,
            by_name: people.iter().enumerate().map(|(i, someone)| (someone.name.clone(), i)).collect(),
            people,
            model: RefCell::new(Model::new(scenario.retention.posts as usize, scenario.retention.min_age)),
            measures: RefCell::default(),
            choices: RefCell::new(rng.fork("people")),
            fates: RefCell::new(rng.fork("weather")),
            dead: RefCell::new(vec![false; nodes]),
            ending: RefCell::new(vec![false; nodes]),
            asleep: RefCell::new(vec![false; nodes]),
            began: Cell::new(None),
        }
    }

    /// Tells whether a node runs and is not suspended.
    pub(super) fn is_up(&self, node: usize) -> bool {
        self.sim.is_running(node) && !self.asleep.borrow().get(node).copied().unwrap_or(false)
    }

    /// Tells whether a person can begin something now.
    pub(super) fn is_free(&self, person: usize) -> bool {
        let someone = &self.people[person];
        self.is_up(someone.node) && someone.account.get().is_some() && someone.busy.get() < BUSY
    }

    /// Returns a random number below `bound`, of those from which people choose.
    pub(super) fn choose(&self, bound: usize) -> usize {
        self.choices.borrow_mut().below(bound as u64) as usize
    }

    /// Returns how far the run is.
    pub(super) fn progress(&self, phase: Phase, part: f64) -> Progress {
        Progress { phase, part, passed: self.sim.elapsed(), messages: self.sim.trace().messages }
    }

    /// Returns how long people have acted.
    pub(super) fn acted(&self) -> Duration {
        self.began.get().map(|began| began.elapsed()).unwrap_or_default()
    }
}

/// Lets deeds go on until a time.
pub(super) async fn until(deeds: &mut Deeds<'_>, at: Instant) {
    let busy = async {
        while deeds.next().await.is_some() {}
        pending::<()>().await;
    };
    // That the time is over is how this ends.
    let _ = timeout_at(at, busy).await;
}

/// Lets all deeds end; false when some have not ended by `deadline`.
pub(super) async fn all_ended(deeds: &mut Deeds<'_>, deadline: Instant) -> bool {
    let all = async { while deeds.next().await.is_some() {} };
    timeout_at(deadline, all).await.is_ok()
}

fn someone(number: usize, node: usize) -> Someone {
    Someone {
        name: format!("person_{number}").parse().expect("digits behind a word are a name"),
        node,
        account: Cell::new(None),
        logged_out: Cell::new(false),
        busy: Cell::new(0),
        queued: RefCell::default(),
        promised: RefCell::default(),
    }
}
