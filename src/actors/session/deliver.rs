//! Direct delivery: a new post to the nodes of followers that are online.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::sync::oneshot;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::presence::{Follower, read_followers};
use crate::actors::put::evidence;
use crate::records::{PostBody, Signed};
use crate::types::DeviceId;
use crate::wire::{Blob, Deliver, Status};

/// The most followers a post is brought to directly.
const MOST: usize = 64;

/// How a delivery stands.
#[derive(Default)]
pub struct Counts {
    /// Devices known to be online.
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

/// Brings a post to everybody known to be online, and to those a fresh reading finds.
pub fn deliver(node: Rc<Context>, post: Signed<PostBody>) -> Delivery {
    let counts = Rc::new(Counts::default());
    let (ended, end) = oneshot::channel::<()>();
    let work = run(node.clone(), post, counts.clone());
    node.spawn(async move {
        work.await;
        drop(ended);
    });
    Delivery { counts, done: end.map(|_| ()).boxed_local() }
}

async fn run(node: Rc<Context>, post: Signed<PostBody>, counts: Rc<Counts>) {
    let mut tried: BTreeSet<DeviceId> = BTreeSet::new();
    let known = node.doors().presence.known().await;
    let fresh = read_followers(&node, post.body.account);
    let first = bring(&node, &post, known, &mut tried, &counts);
    let (fresh, ()) = tokio::join!(fresh, first);
    node.doors().presence.learned(fresh.clone());
    bring(&node, &post, fresh, &mut tried, &counts).await;
}

async fn bring(
    node: &Rc<Context>,
    post: &Signed<PostBody>,
    followers: Vec<Follower>,
    tried: &mut BTreeSet<DeviceId>,
    counts: &Counts,
) {
    let new: Vec<Follower> =
        followers.into_iter().filter(|f| f.contact.node != node.me && tried.insert(f.device)).take(MOST).collect();
    counts.online.set(counts.online.get() + new.len() as u32);
    join_all(new.iter().map(|follower| async move {
        match push(node, follower, post).await {
            Some(status) if status.is_acknowledged() => counts.delivered.set(counts.delivered.get() + 1),
            Some(status) => tracing::debug!(?status, "a follower did not take a post"),
            None => node.doors().presence.gone(follower.device),
        }
    }))
    .await;
}

/// Pushes to one follower; `None` when it does not answer.
async fn push(node: &Rc<Context>, follower: &Follower, post: &Signed<PostBody>) -> Option<Status> {
    let mut request = Deliver { post: post.bytes().into(), proofs: vec![] };
    let mut answer = node.call(&follower.contact, &request, Patience::Disk).await.ok()?;
    if Status::from_number(answer.status) == Status::NeedProof {
        request.proofs = evidence(node, &[Blob::from(post.bytes())]);
        answer = node.call(&follower.contact, &request, Patience::Disk).await.ok()?;
    }
    Some(Status::from_number(answer.status))
}
