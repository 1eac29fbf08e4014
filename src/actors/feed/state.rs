//! What the feed actor keeps in memory: authors, watchers, and posts on their way to the disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::author::{Author, read_and_gone};
use super::followee::Followee;
use super::keeping::keys;
use super::messages::{CaughtUp, FeedEvent, MissingPosts};
use super::pace::AGAIN;
use super::unshown::Unshown;
use super::watchers::Watchers;
use super::{position, rows};
use crate::actors::context::{Context, Hidden};
use crate::actors::seen::Progress;
use crate::records::{PostBody, Record, Signed, TombstoneBody, home, slot};
use crate::seam::{Op, Space};
use crate::timeline::{FeedRow, Positions, Via, names};
use crate::types::{AccountId, Hash, Rng, Section, SectionSet, Username};

/// Most deletions remembered as done; one that is forgotten costs a walk through the feed when it is read again.
const DELETIONS: usize = 10_000;

/// Where posts lie that the user may be shown.
pub const ROWS: [Space; 2] = [Space::Feed, Space::Inbox];

/// The state.
pub struct FeedState {
    pub(super) node: Rc<Context>,
    /// Whose feed it is.
    pub me: Option<(AccountId, Username)>,
    /// The account itself and those it follows, as many as an account may.
    pub authors: BTreeMap<AccountId, Author>,
    /// Rows whose commit is under way, bounded by what peers may put in that time.
    pub(super) pending: BTreeMap<Bytes, FeedRow>,
    /// Rows of the inbox whose commit is under way, bounded as those.
    pub(super) naming: RefCell<BTreeMap<Bytes, FeedRow>>,
    /// Posts whose deletion was carried out, with whoever said so: what others say of a post means nothing.
    deleted: BTreeSet<(AccountId, Hash)>,
    /// How far other devices of the account have read.
    pub(super) read: Positions,
    /// Whether something could not be written, and rows on disk may not say yet that they were read elsewhere.
    pub(super) unwritten: bool,
    /// Rows in `pending` that are no news to the user: nobody is told.
    pub(super) silent: BTreeSet<Bytes>,
    /// Whom the account does not want to hear of, as far as that was carried out.
    hidden: Rc<Hidden>,
    pub(super) watchers: Watchers,
    /// What the user has not been shown.
    pub(super) unshown: Unshown,
    pub(super) rng: Rng,
}

impl FeedState {
    /// Starts without a login.
    pub fn new(node: Rc<Context>) -> Self {
        Self {
            rng: node.rng("feed"),
            node,
            me: None,
            authors: BTreeMap::new(),
            pending: BTreeMap::new(),
            naming: RefCell::default(),
            deleted: BTreeSet::new(),
            read: Positions::default(),
            unwritten: false,
            silent: BTreeSet::new(),
            hidden: Rc::default(),
            watchers: Watchers::default(),
            unshown: Unshown::default(),
        }
    }

    /// Shows the feed of an account; of authors that are here already, what came of their logs stays.
    pub fn begin(&mut self, me: (AccountId, Username), followees: impl Iterator<Item = Followee>) {
        let mut before = std::mem::take(&mut self.authors);
        if self.me.as_ref().is_none_or(|(account, _)| *account != me.0) {
            before.clear();
            self.read = Positions::default();
        }
        let author = |followee: Followee| {
            let known = before.remove(&followee.account).filter(|a| a.followee.hlc == followee.hlc);
            (followee.account, known.unwrap_or_else(|| Author::new(followee)))
        };
        self.authors = followees.map(author).collect();
        self.read.join(&position::load(&self.node));
        self.count_unshown();
        self.me = Some(me);
    }

    /// Counts anew what the user has not been shown.
    pub(super) fn count_unshown(&mut self) {
        self.unshown = Unshown::read(&self.node);
        self.pending.values().for_each(|row| self.unshown.follow(&[rows::put(row)]));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.me = None;
        self.authors.clear();
        self.watchers = Watchers::default();
        self.pending.clear();
        self.naming.borrow_mut().clear();
        self.deleted.clear();
        self.read = Positions::default();
        self.unwritten = false;
        self.silent.clear();
        self.hidden = Rc::default();
        self.unshown = Unshown::default();
    }

