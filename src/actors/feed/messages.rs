//! What the feed actor takes, and what it shows.

use actix::Message;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::followee::Followee;
use crate::seam::Space;
use crate::timeline::{LogState, Query, Via, status_id};
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

/// A verified post, or the deletion of one, was stored here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Replicated(pub Bytes);

/// A post of this node's user. Already on disk, in the feed too.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Posted(pub Bytes);

/// An author's node brings a post, or the deletion of one.
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
    /// Verified deletions.
    pub tombstones: Vec<Bytes>,
    /// How far each device says its log goes.
    pub logs: Vec<(DeviceId, LogState)>,
    /// Whether enough holders answered.
    pub complete: bool,
    /// How far the account had seen each log on whatever device; read only before the author's home was read in full.
    pub seen: Vec<(DeviceId, u64)>,
}

/// One holder has been asked what an author's home has. Answered by whether a whole read is worth its cost.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Glanced {
    /// The author.
    pub account: AccountId,
    /// What the holder has, on its own word.
    pub records: Vec<Bytes>,
}

/// Other peers are reachable than before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PeersKnown {
    /// How many are in the table.
    pub known: usize,
    /// How many of the anchors answer.
    pub anchors: usize,
}

/// Others hold an author's home than those that were asked so far.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HoldersChanged(pub AccountId);

/// The node did not run for a while: every author's home is read as a whole.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Woke;

/// Something may have been missed: every author's home is looked at.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hurry;

/// The commits of these rows have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settled {
    /// The rows' keys, of the feed.
    pub feed: Vec<Bytes>,
    /// Of the inbox.
    pub inbox: Vec<Bytes>,
    /// Those that were to go.
    pub dropped: Vec<(Space, Bytes)>,
    /// Whether they are on disk, or gone from it.
    pub kept: bool,
}

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
    /// Posts that the user had read on another device before and that are no longer in the network; said once.
    pub read_elsewhere_gone: u64,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Asks for a page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Most entries.
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A page of posts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostsPage {
    /// The posts.
    pub posts: Vec<ShownPost>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Looks for a post that is held here.
#[derive(Message)]
#[rtype(result = "Result<ShownPost, Problem>")]
pub struct Find(pub String);

/// Looks for posts that are held here, newest first.
#[derive(Message)]
#[rtype(result = "Result<PostsPage, Problem>")]
pub struct Search {
    /// For what.
    pub query: Query,
    /// Which page.
    pub page: ListRequest,
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
    /// The post that it answers.
    pub reply_to: Option<Hash>,
    /// The account whose post it answers.
    pub reply_to_account: Option<AccountId>,
    /// Whom its text names.
    pub mentions: Vec<Username>,
    /// The tags of its text.
    pub tags: Vec<String>,
    /// How it came here.
    pub via: Via,
    /// Whether the user has been shown it.
    pub seen: bool,
}

impl ShownPost {
    /// Returns the number that programs sort it by.
    pub fn status_id(&self) -> u128 {
        status_id(self.hlc, &self.device)
    }
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

/// Asks for the posts that the user was named in, newest first.
#[derive(Message)]
#[rtype(result = "Result<PostsPage, Problem>")]
pub struct Mentions(pub ListRequest);

/// A reading of the inbox has ended.
#[derive(Message, Default)]
#[rtype(result = "()")]
pub struct Named {
    /// Verified posts that name the account, as rows.
    pub rows: Vec<Bytes>,
    /// Posts that were looked for in vain, and how much that counts.
    pub vain: Vec<(Hash, u8)>,
    /// Senders whose homes were read.
    pub checked: Vec<AccountId>,
    /// Verified deletions found there.
    pub tombstones: Vec<Bytes>,
}

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
    /// The author deleted a post that was in the feed.
    Deleted(Hash),
    /// A post names the user, or answers one of theirs.
    Mention(ShownPost),
}

/// Removes posts that have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Expire;
