//! Posting, deleting, following, muting and blocking: on disk first, then reported as far as the network got in time.

use std::time::Duration;

use actix_web::web::{Data, Json};

use crate::actors::PostRequest;
use crate::api::answers::{self, Answer};
use crate::api::questions::{DeleteBody, FollowBody, PostBody, soon_after, username, within};
use crate::api::server::Shared;
use crate::records::PrivateKind;

/// Publishes a post.
pub async fn post(shared: Data<Shared>, body: Json<PostBody>) -> Answer {
    let PostBody { text, ttl_ms, reply_to, timeout_ms } = body.into_inner();
    let (ttl, within) = (ttl_ms.map(Duration::from_millis), within(timeout_ms));
    let session = shared.node.doors.session.clone();
    let reply_to = match reply_to {
        Some(id) => Some(shared.node.doors.feed.find(id).await?.id),
        None => None,
    };
    let request = PostRequest { text, ttl, reply_to };
    let posted = soon_after(within, async move { session.post_within(request, within).await }).await?;
    answers::ok(answers::posted(&posted))
}

/// Deletes a post of the account.
pub async fn delete(shared: Data<Shared>, body: Json<DeleteBody>) -> Answer {
    let DeleteBody { id, timeout_ms } = body.into_inner();
    let within = within(timeout_ms);
    let session = shared.node.doors.session.clone();
    // An id in full may be of another device's post, which is not here yet.
    let id = match id.parse() {
        Ok(id) => id,
        Err(_) => shared.node.doors.feed.find(id).await?.id,
    };
    let deleted = soon_after(within, async move { session.delete_within(id, within).await }).await?;
    answers::ok(answers::deleted(&deleted))
}

/// Mutes somebody.
pub async fn mute(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    hide(&shared, &body, PrivateKind::Mute, true).await
}

/// Takes a mute back.
pub async fn unmute(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    hide(&shared, &body, PrivateKind::Mute, false).await
}

/// Blocks somebody.
pub async fn block(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    hide(&shared, &body, PrivateKind::Block, true).await
}

/// Takes a block back.
pub async fn unblock(shared: Data<Shared>, body: Json<FollowBody>) -> Answer {
    hide(&shared, &body, PrivateKind::Block, false).await
}

async fn hide(shared: &Shared, body: &FollowBody, kind: PrivateKind, on: bool) -> Answer {
    let (name, within) = (username(&body.username)?, within(body.timeout_ms));
    let session = shared.node.doors.session.clone();
    let done = soon_after(within, async move { session.relate_privately(kind, name, on, within).await }).await?;
    answers::ok(answers::private_relation(&done))
}

/// Lists who is muted.
pub async fn muted(shared: Data<Shared>) -> Answer {
    let people = shared.node.doors.session.private_list(PrivateKind::Mute).await?;
    answers::ok(answers::hidden_people(&people))
}

/// Lists who is blocked.
pub async fn blocked(shared: Data<Shared>) -> Answer {
    let people = shared.node.doors.session.private_list(PrivateKind::Block).await?;
    answers::ok(answers::hidden_people(&people))
}

/// Lists what is on its way.
pub async fn outbox(shared: Data<Shared>) -> Answer {
    answers::ok(answers::outbox(&shared.node.doors.outbox.items().await?))
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
