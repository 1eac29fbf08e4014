//! Lists that are read page by page: how a page is asked for, and what stands at its end.

use serde_json::Value;

use crate::cli::args::ListArgs;
use crate::cli::output::Style;
use crate::cli::words;

/// A query for a page.
#[derive(Debug, Default)]
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Asks for a page.
    pub fn page(list: &ListArgs) -> Self {
        Self(vec![("n", list.limit.to_string())]).with("cursor", list.cursor.clone())
    }

    /// Adds a word, where there is one.
    pub fn with(mut self, name: &'static str, value: Option<String>) -> Self {
        self.0.extend(value.map(|value| (name, value)));
        self
    }

    /// Returns what the client takes.
    pub fn words(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// Returns what stands at the end of a page that is not the last one.
pub fn more(next: &str, command: &str, style: Style) -> Option<String> {
    let line = || style.faint(&format!("more: timeline {command} --cursor {}", words::printable(next)));
    (!next.is_empty()).then(line)
}

/// Returns the note of an answer that the network does not know yet, and nothing otherwise.
pub fn queued(answer: &Value) -> &'static str {
    let is_queued = answer["queued"] == true || answer["state"] == "queued";
    if is_queued { " · queued: the network does not know yet, the node keeps trying" } else { "" }
}

/// Returns the note of an answer that lacks what could not be reached.
pub fn incomplete(answer: &Value, style: Style) -> Option<String> {
    (answer["complete"] == false).then(|| style.faint("(not everything could be reached; the node keeps trying)"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_asked_for_with_its_size_and_its_cursor() {
        let first = Query::page(&ListArgs { limit: 7, cursor: None });
        assert_eq!(first.words(), [("n", "7")]);
        let second = Query::page(&ListArgs { limit: 50, cursor: Some("c7".into()) }).with("name", Some("bob".into()));
        assert_eq!(second.words(), [("n", "50"), ("cursor", "c7"), ("name", "bob")]);
    }

    #[test]
    fn what_is_queued_or_not_complete_is_said() {
        assert!(
            queued(&json!({ "queued": true })).contains("queued") && !queued(&json!({ "state": "queued" })).is_empty()
        );
        assert_eq!((queued(&json!({ "queued": false })), queued(&json!({}))), ("", ""));
        assert!(incomplete(&json!({ "complete": false }), Style::default()).is_some());
        assert_eq!(incomplete(&json!({}), Style::default()), None);
    }

    #[test]
    fn the_last_page_says_nothing() {
        assert_eq!(more("", "users", Style::default()), None);
        assert_eq!(more("c7", "users", Style::default()).as_deref(), Some("more: timeline users --cursor c7"));
    }
}
