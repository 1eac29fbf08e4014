//! Entries about people, and about the node.

use serde_json::{Value, json};

use super::account::{ask_name, report};
use super::desk::{Desk, Leave};
use crate::cli::commands::hiding::{self, Change};
use crate::cli::commands::people::{Relation, listing, related};
use crate::cli::commands::{follow as follow_command, status as status_command};
use crate::cli::input;
use crate::cli::words::{list_at, text_at};

/// How many people one screen lists: more than one follows on paper, few enough to be read.
const PEOPLE: &str = "100";

/// Follows somebody, or ends that.
pub fn follow(desk: &mut Desk, follows: bool) -> Result<(), Leave> {
    let (prompt, path) = if follows { ("Follow whom: ", "/follow") } else { ("Unfollow whom: ", "/unfollow") };
    let Some(name) = ask_name(desk, prompt)? else { return Ok(()) };
    let answer = desk.request(move |client| client.post(path, json!({ "username": name })))?;
    report(desk, answer, follow_command::sentence)
}

/// Shows whom the account follows, and who follows it.
pub fn relations(desk: &mut Desk) -> Result<(), Leave> {
    let style = desk.style;
    for relation in [Relation::Following, Relation::Followers] {
        let answer = desk.request(move |client| client.get(relation.path(), &[("n", PEOPLE)]))?;
        report(desk, answer, |answer| format!("{}{}", related(relation, answer, style), more(answer)))?;
    }
    Ok(())
}

/// Lists people of the network.
pub fn users(desk: &mut Desk) -> Result<(), Leave> {
    let Some(typed) = desk.ask_word("Names that begin with (Enter: all): ")? else { return Ok(()) };
    let prefix = match input::name_prefix(&typed) {
        Ok(prefix) => prefix,
        Err(problem) => return desk.complain(&problem),
    };
    let answer = desk.request(move |client| {
        let mut query = vec![("n", PEOPLE)];
        query.extend((!prefix.is_empty()).then_some(("prefix", prefix.as_str())));
        client.get("/users", &query)
    })?;
    report(desk, answer, |answer| {
        format!("{}{}", listing(list_at(answer, "/users"), "nobody with such a name is known here"), more(answer))
    })
}

/// Shows who is muted and blocked, and changes that.
pub fn hide(desk: &mut Desk) -> Result<(), Leave> {
    for (path, heading, nobody) in
        [("/muted", "muted:", "you mute nobody"), ("/blocked", "blocked:", "you block nobody")]
    {
        let answer = desk.request(move |client| client.get(path, &[]))?;
        report(desk, answer, |answer| match list_at(answer, "/users") {
            [] => nobody.to_owned(),
            users => format!("{heading}\n{}", listing(users, nobody)),
        })?;
    }
    let prompt = "[0] Mute [1] Unmute [2] Block [3] Unblock [Enter] Back > ";
    let change = match desk.ask_word(prompt)?.as_deref() {
        Some("0") => Change::Mute,
        Some("1") => Change::Unmute,
        Some("2") => Change::Block,
        Some("3") => Change::Unblock,
        None | Some("") => return Ok(()),
        Some(_) => return desk.say("there is no such entry; nothing was changed"),
    };
    let Some(name) = ask_name(desk, "Whom: ")? else { return Ok(()) };
    let answer = desk.request(move |client| client.post(change.path(), json!({ "username": name })))?;
    report(desk, answer, hiding::sentence)
}

/// Shows how the node is doing.
pub fn status(desk: &mut Desk) -> Result<(), Leave> {
    let style = desk.style;
    let answer = desk.request(|client| client.get("/status", &[]))?;
    report(desk, answer, |answer| status_command::sheet(answer, style))
}

fn more(answer: &Value) -> &'static str {
    if text_at(answer, "/next").is_empty() { "" } else { "\n…and more" }
}
