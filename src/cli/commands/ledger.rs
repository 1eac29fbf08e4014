//! `ledger`: how far a post of yours has come, and who has not received it yet.

use serde_json::Value;

use super::lists::{self, Query};
use crate::cli::args::LedgerArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, number_at, text_at};

/// Shows the ledger of a post.
pub fn run(context: &Context, args: &LedgerArgs) -> Outcome {
    let id = input::id(&args.id)?;
    let query = Query::page(&args.list).with("id", Some(id.clone()));
    let answer = context.client()?.get_in_time("/ledger", &query.words())?;
    context.output.answer(&answer, |style| {
        let more = lists::more(text_at(&answer, "/next"), &format!("ledger {id}"), style);
        std::iter::once(sheet(&answer, style)).chain(more).collect::<Vec<_>>().join("\n")
    })
}

/// Returns what is known, in a few lines.
pub fn sheet(answer: &Value, style: Style) -> String {
    let id = words::short_id(text_at(answer, "/id"));
    let mut lines = vec![style.strong(&format!("{id} · {}{}", stage(text_at(answer, "/state")), copies(answer)))];
    let [followers, received, seen] = ["/followers", "/received", "/seen"].map(|at| number_at(answer, at));
    lines.push(match followers {
        0 => "nobody followed you when it was made".to_owned(),
        _ => format!("{} · received by {received} · seen by {seen}", words::count(followers, "follower")),
    });
    lines.extend(owed(answer));
    lines.extend((answer["complete"] == false).then(|| style.faint(INCOMPLETE)));
    lines.join("\n")
}

const INCOMPLETE: &str = "(not everybody who keeps this could be reached; ask again in a while)";

fn stage(state: &str) -> String {
    match state {
        "collected" => "collected: the network has let go of it".into(),
        state => words::printable(state),
    }
}

fn copies(answer: &Value) -> String {
    let has = answer["replicas"].is_object();
    let [acked, wanted] = ["/replicas/acked", "/replicas/wanted"].map(|at| number_at(answer, at));
    if has { format!(" · on disk at {}, {wanted} wanted", words::count(acked, "replica")) } else { String::new() }
}

/// Returns who has not received it, and how many more there are than are named.
fn owed(answer: &Value) -> Option<String> {
    let count = number_at(answer, "/count");
    let names: Vec<String> = list_at(answer, "/owed")
        .iter()
        .filter_map(Value::as_str)
        .map(|name| format!("@{}", words::printable(name)))
        .collect();
    let about = if answer["count_is_estimate"] == true { "about " } else { "" };
    match (count, names.is_empty()) {
        (0, _) => None,
        (_, true) => Some(format!("not received by {about}{count}")),
        _ => Some(format!("not received by {about}{count}: {}", names.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(state: &str, owed: &[&str], count: u64) -> Value {
        json!({
            "id": "3f2a9c1b".repeat(8), "state": state, "replicas": { "acked": 1, "wanted": 14 }, "followers": 5,
            "received": 3, "seen": 2, "owed": owed, "count": count, "complete": true, "next": null,
        })
    }

    #[test]
    fn the_sheet_says_who_is_owed_a_post() {
        let text = sheet(&answer("published", &["bob", "ca\u{7}rol"], 2), Style::default());
        assert_eq!(
            text,
            "3f2a9c1b… · published · on disk at 1 replica, 14 wanted\n5 followers · received by 3 · seen by 2\n\
             not received by 2: @bob @ca\u{fffd}rol"
        );
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut some = answer("queued", &[], 2);
        some["complete"] = json!(false);
        some["count_is_estimate"] = json!(true);
        some["replicas"] = json!(null);
        let text = sheet(&some, Style::default());
        assert!(text.starts_with("3f2a9c1b… · queued\n"), "{text}");
        assert!(text.ends_with(&format!("not received by about 2\n{INCOMPLETE}")), "{text}");
        let mut alone = answer("collected", &[], 0);
        alone["followers"] = json!(0);
        assert!(sheet(&alone, Style::default()).ends_with("wanted\nnobody followed you when it was made"));
    }
}
