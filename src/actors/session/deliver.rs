//! Delivery: a new post, or the deletion of one, to the nodes of followers that are online, and to those where the author is
//! logged in as well. To a few directly; where there are more, some of them bring it on.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join, join_all};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::actors::context::Context;
use crate::actors::fan::{Care, ELSEWHERE, Pushed, Root, Work, push, read_root, root_of};
use crate::actors::presence::Follower;
use crate::actors::storage::read;
use crate::records::{Record, countersigned, home};
use crate::timeline::fan::DIRECT;
use crate::types::{AccountId, DeviceId, NodeId, Section, SectionSet};

/// When whoever did not answer is tried again. A link that fails for less time than a connection may be silent ends none,
/// so that nothing would tell the follower that it missed something until it looks by itself, up to two minutes later.
const AGAIN: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(12), Duration::from_secs(20)];
/// How long followers who bring a post on have, with those behind them.
const FORWARDED: Duration = Duration::from_secs(12);
/// Most blocked accounts around whom the author cares for its followers itself: each costs a few messages.
const PASSED_OVER: usize = 8;

/// How a delivery stands.
#[derive(Default)]
pub struct Counts {
    /// Devices known to be online; those that turn out not to be are not counted any more.
    online: Cell<u32>,
    /// Devices that have the post.
    delivered: Cell<u32>,
    /// The same of those to whom others bring it on.
    tree: Rc<Work>,
    /// Whether others do.
    grown: Cell<bool>,
}

impl Counts {
    /// Returns how many devices are known to be online.
    pub fn online(&self) -> u32 {
        self.online.get().saturating_add(self.tree.sum.get().online)
    }

    /// Returns how many devices have the post.
    pub fn delivered(&self) -> u32 {
        self.delivered.get().saturating_add(self.tree.sum.get().acked)
    }

    /// Tells whether followers bring it on, which takes longer.
    pub fn is_forwarded(&self) -> bool {
        self.grown.get()
    }
}

/// A delivery under way; it goes on when nobody waits for it.
pub struct Delivery {
    /// How it stands.
    pub counts: Rc<Counts>,
    /// Ready when it is on its way to those known to be online: what else is sent then does not hold them up.
    pub begun: LocalBoxFuture<'static, ()>,
    /// Ready when everybody was tried.
    pub done: LocalBoxFuture<'static, ()>,
}

