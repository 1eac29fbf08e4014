//! The delivery ledger of an own post: how many replicas have it, who has received and seen it, and who is owed it.
//!
//! Followers and their watermarks are read from the network when it is asked for; the counting is in `retention`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::lists::{named, page_of, read_cursor};
use super::messages::{AskLedger, Count, LedgerView, Stage};
use crate::actors::context::Context;
use crate::actors::gc::marks_at;
use crate::actors::outbox::{Progress, Tally};
use crate::actors::routing::find_closest;
use crate::actors::storage::{Reading, read, read_list_of_home};
use crate::records::{Record, home};
use crate::retention::{Ledger, Piece, majority};
use crate::types::{AccountId, Code, Hash, Key, NodeId, Problem, Section, SectionSet, WallTime};

/// What a home is read for.
const READ: [Section; 7] = [
    Section::Account,
    Section::Device,
    Section::Retirement,
    Section::Heads,
    Section::Post,
    Section::Followers,
    Section::Seen,
];

/// Returns the ledger of a post of the logged-in account.
pub async fn ledger(node: Rc<Context>, ask: AskLedger) -> Result<LedgerView, Problem> {
    let AskLedger { id, page } = ask;
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let me = node.doors().session.who().await?.map(|who| who.device.account);
    let me = me.ok_or_else(|| Problem::new(Code::NotLoggedIn, "nobody is logged in on this node"))?;
    let (known, whole) = (known(&node, me, &id).await, id.parse::<Hash>().ok());
    let known = match (known, whole) {
        // Another device of the account may have made it a moment ago; then only its id in full names it.
        (Err(problem), Some(_)) if problem.code == Code::NoSuchPost => Err(problem),
        (known, _) => Ok(known?),
    };
    let (reading, sure) = tokio::join!(read(&node, home(&me), SectionSet::of(&READ)), reaches_most(&node, home(&me)));
    let piece = match known {
        Ok(piece) => piece,
        Err(unknown) => brought(&reading, me, whole).ok_or_else(|| explained(unknown, &reading))?,
    };
    let (followers, seen) = tokio::join!(
        read_list_of_home(&node, Section::Followers, me, &reading),
        read_list_of_home(&node, Section::Seen, me, &reading),
    );
    let complete = sure && reading.complete && followers.complete && seen.complete;
    let (ledger, collected) = entered(&node, me, piece, [&reading, &followers, &seen]);
    let receipts = ledger.receipts();
    let owed: BTreeMap<AccountId, WallTime> = receipts.owed.iter().copied().collect();
    let count = owed.len() as u64;
    let (people, lost) = named(&node, owed).await;
    let (people, next) = page_of(&people, after.as_ref(), page.limit);
    let Piece { hash: post, ends, device, seq, .. } = piece;
    let progress = node.doors().outbox.tally(Tally { post, ends, device, seq }).await?;
    Ok(LedgerView {
        id: post,
        stage: stage(progress, collected),
        replicas: progress.map(|progress| (progress.acked, progress.wanted)),
        followers: receipts.followers,
        received: receipts.received,
        seen: receipts.seen,
        owed: people.into_iter().map(|person| person.username).collect(),
        count: Count { count, is_estimate: !complete || lost },
        complete,
        next,
    })
}

/// Finds a post of the account by what this node holds.
async fn known(node: &Rc<Context>, me: AccountId, id: &str) -> Result<Piece, Problem> {
    let post = node.doors().feed.find(id.to_owned()).await?;
    if post.account != me {
        return Err(Problem::new(Code::NotAuthor, "the ledger of a post is for its author"));
    }
    Ok(Piece { hlc: post.hlc, device: post.device, seq: post.seq, hash: post.id, ends: post.expires_at })
}

/// Tells whether most of those who keep a key answer. Those that are known and silent count as well: in a network that is cut
/// in two, what a follower has signed may lie on the other side.
async fn reaches_most(node: &Rc<Context>, key: Key) -> bool {
    let found = find_closest(node, key).await;
    let known = node.doors().routing.closest(key, node.network.k()).await;
    let live: BTreeSet<NodeId> = found.closest.iter().map(|(c, ())| c.node).chain([node.me]).collect();
    let known = known.iter().map(|c| c.node).chain(node.absent());
    let by_distance: BTreeSet<_> = known.chain(live.iter().copied()).map(|id| (id.distance(&key), id)).collect();
    let set: Vec<NodeId> = by_distance.into_iter().take(node.network.k()).map(|(_, id)| id).collect();
    set.iter().filter(|id| live.contains(*id)).count() >= majority(set.len())
}

/// Finds it among what the network brought.
fn brought(reading: &Reading, me: AccountId, whole: Option<Hash>) -> Option<Piece> {
    reading.records.iter().find_map(|record| match record {
        Record::Post(post) if post.body.account == me && Some(post.hash()) == whole => {
            let body = &post.body;
            let (hash, ends) = (post.hash(), body.expires_at());
            Some(Piece { hlc: body.hlc, device: body.device, seq: body.seq, hash, ends })
        }
        _ => None,
    })
}

fn explained(unknown: Problem, reading: &Reading) -> Problem {
    match reading.complete {
        true => unknown,
        false => unknown.hint("the network could not be asked: if another device of yours made it, try again"),
    }
}

/// Enters all that was read; says also whether the post was collected.
fn entered(node: &Rc<Context>, me: AccountId, piece: Piece, readings: [&Reading; 3]) -> (Ledger, bool) {
    let mut ledger = Ledger::of(piece);
    readings.iter().flat_map(|reading| &reading.records).for_each(|record| ledger.note(&me, record));
    let said = |reading: &&Reading| reading.collected.contains(&(piece.device, piece.seq));
    let mut collected = ledger.is_final() || readings.iter().any(said);
    for mark in marks_at(node, &home(&me), usize::MAX).into_iter().filter(|mark| mark.device == piece.device) {
        ledger.note_hash(mark.seq, mark.hash);
        collected |= mark.hash == piece.hash;
    }
    (ledger, collected)
}

fn stage(progress: Option<Progress>, collected: bool) -> Stage {
    match progress {
        _ if collected => Stage::Collected,
        Some(Progress { published: false, .. }) => Stage::Queued,
        _ => Stage::Published,
    }
}
