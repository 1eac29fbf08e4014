//! Entries that write: posts, replies, deleting, what still waits to go out, and how far it came.

use serde_json::{Value, json};

use super::account::{agrees, report};
use super::desk::{Desk, Leave, Manner, POST_CHARACTERS};
use super::reading::ask_id;
use crate::cli::commands::{
    delete as delete_command, ledger as ledger_command, outbox as outbox_command, post as post_command, posts,
};
use crate::cli::words::list_at;

const COUNTED: Manner = Manner { secret: false, counted: Some(POST_CHARACTERS) };

/// How many people one screen names who have not received a post.
const OWED: &str = "100";

/// Publishes a post.
pub fn post(desk: &mut Desk) -> Result<(), Leave> {
    publish(desk, "Text (Esc cancels): ", None)
}

/// Publishes an answer to a post.
pub fn reply(desk: &mut Desk) -> Result<(), Leave> {
    let Some(id) = chosen_post(desk, "Reply to which post (the first 8 digits of its id): ")? else { return Ok(()) };
    publish(desk, "Reply (Esc cancels): ", Some(id))
}

/// Deletes a post.
pub fn delete(desk: &mut Desk) -> Result<(), Leave> {
    let Some(id) = chosen_post(desk, "Delete which post (the first 8 digits of its id): ")? else { return Ok(()) };
    if !agrees(desk, "Delete it everywhere? [y/N] ")? {
        return desk.say("nothing was deleted");
    }
    let answer = desk.request(move |client| client.post("/delete", json!({ "id": id })))?;
    report(desk, answer, delete_command::sentence)
}

/// Lists what the network does not have yet.
pub fn outbox(desk: &mut Desk) -> Result<(), Leave> {
    let answer = desk.request(|client| client.get("/outbox", &[]))?;
    report(desk, answer, |answer| outbox_command::listing(list_at(answer, "/items")))
}

/// Shows who has received and seen one of the account's posts.
pub fn ledger(desk: &mut Desk) -> Result<(), Leave> {
    let Some(id) = ask_id(desk, "Which of your posts (the first 8 digits of its id): ")? else { return Ok(()) };
    let style = desk.style;
    let answer = desk.request(move |client| client.get("/ledger", &[("id", &id), ("n", OWED)]))?;
    report(desk, answer, |answer| ledger_command::sheet(answer, style))
}

/// Asks for a post and shows it, so that nobody answers or deletes another one by mistyping.
fn chosen_post(desk: &mut Desk, prompt: &str) -> Result<Option<String>, Leave> {
    let Some(id) = ask_id(desk, prompt)? else { return Ok(None) };
    let asked = id.clone();
    let shown: Result<Value, _> = desk.request(move |client| client.get("/show", &[("id", &asked)]))?;
    match shown {
        Ok(answer) => {
            let text = posts::post(&answer["post"], desk.style);
            desk.say(&text)?;
            Ok(Some(id))
        }
        Err(problem) => desk.complain(&problem).map(|()| None),
    }
}

fn publish(desk: &mut Desk, prompt: &str, reply_to: Option<String>) -> Result<(), Leave> {
    let Some(text) = desk.ask(prompt, COUNTED)? else { return Ok(()) };
    let mut wish = json!({ "text": text.as_str() });
    if let Some(id) = reply_to {
        wish["reply_to"] = id.into();
    }
    let answer = desk.request(move |client| client.post("/posts", wish))?;
    report(desk, answer, post_command::sentence)
}
