//! Posting and following: on disk first, then reported as far as the network got in time.

use std::time::Duration;

use actix_web::web::{Data, Json};

use crate::api::answers::{self, Answer};
use crate::api::questions::{FollowBody, PostBody, soon_after, username, within};
use crate::api::server::Shared;

/// Publishes a post.
pub async fn post(shared: Data<Shared>, body: Json<PostBody>) -> Answer {
    let PostBody { text, ttl_ms, timeout_ms } = body.into_inner();
    let (ttl, within) = (ttl_ms.map(Duration::from_millis), within(timeout_ms));
    let session = shared.node.doors.session.clone();
    let posted = soon_after(within, async move { session.post_within(text, ttl, within).await }).await?;
    answers::ok(answers::posted(&posted))
}

/// Follows somebody.
pub async fn follow(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    relate(&shared, &body, true).await
}

/// Ends following somebody.
pub async fn unfollow(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    relate(&shared, &body, false).await
}

async fn relate(shared: &Shared, body: &FollowBody, follows: bool) -> Answer {
    let (name, within) = (username(&body.username)?, within(body.timeout_ms));
    let session = shared.node.doors.session.clone();
    let relation = soon_after(within, async move { session.follow_within(name, follows, within).await }).await?;
    answers::ok(answers::relation(&relation))
}
