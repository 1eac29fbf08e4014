//! `delete`: a post of yours goes.

use serde_json::{Value, json};

use super::lists;
use crate::cli::args::IdArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, text_at};

/// Deletes a post.
pub fn run(context: &Context, args: &IdArgs) -> Outcome {
    let id = input::id(&args.id)?;
    let answer = context.client()?.post("/delete", json!({ "id": id }))?;
    context.output.answer(&answer, |_| sentence(&answer))
}

/// Returns what became of the wish.
pub fn sentence(answer: &Value) -> String {
    let id = words::short_id(text_at(answer, "/id"));
    let here = if answer["state"] == "queued" { " here" } else { "" };
    format!("deleted {id}{here}{}", lists::queued(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_whether_the_network_knows() {
        let check = |state: &str, expected: &str| {
            assert_eq!(sentence(&json!({ "id": "3f2a9c1b".repeat(8), "state": state })), expected);
        };
        check("deleted", "deleted 3f2a9c1b…");
        check("queued", "deleted 3f2a9c1b… here · queued: the network does not know yet, the node keeps trying");
    }
}
