//! Answers to peers that compare stretches, or fetch what they lack.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::holdings::{Row, marks, scan};
use super::shared::Shared;
use crate::actors::context::Context;
use crate::records::{Record, home};
use crate::repair::{Digest, FINGERPRINT_BYTES, Fingerprint, Sum, name_of, worth_repairing};
use crate::seam::{Lane, Reader, offload};
use crate::types::{Hash, NodeId, Stretch, WallTime, place_of};
use crate::wire::{
    Blob, Compared, Differences, Differing, ErrorCode, Fetch, Fetched, MAX_FETCHED, MAX_FETCHED_BYTES, MAX_MARKED,
    MAX_NAMED, pack_names, unpack_names,
};

/// Requests that one peer may make in a minute: as many as filling an empty disk takes.
const REQUESTS: u32 = 600;
/// Peers answered at once.
const AT_ONCE: usize = 8;
/// A stretch with no more records than this is answered with each of them.
const FEW: u64 = 64;
/// Records looked at for one request; one stretch is always looked at, however crowded its key.
const ROWS: usize = 20_000;
/// Most records of one stretch: more than its owner's quota and its first pages let a key have.
const CROWD: usize = 200_000;
/// Bytes of an answer from which on it is closed: what one more stretch may add leaves it within a message.
const BYTES: usize = 128 * 1024;

/// Holds a peer's turn while it is answered.
struct Turn<'a>(&'a Shared, NodeId);

impl<'a> Turn<'a> {
    fn take(shared: &'a Shared, peer: NodeId) -> Result<Self, ErrorCode> {
        let mut answering = shared.answering.borrow_mut();
        let room = answering.len() < AT_ONCE && !answering.contains_key(&peer);
        if !room || !shared.rates.borrow_mut().admit(peer, 1, REQUESTS) {
            return Err(ErrorCode::Busy);
        }
        answering.insert(peer, ());
        Ok(Self(shared, peer))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.answering.borrow_mut().remove(&self.1);
    }
}

/// Says where this node differs from a peer.
pub(super) async fn compare(
    shared: &Rc<Shared>,
    from: NodeId,
    stretches: Vec<Compared>,
) -> Result<Differences, ErrorCode> {
    let _turn = Turn::take(shared, from)?;
    let node = &shared.node;
    let digest = shared.digest().await.ok_or(ErrorCode::Internal)?;
    let asked: Vec<(Stretch, Fingerprint)> = stretches.iter().map(|(s, print)| (*s, Fingerprint(*print))).collect();
    let is_equal =
        |(stretch, print): &(Stretch, Fingerprint)| digest.sum(*stretch).map(|s| s.fingerprint()) == Some(*print);
    let (done, looks) = if asked.iter().all(is_equal) {
        shared.found_equal(from);
        (asked.len(), Vec::new())
    } else {
        let reader = node.store.reader().map_err(|_| ErrorCode::Internal)?;
        let look = Look { reader, digest, worth: worth_repairing(node.horizon()), rows: 0 };
        offload(&*node.offload, Lane::Bulk, move || look.at(&asked)).await.flatten().ok_or(ErrorCode::Internal)?
    };
    let mut differing = looks;
    for Named { stretch, answer, .. } in differing.iter_mut().filter(|named| named.by_name) {
        answer.marked = pack_names(&marks(node, *stretch, MAX_MARKED));
    }
    let differing = differing.into_iter().map(|named| named.answer).collect();
    Ok(Differences { done: done as u8, differing, unsynced: !node.is_synced() })
}

/// What is said of a stretch, and whether its records are named.
struct Named {
    stretch: Stretch,
    by_name: bool,
    answer: Differing,
}

/// A look into the store, off the arbiter.
struct Look {
    reader: Box<dyn Reader + Send>,
    digest: Arc<Digest>,
    worth: WallTime,
    rows: usize,
}

impl Look {
    /// Returns how many of the stretches were looked at, and those that differ; `None` when the disk fails.
    fn at(mut self, asked: &[(Stretch, Fingerprint)]) -> Option<(usize, Vec<Named>)> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (i, (stretch, theirs)) in asked.iter().enumerate() {
            if self.rows >= ROWS || bytes >= BYTES {
                return Some((i, found));
            }
            if let Some(mut named) = self.look(*stretch, *theirs)? {
                named.answer.index = i as u8;
                bytes += named.answer.names.len() + named.answer.parts.len();
                found.push(named);
            }
        }
        Some((asked.len(), found))
    }

    /// Returns what is said of one stretch, nothing where it is equal.
    fn look(&mut self, stretch: Stretch, theirs: Fingerprint) -> Option<Option<Named>> {
        let few = |count: u64| count <= FEW || (theirs.is_empty() && count <= MAX_NAMED as u64);
        let sum = self.digest.sum(stretch);
        match sum {
            Some(sum) if sum.fingerprint() == theirs => return Some(None),
            Some(sum) if !few(sum.count()) => {
                let parts: Option<Vec<Sum>> = stretch.parts().into_iter().map(|part| self.digest.sum(part)).collect();
                if let Some(parts) = parts {
                    return Some(Some(in_parts(stretch, sum, &parts)));
                }
            }
            _ => {}
        }
        let rows = self.live(stretch)?;
        let mut sum = Sum::default();
        rows.iter().for_each(|(_, name)| sum.add(name));
        if sum.fingerprint() == theirs {
            return Some(None);
        }
        if few(sum.count()) || stretch.halves().is_none() {
            let names = pack_names(rows.iter().map(|(_, name)| name).take(MAX_NAMED));
            let answer = Differing { fingerprint: sum.fingerprint().0.to_vec(), names, ..Differing::default() };
            return Some(Some(Named { stretch, by_name: true, answer }));
        }
        let parts: Vec<Sum> = stretch.parts().into_iter().map(|part| sum_of(&rows, part)).collect();
        Some(Some(in_parts(stretch, sum, &parts)))
    }

    /// Returns place and name of what lies in a stretch now.
    fn live(&mut self, stretch: Stretch) -> Option<Vec<(u64, Hash)>> {
        let mut rows = Vec::new();
        let whole = scan(&mut *self.reader, stretch, self.worth, CROWD, |row| {
            rows.push((place_of(row.key, row.hash), name_of(row.key, row.hash)));
        });
        self.rows += rows.len().max(1);
        whole.then_some(rows)
    }
}

