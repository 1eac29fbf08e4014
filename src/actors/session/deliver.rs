//! Direct delivery: a new post, or the deletion of one, to the nodes of followers that are online, and to those where the
//! author is logged in as well.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::presence::Follower;
use crate::actors::put::evidence;
use crate::actors::storage::{read, read_list};
use crate::records::{Record, countersigned, home};
use crate::types::{AccountId, DeviceId, NodeId, Section, SectionSet};
use crate::wire::{Blob, Deliver, Status};

/// The most followers a post is brought to directly.
const MOST: usize = 64;

/// When whoever did not answer is tried again. A link that fails for less time than a connection may be silent ends none,
/// so that nothing would tell the follower that it missed something until it looks by itself, up to two minutes later.
const AGAIN: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(12), Duration::from_secs(20)];

/// How a delivery stands.
#[derive(Default)]
pub struct Counts {
    /// Devices known to be online; those that turn out not to be are not counted any more.
    pub online: Cell<u32>,
    /// Devices that have the post.
    pub delivered: Cell<u32>,
}

/// A delivery under way; it goes on when nobody waits for it.
pub struct Delivery {
    /// How it stands.
    pub counts: Rc<Counts>,
    /// Ready when everybody was tried.
    pub done: LocalBoxFuture<'static, ()>,
}

/// Brings a post or tombstone to everybody known to be online, and to those a fresh reading finds; not to whom the account
/// has blocked.
pub fn deliver(node: Rc<Context>, post: Record) -> Delivery {
    let counts = Rc::new(Counts::default());
    let (ended, end) = oneshot::channel::<()>();
    let work = run(node.clone(), post.clone(), counts.clone());
    let place = node.clone();
    node.spawn(async move {
        let silent = work.await;
        drop(ended);
        bring_again(place, post, silent).await;
    });
    Delivery { counts, done: end.map(|_| ()).boxed_local() }
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

/// Returns who did not answer.
async fn run(node: Rc<Context>, post: Record, counts: Rc<Counts>) -> Vec<Follower> {
    // It waits in the outbox; followers find it at its home when it is published.
    if node.clock.in_doubt() {
        return Vec::new();
    }
    let Some(account) = post.account() else { return Vec::new() };
    let tried = RefCell::new(Tried::default());
    let known = node.doors().presence.known().await;
    let fresh = read_online(&node, account);
    let remembered: Vec<DeviceId> = known.iter().map(|follower| follower.device).collect();
    let first = bring(&node, &post, known, &tried, &counts);
    let noted = async {
        let Online { here, gone, complete } = fresh.await;
        gone.iter().for_each(|device| node.doors().presence.gone(*device));
        // Whoever is nowhere written down any more is tried all the same, but counts only if it answers.
        let lost = remembered.into_iter().filter(|device| complete && !here.iter().any(|f| f.device == *device));
        let mut tried = tried.borrow_mut();
        gone.iter().copied().chain(lost).for_each(|device| tried.leave(device));
        counts.online.set(tried.online());
        here
    };
    let (fresh, ()) = tokio::join!(noted, first);
    let (own, followers): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|online| online.account == account);
    node.doors().presence.learned(followers.clone(), true);
    // The author's other devices are no followers, and do not count.
    let (uncounted, rest) = (RefCell::<Tried>::default(), Counts::default());
    let others = bring(&node, &post, own, &uncounted, &rest);
    tokio::join!(bring(&node, &post, followers, &tried, &counts), others);
    let silent = |tried: RefCell<Tried>| tried.into_inner().silent.into_values();
    silent(tried).chain(silent(uncounted)).collect()
}

/// Tries those who did not answer a few times more.
async fn bring_again(node: Rc<Context>, post: Record, mut silent: Vec<Follower>) {
    for pause in AGAIN {
        if silent.is_empty() || post.expires_at() <= node.horizon() {
            return;
        }
        sleep(pause).await;
        let tried = join_all(silent.iter().map(|follower| push(&node, follower, &post))).await;
        silent = silent.into_iter().zip(tried).filter(|(_, answer)| answer.is_none()).map(|(f, _)| f).collect();
    }
}

/// What is written down of who is online.
struct Online {
    /// Who is interested in the account, and where the account itself is logged in.
    here: Vec<Follower>,
    /// Devices that said goodbye.
    gone: Vec<DeviceId>,
    /// Whether everything was read.
    complete: bool,
}

/// Reads who is to have what an account says now.
async fn read_online(node: &Rc<Context>, account: AccountId) -> Online {
    let devices = read(node, home(&account), SectionSet::of(&[Section::Presence]));
    let (followers, devices) = tokio::join!(read_list(node, Section::Interest, account), devices);
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for record in followers.records.iter().chain(&devices.records) {
        let (is_online, contact) = match record {
            Record::Interest(r) => (r.body.online, countersigned(r, &node.network.id)),
            Record::Presence(r) => (r.body.online, countersigned(r, &node.network.id)),
            _ => continue,
        };
        match (record.account(), record.device(), contact) {
            (Some(account), Some(device), Some(contact)) if is_online => {
                here.push(Follower { account, device, contact });
            }
            (_, Some(device), _) if !is_online => gone.push(device),
            _ => {}
        }
    }
    Online { here, gone, complete: followers.complete && devices.complete }
}

async fn bring(node: &Rc<Context>, post: &Record, followers: Vec<Follower>, tried: &RefCell<Tried>, counts: &Counts) {
    let hidden = node.hidden();
    let others = followers.into_iter().filter(|f| f.contact.node != node.me && !hidden.blocks(&f.account));
    let new: Vec<Follower> = others.filter(|f| tried.borrow_mut().take(f)).take(MOST).collect();
    counts.online.set(tried.borrow().online());
    join_all(new.iter().map(|follower| async move {
        match push(node, follower, post).await {
            Some(status) if status.is_acknowledged() => {
                let mut tried = tried.borrow_mut();
                tried.took(follower.device);
                counts.delivered.set(tried.has.len() as u32);
                counts.online.set(tried.online());
            }
            Some(status) => tracing::debug!(?status, "a follower did not take a post"),
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

/// Pushes to one follower; `None` when it does not answer.
async fn push(node: &Rc<Context>, follower: &Follower, post: &Record) -> Option<Status> {
    let mut request = Deliver { post: post.bytes().into(), proofs: vec![] };
    let mut answer = node.call(&follower.contact, &request, Patience::Disk).await.ok()?;
    if Status::from_number(answer.status) == Status::NeedProof {
        request.proofs = evidence(node, &[Blob::from(post.bytes())]);
        answer = node.call(&follower.contact, &request, Patience::Disk).await.ok()?;
    }
    Some(Status::from_number(answer.status))
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
