//! What the feed actor keeps in memory: authors, watchers, and posts on their way to the disk.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::followee::Followee;
use super::messages::{CaughtUp, FeedEvent, MissingPosts, ShownPost};
use super::rows;
use crate::actors::context::Context;
use crate::records::{PostBody, Signed};
use crate::seam::{Batch, Later, Op, Space, StoreError};
use crate::timeline::{DeviceLog, FeedRow, LogState, Via};
use crate::types::{AccountId, DeviceId, Hash, Username};

/// Events a watcher may lag behind before it is let go.
const LAG: usize = 1024;
/// Watchers at once.
const WATCHERS: usize = 64;
/// A reading that found too few holders is repeated after this.
const AGAIN: Duration = Duration::from_secs(3);

/// An author, and where the reading of it stands.
pub struct Author {
    /// What is kept on disk.
    pub followee: Followee,
    /// How far its devices say their logs go.
    pub logs: BTreeMap<DeviceId, LogState>,
    /// Whether the last reading found enough holders.
    pub complete: bool,
    /// When its home was last read.
    pub read_at: Option<Instant>,
    /// What watchers were told to be missing.
    told: Vec<MissingPosts>,
}

impl Author {
    /// Starts with what is on disk.
    pub fn new(followee: Followee) -> Self {
        Self { followee, logs: BTreeMap::new(), complete: true, read_at: None, told: Vec::new() }
    }
}

impl Author {
    /// Returns what is missing of this author's logs, by reason.
    fn missing(&self) -> Vec<MissingPosts> {
        let mut sums = [("expired", 0u64), ("collected", 0), ("unreachable", 0)];
        for (device, state) in &self.logs {
            let missing = self.followee.logs.get(device).map(|log| log.missing(state)).unwrap_or_default();
            sums[0].1 = sums[0].1.saturating_add(missing.expired);
            sums[1].1 = sums[1].1.saturating_add(missing.collected);
            sums[2].1 = sums[2].1.saturating_add(missing.unreachable);
        }
        let some = sums.into_iter().filter(|(_, count)| *count > 0);
        some.map(|(reason, count)| MissingPosts { author: self.followee.username.clone(), count, reason }).collect()
    }
}

/// The state.
pub struct FeedState {
    node: Rc<Context>,
    /// Whose feed it is.
    pub me: Option<(AccountId, Username)>,
    /// The account itself and those it follows, as many as an account may.
    pub authors: BTreeMap<AccountId, Author>,
    /// Rows whose commit is under way, bounded by what peers may put in that time.
    pending: BTreeMap<Bytes, FeedRow>,
    watchers: Vec<mpsc::Sender<FeedEvent>>,
}

