//! Posts on disk: those of the feed, and those of the inbox.

use std::rc::Rc;

use bytes::Bytes;

use super::messages::ShownPost;
use crate::actors::context::Context;
use crate::records::{PostBody, Signed};
use crate::seam::{Op, Space, StoreError};
use crate::timeline::{FeedRow, Via, mentions, tags};
use crate::types::Username;

/// Rows read at once.
const READ: usize = 256;

/// Returns the change that puts a row into the feed.
pub fn put(row: &FeedRow) -> Op {
    Op::SetLocal(Space::Feed, row.key(), row.to_bytes())
}

/// Walks the feed or the inbox from the newest row, or from behind `after`, until `visit` says false.
pub fn walk(
    node: &Rc<Context>,
    space: Space,
    after: Option<Bytes>,
    mut visit: impl FnMut(Bytes, FeedRow) -> bool,
) -> Result<(), StoreError> {
    let mut after = after;
    loop {
        let rows = node.store.local(space, &[], after.as_deref(), READ)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.clone());
        let end = rows.len() < READ;
        for (key, value) in rows {
            let Some(row) = FeedRow::read(&value) else { continue };
            if !visit(key, row) {
                return Ok(());
            }
        }
        if end {
            return Ok(());
        }
    }
}

/// Returns the row with exactly this key.
pub fn at(node: &Context, space: Space, key: &Bytes) -> Option<FeedRow> {
    let rows = node.store.local(space, key, None, 1).ok()?;
    rows.first().filter(|(k, _)| k == key).and_then(|(_, value)| FeedRow::read(value))
}

/// Returns the row of the feed with exactly this key.
pub fn row_at(node: &Context, key: &Bytes) -> Option<FeedRow> {
    at(node, Space::Feed, key)
}

/// Returns a row as people see it.
pub fn shown(row: &FeedRow) -> ShownPost {
    show(&row.post, row.author.clone(), row.via, row.shown)
}

/// Returns a post as people see it.
pub fn show(post: &Signed<PostBody>, author: Username, via: Via, seen: bool) -> ShownPost {
    let body = &post.body;
    ShownPost {
        id: post.hash(),
        author,
        account: body.account,
        device: body.device,
        seq: body.seq,
        hlc: body.hlc,
        expires_at: body.expires_at(),
        text: body.text.clone(),
        reply_to: body.reply_to.as_ref().map(|reply| reply.post),
        reply_to_account: body.reply_to.as_ref().map(|reply| reply.account),
        mentions: mentions(&body.text),
        tags: tags(&body.text),
        via,
        seen,
    }
}
