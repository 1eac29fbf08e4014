//! Notifications: posts that name the account or answer one of its posts.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::entities;
use super::paging::{Range, page};
use super::params::Params;
use super::refused::Reply;
use crate::actors::{ListRequest, ShownPost};
use crate::api::server::Shared;

/// Lists notifications, newest first.
pub async fn list(shared: Data<Shared>, params: Params) -> Reply {
    let range = Range::read(&params)?;
    let only_others = params.names("types") && !params.all("types").any(|kind| kind == "mention");
    if only_others || params.all("exclude_types").any(|kind| kind == "mention") {
        return Ok(HttpResponse::Ok().json(json!([])));
    }
    let request = ListRequest { limit: range.reach(), cursor: range.cursor() };
    let posts = range.cut(shared.node.doors.feed.mentions(request).await?.posts);
    let statuses = entities::statuses(&shared, &posts).await;
    let all = posts.iter().zip(statuses).map(|(post, status)| notification(post, status)).collect();
    page(&shared, "/api/v1/notifications?", &posts, all)
}

/// Writes a notification of a post; its number is that of the post.
pub fn notification(post: &ShownPost, status: Value) -> Value {
    json!({
        "id": post.status_id().to_string(),
        "type": "mention",
        "created_at": status["created_at"],
        "account": status["account"],
        "status": status,
    })
}
