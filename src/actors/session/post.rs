//! A post's first moments: made, on disk, then to replicas and online followers side by side.

use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::compare::{Standing, ensure};
use super::deliver::{Delivery, deliver};
use super::ends::{OWN_POSTS, OwnLog, forget_ends, keep_end};
use super::mention::{Owed, tell};
use super::messages::{PostRequest, Posted};
use super::state::{Session, Shared};
use crate::actors::gc::marks_at;
use crate::actors::outbox::Item;
use crate::records::{MAX_EARLY, PostBody, Record, ReplyTo, Signed, TextError, checked_text, home};
use crate::seam::{Batch, Op};
use crate::timeline::{FeedRow, Rate, Via, common, joined};
use crate::types::{Code, DEFAULT_TTL, Hash, MAX_TTL, MIN_TTL, Problem, Section, SectionSet};

/// How long an answer waits for slow followers once the network has the post, or said that it has not; their delivery goes on.
const SLOW_FOLLOWERS: Duration = Duration::from_millis(500);

/// The same where followers bring it on to others, and only then say how many have it.
const MANY_FOLLOWERS: Duration = Duration::from_secs(3);

/// Makes and sends a post; waits for the network no longer than `within`.
pub async fn post(shared: Rc<Shared>, request: PostRequest, within: Option<Duration>) -> Result<Posted, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let text = checked_text(&request.text).map_err(text_problem)?;
    let ttl = request.ttl.unwrap_or(DEFAULT_TTL);
    if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
        return Err(Problem::new(Code::TtlOutOfRange, "a post lives for 10 seconds to 30 days"));
    }
    shared.session()?;
    let reply_to = match request.reply_to {
        Some(id) => Some(answered(&shared, id).await?),
        None => None,
    };
    ensure(&shared, within).await?;
    let (post, item) = make(&shared, text, ttl, reply_to).await?;
    shared.node.doors().feed.posted(post.bytes().clone());
    let (told, held) = (shared.clone(), item.held);
    shared.node.spawn(async move { tell(told).await });
    // What is held back goes to nobody; whoever compares the log sends it on.
    let delivery = (!held).then(|| deliver(shared.node.clone(), Record::Post(post.clone())));
    let (counts, done) = match delivery {
        Some(Delivery { counts, begun, done }) => {
            begun.await;
            (counts, done)
        }
        None => (Default::default(), ready(()).boxed_local()),
    };
    let progress = shared.dispatch_until(item, deadline).await;
    let patience = if counts.is_forwarded() { MANY_FOLLOWERS } else { SLOW_FOLLOWERS };
    let left = deadline.map_or(patience, |deadline| deadline.saturating_duration_since(Instant::now()));
    if timeout(left.min(patience), done).await.is_err() {
        tracing::debug!("some followers are slow");
    }
    Ok(Posted {
        id: post.hash(),
        published: progress.published,
        created_at: post.body.hlc.wall(),
        expires_at: post.body.expires_at(),
        acked: progress.acked,
        wanted: progress.wanted,
        online: counts.online(),
        delivered: counts.delivered(),
    })
}

/// Names the post that is answered.
async fn answered(shared: &Rc<Shared>, id: Hash) -> Result<ReplyTo, Problem> {
    let post = shared.node.doors().feed.find(id.to_string()).await?;
    Ok(ReplyTo { account: post.account, post: id })
}

/// Makes a post and puts it on disk with everything that goes with it, in one transaction. While the log was not compared
/// with the network's, it is held back.
async fn make(
    shared: &Rc<Shared>,
    text: String,
    ttl: Duration,
    reply_to: Option<ReplyTo>,
) -> Result<(Signed<PostBody>, Item), Problem> {
    let _turn = shared.turn.lock().await;
    let (node, mut session) = (&shared.node, shared.session()?);
    let now = node.now();
    if let Some(wait) = shared.rate.borrow_mut().wait(now, node.network.limits()) {
        let message = format!("too many posts: the next one may be made in {} s", wait.as_secs() + 1);
        return Err(Problem::new(Code::RateLimited, message));
    }
    let body = PostBody {
        account: session.account,
        device: session.device_id(),
        seq: session.last_seq + 1,
        hlc: session.stamp(node),
        prev: session.last_hash,
        text,
        lifetime_ms: ttl.as_millis() as u64,
        reply_to,
    };
    let post = Signed::sign(body, &session.device(), &node.network.id);
    (session.last_seq, session.last_hash) = (post.body.seq, Some(post.hash()));
    let heads = session.heads(node);
    let records = [Record::Post(post.clone()), Record::Heads(heads)];
    let held = shared.standing.get() != Standing::Level;
    let item = Item { held, ..Item::pack("post", post.hash(), &records, now) };
    let row = FeedRow { post: post.clone(), author: session.username.clone(), via: Via::Local, shown: true };
    let feed = Op::SetLocal(crate::seam::Space::Feed, row.key(), row.to_bytes());
    let mut ops = vec![session.keep(), keep_end(&post.body), feed];
    ops.extend(Owed::names_somebody(&post.body).then(|| Owed::keep(&post)));
    // What is held back must not be taken for the network's when the two are compared.
    shared.commit(if held { &[] } else { &records }, &item, ops).await?;
    shared.rate.borrow_mut().note(now);
    *shared.session.borrow_mut() = Some(session);
    Ok((post, item))
}

