//! Bringing a home in step with a majority of its replicas: what they have is fetched, what they lack is pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::answer::take_hint;
use super::home::{hashes, read};
use super::marks::marks_at;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::put::put;
use crate::actors::routing::closest_of_late;
use crate::records::{Record, home};
use crate::retention::majority;
use crate::seam::Stored;
use crate::types::{AccountId, Contact, Hash, Key, NodeId, Section};
use crate::wire::{Blob, MAX_MARKS, MAX_PUT_RECORDS, MAX_WANTED, Mark, Put, Reconcile, Reconciled, Status};

/// Most answers that the list of one home takes: 40,000 records.
const LISTS: usize = 20;
/// Most records fetched from one peer in a round; more come in the next one.
const FETCHED: usize = 2_000;
/// Most records pushed to one peer in a round: a minute's puts are not used up by it.
const PUSHED: usize = 5 * MAX_PUT_RECORDS;

/// The nodes that a home belongs to, as far as this node can tell.
struct Replicas {
    /// The k closest known, this node included where it is one of them.
    set: BTreeSet<NodeId>,
    /// Those of them that answered just now, and then the anchors, to be asked in this order.
    ask: Vec<Contact>,
    /// The anchors that are up.
    anchors: BTreeSet<NodeId>,
}

/// What a peer said that it has and has collected.
struct Said {
    contact: Contact,
    has: BTreeMap<Hash, Section>,
    marks: Vec<Mark>,
    /// Whether it was away, and may lack what decides.
    unsynced: bool,
}

/// Tells whether this node is one of the nodes closest to a key that it knows of.
pub(super) async fn is_replica(node: &Rc<Context>, key: &Key) -> bool {
    let k = node.network.k();
    let closest = node.doors().routing.closest(*key, k).await;
    let nearer = closest.iter().filter(|c| c.node.distance(key) < node.me.distance(key)).count();
    nearer < k
}

/// What came of comparing a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in step with enough others.
    Agreed,
    /// Too few answered and kept nothing back, or this node could not keep what they have.
    Few,
    /// Enough answered, and some of them may lack what they should have: soon they will not.
    Away,
}

/// Compares a home with a majority of its replicas, and with an anchor where this node is none.
///
/// Whoever names what it then keeps back, or cannot prove, counts as one that did not answer: others are asked, so that no
/// replica alone holds up what the rest agree on.
pub(super) async fn reconcile(node: &Rc<Context>, account: AccountId) -> Verdict {
    let key = home(&account);
    let Replicas { set, ask, anchors } = replicas(node, key).await;
    let mut said: Vec<Said> = Vec::new();
    let mut ask = ask.into_iter();
    // What those have who were away is fetched as well. They have a voice only where nobody else has.
    let voices = |said: &[Said], away: bool| {
        let heard = said.iter().filter(|s| away || !s.unsynced).map(|s| s.contact.node);
        let own = Some(node.me).filter(|_| away || node.is_synced());
        let agreed = heard.clone().chain(own).filter(|id| set.contains(id)).count();
        let anchored = node.is_anchor() || !node.has_anchors() || heard.clone().any(|id| anchors.contains(&id));
        (majority(set.len()).saturating_sub(agreed), anchored)
    };
    loop {
        let (lacking, anchored) = voices(&said, false);
        let enough = lacking == 0 && anchored;
        let wave: Vec<Contact> = if enough { Vec::new() } else { ask.by_ref().take(lacking.max(1)).collect() };
        if !enough && wave.is_empty() {
            let all_away = !node.is_synced() && said.iter().all(|s| s.unsynced);
            match voices(&said, true) {
                (0, true) if all_away => {}
                (0, true) => return Verdict::Away,
                _ => return Verdict::Few,
            }
        }
        if !wave.is_empty() {
            said.extend(join_all(wave.into_iter().map(|c| list(node, c, account))).await.into_iter().flatten());
            continue;
        }
        said.iter().for_each(|s| take_hint(node, account, &s.marks));
        let Fetched { kept, kept_back } = fetch(node, account, &said).await;
        if !kept || kept_back.is_empty() {
            push(node, key, said);
            return if kept { Verdict::Agreed } else { Verdict::Few };
        }
        said.retain(|s| !kept_back.contains(&s.contact.node));
    }
}

async fn replicas(node: &Rc<Context>, key: Key) -> Replicas {
    let k = node.network.k();
    let live = closest_of_late(node, key).await;
    let known = node.doors().routing.closest(key, k).await;
    // Those that are known and silent count as well: of a network in two parts only one may decide.
    let all = live.iter().chain(&known).map(|c| c.node).chain([node.me]);
    let by_distance: BTreeSet<_> = all.map(|id| (id.distance(&key), id)).collect();
    let set: BTreeSet<NodeId> = by_distance.into_iter().take(k).map(|(_, id)| id).collect();
    let up: Vec<Contact> =
        node.doors().routing.anchors().await.into_iter().filter(|(_, up)| *up).map(|(c, _)| c).collect();
    let anchors = up.iter().map(|c| c.node).collect();
    let mut ask: Vec<Contact> = live.into_iter().filter(|c| set.contains(&c.node)).collect();
    ask.sort_by_key(|c| c.node.distance(&key));
    for anchor in up {
        if anchor.node != node.me && !ask.iter().any(|c| c.node == anchor.node) {
            ask.push(anchor);
        }
    }
    Replicas { set, ask, anchors }
}

