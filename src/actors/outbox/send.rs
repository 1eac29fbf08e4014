//! One attempt at an item: every parcel to its replica set and to the anchors, and where a page is full, to the page below.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::item::{Item, Parcel, has_ended};
use super::live::Live;
use super::messages::Progress;
use super::replicas::{find_replicas, is_alone};
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::actors::gc::is_collected;
use crate::actors::put::put_each;
use crate::actors::routing::just_found;
use crate::records::{Record, slot};
use crate::retention::{Anchor, Publication, wanted};
use crate::seam::Later;
use crate::types::{Contact, Hash, Key, NodeId, Section, SectionSet};
use crate::wire::{Blob, Put, Status};

/// Replicas found a moment ago have so long; after that they may not be there any more, and it is looked who is.
const AT_ONCE: Duration = Duration::from_millis(500);

/// An anchor that answered within this is busy rather than gone.
const HEARD: Duration = Duration::from_secs(60);

/// Tells the caller who waits as soon as everything is published.
pub struct Waiter {
    left: usize,
    live: Live,
    told: Option<oneshot::Sender<Progress>>,
}

impl Waiter {
    /// Makes a waiter for an item.
    pub fn new(item: &Item, live: Live, told: oneshot::Sender<Progress>) -> Self {
        Self { left: item.parcels.iter().filter(|p| !p.published).count(), live, told: Some(told) }
    }

    fn published(&mut self, acked: u32, wanted: u32) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.tell(Progress { published: true, acked, wanted, hopeful: true });
        }
    }

    fn tell(&mut self, progress: Progress) {
        if let Some(told) = self.told.take() {
            // Whoever waited may have given up.
            let _ = told.send(progress);
        }
    }
}

/// Most records that the slot of a post keeps.
const SLOT: usize = 2;

/// What the parcels of one attempt share.
struct Run {
    node: Rc<Context>,
    waiter: RefCell<Waiter>,
    below: RefCell<Below>,
    more: Notify,
}

/// Records that had to go to a page below the one they were meant for: at most one parcel for each record and level.
#[derive(Default)]
struct Below {
    known: BTreeSet<(Key, Blob)>,
    fresh: Vec<Parcel>,
}

impl Run {
    /// Sees to it that a record for a full page goes to the page below as well; false when there is none.
    fn descend(&self, key: &Key, blob: &Blob) -> bool {
        let record = Record::decode(blob.0.clone()).ok();
        let Some(page) = record.and_then(|record| record.page_below(key)) else { return false };
        let mut below = self.below.borrow_mut();
        if below.known.insert((page.key(), blob.clone())) {
            // Before the parcel above is counted as published: this one is waited for as well.
            let parcel = Parcel::new(page.key(), blob.clone());
            let mut waiter = self.waiter.borrow_mut();
            waiter.left += 1;
            waiter.live.note(&parcel);
            below.fresh.push(parcel);
            self.more.notify_one();
        }
        true
    }
}

/// Makes one attempt; returns the item with what it brought.
pub async fn attempt(node: Rc<Context>, mut item: Item, waiter: Waiter) -> Item {
    let known = item.parcels.iter().flat_map(|p| p.records.iter().map(|record| (p.key, record.clone()))).collect();
    let below = RefCell::new(Below { known, fresh: Vec::new() });
    let run = Run { node, waiter: RefCell::new(waiter), below, more: Notify::new() };
    let send = |(place, mut parcel): (usize, Parcel)| {
        let run = &run;
        async move {
            let trouble = send_parcel(run, &mut parcel).await;
            (place, parcel, trouble)
        }
    };
    let mut places = 0..;
    let mut sending: FuturesUnordered<_> = places.by_ref().zip(item.parcels.drain(..)).map(send).collect();
    let mut sent: BTreeMap<usize, (Parcel, Option<String>)> = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            next = sending.next() => match next {
                Some((place, parcel, trouble)) => drop(sent.insert(place, (parcel, trouble))),
                None => break,
            },
            () = run.more.notified() => {}
        }
        let fresh = std::mem::take(&mut run.below.borrow_mut().fresh);
        sending.extend(places.by_ref().zip(fresh).map(send));
    }
    item.last_error = sent.values().find_map(|(_, trouble)| trouble.clone());
    item.parcels = sent.into_values().map(|(parcel, _)| parcel).collect();
    run.waiter.borrow_mut().tell(Progress::of(&item));
    item
}

