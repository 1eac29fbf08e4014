//! Writing the feed: commits in the order of calls, and what is told when they have ended; what was shown.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::followee::Followee;
use super::messages::{FeedEvent, Settled, ShownPost, Watching};
use super::rows;
use super::state::{FeedState, ROWS};
use crate::seam::{Batch, Later, Op, Space, StoreError};
use crate::timeline::FeedRow;
use crate::types::{AccountId, Hash};

impl FeedState {
    /// Makes changes in the order of calls; ready when they are on disk.
    pub fn keep(&self, ops: Vec<Op>) -> Later<Result<(), StoreError>> {
        if ops.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.unshown.follow(&ops);
        self.naming.borrow_mut().extend(ops.iter().filter_map(named));
        let feed = keys(&ops, Space::Feed).filter(|k| self.pending.contains_key(k)).collect();
        let inbox = keys(&ops, Space::Inbox).collect();
        let dropped = dropped(&ops).collect();
        let (commit, node) = (self.node.store.commit(Batch(ops)), self.node.clone());
        Box::pin(async move {
            let outcome = commit.await.map(|_| ());
            if let Err(error) = &outcome {
                tracing::error!(%error, "the feed could not be written");
            }
            node.doors().feed.settled(Settled { feed, inbox, dropped, kept: outcome.is_ok() }).await;
            outcome
        })
    }

    /// Takes the end of a commit: what is on disk is told to watchers, what is not will come again, or go another time.
    /// Returns whose mentions were not written, or did not go.
    pub fn settled(&mut self, Settled { feed, inbox, dropped, kept }: Settled) -> BTreeSet<AccountId> {
        let silent: BTreeSet<&Bytes> = feed.iter().filter(|key| self.silent.remove(*key)).collect();
        let rows: Vec<(&Bytes, FeedRow)> =
            feed.iter().filter_map(|key| Some((key, self.pending.remove(key)?))).collect();
        let named: Vec<FeedRow> = inbox.iter().filter_map(|key| self.naming.borrow_mut().remove(key)).collect();
        if !kept {
            self.unwritten = true;
            self.count_unshown();
            let left: Vec<(Space, FeedRow)> =
                dropped.iter().filter_map(|(space, key)| Some((*space, rows::at(&self.node, *space, key)?))).collect();
            left.iter().for_each(|(_, row)| self.undelete(&row.post));
            let of_feed = left.iter().filter(|(space, _)| *space == Space::Feed).map(|(_, row)| row);
            let lost: BTreeSet<AccountId> =
                of_feed.chain(rows.iter().map(|(_, row)| row)).map(|row| row.post.body.account).collect();
            lost.iter().for_each(|account| self.recall(account));
            let of_inbox = left.iter().filter(|(space, _)| *space == Space::Inbox).map(|(_, row)| row);
            return of_inbox.chain(&named).map(|row| row.post.body.account).collect();
        }
        for (_, row) in rows.into_iter().filter(|(key, _)| !silent.contains(key)) {
            self.announce(&row.post.body.account, &FeedEvent::Post(rows::shown(&row)));
        }
        let mentions = inbox.iter().filter_map(|key| rows::at(&self.node, Space::Inbox, key));
        for row in mentions.filter(|row| !row.shown).collect::<Vec<FeedRow>>() {
            self.announce(&row.post.body.account, &FeedEvent::Mention(rows::shown(&row)));
        }
        BTreeSet::new()
    }

    /// Goes back to what is on disk of an author's logs, and has its home read again soon.
    fn recall(&mut self, account: &AccountId) {
        let held = self.node.store.local(Space::Followees, &account.0, None, 1).unwrap_or_default();
        let held = held.first().and_then(|(_, value)| Followee::read(value));
        if let Some(author) = self.authors.get_mut(account) {
            let held = held.filter(|held| held.hlc == author.followee.hlc);
            author.followee = held.unwrap_or_else(|| author.followee.afresh());
            author.complete = false;
        }
    }

    /// Marks posts as shown; returns how many are here, and the changes.
    pub fn mark_shown(&mut self, ids: &[Hash]) -> Result<(usize, Vec<Op>), StoreError> {
        let wanted: BTreeSet<&Hash> = ids.iter().collect();
        let (mut ops, mut found) = (Vec::new(), BTreeSet::new());
        for row in self.pending.values_mut().filter(|row| wanted.contains(&row.post.hash())) {
            row.shown = true;
            // Commits are made in their order, so this one comes after the one that is under way.
            ops.push(rows::put(row));
            found.insert(row.post.hash());
        }
        for space in ROWS {
            let (pending, mut left) = (&self.pending, wanted.len());
            rows::walk(&self.node, space, None, |key, mut row| {
                if wanted.contains(&row.post.hash()) && !(space == Space::Feed && pending.contains_key(&key)) {
                    found.insert(row.post.hash());
                    left -= 1;
                    if !row.shown {
                        row.shown = true;
                        ops.push(Op::SetLocal(space, key, row.to_bytes()));
                    }
                }
                left > 0
            })?;
        }
        // What is gone for good has been said with this page, and is not said again.
        for author in self.authors.values_mut() {
            if author.say() {
                ops.push(author.followee.keep());
            }
        }
        Ok((found.len(), ops))
    }

    /// Adds a watcher; `None` when there are too many.
    pub fn watch(&mut self) -> Result<Option<Watching>, StoreError> {
        let (now, hidden) = (self.node.horizon(), self.node.hidden());
        let mut unseen: BTreeMap<Bytes, ShownPost> = BTreeMap::new();
        // What is on its way to the disk is told when it is there.
        let pending = &self.pending;
        rows::walk(&self.node, Space::Feed, None, |key, row| {
            let body = &row.post.body;
            let wanted = !row.shown && body.expires_at() > now && !hidden.hides(&body.account);
            if wanted && !pending.contains_key(&key) {
                unseen.insert(key, rows::shown(&row));
            }
            true
        })?;
        let missing = self.missing().into_iter().map(FeedEvent::Missing);
        let events = self.watchers.add(missing);
        Ok(events.map(|events| Watching { unseen: unseen.into_values().rev().collect(), events }))
    }
}

/// Returns the rows of feed and inbox that changes drop.
fn dropped(ops: &[Op]) -> impl Iterator<Item = (Space, Bytes)> {
    ops.iter().filter_map(|op| match op {
        Op::DropLocal(space, key) if ROWS.contains(space) => Some((*space, key.clone())),
        _ => None,
    })
}

/// Returns the row that a change puts into the inbox.
fn named(op: &Op) -> Option<(Bytes, FeedRow)> {
    match op {
        Op::SetLocal(Space::Inbox, key, value) => Some((key.clone(), FeedRow::read(value)?)),
        _ => None,
    }
}

/// Returns the keys that changes set in a space.
pub fn keys(ops: &[Op], of: Space) -> impl Iterator<Item = Bytes> {
    ops.iter().filter_map(move |op| match op {
        Op::SetLocal(space, key, _) if *space == of => Some(key.clone()),
        _ => None,
    })
}