/// Asks one peer what it has; `None` when it did not say all of it.
async fn list(node: &Rc<Context>, contact: Contact, account: AccountId) -> Option<Said> {
    let key = home(&account);
    let mut said = Said { contact, has: BTreeMap::new(), marks: Vec::new(), unsynced: false };
    let mut marks = marks_at(node, &key, MAX_MARKS);
    let mut after = None;
    for _ in 0..LISTS {
        let request = Reconcile { account, marks: std::mem::take(&mut marks), want: vec![], after };
        let answer: Reconciled = node.call(&said.contact, &request, Patience::Read).await.ok()?;
        if answer.marks.len() > MAX_MARKS {
            return None;
        }
        said.has.extend(answer.entries().map(|(section, hash)| (hash, section)));
        said.marks.extend(answer.marks);
        said.unsynced |= answer.unsynced;
        after = answer.next;
        if after.is_none() {
            return Some(said);
        }
    }
    None
}

/// What came of fetching.
struct Fetched {
    /// Whether everything that came and may count is here.
    kept: bool,
    /// Who did not hand over, or not prove, what it said that it has.
    kept_back: BTreeSet<NodeId>,
}

/// Fetches what is lacking here, each record from the first that has it.
async fn fetch(node: &Rc<Context>, account: AccountId, said: &[Said]) -> Fetched {
    let key = home(&account);
    let mut have = hashes(&read(node, &key));
    have.extend(marks_at(node, &key, usize::MAX).into_iter().map(|mark| mark.hash));
    let mut all = Fetched { kept: true, kept_back: BTreeSet::new() };
    for peer in said {
        let lacking: Vec<Hash> = peer.has.keys().filter(|hash| !have.contains(*hash)).copied().collect();
        let (mut whole, mut unproved) = (lacking.len() <= FETCHED, Vec::new());
        for want in lacking[..lacking.len().min(FETCHED)].chunks(MAX_WANTED) {
            let Some(came) = fetch_some(node, account, &peer.contact, want).await else {
                whole = false;
                break;
            };
            all.kept &= !came.iter().any(|(_, status)| keeps_from_judging(*status));
            unproved.extend(came.iter().filter(|(_, status)| is_doubtful(*status)).map(|(hash, _)| *hash));
            have.extend(want.iter().filter(|hash| !unproved.contains(*hash)));
        }
        // What proves it may have come behind it, or had no room beside the proofs of others.
        for hash in unproved {
            let came = fetch_some(node, account, &peer.contact, &[hash]).await.unwrap_or_default();
            if came.is_empty() || came.iter().any(|(_, status)| is_doubtful(*status)) {
                whole = false;
                break;
            }
            all.kept &= !came.iter().any(|(_, status)| keeps_from_judging(*status));
            have.insert(hash);
        }
        if !whole {
            all.kept_back.insert(peer.contact.node);
        }
    }
    all
}

/// Fetches some records from a peer; returns those that came, with what became of them. `None` when it does not answer.
async fn fetch_some(
    node: &Rc<Context>,
    account: AccountId,
    from: &Contact,
    want: &[Hash],
) -> Option<Vec<(Hash, Status)>> {
    let request = Reconcile { account, marks: vec![], want: want.to_vec(), after: None };
    let answer = node.call(from, &request, Patience::Read).await.ok()?;
    let bytes = |blobs: Vec<Blob>| blobs.into_iter().map(Blob::into_bytes).collect::<Vec<_>>();
    let records = bytes(answer.records);
    // What ended, was replaced or collected meanwhile does not come, and is not lacking any more.
    if records.is_empty() || records.len() > MAX_WANTED {
        return Some(Vec::new());
    }
    let hash = |bytes: &Bytes| Record::decode(bytes.clone()).ok().map(|record| record.hash());
    let hashes: Vec<Option<Hash>> = records.iter().map(hash).collect();
    let statuses = node.doors().storage.receive(from.node, home(&account), records, bytes(answer.proofs)).await;
    tracing::trace!(peer = %from.node.short(), ?statuses, "fetched");
    Some(hashes.into_iter().zip(statuses).filter_map(|(hash, status)| Some((hash?, status))).collect())
}

/// Tells whether a record that came may count, and is not here all the same: without it nothing is decided. What is refused
/// for what it is counts nowhere.
fn keeps_from_judging(status: Status) -> bool {
    matches!(
        status,
        Status::StoreFailed | Status::Quota | Status::AnchorFull | Status::SourceQuota | Status::RateLimited
    )
}

/// Tells whether a record says nothing as long as the peer that has it does not prove it, or its time has not come: no other
/// holder would have taken it.
fn is_doubtful(status: Status) -> bool {
    matches!(status, Status::NeedProof | Status::Future)
}

/// Sends each peer what it lacks and has not collected itself, beside the caller.
fn push(node: &Rc<Context>, key: Key, said: Vec<Said>) {
    let own = read(node, &key);
    for Said { contact, has, marks, .. } in said {
        let marked: BTreeSet<Hash> = marks.into_iter().map(|mark| mark.hash).collect();
        let lacks = |s: &&Stored| !has.contains_key(&s.hash) && !marked.contains(&s.hash);
        let records: Vec<Blob> = own.iter().filter(lacks).take(PUSHED).map(|s| Blob::from(&s.bytes)).collect();
        let node = node.clone();
        node.clone().spawn(async move {
            for some in records.chunks(MAX_PUT_RECORDS) {
                let request = Put { key, records: some.to_vec(), proofs: vec![], show: None };
                if let Err(error) = put(&node, &contact, request, Patience::Disk).await {
                    tracing::debug!(peer = %contact.node.short(), %error, "a push was not taken");
                    return;
                }
            }
        });
    }
}
