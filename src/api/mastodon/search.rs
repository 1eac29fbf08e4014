//! One search for people, tags and posts.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::params::Params;
use super::refused::{Refused, Reply};
use super::{accounts, entities};
use crate::actors::ListRequest;
use crate::api::server::Shared;
use crate::timeline::folded_tag;

/// Entries of each kind in an answer that does not say how many, and the most.
const ENTRIES: (usize, usize) = (20, 40);
/// Posts looked at for tags.
const TAGGED: usize = 40;

/// Searches the directory, and what this node holds.
pub async fn search(shared: Data<Shared>, params: Params) -> Reply {
    let Some(text) = params.get("q") else { return Err(Refused::usage("q is what is looked for")) };
    let limit = match params.get("limit").map(str::parse::<usize>) {
        None => ENTRIES.0,
        Some(Ok(limit)) if limit > 0 => limit.min(ENTRIES.1),
        Some(_) => return Err(Refused::usage("limit is a number from 1 to 40")),
    };
    let wanted = |kind: &str| params.get("type").is_none_or(|only| only == kind);
    let accounts = if wanted("accounts") { accounts::find(&shared, text, limit).await? } else { Vec::new() };
    let page = || ListRequest { limit, cursor: None };
    let statuses = if wanted("statuses") {
        let found = shared.node.doors.feed.search(text.to_owned(), page()).await?;
        entities::statuses(&shared, &found.posts).await
    } else {
        Vec::new()
    };
    let hashtags = if wanted("hashtags") { tags(&shared, text).await } else { Vec::new() };
    Ok(HttpResponse::Ok().json(json!({ "accounts": accounts, "statuses": statuses, "hashtags": hashtags })))
}

/// Returns the tag that was typed, when a post here carries it.
async fn tags(shared: &Shared, text: &str) -> Vec<Value> {
    let tag = folded_tag(text.trim());
    let page = ListRequest { limit: TAGGED, cursor: None };
    let found = shared.node.doors.feed.tag(tag.clone(), page).await.unwrap_or_default();
    if found.posts.is_empty() {
        return Vec::new();
    }
    vec![json!({ "name": tag, "url": format!("{}/tags/{tag}", shared.base()), "history": [] })]
}
