//! Refusals as programs for Mastodon read them: `{"error": "a sentence"}`, and our code beside it.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::actors::Gone;
use crate::api::answers::Refusal;
use crate::types::{Code, Problem};

/// What a handler ends with.
pub type Reply = Result<HttpResponse, Refused>;

/// A refused request.
#[derive(Debug)]
pub struct Refused(Refusal);

impl Refused {
    /// Refuses what this network does not have; nothing was done.
    pub fn not_supported(what: &str) -> Self {
        Problem::new(Code::NotSupported, format!("{what} is not supported: posts are public text and nothing else"))
            .into()
    }

    /// Refuses a request that lacks something, or says it wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self(Refusal::with(StatusCode::UNPROCESSABLE_ENTITY, Problem::new(Code::Usage, message)))
    }

    /// Refuses a path that leads nowhere.
    pub fn no_such_path(path: &str) -> Self {
        let problem = Problem::new(Code::NotSupported, format!("this version has no {path}"));
        Self(Refusal::with(StatusCode::NOT_FOUND, problem))
    }

    /// Refuses a body in a form that is not read here.
    pub fn media_type() -> Self {
        let problem = Problem::new(Code::Usage, "a body is application/json or application/x-www-form-urlencoded");
        Self(Refusal::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem))
    }
}

impl<T: Into<Refusal>> From<T> for Refused {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let problem = self.0.problem();
        HttpResponse::build(self.0.status_code()).json(json!({
            "error": problem.message,
            "error_description": problem.hint,
            "code": problem.code.as_str(),
        }))
    }
}

/// Says that an actor is gone for a moment.
pub fn gone(gone: Gone) -> Refused {
    Problem::from(gone).into()
}
