//! A peer asks this node to bring a post on.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::care::{Care, Scope};
use super::state::Work;
use crate::actors::context::Context;
use crate::records::{MAX_PAGE_DEPTH, Part, Record};
use crate::timeline::fan::{Receipts, Refusal};
use crate::types::{AccountId, NodeId};
use crate::wire::{Blob, ErrorCode, Forward, Forwarded};

/// A post older than this is not brought on: whoever lacks it has been told of it long ago, or finds it at its home.
const FRESH: Duration = Duration::from_secs(3600);
/// The longest that an answer waits: a peer gives up on answers that take longer than half a minute.
const LONGEST: Duration = Duration::from_secs(20);

/// Takes a post as from its author, and brings it to a part of the author's list.
///
/// # Errors
/// `Malformed` for what is no post, `Busy` when the peer asks too much.
pub async fn answer_forward(node: &Rc<Context>, from: NodeId, forward: Forward) -> Result<Forwarded, ErrorCode> {
    let came = Instant::now();
    // Posts, and as many deletions.
    let posts = node.network.limits().posts_per_minute.saturating_mul(2);
    if !node.fan.admits(from, posts) {
        return Err(ErrorCode::Busy);
    }
    let record = Record::decode(forward.post.0.clone()).map_err(|_| ErrorCode::Malformed)?;
    let author = match &record {
        Record::Post(post) => post.body.account,
        Record::Tombstone(tombstone) => tombstone.body.account,
        _ => return Err(ErrorCode::Malformed),
    };
    let proofs = forward.proofs.into_iter().map(Blob::into_bytes).collect();
    let status = node.doors().feed.push(forward.post.into_bytes(), proofs).await;
    let answer = |cared: bool, Receipts { online, acked }| Forwarded { status: status.number(), cared, online, acked };
    if !status.is_acknowledged() {
        return Ok(answer(false, Receipts::default()));
    }
    let own = if node.fan.was_asked(record.hash()) { Receipts::default() } else { Receipts::ONE };
    let is_mine = |me: AccountId| me != author && forward.part.contains(&me);
    let fresh = record.hlc().is_some_and(|hlc| node.now().since(hlc.wall()) < FRESH);
    if !node.account.get().is_some_and(is_mine) || forward.floor > MAX_PAGE_DEPTH || !fresh {
        return Ok(answer(false, own));
    }
    let within = Duration::from_millis(forward.within.into()).min(LONGEST);
    let until = came + within * 7 / 8;
    let Some(turn) = node.fan.begin() else { return Ok(answer(false, own)) };
    let work = match node.fan.take(record.hash(), author, forward.part, posts) {
        Ok(work) => work,
        Err(Refusal::Again) => return Ok(answer(true, before(node, &record, &forward.part, until).await)),
        Err(Refusal::Enough) => return Ok(answer(false, own)),
    };
    work.add(own);
    let care = Care::new(node.clone(), (record, author), (until, work.clone()), Vec::new());
    let scope = Scope { part: forward.part, floor: forward.floor, expected: forward.expected.map(u64::from) };
    let bringing = work.clone();
    node.spawn(async move {
        care.clone().bring(scope).await;
        bringing.end();
        drop(turn);
        care.bring_again().await;
    });
    Ok(answer(true, counted(&work, until).await))
}

/// Returns what was counted when all is done, or the time is up; the rest goes on.
async fn counted(work: &Work, until: Instant) -> Receipts {
    if timeout_at(until, work.wait()).await.is_err() {
        tracing::debug!("a part of a post's followers takes long");
    }
    work.sum.get()
}

/// Whoever asks once more hears what comes of it, as the one before may have gone without hearing it.
async fn before(node: &Rc<Context>, record: &Record, part: &Part, until: Instant) -> Receipts {
    match node.fan.before(record.hash(), *part) {
        Some(work) => counted(&work, until).await,
        None => Receipts::default(),
    }
}
