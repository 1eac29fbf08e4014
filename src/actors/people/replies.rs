//! What answers a post: answers that lie here, and those of which the post's author was told.
//!
//! A mention says only that there is a post; whether it answers this one, the post itself says.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::{Instant, timeout_at};

use super::homes::read_home;
use super::thread::as_shown;
use crate::actors::context::Context;
use crate::actors::feed::{ShownPost, Wanted, held};
use crate::actors::storage::read_list;
use crate::records::{FUTURE_TOLERANCE, PostBody, Record, Signed};
use crate::types::{AccountId, Hash, Section};

/// Most answers shown.
const REPLIES: usize = 500;
/// How deep answers to answers are followed.
const DEPTH: usize = 20;
/// Most answers looked at that lie here.
const LOCAL: usize = 5000;
/// Most people whose homes are read, those who spoke last first, and how many of them at once.
const SENDERS: usize = 32;
const AT_ONCE: usize = 8;

/// Returns what answers a post, in the order in which it was made, and whether enough holders answered.
pub async fn replies(node: &Rc<Context>, post: &ShownPost, deadline: Instant) -> (Vec<ShownPost>, bool) {
    let mut candidates: BTreeMap<Hash, Signed<PostBody>> = BTreeMap::new();
    let wanted: Wanted = Arc::new(|post| post.body.reply_to.is_some());
    let here = held(node, None, LOCAL, wanted).await.unwrap_or_default();
    candidates.extend(here.into_iter().map(|row| (row.post.hash(), row.post)));
    let complete = timeout_at(deadline, fetch(node, post, &mut candidates)).await.unwrap_or(false);
    let hidden = node.hidden();
    candidates.retain(|_, post| !hidden.hides(&post.body.account));
    let found = below(post.id, &candidates);
    (found.into_iter().filter_map(|post| as_shown(node, post)).collect(), complete)
}

/// Reads the homes of those who named the post's author; true when all of them were heard.
async fn fetch(node: &Rc<Context>, post: &ShownPost, candidates: &mut BTreeMap<Hash, Signed<PostBody>>) -> bool {
    let reading = read_list(node, Section::Inbox, post.account).await;
    let hidden = node.hidden();
    let earliest = post.hlc.wall().minus(FUTURE_TOLERANCE);
    let mut mentions: Vec<_> = reading
        .records
        .into_iter()
        .filter_map(|record| match record {
            Record::Mention(mention) => Some(mention),
            _ => None,
        })
        .filter(|m| {
            let body = &m.body;
            body.mentioned == post.account
                && body.hlc.wall() >= earliest
                && !hidden.hides(&body.account)
                && !candidates.contains_key(&body.post)
        })
        .collect();
    mentions.sort_by_key(|m| std::cmp::Reverse((m.body.hlc, m.hash())));
    let mut senders: Vec<AccountId> = Vec::new();
    for account in mentions.iter().map(|m| m.body.account) {
        if senders.len() < SENDERS && !senders.contains(&account) {
            senders.push(account);
        }
    }
    let mut complete = reading.complete;
    let homes = senders.into_iter().map(|account| read_home(node, account));
    let mut reading = iter(homes).buffered(AT_ONCE);
    while let Some(home) = reading.next().await {
        complete &= home.complete;
        let answers = home.posts.into_iter().filter(|(_, post)| post.body.reply_to.is_some());
        candidates.extend(answers);
    }
    complete
}

/// Returns the posts that answer one, or answer an answer to it, in the order of feeds; the oldest ones where there are many.
fn below(root: Hash, candidates: &BTreeMap<Hash, Signed<PostBody>>) -> Vec<&Signed<PostBody>> {
    let mut answers: BTreeMap<Hash, Vec<&Signed<PostBody>>> = BTreeMap::new();
    for post in candidates.values() {
        if let Some(reply) = &post.body.reply_to {
            answers.entry(reply.post).or_default().push(post);
        }
    }
    let mut known = BTreeSet::from([root]);
    let (mut level, mut found) = (vec![root], Vec::new());
    for _ in 0..DEPTH {
        let next: Vec<&Signed<PostBody>> = level
            .iter()
            .filter_map(|hash| answers.get(hash))
            .flatten()
            .filter(|p| known.insert(p.hash()))
            .copied()
            .collect();
        level = next.iter().map(|post| post.hash()).collect();
        found.extend(next);
    }
    found.sort_by_key(|post| (post.body.hlc, post.body.device, post.body.seq, post.hash()));
    found.truncate(REPLIES);
    found
}
