//! `post`: a text goes out.

use serde_json::{Value, json};

use crate::cli::args::PostArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, number_at, text_at};

/// Publishes a post.
pub fn run(context: &Context, args: &PostArgs) -> Outcome {
    let ttl_ms = args.ttl.as_deref().map(input::ttl_ms).transpose()?;
    let reply_to = args.reply_to.as_deref().map(input::id).transpose()?;
    let mut wish = json!({ "text": input::text(&args.text)? });
    if let Some(ttl_ms) = ttl_ms {
        wish["ttl_ms"] = ttl_ms.into();
    }
    if let Some(reply_to) = reply_to {
        wish["reply_to"] = reply_to.into();
    }
    let answer = context.client()?.post("/posts", wish)?;
    context.output.answer(&answer, |_| sentence(&answer))
}

/// Returns how far the post got.
pub fn sentence(answer: &Value) -> String {
    let id = words::short_id(text_at(answer, "/id"));
    let (acked, wanted) = (number_at(answer, "/replicas/acked"), number_at(answer, "/replicas/wanted"));
    let state = match text_at(answer, "/state") {
        "queued" => format!("queued {id} · on disk at {acked} of {wanted}, the node keeps trying"),
        _ => format!("posted {id} · on disk at {acked} of {wanted}"),
    };
    let (online, received) = (number_at(answer, "/delivered/online"), number_at(answer, "/delivered/acked"));
    match online {
        0 => format!("{state} · no follower is online"),
        _ => format!("{state} · delivered to {received} of {online} online"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(state: &str, online: u64) -> Value {
        json!({
            "id": "3f2a9c1b".repeat(8), "state": state,
            "replicas": { "acked": 4, "wanted": 7 }, "delivered": { "online": online, "acked": online },
        })
    }

    #[test]
    fn the_sentence_says_how_far_the_post_got() {
        let check = |state, online, expected| assert_eq!(sentence(&answer(state, online)), expected);
        check("published", 1, "posted 3f2a9c1b… · on disk at 4 of 7 · delivered to 1 of 1 online");
        check("published", 0, "posted 3f2a9c1b… · on disk at 4 of 7 · no follower is online");
        check("queued", 2, "queued 3f2a9c1b… · on disk at 4 of 7, the node keeps trying · delivered to 2 of 2 online");
    }
}
