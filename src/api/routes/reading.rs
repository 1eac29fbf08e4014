//! What can be read beside the feed: people, posts by their id, conversations, mentions, and what is looked for.

use std::time::Duration;

use actix_web::web::{Data, Query};
use serde_json::{Value, json};

use crate::actors::{Count, LedgerView, ListRequest, PeoplePage, Person, PostsPage, ShownPost, Stage};
use crate::api::answers::{self, Answer, Refusal};
use crate::api::questions::{
    IdQuery, LedgerQuery, MentionsQuery, PeopleQuery, SearchQuery, TagQuery, UserQuery, in_time, page_size, username,
    within,
};
use crate::api::server::Shared;
use crate::types::{Username, format_rfc3339};

/// Shows somebody's page.
pub async fn user(shared: Data<Shared>, query: Query<UserQuery>) -> Answer {
    let UserQuery { name, local, n, cursor, timeout_ms } = query.into_inner();
    let (name, page) = (username(&name)?, page(n, cursor)?);
    let people = shared.node.doors.people.clone();
    let view = in_time(within(timeout_ms), async move { people.user(name, local, page).await }).await?;
    let mut value = json!({
        "username": view.username,
        "account_id": view.account.to_string(),
        "display_name": view.display_name,
        "bio": view.bio,
        "online": view.online,
        "followers": view.followers.count,
        "following": view.following.count,
        "posts": posts(&view.posts),
        "complete": view.complete,
        "next": view.next,
    });
    estimate(&mut value, view.followers.is_estimate || view.following.is_estimate);
    answers::ok(value)
}

/// Lists whom somebody follows.
pub async fn following(shared: Data<Shared>, query: Query<PeopleQuery>) -> Answer {
    let (name, page, within) = list(query.into_inner())?;
    let people = shared.node.doors.people.clone();
    answers::ok(listed(&in_time(within, async move { people.following(name, page).await }).await?))
}

/// Lists who follows somebody.
pub async fn followers(shared: Data<Shared>, query: Query<PeopleQuery>) -> Answer {
    let (name, page, within) = list(query.into_inner())?;
    let people = shared.node.doors.people.clone();
    answers::ok(listed(&in_time(within, async move { people.followers(name, page).await }).await?))
}

/// Shows a post.
pub async fn show(shared: Data<Shared>, query: Query<IdQuery>) -> Answer {
    let post = shared.node.doors.feed.find(query.into_inner().id).await?;
    answers::ok(json!({ "post": answers::post(&post) }))
}

/// Shows the conversation that a post is part of.
pub async fn thread(shared: Data<Shared>, query: Query<IdQuery>) -> Answer {
    let IdQuery { id, timeout_ms } = query.into_inner();
    let doors = shared.node.doors.clone();
    let read = async move {
        let post = doors.feed.find(id).await?;
        doors.people.thread(post.id).await
    };
    let thread = in_time(within(timeout_ms), read).await?;
    answers::ok(json!({
        "ancestors": posts(&thread.ancestors),
        "ancestors_end": thread.ancestors_end,
        "post": answers::post(&thread.post),
        "replies": posts(&thread.replies),
        "complete": thread.complete,
    }))
}

/// Says how far a post of the user's has come.
pub async fn ledger(shared: Data<Shared>, query: Query<LedgerQuery>) -> Answer {
    let LedgerQuery { id, n, cursor, timeout_ms } = query.into_inner();
    let page = page(n, cursor)?;
    let people = shared.node.doors.people.clone();
    answers::ok(entered(&in_time(within(timeout_ms), async move { people.ledger(id, page).await }).await?))
}

/// Lists the posts that the user was named in.
pub async fn mentions(shared: Data<Shared>, query: Query<MentionsQuery>) -> Answer {
    let MentionsQuery { n, cursor } = query.into_inner();
    answers::ok(found(&shared.node.doors.feed.mentions(page(n, cursor)?).await?))
}

/// Lists posts held here that carry a tag.
pub async fn tag(shared: Data<Shared>, query: Query<TagQuery>) -> Answer {
    let TagQuery { name, n, cursor } = query.into_inner();
    answers::ok(found(&shared.node.doors.feed.tag(name, page(n, cursor)?).await?))
}

/// Lists posts held here that contain some words.
pub async fn search(shared: Data<Shared>, query: Query<SearchQuery>) -> Answer {
    let SearchQuery { q, n, cursor } = query.into_inner();
    answers::ok(found(&shared.node.doors.feed.search(q, page(n, cursor)?).await?))
}

fn page(n: Option<usize>, cursor: Option<String>) -> Result<ListRequest, Refusal> {
    Ok(ListRequest { limit: page_size(n)?, cursor })
}

fn list(query: PeopleQuery) -> Result<(Option<Username>, ListRequest, Duration), Refusal> {
    let PeopleQuery { name, n, cursor, timeout_ms } = query;
    Ok((name.as_deref().map(username).transpose()?, page(n, cursor)?, within(timeout_ms)))
}

fn listed(page: &PeoplePage) -> Value {
    let person = |person: &Person| {
        json!({
            "username": person.username,
            "account_id": person.account.to_string(),
            "online": person.online,
            "since": format_rfc3339(person.since),
        })
    };
    let Count { count, is_estimate } = page.count;
    let users: Vec<Value> = page.users.iter().map(person).collect();
    let mut value = json!({ "username": page.username, "count": count, "users": users, "next": page.next });
    estimate(&mut value, is_estimate);
    value
}

fn entered(ledger: &LedgerView) -> Value {
    let state = match ledger.stage {
        Stage::Queued => "queued",
        Stage::Published => "published",
        Stage::Collected => "collected",
    };
    let mut value = json!({
        "id": ledger.id.to_string(),
        "state": state,
        "replicas": ledger.replicas.map(|(acked, wanted)| json!({ "acked": acked, "wanted": wanted })),
        "followers": ledger.followers,
        "received": ledger.received,
        "seen": ledger.seen,
        "owed": ledger.owed,
        "count": ledger.count.count,
        "complete": ledger.complete,
        "next": ledger.next,
    });
    estimate(&mut value, ledger.count.is_estimate);
    value
}

/// Says that a count is not exact; of one that is, nothing is said.
fn estimate(value: &mut Value, is_estimate: bool) {
    if is_estimate && let Some(fields) = value.as_object_mut() {
        fields.insert("count_is_estimate".to_owned(), json!(true));
    }
}

fn found(page: &PostsPage) -> Value {
    json!({ "posts": posts(&page.posts), "next": page.next })
}

fn posts(posts: &[ShownPost]) -> Vec<Value> {
    posts.iter().map(answers::post).collect()
}
