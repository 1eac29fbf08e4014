//! `mentions`, `tag`, `search`: posts that are found by what stands in them.

use serde_json::Value;

use super::lists::{self, Query};
use super::posts;
use crate::cli::args::{ListArgs, SearchArgs, TagArgs};
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::{Outcome, usage};
use crate::cli::words::{list_at, text_at};

/// Shows the posts that name who is logged in.
pub fn mentions(context: &Context, list: &ListArgs) -> Outcome {
    find(context, "/mentions", "mentions", Query::page(list))
}

/// Shows the posts with a tag.
pub fn tag(context: &Context, args: &TagArgs) -> Outcome {
    let name = input::tag(&args.name)?;
    find(context, "/tag", &format!("tag {name}"), Query::page(&args.list).with("name", Some(name)))
}

/// Shows the posts with a text in them.
pub fn search(context: &Context, args: &SearchArgs) -> Outcome {
    let text = input::text(&args.text)?;
    if text.trim().is_empty() {
        return Err(usage("there is nothing to look for", "name a word: timeline search WORD").into());
    }
    find(context, "/search", "search …", Query::page(&args.list).with("q", Some(text)))
}

fn find(context: &Context, path: &str, command: &str, query: Query) -> Outcome {
    let answer = context.client()?.get(path, &query.words())?;
    context.output.answer(&answer, |style| found(&answer, command, style))
}

fn found(answer: &Value, command: &str, style: Style) -> String {
    let mut parts: Vec<String> = list_at(answer, "/posts").iter().map(|post| posts::post(post, style)).collect();
    if parts.is_empty() {
        parts.push("no posts".into());
    }
    parts.extend(lists::more(text_at(answer, "/next"), command, style));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_found_is_shown_like_a_feed() {
        let post = json!({ "id": "ab", "author": { "username": "alice" }, "text": "#rust" });
        let text = found(&json!({ "posts": [post], "next": "c7" }), "tag rust", Style::default());
        assert!(text.contains("  #rust\n\nmore: timeline tag rust --cursor c7"), "{text}");
        assert_eq!(found(&json!({ "posts": [], "next": null }), "mentions", Style::default()), "no posts");
    }
}