    /// Returns how far the logs of those whom the account follows, or of one of them, were received and shown.
    pub fn progress(&self, of: Option<&AccountId>) -> Vec<Progress> {
        let me = self.me.as_ref().map(|(account, _)| *account);
        let wanted = |account: &AccountId| Some(*account) != me && of.is_none_or(|of| of == account);
        let followees = self.authors.iter().filter(|(account, _)| wanted(account));
        followees.flat_map(|(_, author)| author.progress(&self.unshown)).collect()
    }

    /// Tells watchers of something that an account said, unless the user does not want to hear of it.
    pub(super) fn announce(&mut self, of: &AccountId, event: &FeedEvent) {
        if !self.node.hidden().hides(of) {
            self.watchers.announce(event);
        }
    }

    /// Tells whether posts of the account are taken: it is followed, and not blocked.
    pub fn wants(&self, account: &AccountId) -> bool {
        self.authors.contains_key(account) && !self.node.hidden().blocks(account)
    }

    /// Returns the keys of an author's rows whose commit is under way.
    pub fn pending_of(&self, author: AccountId) -> impl Iterator<Item = &Bytes> {
        self.pending.iter().filter(move |(_, row)| row.post.body.account == author).map(|(key, _)| key)
    }

    /// Takes a verified post; returns the changes that keep it, no row among them when it is already in the feed.
    ///
    /// Watchers are told when it is on disk: what could not be written comes again, and would be told again.
    pub fn take(&mut self, post: &Signed<PostBody>, via: Via) -> Vec<Op> {
        let body = &post.body;
        if !self.wants(&body.account) || body.expires_at() <= self.node.horizon() {
            return Vec::new();
        }
        let gone = self.is_deleted(post);
        let mine = self.me.as_ref().is_some_and(|(me, _)| *me == body.account);
        let read = self.read.covers(&body.device, body.seq);
        let Some(author) = self.authors.get_mut(&body.account) else { return Vec::new() };
        let shown = mine || read || via == Via::Local;
        let row = FeedRow { author: author.followee.username.clone(), via, shown, post: post.clone() };
        // What the account made on another device is news here, unless it was there before this one.
        let silent = read || mine && !author.followee.met;
        let key = row.key();
        let known = self.pending.contains_key(&key) || rows::at(&self.node, Space::Feed, &key).is_some();
        // A row whose number is not noted is left by an end between the two; it is not missing.
        let mut ops = if author.note(body.device, body.seq) { vec![author.followee.keep()] } else { Vec::new() };
        if known || gone {
            return ops;
        }
        ops.insert(0, rows::put(&row));
        if self.me.as_ref().is_some_and(|(me, name)| names(body, me, name)) {
            ops.push(Op::SetLocal(Space::Inbox, key.clone(), row.to_bytes()));
        }
        if silent {
            self.silent.insert(key.clone());
        }
        self.pending.insert(key, row);
        ops
    }

    /// Notes a post of this node's user, which is on disk already.
    pub fn posted(&mut self, post: Signed<PostBody>) -> Option<Op> {
        let author = self.authors.get_mut(&post.body.account)?;
        author.followee.logs.entry(post.body.device).or_default().note(post.body.seq);
        let keep = author.followee.keep();
        let row = FeedRow { author: author.followee.username.clone(), via: Via::Local, shown: true, post };
        self.watchers.announce(&FeedEvent::Post(rows::shown(&row)));
        Some(keep)
    }

    /// Tells whether the deletion of a post lies here, or is on its way to the disk.
    pub(super) fn is_deleted(&self, post: &Signed<PostBody>) -> bool {
        if self.is_gone(&post.body.account, &post.hash()) {
            return true;
        }
        let slot = slot(&Record::Post(post.clone()), Section::Post);
        let (before, posts) = ((Section::Post, slot.clone(), Hash([0; 32])), SectionSet::of(&[Section::Post]));
        let held = self.node.store.read(&home(&post.body.account), posts, Some(&before), 2, self.node.horizon());
        let of = |bytes: Bytes| Signed::<TombstoneBody>::decode(bytes).ok().map(|t| t.body.post);
        held.is_ok_and(|held| held.into_iter().any(|s| s.slot == slot && of(s.bytes) == Some(post.hash())))
    }

    /// Tells whether the deletion of a post was carried out.
    pub(super) fn is_gone(&self, author: &AccountId, post: &Hash) -> bool {
        self.deleted.contains(&(*author, *post))
    }