/// Sends one parcel; returns what stood in the way, if anything did. Replicas that were found a moment ago, as for the post
/// before, are sent it without another lookup, which is made when they were not enough.
async fn send_parcel(run: &Run, parcel: &mut Parcel) -> Option<String> {
    let node = &run.node;
    drop_ended(node, parcel);
    if parcel.complete {
        return None;
    }
    if let Some(of_late) = just_found(node, parcel.key).await {
        let sent = timeout(AT_ONCE, send_to(run, parcel, Some(of_late))).await;
        if parcel.complete {
            return sent.ok().flatten();
        }
        node.vicinities.forget(&parcel.key);
    }
    send_to(run, parcel, None).await
}

/// Sends one parcel to these replicas, or to those that a lookup finds.
///
/// Those that the lookup found are sent it while it still waits for late peers: one that is gone keeps nobody waiting.
async fn send_to(run: &Run, parcel: &mut Parcel, of_late: Option<Vec<Contact>>) -> Option<String> {
    let (node, key) = (&run.node, parcel.key);
    let (early, near) = oneshot::channel();
    let look = async {
        match of_late {
            Some(replicas) => (replicas, true),
            None => find_replicas(node, key, early).await,
        }
    };
    let (mut looking, mut near) = (pin!(look), near.fuse());
    let mut standing = Publication {
        acked: parcel.acked.clone(),
        anchors: anchors(node, &parcel.acked).await,
        ..Publication::default()
    };
    let mut sending = Sending { sent: parcel.acked.clone(), under_way: FuturesUnordered::new() };
    let (mut outcome, before) = (Outcome::default(), parcel.published);
    let (mut ended, mut sure) = (false, false);
    loop {
        let (set, answered): (Vec<Contact>, Vec<Contact>) = tokio::select! {
            biased;
            (found, all) = &mut looking, if !ended => {
                (sure, ended) = (all, true);
                (found.clone(), found)
            }
            Ok(near) = &mut near, if !ended => {
                let answered = near.iter().filter(|(_, answered)| *answered).map(|(contact, _)| contact.clone()).collect();
                (near.into_iter().map(|(contact, _)| contact).collect(), answered)
            }
            Some((peer, answer)) = sending.under_way.next() => {
                outcome.note(run, parcel, &mut standing, peer, answer);
                update(parcel, &standing, before, &run.waiter);
                continue;
            }
            else => break,
        };
        drop_ended(node, parcel);
        if parcel.complete {
            return None;
        }
        standing.replicas = set.iter().map(|c| c.node).collect();
        standing.alone = set.is_empty() && is_alone(node).await;
        let targets = with_anchors(node, answered).await;
        sending.begin(node, parcel, targets);
        update(parcel, &standing, before, &run.waiter);
    }
    // Those that were too busy to answer the lookup may be the replicas that others find.
    parcel.complete &= !outcome.fell && sure;
    parcel.hopeful = !outcome.refused && standing.is_hopeful(heard_anchor(node).await);
    let trouble = outcome.trouble;
    if parcel.published {
        return trouble.filter(|_| !parcel.complete);
    }
    trouble.or_else(|| {
        let anchored = standing.anchors.is_empty() || standing.anchors.iter().any(|(_, a)| *a == Anchor::Has);
        Some(if anchored { "too few replicas answered" } else { "no bootpeer could be reached" }.to_owned())
    })
}

/// What a peer said to a parcel.
type Said = Result<Vec<Status>, CallError>;

/// Puts that are under way, and to whom one was sent: nobody twice.
struct Sending {
    sent: BTreeSet<NodeId>,
    under_way: FuturesUnordered<Later<(NodeId, Said)>>,
}

impl Sending {
    fn begin(&mut self, node: &Rc<Context>, parcel: &Parcel, targets: Vec<Contact>) {
        for to in targets.into_iter().filter(|to| self.sent.insert(to.node)) {
            let (node, key, records) = (node.clone(), parcel.key, parcel.records.clone());
            let put = Put { key, records, proofs: vec![], show: None };
            self.under_way.push(Box::pin(async move { (to.node, put_each(&node, &to, put, Patience::Disk).await) }));
        }
    }
}

/// What came of the puts so far.
#[derive(Default)]
struct Outcome {
    trouble: Option<String>,
    /// Whether an anchor that was up a moment ago did not answer.
    fell: bool,
    refused: bool,
}

