//! Accounts: the own one and others', their posts, and who follows whom.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::entities::{self, Author};
use super::paging::{Range, page};
use super::params::Params;
use super::people::{named, view};
use super::refused::{Refused, Reply, gone};
use crate::actors::{HiddenPerson, ListRequest, PeoplePage, Person, ProfileChange, ProfileView, WhoAmI};
use crate::api::questions::{in_time, soon_after, within};
use crate::api::server::Shared;
use crate::records::PrivateKind;
use crate::types::{Code, Problem};

/// People in a page that does not say how many, and the most.
const PEOPLE: (usize, usize) = (40, 80);

async fn me(shared: &Shared) -> Result<WhoAmI, Refused> {
    let nobody = || Problem::new(Code::NotLoggedIn, "nobody is logged in on this node").hint("timeline login NAME");
    Ok(shared.node.doors.session.who().await.map_err(gone)?.ok_or_else(nobody)?)
}

/// Shows the own account.
pub async fn verify_credentials(shared: Data<Shared>) -> Reply {
    let me = me(&shared).await?;
    let view = view(&shared, me.device.username, 40, None).await?;
    let mut account = entities::account(&shared, &view);
    account["source"] = source(&view.bio);
    Ok(HttpResponse::Ok().json(account))
}

fn source(bio: &str) -> Value {
    json!({ "privacy": "public", "sensitive": false, "language": null, "note": bio, "fields": [] })
}

/// Changes display name and bio.
pub async fn update_credentials(shared: Data<Shared>, params: Params) -> Reply {
    if params.names("avatar") || params.names("header") {
        return Err(Refused::not_supported("a picture"));
    }
    let me = me(&shared).await?;
    let given = |name: &str| params.all(name).last().map(str::to_owned);
    let change = ProfileChange { name: given("display_name"), bio: given("note") };
    let (session, within) = (shared.node.doors.session.clone(), within(None));
    let work = async move { session.profile(Some(change), Some(within)).await };
    let ProfileView { username, display_name, bio, queued } = soon_after(within, work).await?;
    let author = Author { username: &username, account: me.device.account };
    let mut account = entities::account_of(&shared, &author, &display_name, &bio, [0, 0, 0]);
    account["source"] = source(&bio);
    account["timeline"]["queued"] = json!(queued);
    Ok(HttpResponse::Ok().json(account))
}

/// Finds an account by its name.
pub async fn lookup(shared: Data<Shared>, params: Params) -> Reply {
    let Some(name) = params.get("acct") else { return Err(Refused::usage("acct is the name that is looked for")) };
    let view = view(&shared, named(&shared, name).await?, 40, None).await?;
    Ok(HttpResponse::Ok().json(entities::account(&shared, &view)))
}

/// Shows an account.
pub async fn show(shared: Data<Shared>, id: Path<String>) -> Reply {
    let view = view(&shared, named(&shared, &id).await?, 40, None).await?;
    Ok(HttpResponse::Ok().json(entities::account(&shared, &view)))
}

/// Shows an account's posts, newest first.
pub async fn statuses(shared: Data<Shared>, id: Path<String>, params: Params) -> Reply {
    let range = Range::read(&params)?;
    if params.flag("only_media") || params.flag("pinned") {
        return Ok(HttpResponse::Ok().json(json!([])));
    }
    let view = view(&shared, named(&shared, &id).await?, range.reach(), range.cursor()).await?;
    let mut posts = view.posts;
    if params.flag("exclude_replies") {
        posts.retain(|post| post.reply_to.is_none());
    }
    let posts = range.cut(posts);
    let statuses = entities::statuses(&shared, &posts).await;
    page(&shared, &format!("/api/v1/accounts/{id}/statuses?"), &posts, statuses)
}

fn people_page(params: &Params) -> Result<ListRequest, Refused> {
    let limit = match params.get("limit").map(str::parse::<usize>) {
        None => PEOPLE.0,
        Some(Ok(limit)) if limit > 0 => limit.min(PEOPLE.1),
        Some(_) => return Err(Refused::usage("limit is a number from 1 to 80")),
    };
    Ok(ListRequest { limit, cursor: params.get("max_id").map(str::to_owned) })
}

/// Shows who follows an account.
pub async fn followers(shared: Data<Shared>, id: Path<String>, params: Params) -> Reply {
    let (name, request, people) = (named(&shared, &id).await?, people_page(&params)?, shared.node.doors.people.clone());
    let list = in_time(within(None), async move { people.followers(Some(name), request).await }).await?;
    people_reply(&shared, &format!("/api/v1/accounts/{id}/followers"), &list)
}

/// Shows whom an account follows.
pub async fn following(shared: Data<Shared>, id: Path<String>, params: Params) -> Reply {
    let (name, request, people) = (named(&shared, &id).await?, people_page(&params)?, shared.node.doors.people.clone());
    let list = in_time(within(None), async move { people.following(Some(name), request).await }).await?;
    people_reply(&shared, &format!("/api/v1/accounts/{id}/following"), &list)
}

fn people_reply(shared: &Shared, path: &str, list: &PeoplePage) -> Reply {
    let person = |person: &Person| {
        let mut value = entities::author(shared, &Author { username: &person.username, account: person.account });
        value["timeline"]["online"] = json!(person.online);
        value
    };
    let mut response = HttpResponse::Ok();
    if let Some(next) = &list.next {
        response.insert_header((header::LINK, format!("<{}{path}?max_id={next}>; rel=\"next\"", shared.base())));
    }
    Ok(response.json(list.users.iter().map(person).collect::<Vec<_>>()))
}

/// Shows who is muted.
pub async fn mutes(shared: Data<Shared>) -> Reply {
    hidden(&shared, PrivateKind::Mute).await
}

/// Shows who is blocked.
pub async fn blocks(shared: Data<Shared>) -> Reply {
    hidden(&shared, PrivateKind::Block).await
}

async fn hidden(shared: &Shared, kind: PrivateKind) -> Reply {
    let list = shared.node.doors.session.private_list(kind).await?;
    let person = |person: &HiddenPerson| {
        entities::author(shared, &Author { username: &person.username, account: person.account })
    };
    Ok(HttpResponse::Ok().json(list.iter().map(person).collect::<Vec<_>>()))
}

/// Finds accounts whose names begin with what was typed.
pub async fn search(shared: Data<Shared>, params: Params) -> Reply {
    let found = find(&shared, params.get("q").unwrap_or_default(), people_page(&params)?.limit).await?;
    Ok(HttpResponse::Ok().json(found))
}

/// Returns accounts whose names begin with a text; none when it cannot be the beginning of a name.
pub async fn find(shared: &Shared, text: &str, limit: usize) -> Result<Vec<Value>, Refused> {
    let prefix = text.trim().trim_start_matches('@').to_lowercase();
    let fine = prefix.len() <= 20 && prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if prefix.is_empty() || !fine {
        return Ok(Vec::new());
    }
    let directory = shared.node.doors.directory.clone();
    let listing = in_time(within(None), async move { directory.users(prefix, None, limit).await }).await?;
    let user = |user: &crate::actors::Listed| {
        entities::author(shared, &Author { username: &user.username, account: user.account })
    };
    Ok(listing.users.iter().map(user).collect())
}
