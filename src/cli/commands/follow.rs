//! `follow` and `unfollow`.

use serde_json::{Value, json};

use super::lists;
use crate::cli::args::NameArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, text_at};

/// Follows somebody.
pub fn follow(context: &Context, args: &NameArgs) -> Outcome {
    run(context, "/follow", args)
}

/// Ends following somebody.
pub fn unfollow(context: &Context, args: &NameArgs) -> Outcome {
    run(context, "/unfollow", args)
}

fn run(context: &Context, path: &str, args: &NameArgs) -> Outcome {
    let name = input::username(&args.name)?;
    let answer = context.client()?.post(path, json!({ "username": name }))?;
    context.output.answer(&answer, |_| sentence(&answer))
}

/// Returns what is so now, and whether the network knows.
pub fn sentence(answer: &Value) -> String {
    let verb = match text_at(answer, "/state") {
        "following" => "following",
        _ => "not following",
    };
    let name = words::printable(text_at(answer, "/username"));
    format!("{verb} @{name}{}", lists::queued(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_the_state_and_whether_it_is_known() {
        let check = |state: &str, queued: bool, expected: &str| {
            let answer = json!({ "username": "bob", "state": state, "queued": queued });
            assert_eq!(sentence(&answer), expected);
        };
        check("following", false, "following @bob");
        check("not_following", false, "not following @bob");
        check("following", true, "following @bob · queued: the network does not know yet, the node keeps trying");
    }
}
