//! What the feed actor takes, and what it shows.

use actix::Message;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::followee::Followee;
use crate::timeline::{LogState, Via};
use crate::types::{AccountId, DeviceId, Hash, Hlc, Problem, Username, WallTime};
use crate::wire::Status;

/// Somebody is logged in: whose feed this is, and whom it shows.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub username: Username,
    /// Whom it follows, the account itself not included.
    pub followees: Vec<Followee>,
}

/// The account logs out: its feed is forgotten here. Ready when nothing of it is on its way to the disk.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// The account follows one more. Already on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Followed(pub Followee);

/// The account follows one less. Already on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unfollowed(pub AccountId);

/// A verified post was stored here for the network.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Replicated(pub Bytes);

/// A post of this node's user. Already on disk, in the feed too.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Posted(pub Bytes);

/// An author's node brings a post.
#[derive(Message)]
#[rtype(result = "Status")]
pub struct Push {
    /// The post.
    pub post: Bytes,
    /// Account chain and device certificate.
    pub proofs: Vec<Bytes>,
}

/// A read of an author's home has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CaughtUp {
    /// The author.
    pub account: AccountId,
    /// Verified posts.
    pub posts: Vec<Bytes>,
    /// How far each device says its log goes.
    pub logs: Vec<(DeviceId, LogState)>,
    /// Whether enough holders answered.
    pub complete: bool,
}

/// The commits of these rows have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settled(pub Vec<Bytes>);

/// Reads the homes of all authors that were not read within the last seconds; ready when they are read.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CatchUp;

/// Asks for a page of the feed.
#[derive(Message, Clone, Debug, Default)]
#[rtype(result = "Result<FeedPage, Problem>")]
pub struct PageRequest {
    /// Most posts.
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Only posts newer than the one with this id or prefix of an id.
    pub since: Option<String>,
    /// Only posts older than the one with this id or prefix of an id.
    pub before: Option<String>,
}

/// A page of the feed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// The posts.
    pub posts: Vec<ShownPost>,
    /// What is missing.
    pub missing: Vec<MissingPosts>,
    /// False when something is unreachable.
    pub complete: bool,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A post as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPost {
    /// Its id.
    pub id: Hash,
    /// Its author.
    pub author: Username,
    /// Its author's account.
    pub account: AccountId,
    /// Its device.
    pub device: DeviceId,
    /// Its number.
    pub seq: u64,
    /// When it was made.
    pub hlc: Hlc,
    /// When it ends.
    pub expires_at: WallTime,
    /// What it says.
    pub text: String,
    /// How it came here.
    pub via: Via,
    /// Whether the user has been shown it.
    pub seen: bool,
}

/// Posts that exist or existed, and are not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPosts {
    /// Their author.
    pub author: Username,
    /// How many.
    pub count: u64,
    /// `expired`, `collected` or `unreachable`.
    pub reason: &'static str,
}

/// The user has been shown these posts.
#[derive(Message)]
#[rtype(result = "Result<usize, Problem>")]
pub struct Shown(pub Vec<Hash>);

/// Starts watching.
#[derive(Message)]
#[rtype(result = "Result<Watching, Problem>")]
pub struct Watch;

/// A watched feed.
pub struct Watching {
    /// Posts not shown yet, oldest first.
    pub unseen: Vec<ShownPost>,
    /// What comes from now on; ends with the node, the login, or when the watcher is too slow.
    pub events: mpsc::Receiver<FeedEvent>,
}

/// Something new in a watched feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// A post.
    Post(ShownPost),
    /// Posts that are missing.
    Missing(MissingPosts),
}

/// Removes posts that have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Expire;
