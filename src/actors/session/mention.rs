//! Whom a post names hears of it: mentions into inboxes, looked up and sent behind the post.
//!
//! What is owed is on disk from the moment of the post until it is in the outbox.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::compare::Standing;
use super::state::{Once, Session, Shared};
use crate::actors::outbox::Item;
use crate::actors::storage::read_account;
use crate::records::{MentionBody, PostBody, Record, Signed};
use crate::seam::{Batch, Op, Space, Store};
use crate::timeline::mentions;
use crate::types::{AccountId, Hash, Limits, WallTime};

/// Most accounts that one post tells.
const MOST: usize = 20;
/// Most posts looked at in one go: what an hour's limit of posts gives.
const AT_ONCE: usize = 300;
/// Most accounts whose mentions are counted; beyond that those named longest ago count anew.
const COUNTED: usize = 4096;

const HOUR: Duration = Duration::from_secs(3600);
const PREFIX: &[u8] = b"names ";

/// A post whose names were not looked up yet.
pub struct Owed;

impl Owed {
    /// Tells whether anybody may be named.
    pub fn names_somebody(post: &PostBody) -> bool {
        post.reply_to.is_some() || !mentions(&post.text).is_empty()
    }

    /// Returns the change that notes that names are to be looked up.
    pub fn keep(post: &Signed<PostBody>) -> Op {
        Op::SetLocal(Space::Session, key(&post.hash()), post.bytes().clone())
    }

    /// Returns the change that notes that they were, or need not be.
    pub fn settle(post: &Hash) -> Op {
        Op::DropLocal(Space::Session, key(post))
    }

    fn all(store: &dyn Store) -> Vec<Signed<PostBody>> {
        let rows = store.local(Space::Session, PREFIX, None, AT_ONCE).unwrap_or_default();
        rows.into_iter().filter_map(|(_, bytes)| Signed::decode(bytes).ok()).collect()
    }
}

fn key(post: &Hash) -> Bytes {
    [PREFIX, &post.0[..]].concat().into()
}

/// When who was named, within the last hour.
#[derive(Clone, Debug, Default)]
pub struct Named(BTreeMap<AccountId, VecDeque<WallTime>>);

impl Named {
    /// Tells whether an account may be named once more, and notes it.
    pub fn take(&mut self, account: AccountId, now: WallTime, limits: &Limits) -> bool {
        if self.0.len() >= COUNTED {
            self.0.retain(|_, times| times.back().is_some_and(|at| now.since(*at) < HOUR));
        }
        if self.0.len() >= COUNTED {
            self.0.pop_first();
        }
        let times = self.0.entry(account).or_default();
        times.retain(|at| *at <= now && now.since(*at) < HOUR);
        let may = times.len() < limits.mentions_per_hour as usize;
        if may {
            times.push_back(now);
        }
        may
    }
}

/// Looks up the names of all posts that are owed, and sends what comes of it.
pub async fn tell(shared: Rc<Shared>) {
    if shared.standing.get() != Standing::Level {
        return;
    }
    let Some(_once) = Once::begin(&shared.telling) else { return };
    let Ok(session) = shared.session() else { return };
    for post in Owed::all(&*shared.node.store) {
        if post.body.expires_at() > shared.node.horizon() {
            // One that is not known now is asked for again later, with all the others of its post.
            let Some(named) = named(&shared, &session, &post.body).await else { continue };
            send(&shared, &session, &post, named).await;
        } else if let Err(error) = shared.node.store.commit(Batch(vec![Owed::settle(&post.hash())])).await {
            tracing::warn!(%error, "a post that has ended still waits for its names");
        }
    }
}

/// Returns whom a post names; `None` when that cannot be said now.
async fn named(shared: &Rc<Shared>, session: &Session, post: &PostBody) -> Option<BTreeSet<AccountId>> {
    let mut named: BTreeSet<AccountId> = post.reply_to.iter().map(|to| to.account).collect();
    for name in mentions(&post.text) {
        if let Some(chain) = read_account(&shared.node, &name).await.ok()? {
            named.insert(chain.account);
        }
    }
    let hidden = shared.node.hidden();
    named.retain(|account| *account != session.account && !hidden.blocks(account));
    Some(named)
}

async fn send(shared: &Rc<Shared>, session: &Session, post: &Signed<PostBody>, named: BTreeSet<AccountId>) {
    let _turn = shared.turn.lock().await;
    let (node, Ok(mut now)) = (&shared.node, shared.session()) else { return };
    let owed = node.store.local(Space::Session, &key(&post.hash()), None, 1).is_ok_and(|rows| !rows.is_empty());
    if now.device_id() != session.device_id() || !owed {
        return;
    }
    let limits = node.network.limits();
    let (mut records, before) = (Vec::new(), shared.named.borrow().clone());
    for mentioned in named.into_iter().take(MOST) {
        if !shared.named.borrow_mut().take(mentioned, node.now(), limits) {
            tracing::info!(account = %mentioned.short(), "named too often within an hour: not told");
            continue;
        }
        let (hash, body) = (post.hash(), &post.body);
        let (seq, ends) = (body.seq, body.expires_at());
        let (account, device) = (body.account, body.device);
        now.hlc = now.hlc.max(body.hlc);
        let body = MentionBody { account, device, hlc: now.stamp(node), mentioned, post: hash, seq, ends };
        records.push(Record::Mention(Signed::sign(body, &now.device(), &node.network.id)));
    }
    let settle = Owed::settle(&post.hash());
    let Some(first) = records.first() else {
        if let Err(error) = node.store.commit(Batch(vec![settle])).await {
            tracing::warn!(%error, "a post that names nobody still waits for its names");
        }
        return;
    };
    let item = Item::pack("mention", first.hash(), &records, node.now());
    if let Err(error) = shared.commit(&[], &item, vec![now.keep(), settle]).await {
        // Nobody was told: it may be tried as often as it takes.
        *shared.named.borrow_mut() = before;
        return tracing::warn!(%error, "mentions could not be kept");
    }
    *shared.session.borrow_mut() = Some(now);
    let sender = shared.clone();
    node.spawn(async move {
        sender.dispatch(item).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_is_named_so_often_an_hour() {
        let limits = Limits { mentions_per_hour: 2, ..Limits::default() };
        let (mut named, bob, carol) = (Named::default(), AccountId([1; 32]), AccountId([2; 32]));
        let at = |minutes: u64| WallTime(1_000_000 + minutes * 60_000);
        assert!(named.take(bob, at(0), &limits) && named.take(bob, at(30), &limits));
        assert!(!named.take(bob, at(59), &limits) && named.take(carol, at(59), &limits));
        assert!(named.take(bob, at(60), &limits) && !named.take(bob, at(61), &limits));
        assert!(named.take(bob, at(0), &limits), "times of a clock that was ahead do not count");
    }
}