impl Outcome {
    fn note(&mut self, run: &Run, parcel: &mut Parcel, standing: &mut Publication, peer: NodeId, said: Said) {
        let answer = match said.map(|statuses| refusal(run, parcel, &statuses)) {
            Ok(None) => {
                standing.acked.insert(peer);
                parcel.acked.insert(peer);
                Anchor::Has
            }
            Ok(Some(Status::AnchorFull)) => Anchor::Full,
            Ok(Some(status)) => {
                self.trouble = Some(format!("a peer refused: {}", status.as_str()));
                self.refused = true;
                Anchor::Owes
            }
            Err(error) if error.is_unreachable() => Anchor::Down,
            Err(error) => {
                self.trouble = Some(error.to_string());
                Anchor::Owes
            }
        };
        if let Some((_, anchor)) = standing.anchors.iter_mut().find(|(id, _)| *id == peer) {
            // It was up a moment ago: one lost request is not enough to go on without it for ever.
            self.fell |= *anchor == Anchor::Owes && answer == Anchor::Down;
            *anchor = answer;
        }
    }
}

/// Returns replicas and all anchors.
async fn with_anchors(node: &Context, mut targets: Vec<Contact>) -> Vec<Contact> {
    for (contact, _) in node.doors().routing.anchors().await {
        if !targets.iter().any(|t| t.node == contact.node) {
            targets.push(contact);
        }
    }
    targets
}

/// Tells whether an anchor answered a moment ago.
async fn heard_anchor(node: &Context) -> bool {
    node.doors().routing.anchor_heard().await.is_some_and(|ago| ago < HEARD)
}

/// Returns why a holder does not have everything, if it has not: what was too much for its page goes to the page below.
fn refusal(run: &Run, parcel: &Parcel, statuses: &[Status]) -> Option<Status> {
    let taken = |blob: &Blob, status: Status| match status {
        Status::Split => run.descend(&parcel.key, blob),
        status => status.is_acknowledged(),
    };
    // All of them are looked at: one that is refused must not keep another from the page below.
    let refused: Vec<Status> =
        parcel.records.iter().zip(statuses).filter(|(blob, status)| !taken(blob, **status)).map(|(_, s)| *s).collect();
    refused.first().copied()
}

/// Leaves out what was deleted or collected or has ended meanwhile: a deleted post is not sent, nobody needs one that was
/// collected, and of what has ended everybody would refuse it, and what travels with it would never be done.
fn drop_ended(node: &Context, parcel: &mut Parcel) {
    let key = parcel.key;
    parcel.records.retain(|blob| !is_deleted(node, &key, blob) && !was_collected(node, &key, blob));
    let now = node.horizon();
    parcel.records.retain(|blob| !has_ended(blob, now));
    parcel.complete |= parcel.records.is_empty();
}

/// Tells whether a post has been collected here since.
fn was_collected(node: &Context, key: &Key, blob: &Blob) -> bool {
    match Record::decode(blob.0.clone()) {
        Ok(Record::Post(post)) => is_collected(node, key, &post),
        _ => false,
    }
}

/// Tells whether a post's tombstone lies in this node's store.
fn is_deleted(node: &Context, key: &Key, blob: &Blob) -> bool {
    let Ok(record @ Record::Post(_)) = Record::decode(blob.0.clone()) else { return false };
    let (hash, slot) = (record.hash(), slot(&record, Section::Post));
    let before = (Section::Post, slot.clone(), Hash([0; 32]));
    let held = node.store.read(key, SectionSet::of(&[Section::Post]), Some(&before), SLOT, node.horizon());
    held.unwrap_or_default()
        .into_iter()
        .take_while(|row| row.slot == slot)
        .any(|row| matches!(Record::decode(row.bytes), Ok(Record::Tombstone(tombstone)) if tombstone.body.post == hash))
}

/// Notes how far the parcel has come.
fn update(parcel: &mut Parcel, standing: &Publication, before: bool, waiter: &RefCell<Waiter>) {
    parcel.replicas_acked = standing.acked_replicas() as u32;
    parcel.wanted = wanted(standing.replicas.len()) as u32;
    parcel.complete = standing.is_complete();
    let newly = !parcel.published && standing.is_published();
    parcel.published |= newly;
    waiter.borrow().live.note(parcel);
    if newly && !before {
        waiter.borrow_mut().published(parcel.replicas_acked, parcel.wanted);
    }
}

/// Returns all anchors of the network with what they are before the attempt.
async fn anchors(node: &Rc<Context>, acked: &BTreeSet<NodeId>) -> Vec<(NodeId, Anchor)> {
    let known = node.doors().routing.anchors().await;
    let standing = |id: NodeId| {
        if id == node.me {
            return Anchor::Writer;
        }
        if acked.contains(&id) {
            return Anchor::Has;
        }
        match known.iter().find(|(c, _)| c.node == id) {
            Some((_, true)) => Anchor::Owes,
            _ => Anchor::Down,
        }
    };
    node.anchors().map(|id| (id, standing(id))).collect()
}
