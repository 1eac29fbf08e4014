//! Asking one follower to bring a post on to a part of the others, and noticing when it is gone.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::actors::presence::Follower;
use crate::actors::put::evidence;
use crate::records::Record;
use crate::timeline::fan::{Receipts, Task, most_in};
use crate::types::Contact;
use crate::wire::{Blob, ErrorCode, Forward, Forwarded, Ping, Status};

/// A connection that is not open by then does not open soon; others of the part are there.
const DIALLED: Duration = Duration::from_secs(1);
/// Most parts are done within this; then it is asked now and then whether the forwarder is still there.
const QUIET: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The least time that is worth asking for.
const SHORTEST: Duration = Duration::from_secs(1);

/// What came of it.
pub enum Reply {
    /// The part is cared for.
    Cared(Receipts),
    /// It is not; what the forwarder says of itself.
    Declined(Receipts),
    /// It is not: the forwarder does not know how, or has no time.
    Unable,
    /// There was no answer.
    Silent,
}

/// Asks a follower that was found on a page of that depth; `until` is when the answer has to be there.
pub async fn ask(
    node: &Rc<Context>,
    (follower, page): (&Follower, u8),
    post: &Record,
    (task, expected): (&Task, Option<u64>),
    until: Instant,
) -> Reply {
    // What the forwarder waits for must be there before this node gives up on the forwarder.
    let within = (until.saturating_duration_since(Instant::now()) * 3 / 4).max(SHORTEST);
    let mut request = Forward {
        post: post.bytes().into(),
        proofs: vec![],
        part: task.part,
        floor: task.floor,
        within: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
        expected: expected.map(|expected| u32::try_from(expected).unwrap_or(u32::MAX)),
        page: Some(page),
    };
    let mut answer = call(node, &follower.contact, &request, within).await;
    if matches!(&answer, Some(Ok(done)) if Status::from_number(done.status) == Status::NeedProof) {
        request.proofs = evidence(node, &[Blob::from(post.bytes())]);
        answer = call(node, &follower.contact, &request, within).await;
    }
    match answer {
        Some(Ok(Forwarded { cared, online, acked, .. })) => {
            let said = Receipts { online, acked };
            if cared { Reply::Cared(said.within(most_in(expected))) } else { Reply::Declined(said.within(1)) }
        }
        Some(Err(CallError::Refused(error))) if error.code != ErrorCode::Malformed => Reply::Unable,
        _ => Reply::Silent,
    }
}

/// Sends a request whose answer takes long; `None` when the peer is found to be gone meanwhile.
async fn call(
    node: &Rc<Context>,
    to: &Contact,
    request: &Forward,
    within: Duration,
) -> Option<Result<Forwarded, CallError>> {
    tokio::select! {
        biased;
        answer = node.call(to, request, Patience::Others(within)) => Some(answer),
        () = gone(node, to) => None,
    }
}

/// Waits for what comes of asking a peer, unless no connection to it opens within a moment.
pub async fn soon<T>(node: &Rc<Context>, peer: &Contact, asking: impl Future<Output = T>) -> Option<T> {
    let mut asking = std::pin::pin!(asking);
    if let Ok(answer) = timeout(DIALLED, asking.as_mut()).await {
        return Some(answer);
    }
    match node.net.path(&peer.node).is_some_and(|path| path.connected) {
        true => Some(asking.await),
        false => None,
    }
}

/// Ready when a peer that was asked something turns out not to be there.
async fn gone(node: &Rc<Context>, peer: &Contact) {
    sleep(DIALLED).await;
    if !node.net.path(&peer.node).is_some_and(|path| path.connected) {
        return;
    }
    sleep(QUIET - DIALLED).await;
    while !node.call(peer, &Ping {}, Patience::Read).await.is_err_and(|error| error.is_unreachable()) {
        sleep(ASK_EVERY).await;
    }
}
