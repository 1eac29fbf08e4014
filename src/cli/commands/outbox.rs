//! `outbox`: what the network does not have yet.

use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, number_at, text_at};

/// Lists what waits.
pub fn run(context: &Context) -> Outcome {
    let answer = context.client()?.get("/outbox", &[])?;
    context.output.answer(&answer, |_| listing(list_at(&answer, "/items")))
}

/// Returns a table of what waits.
pub fn listing(items: &[Value]) -> String {
    if items.is_empty() {
        return "nothing waits: the network has everything".into();
    }
    let mut rows = vec![["ID", "KIND", "SINCE", "COPIES", "LAST ERROR"].map(str::to_owned).to_vec()];
    rows.extend(items.iter().map(|item| {
        vec![
            words::short_id(text_at(item, "/id")),
            words::printable(text_at(item, "/kind")),
            words::when(text_at(item, "/since")),
            format!("{} of {}", number_at(item, "/acked"), number_at(item, "/wanted")),
            words::printable(text_at(item, "/last_error")).replace('\n', " "),
        ]
    }));
    words::table(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_is_a_table() {
        let item = json!({
            "id": "3f2a9c1b".repeat(8), "kind": "post", "since": "2001-02-03T12:00:00Z", "acked": 1, "wanted": 4,
            "last_error": "no\nanswer",
        });
        let text = listing(&[item]);
        assert!(text.starts_with("ID") && text.ends_with("1 of 4  no answer"), "{text}");
        assert!(text.contains("3f2a9c1b…  post"), "{text}");
        assert!(listing(&[]).starts_with("nothing waits"));
    }
}
