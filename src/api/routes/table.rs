//! Which path and method leads where.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, Resource};

use super::{account, directory, feed, node, people, reach, reading};
use crate::api::answers::{Answer, Refusal};
use crate::api::questions::{json_config, query_config};
use crate::types::{Code, Problem};

/// Names all routes; everything else is refused as JSON too.
pub fn configure(config: &mut ServiceConfig) {
    let scope = web::scope("/api/v1/node")
        .service(read("/status").route(web::get().to(node::status)))
        .service(read("/peers").route(web::get().to(node::peers)))
        .service(read("/lookup").route(web::get().to(reach::lookup)))
        .service(read("/ping").route(web::get().to(reach::ping)))
        .service(read("/network").route(web::get().to(node::network)))
        .service(change("/stop").route(web::post().to(node::stop)))
        .service(read("/whoami").route(web::get().to(account::whoami)))
        .service(change("/register").route(web::post().to(account::register)))
        .service(change("/login").route(web::post().to(account::login)))
        .service(change("/logout").route(web::post().to(account::logout)))
        .service(change("/posts").route(web::post().to(people::post)))
        .service(change("/delete").route(web::post().to(people::delete)))
        .service(change("/mute").route(web::post().to(people::mute)))
        .service(change("/unmute").route(web::post().to(people::unmute)))
        .service(change("/block").route(web::post().to(people::block)))
        .service(change("/unblock").route(web::post().to(people::unblock)))
        .service(read("/muted").route(web::get().to(people::muted)))
        .service(read("/blocked").route(web::get().to(people::blocked)))
        .service(read("/outbox").route(web::get().to(people::outbox)))
        .service(change("/follow").route(web::post().to(people::follow)))
        .service(change("/unfollow").route(web::post().to(people::unfollow)))
        .service(read("/users").route(web::get().to(directory::users)))
        .service(
            read("/profile").route(web::get().to(directory::profile)).route(web::post().to(directory::set_profile)),
        )
        .service(read("/user").route(web::get().to(reading::user)))
        .service(read("/following").route(web::get().to(reading::following)))
        .service(read("/followers").route(web::get().to(reading::followers)))
        .service(read("/show").route(web::get().to(reading::show)))
        .service(read("/thread").route(web::get().to(reading::thread)))
        .service(read("/ledger").route(web::get().to(reading::ledger)))
        .service(read("/mentions").route(web::get().to(reading::mentions)))
        .service(read("/tag").route(web::get().to(reading::tag)))
        .service(read("/search").route(web::get().to(reading::search)))
        .service(read("/feed").route(web::get().to(feed::page)))
        .service(change("/feed/shown").route(web::post().to(feed::shown)))
        .service(read("/feed/events").route(web::get().to(feed::events)));
    config.app_data(json_config()).app_data(query_config()).service(scope.default_service(web::to(unknown)));
}

fn read(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| async { Answer::Err(Refusal::method("GET")) }))
}

fn change(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| async { Answer::Err(Refusal::method("POST")) }))
}

async fn unknown(request: HttpRequest) -> Answer {
    let problem = Problem::new(Code::NotSupported, format!("this version has no {}", request.path()));
    Err(Refusal::with(actix_web::http::StatusCode::NOT_FOUND, problem))
}