/// Brings a post or tombstone to everybody known to be online, and to those a fresh reading finds; not to whom the account
/// has blocked.
pub fn deliver(node: Rc<Context>, post: Record) -> Delivery {
    let counts = Rc::new(Counts::default());
    let ((begun, begin), (ended, end)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let work = run(node.clone(), post.clone(), counts.clone(), begun);
    let place = node.clone();
    node.spawn(async move {
        let (silent, care) = work.await;
        drop(ended);
        let again = async {
            if let Some(care) = care {
                care.bring_again().await;
            }
        };
        tokio::join!(bring_again(place, post, silent), again);
    });
    Delivery { counts, begun: begin.map(|_| ()).boxed_local(), done: end.map(|_| ()).boxed_local() }
}

/// Whom a delivery has come to.
#[derive(Default)]
struct Tried {
    /// Each device with the number of the contact it was tried at: one that moved meanwhile is tried where it is now.
    at: BTreeMap<DeviceId, (NodeId, u64)>,
    has: BTreeSet<DeviceId>,
    /// Those who did not answer.
    silent: BTreeMap<DeviceId, Follower>,
    /// Devices that were not there.
    away: BTreeSet<DeviceId>,
}

impl Tried {
    /// Tells whether a device is still to be tried at this contact, and notes that it is.
    fn take(&mut self, follower: &Follower) -> bool {
        let place = (follower.contact.node, follower.contact.seq);
        let new = !self.has.contains(&follower.device) && self.at.insert(follower.device, place) != Some(place);
        if new {
            self.away.remove(&follower.device);
        }
        new
    }

    /// Notes that a device has it.
    fn took(&mut self, device: DeviceId) {
        self.has.insert(device);
        self.silent.remove(&device);
        self.away.remove(&device);
    }

    /// Notes that a device is not there: it said goodbye, or does not answer.
    fn leave(&mut self, device: DeviceId) {
        if self.at.contains_key(&device) && !self.has.contains(&device) {
            self.away.insert(device);
        }
    }

    /// Returns how many are there, as far as is known.
    fn online(&self) -> u32 {
        self.at.len().saturating_sub(self.away.len()) as u32
    }
}

/// Returns who did not answer, and the care of those who bring it on.
async fn run(
    node: Rc<Context>,
    post: Record,
    counts: Rc<Counts>,
    begun: oneshot::Sender<()>,
) -> (Vec<Follower>, Option<Rc<Care>>) {
    // It waits in the outbox; followers find it at its home when it is published.
    if node.clock.in_doubt() {
        return Default::default();
    }
    let Some(account) = post.account() else { return Default::default() };
    let (known, many) = node.doors().presence.known().await;
    // Where there are many, those known are but some of them, and each message counts.
    match many || known.len() > DIRECT {
        true => {
            drop(begun);
            to_many(&node, (&post, account), &counts).await
        }
        false => to_few(&node, (&post, account), known, &counts, begun).await,
    }
}

/// Brings a post to those known and those found; where these turn out to be many, some of them bring it on.
async fn to_few(
    node: &Rc<Context>,
    (post, account): (&Record, AccountId),
    known: Vec<Follower>,
    counts: &Counts,
    begun: oneshot::Sender<()>,
) -> (Vec<Follower>, Option<Rc<Care>>) {
    let tried = RefCell::new(Tried::default());
    let remembered: Vec<DeviceId> = known.iter().map(|follower| follower.device).collect();
    let first = bring(node, post, known, &tried, counts);
    let noted = async {
        // Polled behind the first: those known have been sent it.
        drop(begun);
        let Online { root, own, gone } = read_online(node, account, &[Section::Presence, Section::Interest]).await;
        gone.iter().for_each(|device| node.doors().presence.gone(*device));
        let here = &root.interested.followers;
        // Whoever is nowhere written down any more is tried all the same, but counts only if it answers.
        let lost = remembered.into_iter().filter(|d| root.complete && !here.iter().any(|f| f.device == *d));
        let mut tried = tried.borrow_mut();
        gone.iter().copied().chain(lost).for_each(|device| tried.leave(device));
        counts.online.set(tried.online());
        (root, own)
    };
    let ((), (root, own)) = join(first, noted).await;
    let to_followers = to_those_found(node, (post, account), root, &tried, counts);
    let (care, mut silent) = tokio::join!(to_followers, to_own(node, post, own));
    silent.extend(tried.into_inner().silent.into_values());
    (silent, care)
}

/// Has some of many followers bring a post on to the others.
async fn to_many(
    node: &Rc<Context>,
    (post, account): (&Record, AccountId),
    counts: &Counts,
) -> (Vec<Follower>, Option<Rc<Care>>) {
    counts.grown.set(true);
    let tried = RefCell::new(Tried::default());
    let to_followers = async {
        let root = read_root(node, account).await;
        to_those_found(node, (post, account), root, &tried, counts).await
    };
    let to_others = async {
        let online = read_online(node, account, &[Section::Presence]).await;
        to_own(node, post, online.own).await
    };
    let (care, mut silent) = tokio::join!(to_followers, to_others);
    silent.extend(tried.into_inner().silent.into_values());
    (silent, care)
}

async fn to_those_found(
    node: &Rc<Context>,
    (post, account): (&Record, AccountId),
    root: Root,
    tried: &RefCell<Tried>,
    counts: &Counts,
) -> Option<Rc<Care>> {
    node.doors().presence.learned(root.interested.followers.clone(), true, root.interested.more);
    if root.interested.more || root.about > DIRECT as u64 {
        return Some(forward(node, (post, account), &root, counts).await);
    }
    bring(node, post, root.interested.followers, tried, counts).await;
    None
}

/// Brings a post to the author's other devices, which are no followers and do not count; returns those who did not answer.
async fn to_own(node: &Rc<Context>, post: &Record, own: Vec<Follower>) -> Vec<Follower> {
    let (uncounted, rest) = (RefCell::<Tried>::default(), Counts::default());
    bring(node, post, own, &uncounted, &rest).await;
    uncounted.into_inner().silent.into_values().collect()
}

/// Has followers bring the post on.
async fn forward(node: &Rc<Context>, (post, account): (&Record, AccountId), root: &Root, counts: &Counts) -> Rc<Care> {
    counts.grown.set(true);
    let until = Instant::now() + FORWARDED;
    let blocked = blocked_near(node, root);
    let care = Care::new(node.clone(), (post.clone(), account), (until, counts.tree.clone()), blocked);
    care.clone().bring_all(root).await;
    care
}

/// Returns whom the account has blocked, those first that are known to be interested; at most [`PASSED_OVER`].
fn blocked_near(node: &Context, root: &Root) -> Vec<AccountId> {
    let mut blocked: Vec<AccountId> = node.hidden().blocked.iter().copied().collect();
    blocked.sort_by_key(|account| (!root.interested.found.iter().any(|f| f.account == *account), *account));
    blocked.truncate(PASSED_OVER);
    blocked
}

/// Tries those who did not answer a few times more.
async fn bring_again(node: Rc<Context>, post: Record, mut silent: Vec<Follower>) {
    for pause in AGAIN {
        if silent.is_empty() || post.expires_at() <= node.horizon() {
            return;
        }
        sleep(pause).await;
        let tried = join_all(silent.iter().map(|follower| push(&node, follower, &post, ELSEWHERE))).await;
        silent = silent.into_iter().zip(tried).filter(|(_, answer)| answer.is_none()).map(|(f, _)| f).collect();
    }
}

/// What is written down of who is online.
struct Online {
    /// Who is interested in the account, as far as the first page of the list tells.
    root: Root,
    /// Where the account itself is logged in.
    own: Vec<Follower>,
    /// Devices that said goodbye.
    gone: Vec<DeviceId>,
}

/// Reads from the account's home who is to have what it says now.
async fn read_online(node: &Rc<Context>, account: AccountId, sections: &[Section]) -> Online {
    let reading = read(node, home(&account), SectionSet::of(sections)).await;
    let (mut own, mut gone, mut interest) = (Vec::new(), Vec::new(), Vec::new());
    for record in reading.records {
        let Some(device) = record.device() else { continue };
        match record {
            Record::Presence(r) if r.body.online => {
                let contact = countersigned(&r, &node.network.id);
                own.extend(contact.map(|contact| Follower { account, device, contact }));
            }
            Record::Interest(r) if r.body.online => interest.push(Record::Interest(r)),
            Record::Presence(_) | Record::Interest(_) => gone.push(device),
            _ => {}
        }
    }
    let split = reading.split.contains(Section::Interest);
    Online { root: root_of(node, interest, split, reading.complete), own, gone }
}

async fn bring(node: &Rc<Context>, post: &Record, followers: Vec<Follower>, tried: &RefCell<Tried>, counts: &Counts) {
    let hidden = node.hidden();
    let others = followers.into_iter().filter(|f| f.contact.node != node.me && !hidden.blocks(&f.account));
    let new: Vec<Follower> = others.filter(|f| tried.borrow_mut().take(f)).take(DIRECT).collect();
    counts.online.set(tried.borrow().online());
    join_all(new.iter().map(|follower| async move {
        match push(node, follower, post, ELSEWHERE).await {
            // Whoever brought it on counts it.
            Some(pushed) if pushed.again => tried.borrow_mut().leave(follower.device),
            Some(Pushed { status, .. }) if status.is_acknowledged() => {
                let mut tried = tried.borrow_mut();
                tried.took(follower.device);
                counts.delivered.set(tried.has.len() as u32);
                counts.online.set(tried.online());
            }
            Some(Pushed { status, .. }) => tracing::debug!(?status, "a follower did not take a post"),
            None => {
                node.doors().presence.gone(follower.device);
                let mut tried = tried.borrow_mut();
                tried.leave(follower.device);
                tried.silent.insert(follower.device, follower.clone());
                counts.online.set(tried.online());
            }
        }
    }))
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AccountId, Contact};

    #[test]
    fn a_device_that_moved_is_tried_again_unless_it_has_the_post() {
        let at = |node: u8, seq: u64| {
            let hint = Contact::hint(NodeId([node; 32]), ([192, 0, 2, node], 9).into());
            Follower {
                account: AccountId([1; 32]),
                device: DeviceId([2; 32]),
                contact: hint.but(|reach| reach.seq = seq),
            }
        };
        let mut tried = Tried::default();
        assert!(tried.take(&at(1, 5)) && !tried.take(&at(1, 5)));
        assert!(tried.take(&at(1, 6)) && tried.take(&at(3, 6)));
        assert_eq!(tried.online(), 1, "it is one device");
        tried.away.insert(DeviceId([2; 32]));
        assert_eq!(tried.online(), 0);
        assert!(tried.take(&at(3, 7)) && tried.online() == 1, "it may have come back elsewhere");
        tried.leave(DeviceId([2; 32]));
        assert_eq!(tried.online(), 0);
        tried.took(DeviceId([2; 32]));
        assert!(!tried.take(&at(4, 7)) && tried.online() == 1, "whoever took it was there");
    }
}