    /// Notes that the deletion of a post could not be written: it is carried out when it comes again.
    pub(super) fn undelete(&mut self, post: &Signed<PostBody>) {
        self.deleted.remove(&(post.body.account, post.hash()));
    }

    /// Takes verified deletions: their posts go, and their numbers are not missing.
    pub fn delete(&mut self, tombstones: &[Signed<TombstoneBody>]) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut gone: BTreeSet<(AccountId, Hash)> = BTreeSet::new();
        for body in tombstones.iter().map(|t| &t.body).filter(|b| !self.deleted.contains(&(b.account, b.post))) {
            gone.insert((body.account, body.post));
            if let Some(author) = self.authors.get_mut(&body.account)
                && author.note(body.of, body.seq)
            {
                ops.push(author.followee.keep());
            }
        }
        if gone.is_empty() {
            return ops;
        }
        let is_gone = |row: &FeedRow| gone.contains(&(row.post.body.account, row.post.hash()));
        let mut shown = Vec::new();
        for space in ROWS {
            let walked = rows::walk(&self.node, space, None, |key, row| {
                if is_gone(&row) {
                    shown.push((row.post.body.account, row.post.hash()));
                    ops.push(Op::DropLocal(space, key));
                }
                true
            });
            if let Err(error) = walked {
                tracing::warn!(%error, "a deletion waits until the feed can be read");
                return ops;
            }
        }
        // Commits are made in their order: what is on its way to the disk is there before it is dropped.
        ops.extend(
            self.pending.iter().filter(|(_, row)| is_gone(row)).flat_map(|(key, _)| {
                [Op::DropLocal(Space::Feed, key.clone()), Op::DropLocal(Space::Inbox, key.clone())]
            }),
        );
        self.pending.retain(|_, row| !is_gone(row));
        let naming = self.naming.borrow();
        ops.extend(
            naming.iter().filter(|(_, row)| is_gone(row)).map(|(key, _)| Op::DropLocal(Space::Inbox, key.clone())),
        );
        drop(naming);
        shown.sort_unstable();
        shown.dedup();
        for (account, hash) in shown {
            self.announce(&account, &FeedEvent::Deleted(hash));
        }
        if self.deleted.len() + gone.len() > DELETIONS {
            self.deleted.clear();
        }
        self.deleted.extend(gone.into_iter().take(DELETIONS));
        ops
    }

    /// Takes what a reading of an author's home brought.
    pub fn caught_up(&mut self, message: CaughtUp) -> Vec<Op> {
        let CaughtUp { account, posts, tombstones, logs, complete, seen } = message;
        if !self.wants(&account) {
            return Vec::new();
        }
        let Some(author) = self.authors.get_mut(&account) else { return Vec::new() };
        author.complete = complete;
        author.pace.read(Instant::now(), &mut self.rng);
        let met = author.followee.met;
        author.learn(logs);
        let mut elsewhere = Positions::default();
        for (device, shown) in &seen {
            elsewhere.raise(device, *shown);
        }
        let tombstones: Vec<_> = tombstones.into_iter().filter_map(|b| Signed::decode(b).ok()).collect();
        let mut ops = self.read_elsewhere(&elsewhere);
        ops.extend(self.delete(&tombstones));
        let mut posts: Vec<_> = posts.into_iter().filter_map(|b| Signed::<PostBody>::decode(b).ok()).collect();
        posts.sort_by_key(|post| (post.body.hlc, post.body.device, post.body.seq));
        let came: Vec<Op> = posts.iter().flat_map(|post| self.take(post, Via::Replica)).collect();
        self.looked(&account, keys(&came, Space::Feed).next().is_some());
        ops.extend(came);
        if complete
            && !met
            && let Some(author) = self.authors.get_mut(&account)
        {
            author.meet();
            author.followee.read_and_gone = read_and_gone(&seen, &posts, &tombstones);
            ops.push(author.followee.keep());
        }
        self.tell_missing(&account);
        ops
    }

    /// Tells whether the account wants to hear of others than it did when that was last carried out.
    pub fn is_hiding_anew(&self) -> bool {
        !Rc::ptr_eq(&self.node.hidden(), &self.hidden)
    }

    /// Carries out whom the account no longer wants to hear of: what is here of those who were blocked since goes, and
    /// those who no longer are blocked are read again.
    pub fn hide(&mut self) -> Vec<Op> {
        let hidden = self.node.hidden();
        if Rc::ptr_eq(&hidden, &self.hidden) {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.hidden, hidden.clone());
        for account in before.blocked.difference(&hidden.blocked) {
            self.authors.get_mut(account).into_iter().for_each(|author| author.pace.restart());
        }
        let blocked: BTreeSet<AccountId> = hidden.blocked.difference(&before.blocked).copied().collect();
        let mut ops = Vec::new();
        for author in self.authors.values_mut().filter(|a| blocked.contains(&a.followee.account)) {
            author.restart();
            ops.push(author.followee.keep());
        }
        if !blocked.is_empty() {
            ops.extend(self.drops(&ROWS, |post| blocked.contains(&post.body.account)));
        }
        ops
    }

    /// Returns the changes that drop what has no place here: what has ended, and what was to go before and is still there,
    /// as when the disk was full or the node ended.
    pub fn over(&self) -> Vec<Op> {
        let (now, hidden) = (self.node.horizon(), self.node.hidden());
        let over = |post: &Signed<PostBody>| post.body.expires_at() <= now || hidden.blocks(&post.body.account);
        let unknown = |author: &AccountId| self.me.is_some() && !self.authors.contains_key(author);
        let stray = |post: &Signed<PostBody>| unknown(&post.body.account) && self.is_unfollowed(&post.body.account);
        let mut ops = self.drops(&[Space::Inbox], over);
        ops.extend(self.drops(&[Space::Feed], |post| over(post) || stray(post)));
        ops
    }

    /// Tells whether the disk says that somebody is not followed; where it cannot be read, it does not.
    fn is_unfollowed(&self, author: &AccountId) -> bool {
        self.node.store.local(Space::Followees, &author.0, None, 1).is_ok_and(|rows| rows.is_empty())
    }

    /// Returns the changes that drop posts from feed or inbox.
    pub fn drops(&self, spaces: &[Space], unwanted: impl Fn(&Signed<PostBody>) -> bool) -> Vec<Op> {
        let mut ops = Vec::new();
        for space in spaces.iter().copied() {
            let walked = rows::walk(&self.node, space, None, |key, row| {
                if unwanted(&row.post) {
                    ops.push(Op::DropLocal(space, key));
                }
                true
            });
            if let Err(error) = walked {
                tracing::warn!(%error, "the feed could not be read");
            }
        }
        ops
    }

    /// Returns the authors whose homes were not read as a whole within `age`, or not from enough holders and not just now.
    pub fn not_read_within(&self, age: Duration) -> Vec<AccountId> {
        let (now, hidden) = (Instant::now(), self.node.hidden());
        let stale = |a: &Author| {
            let age = if a.complete { age } else { age.min(AGAIN) };
            a.pace.read_at.is_none_or(|at| now.duration_since(at) >= age)
        };
        let due = self.authors.iter().filter(|(account, a)| stale(a) && !hidden.blocks(account));
        due.map(|(account, _)| *account).collect()
    }

    /// Tells watchers what a reading found missing and they were not told yet.
    fn tell_missing(&mut self, account: &AccountId) {
        let news = self.authors.get_mut(account).map(Author::news).unwrap_or_default();
        news.into_iter().for_each(|missing| self.announce(account, &FeedEvent::Missing(missing)));
    }

    /// Returns the authors that the user wants to hear of.
    fn heard(&self) -> impl Iterator<Item = &Author> {
        let hidden = self.node.hidden();
        self.authors.iter().filter(move |(account, _)| !hidden.hides(account)).map(|(_, author)| author)
    }

    /// Tells whether every author's home was read from enough holders.
    pub fn is_complete(&self) -> bool {
        self.heard().all(|author| author.complete)
    }

    /// Returns what is missing, by author and reason.
    pub fn missing(&self) -> Vec<MissingPosts> {
        self.heard().flat_map(Author::missing).collect()
    }

    /// Returns how many posts the user had read on another device and are gone.
    pub fn read_and_gone(&self) -> u64 {
        self.heard().fold(0, |sum, author| sum.saturating_add(author.followee.read_and_gone))
    }
}
