//! The feed as it comes, in the events that clients know: `update`, `delete` and `notification`.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data};
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::entities;
use super::notifications::notification;
use super::refused::Reply;
use crate::actors::{FeedEvent, ShownPost, Watching};
use crate::api::server::Shared;

/// A silence after which a comment shows that the stream lives; it also finds readers that are gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Statuses whose numbers are remembered, so that a deletion names the number that was told.
const TOLD: usize = 1000;

/// Says that streaming works.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().body("OK")
}

struct Stream {
    shared: Data<Shared>,
    watching: Watching,
    told: std::collections::VecDeque<ShownPost>,
    opened: bool,
}

/// Streams what is new from now on.
pub async fn user(shared: Data<Shared>) -> Reply {
    let watching = shared.node.doors.feed.watch().await?;
    let told = watching.unseen.iter().take(TOLD).cloned().collect();
    let stream = Stream { shared, watching, told, opened: false };
    let chunks = unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, Infallible>(chunk), stream))
    });
    Ok(HttpResponse::Ok().insert_header(ContentType(actix_web::mime::TEXT_EVENT_STREAM)).streaming(chunks))
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.opened {
            self.opened = true;
            return Some(Bytes::from_static(b":)\n\n"));
        }
        let silence = sleep_until(Instant::now() + KEEP_ALIVE);
        let event = tokio::select! {
            biased;
            _ = self.shared.ending.clone() => return None,
            event = self.watching.events.recv() => event?,
            () = silence => return Some(Bytes::from_static(b":thump\n\n")),
        };
        Some(match event {
            FeedEvent::Post(post) => {
                let status = entities::one(&self.shared, &post).await;
                self.tell(post);
                event_of("update", &status.to_string())
            }
            FeedEvent::Mention(post) => {
                let status = entities::one(&self.shared, &post).await;
                let value: Value = notification(&post, status);
                self.tell(post);
                event_of("notification", &value.to_string())
            }
            FeedEvent::Deleted(id) => {
                let number = self.told.iter().find(|post| post.id == id).map(|post| post.status_id().to_string());
                event_of("delete", &number.unwrap_or_else(|| id.to_string()))
            }
            // A client has no place for it; `/api/v1/node/feed` tells.
            FeedEvent::Missing(_) => Bytes::from_static(b":missing\n\n"),
        })
    }

    fn tell(&mut self, post: ShownPost) {
        if self.told.len() >= TOLD {
            self.told.pop_front();
        }
        self.told.push_back(post);
    }
}

fn event_of(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
