//! Statuses: making, showing and deleting one, and what was said around it.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::entities;
use super::params::Params;
use super::refused::{Refused, Reply};
use crate::actors::{PostRequest, ShownPost};
use crate::api::questions::{in_time, soon_after, within};
use crate::api::server::Shared;
use crate::types::{Code, Problem};

/// Makes a status. What is more than public text is refused, never posted without it.
pub async fn create(shared: Data<Shared>, params: Params) -> Reply {
    refuse_what_is_no_text(&params)?;
    let text = params.get("status").unwrap_or_default().to_owned();
    let ttl = params.get("expires_in").map(seconds).transpose()?;
    let reply_to = match params.get("in_reply_to_id") {
        Some(id) => Some(find(&shared, id).await?.id),
        None => None,
    };
    let (session, within) = (shared.node.doors.session.clone(), within(None));
    let request = PostRequest { text, ttl, reply_to };
    let posted = soon_after(within, async move { session.post_within(request, within).await }).await?;
    let post = find(&shared, &posted.id.to_string()).await?;
    let mut status = entities::one(&shared, &post).await;
    status["timeline"]["state"] = json!(if posted.published { "published" } else { "queued" });
    Ok(HttpResponse::Ok().json(status))
}

fn refuse_what_is_no_text(params: &Params) -> Result<(), Refused> {
    const NOT_SUPPORTED: [(&str, &str); 8] = [
        ("media_ids", "media"),
        ("media_attributes", "media"),
        ("poll", "a poll"),
        ("scheduled_at", "a time to post at"),
        ("spoiler_text", "a content warning"),
        ("quoted_status_id", "a quote"),
        ("quote_id", "a quote"),
        ("quote_approval_policy", "a rule about quotes"),
    ];
    // Whichever of several it meant: one that is not public is refused.
    if let Some(other) = params.all("visibility").find(|value| !matches!(*value, "" | "public")) {
        return Err(Refused::not_supported(&format!("the visibility {other:?}")));
    }
    let asked = NOT_SUPPORTED.iter().find(|(name, _)| params.names(name));
    match asked {
        Some((_, what)) => Err(Refused::not_supported(what)),
        None if params.flag("sensitive") => Err(Refused::not_supported("a content warning")),
        None => Ok(()),
    }
}

fn seconds(text: &str) -> Result<Duration, Refused> {
    text.parse().map(Duration::from_secs).map_err(|_| Refused::usage("expires_in is a number of seconds"))
}

/// Shows a status.
pub async fn show(shared: Data<Shared>, id: Path<String>) -> Reply {
    let post = find(&shared, &id).await?;
    Ok(HttpResponse::Ok().json(entities::one(&shared, &post).await))
}

/// Deletes a status of the account; answers with what it said, so that it can be written anew.
pub async fn delete(shared: Data<Shared>, id: Path<String>) -> Reply {
    let post = find(&shared, &id).await?;
    let mut status = entities::one(&shared, &post).await;
    let (session, within) = (shared.node.doors.session.clone(), within(None));
    let deleted = soon_after(within, async move { session.delete_within(post.id, within).await }).await?;
    status["timeline"]["state"] = json!(if deleted.queued { "queued" } else { "deleted" });
    Ok(HttpResponse::Ok().json(status))
}

/// Shows what a status answers and what answers it.
pub async fn context(shared: Data<Shared>, id: Path<String>) -> Reply {
    let post = find(&shared, &id).await?;
    let people = shared.node.doors.people.clone();
    let thread = in_time(within(None), async move { people.thread(post.id).await }).await?;
    // All of the conversation is at hand: nobody has to be looked for.
    let all: Vec<&ShownPost> =
        thread.ancestors.iter().chain(std::iter::once(&thread.post)).chain(&thread.replies).collect();
    let write = |post: &ShownPost| {
        let answers = post.reply_to.and_then(|id| all.iter().copied().find(|p| p.id == id));
        entities::status(&shared, post, answers)
    };
    let ancestors: Vec<Value> = thread.ancestors.iter().map(write).collect();
    let descendants: Vec<Value> = thread.replies.iter().map(write).collect();
    Ok(HttpResponse::Ok().json(json!({ "ancestors": ancestors, "descendants": descendants })))
}

/// Finds a post by its decimal id, or by that of the network, whole or the beginning of it.
pub async fn find(shared: &Shared, id: &str) -> Result<ShownPost, Refused> {
    let id = id.strip_prefix("timeline:").unwrap_or(id);
    shared.node.doors.feed.find(id.to_owned()).await.map_err(|problem| {
        // An id of any other form is that of no status.
        let unknown = problem.code == Code::Usage && !problem.message.contains("several");
        if unknown { Problem::new(Code::NoSuchPost, format!("there is no status {id} here")) } else { problem }.into()
    })
}
