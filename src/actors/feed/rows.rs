//! The feed on disk.

use std::rc::Rc;

use bytes::Bytes;

use super::messages::ShownPost;
use crate::actors::context::Context;
use crate::seam::{Op, Space, StoreError};
use crate::timeline::FeedRow;

/// Rows read at once.
const READ: usize = 256;

/// Returns the change that puts a row into the feed.
pub fn put(row: &FeedRow) -> Op {
    Op::SetLocal(Space::Feed, row.key(), row.to_bytes())
}

/// Walks the feed from the newest row, or from behind `after`, until `visit` says false.
pub fn walk(
    node: &Rc<Context>,
    after: Option<Bytes>,
    mut visit: impl FnMut(Bytes, FeedRow) -> bool,
) -> Result<(), StoreError> {
    let mut after = after;
    loop {
        let rows = node.store.local(Space::Feed, &[], after.as_deref(), READ)?;
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

/// Returns a row as people see it.
pub fn shown(row: &FeedRow) -> ShownPost {
    let body = &row.post.body;
    ShownPost {
        id: row.post.hash(),
        author: row.author.clone(),
        account: body.account,
        device: body.device,
        seq: body.seq,
        hlc: body.hlc,
        expires_at: body.expires_at(),
        text: body.text.clone(),
        via: row.via,
        seen: row.shown,
    }
}
