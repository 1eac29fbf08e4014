//! A conversation: what a post answers, and what answers it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::homes::{HomePosts, local_home, read_home};
use super::messages::Thread;
use super::replies::replies;
use crate::actors::context::Context;
use crate::actors::feed::{ShownPost, name_of, row_at, show, shown};
use crate::records::{PostBody, Signed};
use crate::timeline::{Via, row_key};
use crate::types::{AccountId, Hash, Problem};

/// Most posts above the one that is asked for; a longer conversation is followed from its uppermost post.
const ANCESTORS: usize = 50;
/// A conversation waits no longer for homes.
const LONGEST: Duration = Duration::from_secs(6);

/// Returns the conversation that a post is part of.
pub async fn thread(node: Rc<Context>, id: Hash) -> Result<Thread, Problem> {
    let post = node.doors().feed.find(id.to_string()).await?;
    let deadline = Instant::now() + LONGEST;
    let ((ancestors, ancestors_end), (replies, complete)) =
        tokio::join!(ancestors(&node, &post, deadline), replies(&node, &post, deadline));
    let complete = complete && ancestors_end != Some("unreachable");
    Ok(Thread { ancestors, ancestors_end, post, replies, complete })
}

/// Follows a conversation upwards; the first post comes first. Says why it ends where that is not its beginning.
async fn ancestors(node: &Rc<Context>, post: &ShownPost, deadline: Instant) -> (Vec<ShownPost>, Option<&'static str>) {
    let mut homes: BTreeMap<AccountId, HomePosts> = BTreeMap::new();
    let (mut above, mut known) = (Vec::new(), BTreeSet::from([post.id]));
    let mut next = post.reply_to.zip(post.reply_to_account);
    let end = loop {
        let Some((hash, account)) = next else { break None };
        if above.len() >= ANCESTORS || !known.insert(hash) {
            break Some("too_many");
        }
        if node.hidden().hides(&account) {
            break Some("hidden");
        }
        match find(node, &mut homes, account, hash, deadline).await {
            Err(why) => break Some(why),
            Ok(found) => {
                let Some(found) = as_shown(node, &found) else { break Some("gone") };
                next = found.reply_to.zip(found.reply_to_account);
                above.push(found);
            }
        }
    };
    above.reverse();
    (above, end)
}

/// Finds a post at its author's home, here first; else says why it is not there. Each home is read once.
async fn find(
    node: &Rc<Context>,
    homes: &mut BTreeMap<AccountId, HomePosts>,
    account: AccountId,
    hash: Hash,
    deadline: Instant,
) -> Result<Signed<PostBody>, &'static str> {
    let home = match homes.entry(account) {
        Entry::Occupied(read) => read.into_mut(),
        Entry::Vacant(unread) => {
            let here = local_home(node, account);
            if let Some(post) = here.posts.get(&hash) {
                return Ok(post.clone());
            }
            if here.deleted.contains(&hash) {
                return Err("deleted");
            }
            unread.insert(timeout_at(deadline, read_home(node, account)).await.map_err(|_| "unreachable")?)
        }
    };
    match home.posts.get(&hash) {
        Some(post) => Ok(post.clone()),
        None if home.deleted.contains(&hash) => Err("deleted"),
        None if home.complete => Err("gone"),
        None => Err("unreachable"),
    }
}

/// Returns a post as people see it, as the feed knows it where it does; `None` where nothing proves who its author is.
pub fn as_shown(node: &Rc<Context>, post: &Signed<PostBody>) -> Option<ShownPost> {
    if let Some(row) = row_at(node, &row_key(post)) {
        return Some(shown(&row));
    }
    Some(show(post, name_of(node, &post.body.account)?, Via::Replica, false))
}
