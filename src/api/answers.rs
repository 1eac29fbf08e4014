//! How answers are written: posts, feeds, and what is refused.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::actors::{
    Deleted, FeedPage, Gone, HiddenPerson, LoggedIn, MissingPosts, Posted, PrivateRelation, ProfileView, Relation,
    ShownPost, Waiting, WhoAmI,
};
use crate::records::PrivateKind;
use crate::types::{Code, Problem, format_rfc3339};

/// What a handler ends with.
pub type Answer = Result<HttpResponse, Refusal>;

/// A refused request, as the caller gets it: `{"error": {"code", "message", "hint"}}`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    problem: Problem,
    allow: Option<&'static str>,
}

impl Refusal {
    /// Refuses with a status that says more than the code's own.
    pub fn with(status: StatusCode, problem: Problem) -> Self {
        Self { status, problem, allow: None }
    }

    /// Returns what is the matter.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Refuses a method where only `allowed` will do.
    pub fn method(allowed: &'static str) -> Self {
        let problem = Problem::new(Code::Usage, format!("here only {allowed} will do"));
        Self { allow: Some(allowed), ..Self::with(StatusCode::METHOD_NOT_ALLOWED, problem) }
    }

    /// Refuses a request that is not as it should be.
    pub fn usage(message: impl Into<String>) -> Self {
        Problem::new(Code::Usage, message).into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::with(status, problem)
    }
}

impl From<Gone> for Refusal {
    fn from(gone: Gone) -> Self {
        Problem::from(gone).into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.code, self.problem.message)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(json!({ "error": self.problem }));
        if let Some(allowed) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// Answers with an object.
pub fn ok(value: Value) -> Answer {
    Ok(HttpResponse::Ok().json(value))
}

/// Writes a post.
pub fn post(post: &ShownPost) -> Value {
    json!({
        "id": post.id.to_string(),
        "author": { "username": post.author, "account_id": post.account.to_string() },
        "text": post.text,
        "created_at": format_rfc3339(post.hlc.wall()),
        "expires_at": format_rfc3339(post.expires_at),
        "device_id": post.device.to_string(),
        "seq": post.seq,
        "reply_to": post.reply_to.map(|id| id.to_string()),
        "mentions": post.mentions,
        "tags": post.tags,
        "seen": post.seen,
        "via": post.via,
    })
}

/// Writes what is missing of one author.
pub fn missing(missing: &MissingPosts) -> Value {
    json!({ "author": missing.author, "count": missing.count, "reason": missing.reason })
}

/// Writes a page of the feed.
pub fn feed(page: &FeedPage) -> Value {
    json!({
        "posts": page.posts.iter().map(post).collect::<Vec<_>>(),
        "complete": page.complete,
        "missing": page.missing.iter().map(missing).collect::<Vec<_>>(),
        "read_elsewhere_gone": page.read_elsewhere_gone,
        "next": page.next,
    })
}

/// Writes what became of a new post.
pub fn posted(posted: &Posted) -> Value {
    json!({
        "id": posted.id.to_string(),
        "state": if posted.published { "published" } else { "queued" },
        "created_at": format_rfc3339(posted.created_at),
        "expires_at": format_rfc3339(posted.expires_at),
        "replicas": { "acked": posted.acked, "wanted": posted.wanted },
        "delivered": { "online": posted.online, "acked": posted.delivered },
    })
}

/// Writes what became of a deletion.
pub fn deleted(deleted: &Deleted) -> Value {
    json!({ "id": deleted.id.to_string(), "state": if deleted.queued { "queued" } else { "deleted" } })
}

/// Writes where muting or blocking somebody stands.
pub fn private_relation(relation: &PrivateRelation) -> Value {
    let state = match (relation.kind, relation.on) {
        (PrivateKind::Block, true) => "blocked",
        (PrivateKind::Block, false) => "not_blocked",
        (_, true) => "muted",
        (_, false) => "not_muted",
    };
    json!({ "username": relation.username, "state": state, "queued": relation.queued })
}

/// Writes who is muted or blocked; whether they are online is not asked.
pub fn hidden_people(people: &[HiddenPerson]) -> Value {
    let person = |person: &HiddenPerson| {
        json!({
            "username": person.username,
            "account_id": person.account.to_string(),
            "online": null,
            "since": format_rfc3339(person.since),
        })
    };
    json!({ "users": people.iter().map(person).collect::<Vec<_>>() })
}

/// Writes what is on its way.
pub fn outbox(items: &[Waiting]) -> Value {
    let item = |item: &Waiting| {
        json!({
            "id": item.id.to_string(),
            "kind": item.label,
            "since": format_rfc3339(item.since),
            "acked": item.progress.acked,
            "wanted": item.progress.wanted,
            "last_error": item.last_error,
        })
    };
    json!({ "items": items.iter().map(item).collect::<Vec<_>>() })
}

/// Writes where following somebody stands.
pub fn relation(relation: &Relation) -> Value {
    json!({
        "username": relation.username,
        "state": if relation.follows { "following" } else { "not_following" },
        "queued": relation.queued,
    })
}

/// Writes a profile.
pub fn profile(profile: &ProfileView) -> Value {
    json!({
        "username": profile.username,
        "display_name": profile.display_name,
        "bio": profile.bio,
        "queued": profile.queued,
    })
}

/// Writes who has just logged in.
pub fn logged_in(device: &LoggedIn, state: &str) -> Value {
    json!({
        "username": device.username,
        "account_id": device.account.to_string(),
        "device_id": device.device.to_string(),
        "state": state,
    })
}

/// Writes who is logged in.
pub fn who(who: &WhoAmI) -> Value {
    json!({
        "username": who.device.username,
        "account_id": who.device.account.to_string(),
        "device_id": who.device.device.to_string(),
        "since": format_rfc3339(who.since),
    })
}
