//! What requests may look like: their bodies and queries, read strictly, and how long they may take.

use std::future::Future;
use std::time::Duration;

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, QueryConfig};
use actix_web::{HttpRequest, ResponseError};
use serde::Deserialize;
use tokio::time::timeout;

use super::answers::Refusal;
use crate::types::{Code, Hash, NameError, Problem, Username};

/// The largest body: 500 ids of 64 digits take half of it.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a command waits when it does not say.
const WAIT: Duration = Duration::from_secs(10);
/// The longest a command waits, whatever it says: a connection is not held for ever.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// How long the node may take beyond that to say that something is queued.
const GRACE: Duration = Duration::from_secs(5);
/// Posts in a page that does not say how many.
pub const PAGE: usize = 50;
/// The most posts in a page, and the most that are marked as shown at once.
pub const MAX_PAGE: usize = 500;

/// No fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// `register`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    pub username: String,
    pub password: String,
    pub timeout_ms: Option<u64>,
}

/// `login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    pub username: String,
    pub password: String,
    #[serde(default)]
    pub retire_oldest: bool,
    pub timeout_ms: Option<u64>,
}

/// `logout`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoutBody {
    pub timeout_ms: Option<u64>,
}

/// `posts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostBody {
    pub text: String,
    pub ttl_ms: Option<u64>,
    pub reply_to: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `delete`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteBody {
    pub id: String,
    pub timeout_ms: Option<u64>,
}

/// `follow` and `unfollow`, `mute`, `unmute`, `block` and `unblock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowBody {
    pub username: String,
    pub timeout_ms: Option<u64>,
}

/// `profile`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    pub name: Option<String>,
    pub bio: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `users`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersQuery {
    #[serde(default)]
    pub prefix: String,
    pub n: Option<usize>,
    pub cursor: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `user`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    pub name: String,
    #[serde(default)]
    pub local: bool,
    pub n: Option<usize>,
    pub cursor: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `following` and `followers`; the logged-in account's without a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleQuery {
    pub name: Option<String>,
    pub n: Option<usize>,
    pub cursor: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `show` and `thread`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdQuery {
    pub id: String,
    pub timeout_ms: Option<u64>,
}

/// `ledger`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerQuery {
    pub id: String,
    pub n: Option<usize>,
    pub cursor: Option<String>,
    pub timeout_ms: Option<u64>,
}

/// `mentions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MentionsQuery {
    pub n: Option<usize>,
    pub cursor: Option<String>,
}

/// `tag`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagQuery {
    pub name: String,
    pub n: Option<usize>,
    pub cursor: Option<String>,
}

/// `search`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    pub q: String,
    pub n: Option<usize>,
    pub cursor: Option<String>,
}

/// `feed/shown`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownBody {
    pub ids: Vec<String>,
}

/// `feed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedQuery {
    pub limit: Option<usize>,
    pub cursor: Option<String>,
    pub since: Option<String>,
    pub before: Option<String>,
}

/// Returns how many entries of a list are wanted.
pub fn page_size(n: Option<usize>) -> Result<usize, Refusal> {
    match n.unwrap_or(PAGE) {
        n @ 1..=MAX_PAGE => Ok(n),
        _ => Err(Refusal::usage(format!("a page has 1 to {MAX_PAGE} entries"))),
    }
}

impl FeedQuery {
    /// Returns how many posts are wanted.
    pub fn limit(&self) -> Result<usize, Refusal> {
        page_size(self.limit)
    }
}

impl ShownBody {
    /// Returns the posts.
    pub fn ids(&self) -> Result<Vec<Hash>, Refusal> {
        if self.ids.len() > MAX_PAGE {
            return Err(Refusal::usage(format!("at most {MAX_PAGE} posts are marked at once")));
        }
        let read = |id: &String| id.parse().map_err(|error| Refusal::usage(format!("not the id of a post: {error}")));
        self.ids.iter().map(read).collect()
    }
}

/// Reads a name, with or without `@`.
pub fn username(text: &str) -> Result<Username, Refusal> {
    text.parse().map_err(|error: NameError| Problem::new(Code::NameMalformed, error.to_string()).into())
}

/// Returns how long a command waits.
pub fn within(timeout_ms: Option<u64>) -> Duration {
    timeout_ms.map_or(WAIT, Duration::from_millis).min(MAX_WAIT)
}

/// Waits for what cannot be queued; it goes on when nobody waits any more, even if the node has not begun with it.
pub async fn in_time<T: 'static>(
    within: Duration,
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Refusal> {
    let late = || {
        Problem::new(Code::Unreachable, format!("this is not done within {} s", within.as_secs_f32()))
            .hint("the node goes on with it: look again in a moment")
    };
    match timeout(within, actix_web::rt::spawn(work)).await {
        Err(_) => Err(late().into()),
        Ok(Ok(outcome)) => outcome.map_err(Refusal::from),
        Ok(Err(_)) => Err(Problem::new(Code::Internal, "this failed in a way that it should not").into()),
    }
}

/// Waits for what answers in time by itself, and a little longer: its disk may be slow.
pub async fn soon_after<T: 'static>(
    within: Duration,
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Refusal> {
    in_time(within + GRACE, work).await
}

/// Returns how bodies are read.
pub fn json_config() -> JsonConfig {
    JsonConfig::default().limit(MAX_BODY_BYTES).error_handler(|error, _: &HttpRequest| body_refusal(&error).into())
}

fn body_refusal(error: &JsonPayloadError) -> Refusal {
    let (status, message) = match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {MAX_BODY_BYTES} bytes"))
        }
        JsonPayloadError::Deserialize(error) => {
            (StatusCode::BAD_REQUEST, format!("the body is not what is expected here: {error}"))
        }
        other => (other.status_code(), "the body cannot be read".to_owned()),
    };
    Refusal::with(status, Problem::new(Code::Usage, message))
}

/// Returns how queries are read.
pub fn query_config() -> QueryConfig {
    QueryConfig::default().error_handler(|error: QueryPayloadError, _: &HttpRequest| {
        Refusal::usage(format!("the query is not what is expected here: {error}")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_a_default_and_an_end() {
        assert_eq!(within(None), WAIT);
        assert_eq!(within(Some(250)), Duration::from_millis(250));
        assert_eq!(within(Some(u64::MAX)), MAX_WAIT);
    }

    #[test]
    fn names_are_checked_before_anybody_is_asked() {
        assert_eq!(username("@alice").expect("well-formed").as_str(), "alice");
        assert!(username("Alice").expect_err("upper case").to_string().contains("alice"));
    }
}
