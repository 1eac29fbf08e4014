//! `user`: somebody's page.

use serde_json::Value;

use super::lists::{self, Query};
use super::people::presence;
use super::{posts, profile};
use crate::cli::args::UserArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, text_at};

/// Shows somebody's profile and posts; they do not count as seen.
pub fn run(context: &Context, args: &UserArgs) -> Outcome {
    let name = input::username(&args.name)?;
    let query = Query::page(&args.list)
        .with("name", Some(name.to_string()))
        .with("local", args.local.then(|| "true".to_owned()));
    let answer = context.client()?.get_in_time("/user", &query.words())?;
    context.output.answer(&answer, |style| page(&answer, style))
}

fn page(answer: &Value, style: Style) -> String {
    let mut parts = vec![head(answer, style)];
    parts.extend(list_at(answer, "/posts").iter().map(|post| posts::post(post, style)));
    if list_at(answer, "/posts").is_empty() {
        parts.push("no posts".into());
    }
    parts.extend(lists::incomplete(answer, style));
    let name = words::printable(text_at(answer, "/username"));
    parts.extend(lists::more(text_at(answer, "/next"), &format!("user {name}"), style));
    parts.join("\n\n")
}

/// Returns who it is, without the posts.
pub fn head(answer: &Value, style: Style) -> String {
    let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).map_or("?".into(), |n| n.to_string());
    let followers = number("/followers");
    let noun = if followers == "1" { "follower" } else { "followers" };
    let numbers = format!("{followers} {noun} · {} following", number("/following"));
    let sheet = profile::sheet(answer);
    let (first, rest) = sheet.split_once('\n').map_or((sheet.as_str(), String::new()), |(a, b)| (a, format!("\n{b}")));
    format!("{}{rest}\n{}", style.strong(first), style.faint(&format!("{} · {numbers}", presence(answer))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_a_head_and_posts() {
        let answer = json!({
            "username": "alice", "display_name": "Alice", "bio": "hi", "online": true, "followers": 3, "following": null,
            "posts": [{ "id": "ab", "author": { "username": "alice" }, "text": "one" }], "next": "c7",
        });
        let text = page(&answer, Style::default());
        assert!(text.starts_with("@alice · Alice\n  hi\nonline · 3 followers · ? following\n\n@alice"), "{text}");
        assert!(text.ends_with("more: timeline user alice --cursor c7"), "{text}");
        assert!(page(&json!({ "username": "bob" }), Style::default()).ends_with("no posts"));
    }
}
