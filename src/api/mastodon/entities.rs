//! Accounts, statuses and relationships as clients know them.

use serde_json::{Value, json};

use super::html;
use crate::actors::{ShownPost, UserView};
use crate::api::server::Shared;
use crate::types::{AccountId, Username, WallTime, format_rfc3339};

/// What is known of an account when a status names it.
pub struct Author<'a> {
    /// The name.
    pub username: &'a Username,
    /// The account.
    pub account: AccountId,
}

/// Writes an account of which no more is known than a status says.
pub fn author(shared: &Shared, author: &Author<'_>) -> Value {
    account_of(shared, author, "", "", [0, 0, 0])
}

/// Writes an account whose page was read.
pub fn account(shared: &Shared, view: &UserView) -> Value {
    let author = Author { username: &view.username, account: view.account };
    let counts = [view.followers.count, view.following.count, view.posts.len() as u64];
    let mut value = account_of(shared, &author, &view.display_name, &view.bio, counts);
    value["timeline"]["online"] = json!(view.online);
    value
}

/// Writes an account with the name and bio that it gives itself.
pub fn account_of(shared: &Shared, author: &Author<'_>, name: &str, bio: &str, counts: [u64; 3]) -> Value {
    let (username, base) = (author.username.as_str(), shared.base());
    let shown = if name.is_empty() { username } else { name };
    let picture = picture(&author.account);
    json!({
        "id": author.account.to_string(),
        "username": username,
        "acct": username,
        "display_name": shown,
        "note": if bio.is_empty() { String::new() } else { html::from_text(bio, &base) },
        "url": format!("{base}/@{username}"),
        "uri": format!("timeline:account:{}", author.account),
        "avatar": picture, "avatar_static": picture, "header": picture, "header_static": picture,
        "locked": false, "bot": false, "group": false, "discoverable": true, "noindex": false,
        // When an account was made, its network does not tell.
        "created_at": format_rfc3339(WallTime(0)),
        "last_status_at": null,
        "followers_count": counts[0], "following_count": counts[1], "statuses_count": counts[2],
        "emojis": [], "fields": [],
        "timeline": { "account_id": author.account.to_string() },
    })
}

/// Returns a square in a colour of the account's own, so that people are told apart.
fn picture(account: &AccountId) -> String {
    let hue = u32::from(u16::from_be_bytes([account.0[0], account.0[1]])) % 360;
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Crect width='8' height='8' \
         fill='hsl({hue} 55%25 45%25)'/%3E%3C/svg%3E"
    )
}

/// Writes a post; `answers` is the post that it answers, where that one is held here.
pub fn status(shared: &Shared, post: &ShownPost, answers: Option<&ShownPost>) -> Value {
    let base = shared.base();
    let id = post.status_id().to_string();
    let author_of = Author { username: &post.author, account: post.account };
    let mention = |name: &Username| {
        // Wherever an account's id is asked for, its name will do.
        json!({ "id": name, "username": name, "acct": name, "url": format!("{base}/@{name}") })
    };
    let tag = |tag: &String| json!({ "name": tag, "url": format!("{base}/tags/{tag}") });
    json!({
        "id": id,
        "uri": format!("timeline:{}", post.id),
        "url": format!("{base}/@{}/{id}", post.author),
        "created_at": format_rfc3339(post.hlc.wall()),
        "edited_at": null,
        "account": author(shared, &author_of),
        "content": html::from_text(&post.text, &base),
        "text": post.text,
        "visibility": "public",
        "sensitive": false,
        "spoiler_text": "",
        "language": null,
        "in_reply_to_id": answers.map(|a| a.status_id().to_string()),
        "in_reply_to_account_id": post.reply_to_account.map(|account| account.to_string()),
        "mentions": post.mentions.iter().map(mention).collect::<Vec<_>>(),
        "tags": post.tags.iter().map(tag).collect::<Vec<_>>(),
        "media_attachments": [], "emojis": [], "poll": null, "card": null, "reblog": null, "application": null,
        "reblogs_count": 0, "favourites_count": 0, "replies_count": 0,
        "reblogged": false, "favourited": false, "muted": false, "bookmarked": false, "pinned": false, "filtered": [],
        "timeline": {
            "id": post.id.to_string(),
            "device_id": post.device.to_string(),
            "seq": post.seq,
            "expires_at": format_rfc3339(post.expires_at),
            "reply_to": post.reply_to.map(|id| id.to_string()),
            "seen": post.seen,
            "via": post.via,
        },
    })
}

/// Writes posts, looking for those that they answer among what is held here.
pub async fn statuses(shared: &Shared, posts: &[ShownPost]) -> Vec<Value> {
    let mut out = Vec::with_capacity(posts.len());
    for post in posts {
        out.push(one(shared, post).await);
    }
    out
}

/// Writes one post.
pub async fn one(shared: &Shared, post: &ShownPost) -> Value {
    let answers = match post.reply_to {
        Some(id) => shared.node.doors.feed.find(id.to_string()).await.ok(),
        None => None,
    };
    status(shared, post, answers.as_ref())
}
