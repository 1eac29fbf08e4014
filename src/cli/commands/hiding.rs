//! `mute`, `block` and their opposites, and who is muted or blocked.

use serde_json::{Value, json};

use super::lists;
use super::people::listing;
use crate::cli::args::NameArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, text_at};

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keeps posts out of the feed.
    Mute,
    /// Ends that.
    Unmute,
    /// Keeps posts off this node, and one's own from somebody.
    Block,
    /// Ends that.
    Unblock,
}

impl Change {
    /// Returns where it is asked for.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Mute => "/mute",
            Self::Unmute => "/unmute",
            Self::Block => "/block",
            Self::Unblock => "/unblock",
        }
    }
}

/// Mutes or blocks somebody, or ends that.
pub fn change(context: &Context, change: Change, args: &NameArgs) -> Outcome {
    let name = input::username(&args.name)?;
    let answer = context.client()?.post(change.path(), json!({ "username": name }))?;
    context.output.answer(&answer, |_| sentence(&answer))
}

/// Lists whom the account mutes.
pub fn muted(context: &Context) -> Outcome {
    list(context, "/muted", "you mute nobody")
}

/// Lists whom the account blocks.
pub fn blocked(context: &Context) -> Outcome {
    list(context, "/blocked", "you block nobody")
}

/// Returns what is so now: `muted @bob`, `not blocked @bob`.
pub fn sentence(answer: &Value) -> String {
    let state = words::printable(text_at(answer, "/state")).replace('_', " ");
    format!("{state} @{}{}", words::printable(text_at(answer, "/username")), lists::queued(answer))
}

fn list(context: &Context, path: &str, nobody: &str) -> Outcome {
    let answer = context.client()?.get(path, &[])?;
    context.output.answer(&answer, |_| listing(list_at(&answer, "/users"), nobody))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_the_state() {
        let check = |state: &str, expected: &str| {
            assert_eq!(sentence(&json!({ "username": "bob", "state": state })), expected);
        };
        check("muted", "muted @bob");
        check("not_blocked", "not blocked @bob");
    }
}
