//! The keys of a scenario and their defaults.

use std::time::Duration;

use serde::Deserialize;

use super::bounds::Bounds;
use super::fault::Fault;
use super::read::{maybe_span, span};
use crate::sim::links::{Spread, Ways};
use crate::sim::ready::Following;

/// A scenario.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// For people.
    pub name: String,
    /// What every random choice follows from.
    pub seed: u64,
    /// Nodes, bootpeers included.
    pub nodes: usize,
    /// Numbers of nodes for a row of runs that are compared; `nodes` counts where there is none.
    pub sizes: Vec<usize>,
    /// How many of the nodes, the first ones, are bootpeers and registrars.
    pub bootpeers: usize,
    /// Whether those keep everything.
    pub anchors: bool,
    /// Size of a replica set.
    pub k: usize,
    /// Within this all nodes are started, one after the other.
    #[serde(deserialize_with = "span")]
    pub start_within: Duration,
    /// How people come to be there.
    pub opening: Opening,
    /// How long people act and faults happen, once everybody has registered and follows.
    #[serde(deserialize_with = "span")]
    pub duration: Duration,
    /// What people do.
    pub people: People,
    /// What the ways between nodes are like.
    pub links: LinkKeys,
    /// What disks are like.
    pub disks: Disks,
    /// How wrong clocks are.
    pub clocks: Clocks,
    /// How nodes come and go; nothing for those that stay.
    pub churn: Option<Churn>,
    /// How long posts are kept.
    pub retention: Retained,
    /// When everything calms down and is checked.
    pub quiet: Quiet,
    /// What is checked.
    pub check: Surveyed,
    /// What the run has to reach beside.
    pub bounds: Bounds,
    /// What simulated nodes share so that they are faster.
    pub share: Sharing,
    /// What happens at certain times.
    pub fault: Vec<Fault>,
    /// Instead of people who act: one post to all who live on the nodes.
    pub fan_out: Option<FanOutKeys>,
    /// Instead of people who act: one person who follows very many.
    pub following: Option<FollowingKeys>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            seed: 1,
            nodes: 50,
            sizes: Vec::new(),
            bootpeers: 3,
            anchors: true,
            k: 20,
            start_within: Duration::from_secs(10),
            opening: Opening::Together,
            duration: Duration::from_secs(3600),
            people: People::default(),
            links: LinkKeys::default(),
            disks: Disks::default(),
            clocks: Clocks::default(),
            churn: None,
            retention: Retained::default(),
            quiet: Quiet::default(),
            check: Surveyed::default(),
            bounds: Bounds::default(),
            share: Sharing::default(),
            fault: Vec::new(),
            fan_out: None,
            following: None,
        }
    }
}

/// One post to very many, in a network that is set up ready-made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct FanOutKeys {
    pub dead_percent: f64,
    #[serde(deserialize_with = "span")]
    pub round_trip: Duration,
    #[serde(deserialize_with = "span")]
    pub within: Duration,
    #[serde(deserialize_with = "span")]
    pub patience: Duration,
}

impl Default for FanOutKeys {
    fn default() -> Self {
        Self {
            dead_percent: 0.0,
            round_trip: Duration::from_millis(50),
            within: Duration::from_secs(3),
            patience: Duration::from_secs(9),
        }
    }
}

/// One person who follows very many, in a network that is set up ready-made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct FollowingKeys {
    pub followees: usize,
    #[serde(deserialize_with = "span")]
    pub round_trip: Duration,
    #[serde(deserialize_with = "span")]
    pub settle: Duration,
    #[serde(deserialize_with = "maybe_span")]
    pub post_every: Option<Duration>,
    pub most: f64,
}

impl Default for FollowingKeys {
    fn default() -> Self {
        let Following { followees, round_trip, settle, post_every, most, .. } = Following::default();
        Self { followees, round_trip, settle, post_every, most }
    }
}

/// How people come to be there: everybody has registered and follows before anybody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// In the whole network, while all nodes run.
    Together,
    /// In a network of the bootpeers and few others at a time; before everybody starts, what was made is laid on the disks of its
    /// replicas. It takes a small part of the time, and puts up with nothing.
    Apart,
}

