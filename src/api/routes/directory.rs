//! The directory of users, and the account's own profile.

use actix_web::web::{Data, Json, Query};
use serde_json::{Value, json};

use crate::actors::{Listed, ProfileChange};
use crate::api::answers::{self, Answer, Refusal};
use crate::api::questions::{ProfileBody, UsersQuery, in_time, page_size, soon_after, username, within};
use crate::api::server::Shared;
use crate::types::{AccountId, Code, Problem, Username};

/// Lists users whose names begin alike.
pub async fn users(shared: Data<Shared>, query: Query<UsersQuery>) -> Answer {
    let UsersQuery { prefix, n, cursor, timeout_ms } = query.into_inner();
    let (prefix, limit) = (checked_prefix(&prefix)?, page_size(n)?);
    let after: Option<Username> = cursor.as_deref().map(username).transpose()?;
    let (directory, presence) = (shared.node.doors.directory.clone(), shared.node.doors.presence.clone());
    let listing = in_time(within(timeout_ms), async move { directory.users(prefix, after, limit).await }).await?;
    let online = presence.online(listing.users.iter().map(|user| user.account).collect()).await;
    let user = |(listed, (_, online)): (&Listed, &(AccountId, Option<bool>))| json!({ "username": listed.username, "account_id": listed.account.to_string(), "online": online });
    let next = listing.users.last().filter(|_| listing.more).map(|last| last.username.clone());
    let users: Vec<Value> = listing.users.iter().zip(&online).map(user).collect();
    answers::ok(json!({ "users": users, "next": next }))
}

/// Reads the beginning of a name, with or without `@`.
fn checked_prefix(text: &str) -> Result<String, Refusal> {
    let prefix = text.strip_prefix('@').unwrap_or(text);
    let fine = prefix.len() <= 20 && prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if fine {
        return Ok(prefix.to_owned());
    }
    let problem = Problem::new(Code::NameMalformed, "names have the letters a to z, digits and _, at most 20");
    Err(problem.hint(format!("did you mean {}?", prefix.to_lowercase())).into())
}

/// Shows the account's profile.
pub async fn profile(shared: Data<Shared>) -> Answer {
    change(&shared, None, None).await
}

/// Changes the account's profile.
pub async fn set_profile(shared: Data<Shared>, body: Json<ProfileBody>) -> Answer {
    let ProfileBody { name, bio, timeout_ms } = body.into_inner();
    change(&shared, Some(ProfileChange { name, bio }), timeout_ms).await
}

async fn change(shared: &Shared, change: Option<ProfileChange>, timeout_ms: Option<u64>) -> Answer {
    let (session, within) = (shared.node.doors.session.clone(), within(timeout_ms));
    let profile = soon_after(within, async move { session.profile(change, Some(within)).await }).await?;
    answers::ok(answers::profile(&profile))
}
