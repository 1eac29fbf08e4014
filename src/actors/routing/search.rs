//! A lookup over the network: drives `overlay::DisjointLookup` with real requests.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::overlay::places;
use crate::overlay::replicas::preferred;
use crate::overlay::{ALPHA, DisjointLookup, Step, paths};
use crate::seam::Later;
use crate::types::{Contact, Key, NodeId};
use crate::wire::FindNode;

/// A lookup ends after this, with what it has.
pub(super) const LONGEST: Duration = Duration::from_secs(8);

/// A lookup for the few nearest asks so many more than are wanted: some are late, and others know who is nearer.
pub const SPARE: usize = 3;

/// What asking one peer brought: something of value, and contacts closer to the key.
pub type Asked<T> = Result<(T, Vec<Contact>), CallError>;

/// What a lookup brought.
#[derive(Debug)]
pub struct Found<T> {
    /// What each peer that answered said, the closest first, at most k: those that are preferred as replicas.
    pub closest: Vec<(Contact, T)>,
    /// Whether every path came to its end or brought what was wanted of it.
    pub complete: bool,
    /// Requests sent.
    pub asked: usize,
    /// The longest chain of peers of which one named the next.
    pub hops: usize,
    /// The replica set as far as it is known, the nearest first, whether they were asked or not: who is late is passed over.
    pub nearest: Vec<Contact>,
}

/// The replica set as it is when nobody but late peers is waited for: each with whether it has answered.
pub type Near = Vec<(Contact, bool)>;

/// When a lookup has enough, and how many ways it takes.
pub struct Goal<C> {
    /// Tells whether an answer is one of those wanted.
    pub counts: C,
    /// How many are wanted, over all paths together.
    pub enough: usize,
    /// How many of the nearest are asked at most, but for those in whose place others failed; never more than k.
    pub width: usize,
    /// Whether whoever would hide the answer is worth the cost of several disjoint paths.
    pub guarded: bool,
    /// Whether one answer that counts says it all, on whatever path it came.
    pub first: bool,
    /// Whether the nearest is asked alone, as it will have what is wanted; each that has not brings in one more, each that is late
    /// two.
    pub alone: bool,
    /// Whom to tell as soon as only late peers are waited for.
    pub early: Option<oneshot::Sender<Near>>,
    /// With whom to begin; where nobody is named, with the nearest in the table.
    pub from: Vec<Contact>,
}

impl<C> Goal<C> {
    /// So many answers that count are wanted, on one path.
    pub fn of(counts: C, enough: usize) -> Self {
        Self {
            counts,
            enough,
            width: usize::MAX,
            guarded: false,
            first: false,
            alone: false,
            early: None,
            from: Vec::new(),
        }
    }
}

impl<T> Goal<fn(&T) -> bool> {
    /// Everybody near the key is asked.
    pub fn everybody() -> Self {
        Self::of(|_| false, usize::MAX)
    }
}

/// What happens while a peer is asked.
enum Event<T> {
    /// It is late; the rest of the wait.
    Slow(Contact, Later<Asked<T>>),
    /// It answered, or failed.
    Ended(Contact, Asked<T>),
}

/// Looks for the nodes closest to `target`, asking each with `ask`, until the goal is reached or everybody near was asked.
pub async fn search<T, A, C>(node: &Rc<Context>, target: Key, mut goal: Goal<C>, ask: A) -> Found<T>
where
    T: 'static,
    A: Fn(Contact) -> Later<Asked<T>>,
    C: Fn(&T) -> bool,
{
    let k = node.network.k();
    let mut lookup = begin(node, target, &mut goal).await;
    let share = goal.enough.div_ceil(lookup.paths());
    let mut brought = vec![0; lookup.paths()];
    let mut asking: FuturesUnordered<Later<Event<T>>> = FuturesUnordered::new();
    let mut in_vain = 0;
    let (mut said, deadline) = (BTreeMap::<NodeId, T>::new(), Instant::now() + LONGEST);
    loop {
        if goal.alone {
            lookup.expect_all(in_vain);
        }
        match lookup.next() {
            Step::Ask(contact) => {
                let answer = ask(contact.clone());
                asking.push(Box::pin(watch(contact.clone(), answer, node.hedge_after(&contact.node))));
                continue;
            }
            Step::Done => break,
            Step::Wait => {}
        }
        tell(&mut goal.early, &lookup);
        let next = tokio::select! {
            biased;
            next = asking.next() => next,
            () = sleep_until(deadline) => None,
        };
        match next {
            None => break,
            Some(Event::Slow(contact, rest)) => {
                // One that is late may be gone, and the next ones with it: they are not tried one after the other.
                in_vain += ALPHA - 1;
                lookup.on_slow(&contact.node);
                asking.push(Box::pin(async move { Event::Ended(contact, rest.await) }));
            }
            Some(Event::Ended(contact, Err(_))) => {
                in_vain += 1;
                lookup.on_failure(&contact.node);
            }
            Some(Event::Ended(contact, Ok((value, mut contacts)))) => {
                // No more are looked at, whether they are there or not: nobody can name one dead peer after another.
                contacts.truncate(k);
                contacts.retain(|contact| !node.is_absent(contact));
                lookup.on_answer(&contact.node, contacts);
                match lookup.path_of(&contact.node).filter(|_| (goal.counts)(&value)) {
                    Some(_) if goal.first => lookup.finish(),
                    Some(path) => {
                        brought[path] += 1;
                        lookup.want(path, share.saturating_sub(brought[path]));
                    }
                    None => in_vain += 1,
                }
                said.insert(contact.node, value);
            }
        }
        if lookup.has_enough(&brought, goal.enough) {
            lookup.finish();
        }
    }
    node.doors().routing.looked_up(target);
    let found = conclude(lookup, said);
    tracing::trace!(key = %target.short(), asked = found.asked, hops = found.hops, "lookup");
    found
}