/// What people do; rates are of one person in an hour.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct People {
    pub percent: f64,
    pub follows: usize,
    pub posts: f64,
    pub mention_percent: f64,
    #[serde(deserialize_with = "maybe_span")]
    pub ttl: Option<Duration>,
    pub looks: f64,
    pub deletes: f64,
    pub unfollows: f64,
    pub profiles: f64,
    pub reads: f64,
    pub lookups: f64,
}

impl Default for People {
    fn default() -> Self {
        Self {
            percent: 100.0,
            follows: 10,
            posts: 2.0,
            mention_percent: 10.0,
            ttl: None,
            looks: 1.0,
            deletes: 0.1,
            unfollows: 0.1,
            profiles: 0.1,
            reads: 1.0,
            lookups: 1.0,
        }
    }
}

/// What the ways between nodes are like.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct LinkKeys {
    #[serde(deserialize_with = "span")]
    pub shortest: Duration,
    #[serde(deserialize_with = "span")]
    pub longest: Duration,
    #[serde(deserialize_with = "maybe_span")]
    pub median: Option<Duration>,
    pub loss_percent: f64,
    pub twice_percent: f64,
    pub late_percent: f64,
    #[serde(deserialize_with = "span")]
    pub late_by: Duration,
}

impl Default for LinkKeys {
    fn default() -> Self {
        let Ways { shortest, longest, loss_percent, twice_percent, late_percent, late_by, .. } = Ways::default();
        Self { shortest, longest, median: None, loss_percent, twice_percent, late_percent, late_by }
    }
}

impl LinkKeys {
    /// Returns the ways that the keys describe.
    pub(in crate::sim) fn ways(&self) -> Ways {
        Ways {
            shortest: self.shortest,
            longest: self.longest,
            spread: self.median.map_or(Spread::Even, Spread::Median),
            loss_percent: self.loss_percent,
            twice_percent: self.twice_percent,
            late_percent: self.late_percent,
            late_by: self.late_by,
        }
    }
}

/// What disks are like.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Disks {
    #[serde(deserialize_with = "span")]
    pub commit: Duration,
}

impl Default for Disks {
    fn default() -> Self {
        Self { commit: Duration::from_millis(3) }
    }
}

/// How wrong clocks are.
#[derive(Clone, Debug, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Clocks {
    #[serde(deserialize_with = "span")]
    pub off_by: Duration,
    pub drift_ppm: u32,
}

/// How nodes come and go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Churn {
    #[serde(deserialize_with = "span")]
    pub median_session: Duration,
    #[serde(deserialize_with = "span")]
    pub median_absence: Duration,
    pub shape: f64,
    pub percent: f64,
    pub clean_percent: f64,
    pub disk_loss_percent: f64,
}

impl Default for Churn {
    fn default() -> Self {
        Self {
            median_session: Duration::from_secs(3600),
            median_absence: Duration::from_secs(600),
            // Measured for many peer-to-peer networks (Stutzbach and Rejaie 2006).
            shape: 0.6,
            percent: 100.0,
            clean_percent: 50.0,
            disk_loss_percent: 0.0,
        }
    }
}

/// How long posts are kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Retained {
    pub posts: u32,
    #[serde(deserialize_with = "span")]
    pub min_age: Duration,
    #[serde(deserialize_with = "span")]
    pub interval: Duration,
    pub collect_seen: bool,
}

impl Default for Retained {
    fn default() -> Self {
        Self { posts: 10, min_age: Duration::from_secs(3600), interval: Duration::from_secs(60), collect_seen: true }
    }
}

/// When everything calms down and is checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Quiet {
    #[serde(deserialize_with = "maybe_span")]
    pub every: Option<Duration>,
    #[serde(deserialize_with = "span")]
    pub within: Duration,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { every: None, within: Duration::from_secs(60) }
    }
}

/// What is checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Surveyed {
    pub people: usize,
    pub replicas: bool,
    pub live: bool,
    pub fresh_reader: bool,
    #[serde(deserialize_with = "span")]
    pub count_every: Duration,
}

impl Default for Surveyed {
    fn default() -> Self {
        Self { people: 20, replicas: false, live: true, fresh_reader: true, count_every: Duration::from_secs(600) }
    }
}

/// What simulated nodes share so that they are faster; nothing of it changes a message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Sharing {
    pub records: bool,
    pub signatures: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { records: true, signatures: true }
    }
}
