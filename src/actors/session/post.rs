//! A post's first moments: made, on disk, then to replicas and online followers side by side.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::deliver::deliver;
use super::messages::Posted;
use super::state::{Session, Shared};
use crate::actors::outbox::Item;
use crate::records::{PostBody, Record, Signed, TextError, checked_text, home};
use crate::seam::Op;
use crate::timeline::{FeedRow, Rate, Via};
use crate::types::{Code, DEFAULT_TTL, MAX_TTL, MIN_TTL, Problem, Section, SectionSet};

/// How long an answer waits for followers that are slow; their delivery goes on.
const SLOW_FOLLOWERS: Duration = Duration::from_millis(1500);

/// Makes and sends a post; waits for the network no longer than `within`.
pub async fn post(
    shared: Rc<Shared>,
    text: String,
    ttl: Option<Duration>,
    within: Option<Duration>,
) -> Result<Posted, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let text = checked_text(&text).map_err(text_problem)?;
    let ttl = ttl.unwrap_or(DEFAULT_TTL);
    if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
        return Err(Problem::new(Code::TtlOutOfRange, "a post lives for 10 seconds to 30 days"));
    }
    let (post, item) = make(&shared, text, ttl).await?;
    shared.node.doors().feed.posted(post.bytes().clone());
    let delivery = deliver(shared.node.clone(), post.clone());
    let tell = timeout(within.map_or(SLOW_FOLLOWERS, |within| within.min(SLOW_FOLLOWERS)), delivery.done);
    let (progress, _) = tokio::join!(shared.dispatch_until(item, deadline), tell);
    Ok(Posted {
        id: post.hash(),
        published: progress.published,
        created_at: post.body.hlc.wall(),
        expires_at: post.body.expires_at(),
        acked: progress.acked,
        wanted: progress.wanted,
        online: delivery.counts.online.get(),
        delivered: delivery.counts.delivered.get(),
    })
}

/// Makes a post and puts it on disk with everything that goes with it, in one transaction.
async fn make(shared: &Rc<Shared>, text: String, ttl: Duration) -> Result<(Signed<PostBody>, Item), Problem> {
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
        hlc: session.stamp(now),
        prev: session.last_hash,
        text,
        lifetime_ms: ttl.as_millis() as u64,
        reply_to: None,
    };
    let post = Signed::sign(body, &session.device(), &node.network.id);
    (session.last_seq, session.last_hash) = (post.body.seq, Some(post.hash()));
    let heads = session.heads(node);
    let records = [Record::Post(post.clone()), Record::Heads(heads)];
    let item = Item::pack("post", post.hash(), &records, now);
    let row = FeedRow { post: post.clone(), author: session.username.clone(), via: Via::Local, shown: true };
    let ops = vec![session.keep(), Op::SetLocal(crate::seam::Space::Feed, row.key(), row.to_bytes())];
    shared.commit(&records, &item, ops).await?;
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

/// Most own posts looked at: as many as an hour's limit gives in a month would be 216,000; ended ones are not stored.
const OWN_POSTS: usize = 10_000;

/// Raises the floor of the own log to what has ended, and says so in its heads.
pub async fn tend_log(shared: Rc<Shared>) {
    let _turn = shared.turn.lock().await;
    let (node, Ok(mut session)) = (&shared.node, shared.session()) else { return };
    let Some(first_alive) = first_alive(&shared, &session) else { return };
    let floor = first_alive.saturating_sub(1).min(session.last_seq);
    if floor <= session.floor {
        return;
    }
    session.floor = floor;
    let heads = Record::Heads(session.heads(node));
    let item = Item::pack("heads", heads.hash(), std::slice::from_ref(&heads), node.now());
    if let Err(error) = shared.commit(std::slice::from_ref(&heads), &item, vec![session.keep()]).await {
        tracing::warn!(%error, "the floor of the log was not raised");
        return;
    }
    *shared.session.borrow_mut() = Some(session);
    let sender = shared.clone();
    shared.node.spawn(async move {
        sender.dispatch(item).await;
    });
}

/// Returns the number of the oldest own post that has not ended, or the next number where there is none.
fn first_alive(shared: &Rc<Shared>, session: &Session) -> Option<u64> {
    let (node, device) = (&shared.node, session.device_id());
    let sections = SectionSet::of(&[Section::Post]);
    let stored = node.store.read(&home(&session.account), sections, None, OWN_POSTS, node.now()).ok()?;
    let numbers = stored.into_iter().filter_map(|s| Signed::<PostBody>::decode(s.bytes).ok());
    let own = numbers.filter(|post| post.body.device == device).map(|post| post.body.seq);
    Some(own.min().unwrap_or(session.last_seq + 1))
}

/// Counts the posts of the last hour again after a start.
pub fn recount(shared: &Rc<Shared>) {
    let Ok(session) = shared.session() else { return };
    let (node, device) = (&shared.node, session.device_id());
    let sections = SectionSet::of(&[Section::Post]);
    let stored = node.store.read(&home(&session.account), sections, None, OWN_POSTS, node.now()).unwrap_or_default();
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
