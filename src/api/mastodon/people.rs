//! Who a path means, and how one stands to somebody.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::params::Params;
use super::refused::{Refused, Reply};
use crate::actors::{ListRequest, Standing, UserView};
use crate::api::questions::{in_time, soon_after, within};
use crate::api::server::Shared;
use crate::records::PrivateKind;
use crate::types::{AccountId, Code, Problem, Username};

/// Most accounts that one request asks about.
const MOST: usize = 80;

/// Returns the name of an account that is given by its id, or by its name.
pub async fn named(shared: &Shared, id: &str) -> Result<Username, Refused> {
    let unknown = || Problem::new(Code::NoSuchUser, format!("there is no account {id}"));
    match id.parse::<AccountId>() {
        Ok(account) => {
            let people = shared.node.doors.people.clone();
            Ok(in_time(within(None), async move { people.name(account).await }).await?)
        }
        Err(_) => Ok(id.trim_start_matches('@').parse().map_err(|_| unknown())?),
    }
}

/// Returns somebody's page.
pub async fn view(
    shared: &Shared,
    username: Username,
    limit: usize,
    cursor: Option<String>,
) -> Result<UserView, Refused> {
    let people = shared.node.doors.people.clone();
    let page = ListRequest { limit, cursor };
    Ok(in_time(within(None), async move { people.user(username, false, page).await }).await?)
}

/// Says how the account stands to some others.
pub async fn relationships(shared: Data<Shared>, params: Params) -> Reply {
    let mut accounts = Vec::new();
    for id in params.all("id").take(MOST) {
        accounts.push(account(&shared, id).await?);
    }
    let standings = shared.node.doors.people.relations(accounts).await?;
    Ok(HttpResponse::Ok().json(standings.iter().map(relationship).collect::<Vec<_>>()))
}

async fn account(shared: &Shared, id: &str) -> Result<AccountId, Refused> {
    match id.parse() {
        Ok(account) => Ok(account),
        Err(_) => Ok(view(shared, named(shared, id).await?, 1, None).await?.account),
    }
}

fn relationship(standing: &Standing) -> Value {
    json!({
        "id": standing.account.to_string(),
        "following": standing.following,
        "followed_by": standing.followed_by,
        "blocking": standing.blocking,
        "muting": standing.muting,
        "blocked_by": false, "muting_notifications": standing.muting, "requested": false, "requested_by": false,
        "domain_blocking": false, "endorsed": false, "showing_reblogs": true, "notifying": false, "languages": [],
        "note": "",
    })
}

/// Answers with how the account stands to somebody now.
async fn now(shared: &Shared, account: AccountId, queued: bool) -> Reply {
    let standings = shared.node.doors.people.relations(vec![account]).await?;
    let mut value = standings.first().map(relationship).unwrap_or_default();
    value["timeline"] = json!({ "queued": queued });
    Ok(HttpResponse::Ok().json(value))
}

async fn relate(shared: &Shared, id: &str, follows: bool) -> Reply {
    let (name, account) = (named(shared, id).await?, account(shared, id).await?);
    let (session, within) = (shared.node.doors.session.clone(), within(None));
    let done = soon_after(within, async move { session.follow_within(name, follows, within).await }).await?;
    now(shared, account, done.queued).await
}

/// Follows somebody.
pub async fn follow(shared: Data<Shared>, id: Path<String>) -> Reply {
    relate(&shared, &id, true).await
}

/// Ends following somebody.
pub async fn unfollow(shared: Data<Shared>, id: Path<String>) -> Reply {
    relate(&shared, &id, false).await
}

async fn hide(shared: &Shared, id: &str, kind: PrivateKind, on: bool) -> Reply {
    let (name, account) = (named(shared, id).await?, account(shared, id).await?);
    let (session, within) = (shared.node.doors.session.clone(), within(None));
    let done = soon_after(within, async move { session.relate_privately(kind, name, on, within).await }).await?;
    now(shared, account, done.queued).await
}

/// Shows no posts of somebody.
pub async fn mute(shared: Data<Shared>, id: Path<String>) -> Reply {
    hide(&shared, &id, PrivateKind::Mute, true).await
}

/// Shows posts of somebody again.
pub async fn unmute(shared: Data<Shared>, id: Path<String>) -> Reply {
    hide(&shared, &id, PrivateKind::Mute, false).await
}

/// Has nothing to do with somebody any more.
pub async fn block(shared: Data<Shared>, id: Path<String>) -> Reply {
    hide(&shared, &id, PrivateKind::Block, true).await
}

/// Takes a block back.
pub async fn unblock(shared: Data<Shared>, id: Path<String>) -> Reply {
    hide(&shared, &id, PrivateKind::Block, false).await
}