/// Tells whoever asked for it as soon as only late peers are waited for.
fn tell(early: &mut Option<oneshot::Sender<Near>>, lookup: &DisjointLookup) {
    if let Some(near) = early.as_ref().and_then(|_| lookup.nearly()) {
        // Whoever asked to be told may have gone.
        let _ = early.take().map(|early| early.send(near));
    }
}

fn conclude<T>(lookup: DisjointLookup, mut said: BTreeMap<NodeId, T>) -> Found<T> {
    let (complete, nearest) = (lookup.has_ended(), lookup.nearest());
    let report = lookup.into_report();
    let take = |contact: Contact| said.remove(&contact.node).map(|value| (contact, value));
    let closest = report.closest.into_iter().filter_map(take).collect();
    Found { closest, complete, asked: report.asked, hops: report.hops, nearest }
}

/// Begins with those named, or at the nearest in the table, on several paths where that is worth it and enough nodes are known.
async fn begin<C>(node: &Rc<Context>, target: Key, goal: &mut Goal<C>) -> DisjointLookup {
    let (k, from) = (node.network.k(), std::mem::take(&mut goal.from));
    if !from.is_empty() {
        return DisjointLookup::new(target, node.me, k.min(goal.width), 1, from);
    }
    let (mut seeds, known) = node.doors().routing.seeds(target, k).await;
    // Where nobody was reached of late, it may have been our own fault: then all are asked again.
    if !seeds.iter().all(|seed| node.is_absent(seed)) {
        seeds.retain(|seed| !node.is_absent(seed));
    }
    let paths = if goal.guarded { paths(known, k) } else { 1 };
    DisjointLookup::new(target, node.me, k.min(goal.width), paths, seeds)
}

/// Waits for an answer; past `slow` the peer gets company.
async fn watch<T>(contact: Contact, mut answer: Later<Asked<T>>, slow: Duration) -> Event<T> {
    match timeout(slow, &mut answer).await {
        Ok(asked) => Event::Ended(contact, asked),
        Err(_) => Event::Slow(contact, answer),
    }
}

/// Looks for the nodes closest to `target`, all of them asked.
pub async fn find_closest(node: &Rc<Context>, target: Key) -> Found<()> {
    let asker = node.clone();
    search(node, target, Goal::everybody(), move |contact| ask(&asker, contact, target)).await
}

/// Looks for the nodes closest to `target` as a newcomer does that knows these alone: where the table is of one part of a network
/// that was cut in two, so is all that its contacts name.
pub async fn find_closest_anew(node: &Rc<Context>, target: Key, from: Vec<Contact>) -> Found<()> {
    let asker = node.clone();
    search(node, target, Goal { from, ..Goal::everybody() }, move |contact| ask(&asker, contact, target)).await
}

/// Looks for the nodes closest to `target`, as [`find_closest`]; `early` hears of them as soon as only late peers are waited
/// for, if that is before the end.
pub async fn find_closest_soon(node: &Rc<Context>, target: Key, early: oneshot::Sender<Near>) -> Found<()> {
    let asker = node.clone();
    search(node, target, Goal { early: Some(early), ..Goal::everybody() }, move |contact| ask(&asker, contact, target))
        .await
}

/// Asks one peer whom it knows near a key.
fn ask(node: &Rc<Context>, contact: Contact, key: Key) -> Later<Asked<()>> {
    let node = node.clone();
    Box::pin(async move {
        let closer = node.call(&contact, &FindNode { key }, Patience::Read).await?;
        Ok(((), node.open_contacts(closer.contacts)))
    })
}

/// Returns the contacts nearest to a key as they are told to a peer: without itself, and without private addresses where
/// it is met at a public one.
pub async fn nearest_for(node: &Rc<Context>, peer: Option<NodeId>, key: Key) -> Vec<Contact> {
    let k = node.network.k();
    let outside = peer.is_some_and(|peer| node.is_outside(&peer));
    let room = if outside { 2 * k } else { k };
    let mut contacts = node.doors().routing.closest(key, room + 1).await;
    contacts.retain(|c| Some(c.node) != peer && (!outside || places::is_public(c)));
    preferred(&contacts, k)
}
