//! Pages of the feed.

use std::rc::Rc;

use bytes::Bytes;

use super::messages::{FeedPage, PageRequest};
use super::rows::{shown, walk};
use crate::actors::context::Context;
use crate::types::{Code, Problem};

/// The fewest digits of an id that are taken for it.
const SHORTEST_PREFIX: usize = 8;

/// Reads a page; what is missing is for the caller to add.
pub fn page(node: &Rc<Context>, request: &PageRequest) -> Result<FeedPage, Problem> {
    let find = |id: &Option<String>| id.as_deref().map(|id| find(node, id)).transpose();
    let (since, before) = (find(&request.since)?, find(&request.before)?);
    let cursor = request.cursor.as_deref().map(read_cursor).transpose()?;
    let now = node.horizon();
    let mut page = FeedPage { complete: true, ..FeedPage::default() };
    let (mut last, mut more) = (None, false);
    let walked = walk(node, cursor.or(before), |key, row| {
        if since.as_ref().is_some_and(|since| key >= *since) {
            return false;
        }
        if row.post.body.expires_at() <= now {
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
    page.next = last.filter(|_| more).map(|key| data_encoding::BASE64URL_NOPAD.encode(&key));
    Ok(page)
}

fn read_cursor(text: &str) -> Result<Bytes, Problem> {
    data_encoding::BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map(Bytes::from)
        .map_err(|_| Problem::new(Code::Usage, "this cursor was not made by this feed"))
}

/// Finds the row of a post by its id, or a prefix of it that no other post here shares.
fn find(node: &Rc<Context>, id: &str) -> Result<Bytes, Problem> {
    let digits = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if id.len() < SHORTEST_PREFIX || id.len() > 64 || !digits {
        return Err(Problem::new(Code::Usage, "an id is 64 lower-case hex digits, or at least the first 8 of them"));
    }
    let mut found: Vec<Bytes> = Vec::new();
    walk(node, None, |key, row| {
        if row.post.hash().to_string().starts_with(id) {
            found.push(key);
        }
        found.len() < 2
    })
    .map_err(Problem::from)?;
    match found.as_slice() {
        [key] => Ok(key.clone()),
        [] => Err(Problem::new(Code::NoSuchPost, format!("there is no post {id} in this feed"))),
        _ => Err(Problem::new(Code::Usage, format!("several posts begin with {id}")).hint("give more digits")),
    }
}