fn text_problem(error: TextError) -> Problem {
    let code = match error {
        TextError::Empty => Code::TextEmpty,
        TextError::Characters(_) | TextError::Bytes(_) => Code::TextTooLong,
        TextError::Control => Code::TextControl,
    };
    Problem::new(code, error.to_string())
}

/// Notes what has ended of the own log, and says so in its heads.
pub async fn tend_log(shared: Rc<Shared>) {
    let _turn = shared.turn.lock().await;
    let (node, Ok(mut session)) = (&shared.node, shared.session()) else { return };
    if shared.standing.get() != Standing::Level {
        return;
    }
    let Some(mut log) = OwnLog::read(node, &session) else { return };
    let mut ops = log.unkept();
    let (floor, ended) = log.gone(session.floor, node.horizon());
    if floor == session.floor && ended == session.ended {
        if !ops.is_empty()
            && let Err(error) = node.store.commit(Batch(ops)).await
        {
            tracing::warn!(%error, "the ends of posts were not kept");
        }
        return;
    }
    ops.extend(forget_ends(&*node.store, floor));
    give_reasons(&shared, &mut session, floor, ended);
    let heads = Record::Heads(session.heads(node));
    let item = Item::pack("heads", heads.hash(), std::slice::from_ref(&heads), node.now());
    ops.push(session.keep());
    if let Err(error) = shared.commit(std::slice::from_ref(&heads), &item, ops).await {
        tracing::warn!(%error, "the floor of the log was not raised");
        return;
    }
    *shared.session.borrow_mut() = Some(session);
    let sender = shared.clone();
    shared.node.spawn(async move {
        sender.dispatch(item).await;
    });
}

/// Notes what has ended or was collected, and which of the two: of what was collected this node has kept marks.
fn give_reasons(shared: &Rc<Shared>, session: &mut Session, floor: u64, ended: Vec<(u64, u64)>) {
    if session.why_from == 0 {
        // What went before nobody noted it stays without a reason.
        session.why_from = session.ended.last().map_or(session.floor, |(_, last)| *last) + 1;
    }
    let device = session.device_id();
    let marks = marks_at(&shared.node, &home(&session.account), usize::MAX);
    let own = marks.iter().filter(|mark| mark.device == device).map(|mark| (mark.seq, mark.seq));
    let gone = joined((floor > 0).then_some((1, floor)).into_iter().chain(ended.iter().copied()));
    let collected = joined(session.early.iter().copied().chain(common(&joined(own), &gone)));
    (session.why_from, session.early) = newest(session.why_from, collected);
    (session.floor, session.ended) = (floor, ended);
}

/// Cuts ranges to as many as heads list, and to where their reasons begin: of the oldest nothing is said any more.
fn newest(from: u64, mut ranges: Vec<(u64, u64)>) -> (u64, Vec<(u64, u64)>) {
    let many = ranges.len().saturating_sub(MAX_EARLY);
    let from = ranges.drain(..many).next_back().map_or(from, |(_, last)| from.max(last + 1));
    let kept = ranges.into_iter().filter(|(_, last)| *last >= from);
    (from, kept.map(|(first, last)| (first.max(from), last)).collect())
}

/// Counts the posts of the last hour again after a start.
pub fn recount(shared: &Rc<Shared>) {
    let Ok(session) = shared.session() else { return };
    let (node, device) = (&shared.node, session.device_id());
    let sections = SectionSet::of(&[Section::Post]);
    let stored =
        node.store.read(&home(&session.account), sections, None, OWN_POSTS, node.horizon()).unwrap_or_default();
    let mut times: Vec<_> = stored
        .into_iter()
        .filter_map(|s| Signed::<PostBody>::decode(s.bytes).ok())
        .filter(|post| post.body.device == device)
        .map(|post| post.body.hlc.wall())
        .collect();
    times.sort_unstable();
    let mut rate = Rate::default();
    times.into_iter().for_each(|at| rate.note(at));
    *shared.rate.borrow_mut() = rate;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_cut_at_the_oldest() {
        assert_eq!(newest(3, vec![(1, 1), (2, 4), (9, 9)]), (3, vec![(3, 4), (9, 9)]));
        let nine: Vec<(u64, u64)> = (1..=9).map(|n| (10 * n, 10 * n + 3)).collect();
        assert_eq!(newest(1, nine.clone()), (14, nine[1..].to_vec()));
        assert_eq!(newest(1, vec![]), (1, vec![]));
    }
}
