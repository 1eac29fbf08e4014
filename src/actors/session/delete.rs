//! Deleting a post: a tombstone in its place, here at once, and everywhere the post went.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::deliver::deliver;
use super::find::{Found, find_own};
use super::mention::Owed;
use super::messages::Deleted;
use super::state::{Session, Shared};
use crate::actors::outbox::Item;
use crate::actors::storage::read;
use crate::records::{PostBody, Record, Signed, TombstoneBody, home};
use crate::types::{Code, Hash, Problem, Section, SectionSet};

/// Deletes a post of the account; waits for the network no longer than `within`.
pub async fn delete(shared: Rc<Shared>, id: Hash, within: Option<Duration>) -> Result<Deleted, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let session = shared.session()?;
    let post = match look_for(&shared, &session, id, deadline).await? {
        Found::Deleted(tombstone) => {
            return Ok(Deleted { id, queued: still_queued(&shared, tombstone.hash()).await });
        }
        Found::Post(post) => post,
    };
    if post.body.expires_at() <= shared.node.horizon() {
        return Err(Problem::new(Code::NoSuchPost, format!("the post {id} has expired")));
    }
    let Some((tombstone, item)) = bury(&shared, &session, &post).await? else {
        return Ok(Deleted { id, queued: false });
    };
    shared.node.doors().feed.deleted(tombstone.bytes().clone()).await;
    drop(deliver(shared.node.clone(), tombstone));
    let progress = shared.dispatch_until(item, deadline).await;
    Ok(Deleted { id, queued: !progress.published })
}

/// Finds the post here, or at the account's home: another device may have made it a moment ago.
async fn look_for(
    shared: &Rc<Shared>,
    session: &Session,
    id: Hash,
    deadline: Option<Instant>,
) -> Result<Found, Problem> {
    if let Some(found) = find_own(shared, session, &id) {
        return Ok(found);
    }
    let unknown = match shared.node.doors().feed.find(id.to_string()).await {
        Ok(post) if post.account != session.account => {
            return Err(Problem::new(Code::NotAuthor, "only its author deletes a post"));
        }
        Ok(_) => Problem::new(Code::NoSuchPost, format!("this node knows no post {id}")),
        Err(problem) => problem,
    };
    let sections = SectionSet::of(&[Section::Account, Section::Device, Section::Post]);
    let reading = read(&shared.node, home(&session.account), sections);
    let reading = match deadline {
        None => reading.await,
        Some(deadline) => timeout_at(deadline, reading).await.unwrap_or_default(),
    };
    shared.node.doors().storage.absorb(&reading.records).await;
    let found = reading.records.into_iter().find_map(|record| Found::read(record, &id));
    match found {
        Some(found) => Ok(found),
        None if reading.complete => Err(unknown),
        None => Err(unknown.hint("the network could not be asked: if another device of yours made it, try again")),
    }
}

async fn still_queued(shared: &Rc<Shared>, tombstone: Hash) -> bool {
    let progress = shared.node.doors().outbox.progress(tombstone).await;
    progress.is_some_and(|progress| !progress.published)
}

/// Signs the tombstone and puts it on disk in the place of the post; `None` when another wish was faster.
async fn bury(
    shared: &Rc<Shared>,
    asked: &Session,
    post: &Signed<PostBody>,
) -> Result<Option<(Record, Item)>, Problem> {
    let _turn = shared.turn.lock().await;
    let (node, mut session) = (&shared.node, shared.session()?);
    if session.device_id() != asked.device_id() {
        return Err(Problem::new(Code::NotLoggedIn, "another account logged in meanwhile"));
    }
    if let Some(Found::Deleted(_)) = find_own(shared, &session, &post.hash()) {
        return Ok(None);
    }
    // The stamp is not before that of the post, whichever clock that one came from.
    session.hlc = session.hlc.max(post.body.hlc);
    let body = TombstoneBody {
        account: session.account,
        device: session.device_id(),
        hlc: session.stamp(node),
        of: post.body.device,
        seq: post.body.seq,
        post: post.hash(),
        post_ends: post.body.expires_at(),
    };
    let tombstone = Record::Tombstone(Signed::sign(body, &session.device(), &node.network.id));
    let item = Item::pack("delete", tombstone.hash(), std::slice::from_ref(&tombstone), node.now());
    // The feed lets go of its row itself, and tells whoever watches; after a crash it learns of the deletion like anybody.
    let ops = vec![session.keep(), Owed::settle(&post.hash())];
    shared.commit(std::slice::from_ref(&tombstone), &item, ops).await?;
    *shared.session.borrow_mut() = Some(session);
    Ok(Some((tombstone, item)))
}
