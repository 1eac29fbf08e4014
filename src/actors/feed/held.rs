//! Posts that are held here, wherever they lie: in the feed, in the inbox, or stored for the network.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::id::{PostId, only};
use super::messages::{ListRequest, PostsPage, ShownPost};
use super::page::{read_cursor, write_cursor};
use super::rows::{at, shown};
use crate::actors::context::Context;
use crate::records::{PostBody, ProofNeed, Signed};
use crate::seam::{Lane, Lent, Reader, Space, StoreError, offload};
use crate::timeline::{FeedRow, Query, Via, row_key};
use crate::types::{AccountId, Problem, Section, Username, WallTime};

/// Most rows looked at in feed and inbox, and most stored records: a search costs no more, whatever is held.
const ROWS: usize = 50_000;
const RECORDS: usize = 500_000;
/// Rows, and records, read at once.
const READ: usize = 256;

/// Says of a post whether it is looked for.
pub type Wanted = Arc<dyn Fn(&Signed<PostBody>) -> bool + Send + Sync>;

/// Returns posts that are held here, the newest first, at most `most` of those behind `after`; ended ones, and those of
/// accounts that are blocked here, are left out.
pub async fn held(
    node: &Rc<Context>,
    after: Option<Bytes>,
    most: usize,
    wanted: Wanted,
) -> Result<Vec<FeedRow>, Problem> {
    let mut found: BTreeMap<Bytes, FeedRow> = BTreeMap::new();
    let (now, hidden) = (node.horizon(), node.hidden());
    for space in [Space::Feed, Space::Inbox] {
        rows(node, space, after.clone(), most, &mut found, |row| {
            let body = &row.post.body;
            body.expires_at() > now && !hidden.blocks(&body.account) && wanted(&row.post)
        })
        .await?;
    }
    for post in stored(node, after, most, wanted).await? {
        let (key, account) = (row_key(&post), post.body.account);
        if found.contains_key(&key) || hidden.blocks(&account) {
            continue;
        }
        if let Some(author) = name_of(node, &account) {
            found.insert(key, FeedRow { post, author, via: Via::Replica, shown: false });
        }
    }
    Ok(found.into_values().take(most).collect())
}

/// Collects rows, leaving the arbiter to others between readings.
async fn rows(
    node: &Rc<Context>,
    space: Space,
    mut after: Option<Bytes>,
    most: usize,
    found: &mut BTreeMap<Bytes, FeedRow>,
    wanted: impl Fn(&FeedRow) -> bool,
) -> Result<(), StoreError> {
    let mut came = 0;
    for _ in 0..ROWS / READ {
        let some = node.store.local(space, &[], after.as_deref(), READ)?;
        let end = some.len() < READ;
        after = some.last().map(|(key, _)| key.clone());
        for (key, value) in some {
            let Some(row) = FeedRow::read(&value).filter(|row| wanted(row)) else { continue };
            came += 1;
            // The feed is looked at first: it knows whether a post was shown.
            found.entry(key).or_insert(row);
        }
        if end || came >= most {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn stored(
    node: &Rc<Context>,
    after: Option<Bytes>,
    most: usize,
    wanted: Wanted,
) -> Result<Vec<Signed<PostBody>>, Problem> {
    let (reader, now) = (node.store.reader()?, node.horizon());
    let work = move || scan(reader, after.as_deref(), most, now, &*wanted);
    let found = offload(&*node.offload, Lane::Bulk, work).await;
    Ok(found.unwrap_or(Ok(Vec::new()))?)
}

fn scan(
    mut reader: Box<dyn Reader + Send>,
    after: Option<&[u8]>,
    most: usize,
    now: WallTime,
    wanted: &dyn Fn(&Signed<PostBody>) -> bool,
) -> Result<Vec<Signed<PostBody>>, StoreError> {
    let mut found: BTreeMap<Bytes, Signed<PostBody>> = BTreeMap::new();
    let mut left = RECORDS;
    reader.walk(None, &mut |row| {
        if let Some(post) = post(row, now).filter(|post| wanted(post)) {
            let key = row_key(&post);
            if after.is_none_or(|after| *key > *after) {
                found.insert(key, post);
            }
            if found.len() > most {
                found.pop_last();
            }
        }
        left -= 1;
        if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found.into_values().collect())
}

fn post(row: &Lent<'_>, now: WallTime) -> Option<Signed<PostBody>> {
    if row.section != Section::Post || row.expires_at <= now {
        return None;
    }
    Signed::decode(row.bytes.to_bytes()).ok()
}

/// Returns the name of an account whose proof is known here.
pub fn name_of(node: &Rc<Context>, account: &AccountId) -> Option<Username> {
    node.evidence(&ProofNeed::Account(*account));
    node.with_proofs(|proofs| proofs.account(account).map(|proof| proof.chain.username().clone()))
}

/// Finds a post by its id, or by the first digits that no other post here shares.
pub async fn find(node: Rc<Context>, text: String) -> Result<ShownPost, Problem> {
    let id = PostId::read(&text)?;
    let looked_for = id.clone();
    let wanted: Wanted = Arc::new(move |post| looked_for.fits(&post.hash(), post.body.hlc, &post.body.device));
    if let Some(place) = id.place() {
        let rows = node.store.local(Space::Feed, &place, None, 1)?;
        let row = rows.first().and_then(|(_, value)| FeedRow::read(value)).filter(|row| is_shown(&node, row));
        if let Some(row) = row {
            return Ok(shown(&row));
        }
    }
    let found = held(&node, None, if id.is_whole() { 1 } else { 2 }, wanted).await?;
    only(&text, found, "on this node").map(|row| shown(&row))
}

fn is_shown(node: &Rc<Context>, row: &FeedRow) -> bool {
    let body = &row.post.body;
    body.expires_at() > node.horizon() && !node.hidden().blocks(&body.account)
}

/// Looks for posts that are held here, newest first; those of accounts that the user does not want to hear of are left out.
pub async fn search(node: Rc<Context>, query: Query, page: ListRequest) -> Result<PostsPage, Problem> {
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let hidden = node.hidden().as_ref().clone();
    let wanted: Wanted = Arc::new(move |post| !hidden.hides(&post.body.account) && query.finds(&post.body.text));
    let found = held(&node, after, page.limit + 1, wanted).await?;
    Ok(page_of(found, page.limit))
}

/// Returns the posts the user was named in, newest first.
pub async fn mentions(node: Rc<Context>, page: ListRequest) -> Result<PostsPage, Problem> {
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let (now, hidden) = (node.horizon(), node.hidden());
    let mut found = BTreeMap::new();
    rows(&node, Space::Inbox, after, page.limit + 1, &mut found, |row| {
        row.post.body.expires_at() > now && !hidden.hides(&row.post.body.account)
    })
    .await?;
    // Whether a post was shown, the feed knows better.
    let newest = found.into_iter().map(|(key, row)| at(&node, Space::Feed, &key).unwrap_or(row));
    Ok(page_of(newest.collect(), page.limit))
}

/// Cuts a list, which has one more than fit where there are more.
fn page_of(mut rows: Vec<FeedRow>, limit: usize) -> PostsPage {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| write_cursor(&row.key()));
    PostsPage { posts: rows.iter().map(shown).collect(), next }
}
