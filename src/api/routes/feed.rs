//! The feed: pages, what was shown, and what comes.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Json, Query};
use serde_json::json;
use tokio::time::timeout;

use crate::actors::PageRequest;
use crate::api::answers::{self, Answer};
use crate::api::events;
use crate::api::questions::{FeedQuery, ShownBody};
use crate::api::server::Shared;

/// How long a page waits for what authors' homes bring; what comes later is in the next one.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Answers with a page, newest first.
pub async fn page(shared: Data<Shared>, query: Query<FeedQuery>) -> Answer {
    let limit = query.limit()?;
    let FeedQuery { cursor, since, before, .. } = query.into_inner();
    let feed = &shared.node.doors.feed;
    let caught_up = timeout(CATCH_UP, feed.catch_up()).await.is_ok();
    let mut page = feed.page(PageRequest { limit, cursor, since, before }).await?;
    page.complete &= caught_up;
    answers::ok(answers::feed(&page))
}

/// Counts posts as seen.
pub async fn shown(shared: Data<Shared>, body: Json<ShownBody>) -> Answer {
    let count = shared.node.doors.feed.shown(body.ids()?).await?;
    answers::ok(json!({ "shown": count }))
}

/// Streams posts: those not shown yet, then each new one.
pub async fn events(shared: Data<Shared>) -> Answer {
    let watching = shared.node.doors.feed.watch().await?;
    let stream = events::stream(watching, shared.ending.clone());
    Ok(HttpResponse::Ok().insert_header(ContentType(actix_web::mime::TEXT_EVENT_STREAM)).streaming(stream))
}