fn sum_of(rows: &[(u64, Hash)], part: Stretch) -> Sum {
    let mut sum = Sum::default();
    rows.iter().filter(|(place, _)| part.contains(*place)).for_each(|(_, name)| sum.add(name));
    sum
}

fn in_parts(stretch: Stretch, sum: Sum, parts: &[Sum]) -> Named {
    let prints = parts.iter().flat_map(|part| part.fingerprint().0);
    let mut packed = Vec::with_capacity(parts.len() * FINGERPRINT_BYTES);
    packed.extend(prints);
    let answer = Differing { fingerprint: sum.fingerprint().0.to_vec(), parts: packed, ..Differing::default() };
    Named { stretch, by_name: false, answer }
}

/// Hands records over, and looks again at homes of which the peer has collected posts that are held here.
pub(super) async fn fetch(shared: &Rc<Shared>, from: NodeId, fetch: Fetch) -> Result<Fetched, ErrorCode> {
    let _turn = Turn::take(shared, from)?;
    let node = &shared.node;
    let stretch = fetch.stretch.as_slice().try_into().ok().and_then(Stretch::from_bytes).ok_or(ErrorCode::Malformed)?;
    let names = |bytes: &[u8], most| -> Result<BTreeSet<Hash>, ErrorCode> {
        Ok(unpack_names(bytes, most).ok_or(ErrorCode::Malformed)?.into_iter().collect())
    };
    let (want, marked) = (names(&fetch.want, MAX_FETCHED)?, names(&fetch.marked, MAX_MARKED)?);
    let mut reader = node.store.reader().map_err(|_| ErrorCode::Internal)?;
    let worth = worth_repairing(node.horizon());
    let job = move || {
        let (mut wanted, mut doubtful) = (Vec::new(), Vec::new());
        // Where more lies than is looked at, what was found so far is handed over.
        scan(&mut *reader, stretch, worth, CROWD, |row| {
            let name = name_of(row.key, row.hash);
            if marked.contains(&name) {
                doubtful.push(row.bytes.to_bytes());
            }
            if want.contains(&name) && wanted.len() < MAX_FETCHED {
                wanted.push(Row::from(row));
            }
        });
        (wanted, doubtful)
    };
    let (wanted, doubtful) = offload(&*node.offload, Lane::Bulk, job).await.ok_or(ErrorCode::Internal)?;
    hint(node, doubtful);
    Ok(hand_over(node, wanted))
}

/// Has the homes of posts looked at that somebody else has collected.
pub(super) fn hint(node: &Context, posts: Vec<Bytes>) {
    let posts = posts.into_iter().filter_map(|bytes| Record::decode(bytes).ok());
    posts.filter(|r| matches!(r, Record::Post(_))).filter_map(|r| r.account()).for_each(|a| node.homes.hinted(a));
}

/// Packs records with what proves them, as many as fit.
fn hand_over(node: &Rc<Context>, rows: Vec<Row>) -> Fetched {
    let mut fetched = Fetched { keys: Vec::new(), records: Vec::new(), proofs: Vec::new() };
    let (mut sent, mut bytes) = (BTreeMap::<Hash, ()>::new(), 0);
    for row in rows {
        let proofs: Vec<Bytes> =
            proofs(node, &row).into_iter().filter(|p| !sent.contains_key(&crate::keys::hash(p))).collect();
        let more = row.bytes.len() + proofs.iter().map(Bytes::len).sum::<usize>();
        if bytes + more > MAX_FETCHED_BYTES {
            break;
        }
        bytes += more;
        sent.extend(proofs.iter().map(|proof| (crate::keys::hash(proof), ())));
        fetched.proofs.extend(proofs.iter().map(Blob::from));
        fetched.keys.extend(row.key.0);
        fetched.records.push(Blob::from(&row.bytes));
    }
    fetched
}

/// Returns what proves a record of an account whose home is elsewhere; what lies at home is proved by what lies beside it.
fn proofs(node: &Context, row: &Row) -> Vec<Bytes> {
    let Ok(record) = Record::decode(row.bytes.clone()) else { return Vec::new() };
    if record.account().is_some_and(|account| home(&account) == row.key) {
        return Vec::new();
    }
    node.evidence(&record.need())
}
