//! What the outbox takes.

use actix::Message;

use super::item::Item;
use crate::types::{DeviceId, Hash, WallTime};

/// Sends an item that is on disk already.
#[derive(Message)]
#[rtype(result = "Progress")]
pub struct Dispatch(pub Item);

/// How far an item has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Whether everything in it is published.
    pub published: bool,
    /// Replicas that have it, in the parcel that has the fewest.
    pub acked: u32,
    /// Replicas wanted in that parcel.
    pub wanted: u32,
    /// Whether the next attempt may well bring what the last one did not.
    pub hopeful: bool,
}

impl Progress {
    /// Returns how far an item has come.
    pub fn of(item: &Item) -> Self {
        let last = item.parcels.iter().min_by_key(|p| (p.published, p.replicas_acked));
        Self {
            published: item.is_published(),
            acked: last.map_or(0, |p| p.replicas_acked),
            wanted: last.map_or(0, |p| p.wanted),
            hopeful: item.parcels.iter().all(|p| p.published || p.hopeful),
        }
    }
}

/// Asks how the next attempt at an item ends; `None` when it is not waiting. One asks at a time.
#[derive(Message)]
#[rtype(result = "Option<Progress>")]
pub struct Await(pub Hash);

/// Asks how many replicas have a post, on its way or long since; `None` of one that this device did not put anywhere.
#[derive(Message)]
#[rtype(result = "Option<Progress>")]
pub struct Tally {
    /// The post.
    pub post: Hash,
    /// Its end.
    pub ends: WallTime,
    /// Its device.
    pub device: DeviceId,
    /// Its number.
    pub seq: u64,
}

/// An attempt at an item has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attempted(pub Item);

/// Peers came or went: everything that waits is worth a try.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Nudge;

/// Forgets items, by their ids, that were taken from the disk; whoever made them has better ones.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Withdraw(pub Vec<Hash>);

/// Asks for all items.
#[derive(Message)]
#[rtype(result = "Vec<Waiting>")]
pub struct Items;

/// An item, as people see it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What it is about.
    pub id: Hash,
    /// A word for it.
    pub label: String,
    /// When it was put in.
    pub since: WallTime,
    /// How far it has come.
    pub progress: Progress,
    /// Why the last attempt was not enough.
    pub last_error: Option<String>,
}
