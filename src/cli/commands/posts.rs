//! Posts, and what is missing between them, as people read them.

use serde_json::Value;

use crate::cli::output::Style;
use crate::cli::words::{self, number_at, text_at};

/// The head of a post on one line, its text indented below.
pub fn post(post: &Value, style: Style) -> String {
    let author = words::printable(text_at(post, "/author/username"));
    let id = words::short_id(text_at(post, "/id"));
    let answers = match text_at(post, "/reply_to") {
        "" => String::new(),
        other => format!(" · answers {}", words::short_id(other)),
    };
    let head = format!("{} · {id}{answers}", words::when(text_at(post, "/created_at")));
    let text = words::printable(text_at(post, "/text"));
    let lines: Vec<String> = text.split('\n').map(|line| format!("  {line}").trim_end().to_owned()).collect();
    format!("{} {}\n{}", style.strong(&format!("@{author}")), style.faint(&format!("· {head}")), lines.join("\n"))
}

/// What is known to be missing, and why.
pub fn missing(missing: &Value, style: Style) -> String {
    let author =
        words::printable(missing.pointer("/author/username").unwrap_or(&missing["author"]).as_str().unwrap_or("?"));
    let posts = words::count(number_at(missing, "/count"), "post");
    let reason = match text_at(missing, "/reason") {
        "collected" => "gone: everybody had seen it, or newer ones took its place",
        "expired" => "expired before you could see it",
        "unreachable" => "out of reach now, the node keeps trying",
        other => &words::printable(other),
    };
    style.faint(&format!("({posts} of @{author}: {reason})"))
}

/// What the feed says of posts that were read on another device and are gone since, where there are any.
pub fn read_and_gone(feed: &Value, style: Style) -> Option<String> {
    let posts = words::count(number_at(feed, "/read_elsewhere_gone"), "post");
    let verb = if posts.starts_with("1 ") { "is" } else { "are" };
    (!posts.starts_with("0 ")).then(|| style.faint(&format!("({posts} you had read {verb} no longer in the network)")))
}

/// Returns the ids of the posts of a list.
pub fn ids(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| text_at(post, "/id")).filter(|id| !id.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_post_keeps_its_lines_and_loses_what_drives_a_terminal() {
        let value = json!({
            "id": "3f2a9c1b".repeat(8), "author": { "username": "alice" },
            "text": "one\n\ntwo\u{1b}[2J", "created_at": "2001-02-03T12:00:00Z",
        });
        let text = post(&value, Style::default());
        assert!(text.starts_with("@alice · 2001-02-03"), "{text}");
        assert!(text.ends_with("3f2a9c1b…\n  one\n\n  two\u{fffd}[2J"), "{text}");
    }

    #[test]
    fn a_reply_names_what_it_answers() {
        let value =
            json!({ "id": "ab", "author": { "username": "bob" }, "text": "yes", "reply_to": "3f2a9c1b".repeat(8) });
        assert!(post(&value, Style::default()).ends_with("ab · answers 3f2a9c1b…\n  yes"));
    }

    #[test]
    fn what_was_read_elsewhere_and_is_gone_is_counted() {
        let check = |gone: u64, expected: Option<&str>| {
            let text = read_and_gone(&json!({ "read_elsewhere_gone": gone }), Style::default());
            assert_eq!(text.as_deref(), expected);
        };
        check(0, None);
        check(1, Some("(1 post you had read is no longer in the network)"));
        check(3, Some("(3 posts you had read are no longer in the network)"));
    }

    #[test]
    fn what_is_missing_has_author_number_and_reason() {
        let check = |reason: &str, part: &str| {
            let text = missing(&json!({ "author": "bob", "count": 2, "reason": reason }), Style::default());
            assert!(text.starts_with("(2 posts of @bob: ") && text.contains(part), "{text}");
        };
        check("collected", "everybody had seen");
        check("expired", "expired");
        check("unreachable", "out of reach");
        check("other", "other");
        let nested = json!({ "author": { "username": "bob" }, "count": 1, "reason": "expired" });
        assert!(missing(&nested, Style::default()).starts_with("(1 post of @bob"));
    }
}
