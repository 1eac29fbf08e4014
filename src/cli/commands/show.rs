//! `show` and `thread`: one post, alone or among those around it.

use serde_json::Value;

use super::{lists, posts};
use crate::cli::args::IdArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{list_at, text_at};

/// Shows a post.
pub fn show(context: &Context, args: &IdArgs) -> Outcome {
    ask(context, "/show", args, |answer, style| posts::post(&answer["post"], style))
}

/// Shows a post with what it answers and what answers it.
pub fn thread(context: &Context, args: &IdArgs) -> Outcome {
    ask(context, "/thread", args, conversation)
}

fn ask(context: &Context, path: &str, args: &IdArgs, text: fn(&Value, Style) -> String) -> Outcome {
    let id = input::id(&args.id)?;
    let answer = context.client()?.get_in_time(path, &[("id", &id)])?;
    context.output.answer(&answer, |style| text(&answer, style))
}

/// Returns a conversation in the order in which it was written; the post that was asked for is marked.
pub fn conversation(answer: &Value, style: Style) -> String {
    let mut parts = Vec::new();
    match text_at(answer, "/ancestors_end") {
        "" => {}
        "unreachable" => parts.push(style.faint("(what this answers is out of reach now)")),
        "hidden" => parts.push(style.faint("(what this answers is by somebody you hide)")),
        "too_many" => parts.push(style.faint("(there is more above)")),
        _ => parts.push(style.faint("(what this answers is no longer there)")),
    }
    parts.extend(list_at(answer, "/ancestors").iter().map(|post| posts::post(post, style)));
    parts.push(format!("{}{}", style.strong("> "), posts::post(&answer["post"], style)));
    parts.extend(list_at(answer, "/replies").iter().map(|post| indented(&posts::post(post, style))));
    parts.extend(lists::incomplete(answer, style));
    parts.join("\n\n")
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conversation_is_read_from_top_to_bottom() {
        let post = |text: &str| json!({ "id": "ab", "author": { "username": "alice" }, "text": text });
        let answer =
            json!({ "ancestors": [post("one"), post("two")], "post": post("three"), "replies": [post("four")] });
        let text = conversation(&answer, Style::default());
        let places: Vec<_> = ["  one", "  two", "> @alice", "  three", "      four"].map(|part| text.find(part)).into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {text}");
    }
}
