//! Timelines: the feed, and posts with a tag; and the marker that says how far the feed was read.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::entities;
use super::paging::{Range, page};
use super::params::Params;
use super::refused::{Refused, Reply};
use super::statuses::find;
use crate::actors::{ListRequest, PageRequest};
use crate::api::server::Shared;
use crate::types::format_rfc3339;

/// How long a page waits for what authors' homes bring; what comes later is in the next one.
const CATCH_UP: Duration = Duration::from_secs(2);
/// The most posts that one marker marks as seen: a client shows them page by page.
const MARKED: usize = 500;

/// Shows the feed, newest first.
pub async fn home(shared: Data<Shared>, params: Params) -> Reply {
    let range = Range::read(&params)?;
    let feed = &shared.node.doors.feed;
    // What is here is shown, whether or not everybody answered in time.
    let _ = timeout(CATCH_UP, feed.catch_up()).await;
    let posts = range.cut(feed.page(range.request()).await?.posts);
    let statuses = entities::statuses(&shared, &posts).await;
    page(&shared, "/api/v1/timelines/home?", &posts, statuses)
}

/// Shows posts held here that carry a tag.
pub async fn tag(shared: Data<Shared>, name: Path<String>, params: Params) -> Reply {
    let range = Range::read(&params)?;
    let request = ListRequest { limit: range.reach(), cursor: range.cursor() };
    let found = shared.node.doors.feed.tag(name.to_string(), request).await?;
    let posts = range.cut(found.posts);
    let statuses = entities::statuses(&shared, &posts).await;
    page(&shared, &format!("/api/v1/timelines/tag/{name}?"), &posts, statuses)
}

/// Says how far the feed was read.
pub async fn markers(shared: Data<Shared>, params: Params) -> Reply {
    if !params.all("timeline").any(|name| name == "home") {
        return Ok(HttpResponse::Ok().json(json!({})));
    }
    let newest_seen = newest_seen(&shared).await?;
    Ok(HttpResponse::Ok().json(newest_seen.map_or_else(|| json!({}), |marker| json!({ "home": marker }))))
}

/// Counts everything up to a status as seen.
pub async fn mark(shared: Data<Shared>, params: Params) -> Reply {
    let Some(id) = params.get("home[last_read_id]") else {
        return Err(Refused::usage("home[last_read_id] is the status up to which everything was read"));
    };
    let last = find(&shared, id).await?;
    let range = Range { max: Some(last.status_id() + 1), limit: MARKED, ..Range::default() };
    let request = PageRequest { limit: MARKED, cursor: range.cursor(), ..PageRequest::default() };
    let feed = &shared.node.doors.feed;
    let unseen = feed.page(request).await?.posts.into_iter().filter(|post| !post.seen);
    feed.shown(unseen.map(|post| post.id).collect()).await?;
    let marker = marker(&last.status_id().to_string(), last.hlc.wall());
    Ok(HttpResponse::Ok().json(json!({ "home": marker })))
}

async fn newest_seen(shared: &Shared) -> Result<Option<Value>, Refused> {
    let request = PageRequest { limit: MARKED, ..PageRequest::default() };
    let posts = shared.node.doors.feed.page(request).await?.posts;
    let seen = posts.into_iter().find(|post| post.seen);
    Ok(seen.map(|post| marker(&post.status_id().to_string(), post.hlc.wall())))
}

fn marker(id: &str, at: crate::types::WallTime) -> Value {
    json!({ "last_read_id": id, "version": 1, "updated_at": format_rfc3339(at) })
}
