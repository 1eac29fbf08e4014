//! Which path and method leads where.

use actix_web::HttpRequest;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post, resource};

use super::refused::{Refused, Reply};
use super::{accounts, notifications, people, search, statuses, streaming, timelines};

/// Names the routes, under `/api/v1` and `/api/v2`.
pub fn configure(config: &mut ServiceConfig) {
    let statuses = web::scope("/api/v1/statuses")
        .service(resource("").route(post().to(statuses::create)))
        .service(resource("/{id}").route(get().to(statuses::show)).route(delete().to(statuses::delete)))
        .service(resource("/{id}/context").route(get().to(statuses::context)));
    let accounts = web::scope("/api/v1/accounts")
        .service(resource("/verify_credentials").route(get().to(accounts::verify_credentials)))
        .service(resource("/update_credentials").route(patch().to(accounts::update_credentials)))
        .service(resource("/lookup").route(get().to(accounts::lookup)))
        .service(resource("/search").route(get().to(accounts::search)))
        .service(resource("/relationships").route(get().to(people::relationships)))
        .service(resource("/{id}").route(get().to(accounts::show)))
        .service(resource("/{id}/statuses").route(get().to(accounts::statuses)))
        .service(resource("/{id}/followers").route(get().to(accounts::followers)))
        .service(resource("/{id}/following").route(get().to(accounts::following)))
        .service(resource("/{id}/follow").route(post().to(people::follow)))
        .service(resource("/{id}/unfollow").route(post().to(people::unfollow)))
        .service(resource("/{id}/mute").route(post().to(people::mute)))
        .service(resource("/{id}/unmute").route(post().to(people::unmute)))
        .service(resource("/{id}/block").route(post().to(people::block)))
        .service(resource("/{id}/unblock").route(post().to(people::unblock)));
    config
        .service(statuses)
        .service(accounts)
        .service(resource("/api/v1/timelines/home").route(get().to(timelines::home)))
        .service(resource("/api/v1/timelines/tag/{name}").route(get().to(timelines::tag)))
        .service(resource("/api/v1/markers").route(get().to(timelines::markers)).route(post().to(timelines::mark)))
        .service(resource("/api/v1/mutes").route(get().to(accounts::mutes)))
        .service(resource("/api/v1/blocks").route(get().to(accounts::blocks)))
        .service(resource("/api/v1/notifications").route(get().to(notifications::list)))
        .service(resource("/api/v2/search").route(get().to(search::search)))
        .service(resource("/api/v1/streaming/health").route(get().to(streaming::health)))
        .service(resource("/api/v1/streaming/user").route(get().to(streaming::user)))
        .default_service(web::to(unknown));
}

async fn unknown(request: HttpRequest) -> Reply {
    Err(Refused::no_such_path(request.path()))
}
