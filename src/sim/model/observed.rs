//! What the system shows, as data: read from feeds, pages, lists and disks.

use std::collections::{BTreeMap, BTreeSet};

use super::notes::Person;
use crate::types::{DeviceId, Hash, Hlc, WallTime};

/// A row of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// The post.
    pub id: Hash,
    /// When it was made.
    pub hlc: Hlc,
    /// On which device.
    pub device: DeviceId,
    /// Its number there.
    pub seq: u64,
}

/// A feed, as its reader sees it.
#[derive(Clone, Debug, Default)]
pub struct SeenFeed {
    /// Its rows, the newest first.
    pub rows: Vec<FeedRow>,
}

/// Somebody's page, as the network gives it to a stranger.
#[derive(Clone, Debug, Default)]
pub struct SeenPage {
    /// The posts on it.
    pub posts: BTreeSet<Hash>,
    /// The display name.
    pub name: String,
    /// Who follows them, of those whom the model knows.
    pub followers: BTreeSet<Person>,
    /// Whom they follow.
    pub following: BTreeSet<Person>,
}

/// Where a post is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Nodes that are up and hold it.
    pub live: usize,
    /// Of the replica set that is up now, how many hold it.
    pub replicas: usize,
    /// How many there are in that set.
    pub of: usize,
    /// Disks that hold it, of nodes that are down too.
    pub disks: usize,
}

/// Everything that was looked at at one time.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// When.
    pub now: WallTime,
    /// Feeds of those whose nodes are up.
    pub feeds: BTreeMap<Person, SeenFeed>,
    /// Mentions of some of them.
    pub mentions: BTreeMap<Person, BTreeSet<Hash>>,
    /// Pages that were read.
    pub pages: BTreeMap<Person, SeenPage>,
    /// Pages that could not be read, and why.
    pub unread: BTreeMap<Person, String>,
    /// Where each post is that anybody holds.
    pub held: BTreeMap<Hash, Held>,
    /// Posts of which somebody says that they were collected.
    pub collected: BTreeSet<Hash>,
    /// Posts that a node which is up holds, though it has collected them itself, or holds heads that call them gone.
    pub taken_back: BTreeSet<Hash>,
    /// The highest number that the replicas' heads give for a device.
    pub heads: BTreeMap<DeviceId, u64>,
    /// How many different states the live replicas of somebody's home have.
    pub states: BTreeMap<Person, usize>,
    /// How many items wait in the outboxes of those whose nodes are up, and are not published.
    pub pending: BTreeMap<Person, usize>,
    /// Whether few or different replicas count as faults.
    pub strict: bool,
}
