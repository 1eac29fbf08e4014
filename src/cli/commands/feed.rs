//! `feed`: what is there now.

use serde_json::{Value, json};

use super::{lists, posts};
use crate::cli::args::FeedArgs;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, text_at};

/// Shows the feed, and counts it as seen once it is written.
pub fn run(context: &Context, args: &FeedArgs) -> Outcome {
    let limit = args.list.limit.to_string();
    let since = args.since.as_deref().map(input::id).transpose()?;
    let before = args.before.as_deref().map(input::id).transpose()?;
    let mut query = vec![("limit", limit.as_str())];
    let optional = [("cursor", &args.list.cursor), ("since", &since), ("before", &before)];
    query.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    let client = context.client()?;
    let feed = client.get("/feed", &query)?;
    context.output.answer(&feed, |style| page(&feed, style))?;
    if !args.peek {
        seen(context, &client, &posts::ids(list_at(&feed, "/posts")));
    }
    Ok(())
}

/// Counts posts as seen. The answer is out already, so a failure is only mentioned: they will be shown once more.
pub fn seen(context: &Context, client: &Client, ids: &[&str]) {
    if ids.is_empty() {
        return;
    }
    if let Err(problem) = client.send("/feed/shown", &json!({ "ids": ids })) {
        context
            .output
            .warn(&format!("warning: the posts could not be marked as seen: {}", words::printable(&problem.message)));
    }
}

fn page(feed: &Value, style: Style) -> String {
    let shown = list_at(feed, "/posts");
    let mut parts: Vec<String> = shown.iter().map(|post| posts::post(post, style)).collect();
    if shown.is_empty() {
        parts.push("no posts; find some with: timeline follow NAME".into());
    }
    parts.extend(list_at(feed, "/missing").iter().map(|missing| posts::missing(missing, style)));
    parts.extend(posts::read_and_gone(feed, style));
    parts.extend(lists::more(text_at(feed, "/next"), "feed", style));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_is_missing_and_how_to_go_on() {
        let post = json!({ "id": "ab", "author": { "username": "alice" }, "text": "hi", "created_at": "" });
        let feed = json!({
            "posts": [post], "complete": false, "next": "c7",
            "missing": [{ "author": "bob", "count": 3, "reason": "unreachable" }],
        });
        let text = page(&feed, Style::default());
        for part in ["@alice", "  hi", "3 posts of @bob", "--cursor c7"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let empty = page(&json!({ "posts": [], "missing": [], "complete": true, "next": null }), Style::default());
        assert_eq!(empty, "no posts; find some with: timeline follow NAME");
    }
}
