//! Pages of the feed.

use std::rc::Rc;

use bytes::Bytes;

use super::id::{PostId, only};
use super::messages::{FeedPage, PageRequest};
use super::rows::{shown, walk};
use crate::actors::context::Context;
use crate::seam::Space;
use crate::types::{Code, Problem};

/// Reads a page; what is missing is for the caller to add.
pub fn page(node: &Rc<Context>, request: &PageRequest) -> Result<FeedPage, Problem> {
    let since = request.since.as_deref().map(|id| place(node, id)).transpose()?;
    let before = request.before.as_deref().map(|id| Ok::<_, Problem>(behind(place(node, id)?))).transpose()?;
    let cursor = request.cursor.as_deref().map(read_cursor).transpose()?;
    let (now, hidden) = (node.horizon(), node.hidden());
    let mut page = FeedPage { complete: true, ..FeedPage::default() };
    let (mut last, mut more) = (None, false);
    let walked = walk(node, Space::Feed, cursor.or(before), |key, row| {
        if since.as_ref().is_some_and(|since| key >= *since) {
            return false;
        }
        if row.post.body.expires_at() <= now || hidden.hides(&row.post.body.account) {
            return true;
        }
        if page.posts.len() >= request.limit {
            more = true;
            return false;
        }
        page.posts.push(shown(&row));
        last = Some(key);
        true
    });
    walked.map_err(Problem::from)?;
    page.next = last.filter(|_| more).map(|key| write_cursor(&key));
    Ok(page)
}

/// Writes where a list goes on.
pub fn write_cursor(key: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(key)
}

/// Reads where a list goes on.
pub fn read_cursor(text: &str) -> Result<Bytes, Problem> {
    /// Ours have no more than a row's key.
    const LONGEST: usize = 256;
    let decoded = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|key| key.len() <= LONGEST);
    decoded.map(Bytes::from).ok_or_else(|| Problem::new(Code::Usage, "this cursor was not made by this list"))
}

/// Returns a key behind all that begin with this one.
fn behind(key: Bytes) -> Bytes {
    key.iter().copied().chain([u8::MAX; 72]).collect()
}

/// Finds where in the feed a post lies; one that is named by its number need not be there.
fn place(node: &Rc<Context>, text: &str) -> Result<Bytes, Problem> {
    let id = PostId::read(text)?;
    if let Some(place) = id.place() {
        return Ok(place);
    }
    let mut found: Vec<Bytes> = Vec::new();
    walk(node, Space::Feed, None, |key, row| {
        let body = &row.post.body;
        if id.fits(&row.post.hash(), body.hlc, &body.device) {
            found.push(key);
        }
        found.len() < if id.is_whole() { 1 } else { 2 }
    })
    .map_err(Problem::from)?;
    only(text, found, "in this feed")
}