impl FeedState {
    /// Starts without a login.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, me: None, authors: BTreeMap::new(), pending: BTreeMap::new(), watchers: Vec::new() }
    }

    /// Shows the feed of an account; of authors that are here already, what came of their logs stays.
    pub fn begin(&mut self, me: (AccountId, Username), followees: impl Iterator<Item = Followee>) {
        let mut before = std::mem::take(&mut self.authors);
        if self.me.as_ref().is_none_or(|(account, _)| *account != me.0) {
            before.clear();
        }
        let author = |followee: Followee| {
            let known = before.remove(&followee.account).filter(|a| a.followee.hlc == followee.hlc);
            (followee.account, known.unwrap_or_else(|| Author::new(followee)))
        };
        self.authors = followees.map(author).collect();
        self.me = Some(me);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.me = None;
        self.authors.clear();
        self.watchers.clear();
        self.pending.clear();
    }

    /// Tells all watchers; those that lag are let go.
    pub fn announce(&mut self, event: &FeedEvent) {
        self.watchers.retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }

    /// Returns the keys of an author's rows whose commit is under way.
    pub fn pending_of(&self, author: AccountId) -> impl Iterator<Item = &Bytes> {
        self.pending.iter().filter(move |(_, row)| row.post.body.account == author).map(|(key, _)| key)
    }

    /// Takes a verified post; returns the changes that keep it, no row among them when it is already in the feed.
    pub fn take(&mut self, post: &Signed<PostBody>, via: Via) -> Vec<Op> {
        let body = &post.body;
        let Some(author) = self.authors.get_mut(&body.account) else { return Vec::new() };
        if body.expires_at() <= self.node.horizon() {
            return Vec::new();
        }
        let row =
            FeedRow { author: author.followee.username.clone(), via, shown: via == Via::Local, post: post.clone() };
        let key = row.key();
        let stored = || self.node.store.local(Space::Feed, &key, None, 1).is_ok_and(|rows| !rows.is_empty());
        let known = self.pending.contains_key(&key) || stored();
        // The first sign of a log proves numbers; what lies before it is told by the heads.
        let log = author.followee.logs.entry(body.device).or_insert_with(|| {
            DeviceLog::begin(&LogState { floor: body.seq - 1, last_seq: body.seq, ..LogState::default() })
        });
        // A row whose number is not noted is left by an end between the two; it is not missing.
        if known && log.has(body.seq) {
            return Vec::new();
        }
        log.note(body.seq);
        let keep = author.followee.keep();
        if known {
            return vec![keep];
        }
        let ops = vec![rows::put(&row), keep];
        self.announce(&FeedEvent::Post(rows::shown(&row)));
        self.pending.insert(key, row);
        ops
    }

    /// Notes a post of this node's user, which is on disk already.
    pub fn posted(&mut self, post: Signed<PostBody>) -> Option<Op> {
        let author = self.authors.get_mut(&post.body.account)?;
        author.followee.logs.entry(post.body.device).or_default().note(post.body.seq);
        let keep = author.followee.keep();
        let row = FeedRow { author: author.followee.username.clone(), via: Via::Local, shown: true, post };
        self.announce(&FeedEvent::Post(rows::shown(&row)));
        Some(keep)
    }

    /// Takes what a reading of an author's home brought.
    pub fn caught_up(&mut self, message: CaughtUp) -> Vec<Op> {
        let CaughtUp { account, posts, logs, complete } = message;
        let Some(author) = self.authors.get_mut(&account) else { return Vec::new() };
        author.complete = complete;
        author.read_at = Some(Instant::now());
        for (device, state) in logs {
            let held = author.logs.entry(device).or_default();
            held.join(state);
            author.followee.logs.entry(device).or_insert_with(|| DeviceLog::begin(held));
        }
        let mut posts: Vec<_> = posts.into_iter().filter_map(|b| Signed::<PostBody>::decode(b).ok()).collect();
        posts.sort_by_key(|post| (post.body.hlc, post.body.device, post.body.seq));
        let ops = posts.iter().flat_map(|post| self.take(post, Via::Replica)).collect();
        self.tell_missing(&account);
        ops
    }

    /// Marks posts as shown; returns how many are here, and the changes.
    pub fn mark_shown(&mut self, ids: &[Hash]) -> Result<(usize, Vec<Op>), StoreError> {
        let (mut ops, mut count) = (Vec::new(), 0);
        for row in self.pending.values_mut().filter(|row| ids.contains(&row.post.hash())) {
            row.shown = true;
            // Commits are made in their order, so this one comes after the one that is under way.
            ops.push(rows::put(row));
            count += 1;
        }
        let pending = &self.pending;
        rows::walk(&self.node, None, |key, mut row| {
            if ids.contains(&row.post.hash()) && !pending.contains_key(&key) {
                count += 1;
                if !row.shown {
                    row.shown = true;
                    ops.push(rows::put(&row));
                }
            }
            count < ids.len()
        })?;
        // What is gone for good has been said with this page, and is not said again.
        for author in self.authors.values_mut() {
            for (device, state) in &author.logs {
                if let Some(log) = author.followee.logs.get_mut(device) {
                    let before = log.clone();
                    log.say(state);
                    if *log != before {
                        ops.push(author.followee.keep());
                    }
                }
            }
        }
        Ok((count, ops))
    }

    /// Adds a watcher; `None` when there are too many. Returns what was not shown yet, oldest first.
    #[allow(clippy::type_complexity, reason = "a list and a channel")]
    pub fn watch(&mut self) -> Result<Option<(Vec<ShownPost>, mpsc::Receiver<FeedEvent>)>, StoreError> {
        self.watchers.retain(|watcher| !watcher.is_closed());
        if self.watchers.len() >= WATCHERS {
            return Ok(None);
        }
        let now = self.node.horizon();
        let mut unseen: BTreeMap<Bytes, ShownPost> = BTreeMap::new();
        rows::walk(&self.node, None, |key, row| {
            if !row.shown && row.post.body.expires_at() > now {
                unseen.insert(key, rows::shown(&row));
            }
            true
        })?;
        for (key, row) in self.pending.iter().filter(|(_, row)| !row.shown) {
            unseen.insert(key.clone(), rows::shown(row));
        }
        let (sender, events) = mpsc::channel(LAG);
        self.watchers.push(sender);
        Ok(Some((unseen.into_values().rev().collect(), events)))
    }

    /// Makes changes in the order of calls; ready when they are on disk.
    pub fn keep(&self, ops: Vec<Op>) -> Later<Result<(), StoreError>> {
        if ops.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let keys: Vec<Bytes> = ops.iter().filter_map(feed_key).filter(|k| self.pending.contains_key(k)).collect();
        let (commit, node) = (self.node.store.commit(Batch(ops)), self.node.clone());
        Box::pin(async move {
            let outcome = commit.await.map(|_| ());
            if let Err(error) = &outcome {
                tracing::error!(%error, "the feed could not be written");
            }
            node.doors().feed.settled(keys).await;
            outcome
        })
    }

    /// Notes that the commits of these rows have ended.
    pub fn settled(&mut self, keys: &[Bytes]) {
        keys.iter().for_each(|key| {
            self.pending.remove(key);
        });
    }

    /// Returns the authors whose homes were not read within `age`, or not from enough holders and not just now.
    pub fn not_read_within(&self, age: Duration) -> Vec<AccountId> {
        let now = Instant::now();
        let stale = |a: &Author| {
            let age = if a.complete { age } else { age.min(AGAIN) };
            a.read_at.is_none_or(|at| now.duration_since(at) >= age)
        };
        self.authors.iter().filter(|(_, a)| stale(a)).map(|(account, _)| *account).collect()
    }

    /// Tells whether every author's home was read from enough holders.
    pub fn is_complete(&self) -> bool {
        self.authors.values().all(|author| author.complete)
    }

    /// Tells watchers what a reading found missing and they were not told yet.
    fn tell_missing(&mut self, account: &AccountId) {
        let Some(author) = self.authors.get_mut(account) else { return };
        let missing = author.missing();
        let news: Vec<MissingPosts> = missing.iter().filter(|m| !author.told.contains(m)).cloned().collect();
        author.told = missing;
        news.into_iter().for_each(|m| self.announce(&FeedEvent::Missing(m)));
    }

    /// Returns what is missing, by author and reason.
    pub fn missing(&self) -> Vec<MissingPosts> {
        self.authors.values().flat_map(Author::missing).collect()
    }
}

/// Returns the key of the row that a change puts into the feed.
pub fn feed_key(op: &Op) -> Option<Bytes> {
    match op {
        Op::SetLocal(Space::Feed, key, _) => Some(key.clone()),
        _ => None,
    }
}
