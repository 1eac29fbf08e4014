//! `profile`: what is shown beside your name.

use serde_json::{Value, json};

use super::lists;
use crate::cli::args::ProfileArgs;
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::problem::{Outcome, usage};
use crate::cli::words::{self, text_at};

/// Shows the profile, or changes what is named and shows it then.
pub fn run(context: &Context, args: &ProfileArgs) -> Outcome {
    let is_from_stdin = |text: &Option<String>| text.as_deref() == Some("-");
    if is_from_stdin(&args.name) && is_from_stdin(&args.bio) {
        return Err(usage("standard input cannot be both name and bio", "give one of them on the line").into());
    }
    let read = |typed: &Option<String>| typed.as_deref().map(input::text).transpose();
    let (name, bio) = (read(&args.name)?, read(&args.bio)?);
    let client = context.client()?;
    let answer = match wish(name, bio) {
        Some(wish) => client.post("/profile", wish)?,
        None => client.get("/profile", &[])?,
    };
    context.output.answer(&answer, |_| sheet(&answer))
}

/// Returns the request that changes a profile; `None` when nothing is to change.
pub fn wish(name: Option<String>, bio: Option<String>) -> Option<Value> {
    let mut wish = json!({});
    for (key, value) in [("name", name), ("bio", bio)] {
        if let Some(value) = value {
            wish[key] = value.into();
        }
    }
    wish.as_object().is_some_and(|wish| !wish.is_empty()).then_some(wish)
}

/// Returns name, display name and bio as people read them.
pub fn sheet(profile: &Value) -> String {
    let name = format!("@{}", words::printable(text_at(profile, "/username")));
    let shown = words::printable(text_at(profile, "/display_name")).replace('\n', " ");
    let bio = words::printable(text_at(profile, "/bio"));
    let head = if shown.is_empty() { name } else { format!("{name} · {shown}") };
    let head = format!("{head}{}", lists::queued(profile));
    bio.lines().fold(head, |text, line| format!("{text}\n  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_changed() {
        assert_eq!(wish(None, None), None);
        assert_eq!(wish(Some(String::new()), None), Some(json!({ "name": "" })));
        assert_eq!(wish(Some("A".into()), Some("B".into())), Some(json!({ "name": "A", "bio": "B" })));
    }

    #[test]
    fn a_profile_shows_what_there_is() {
        let check = |name: &str, bio: &str, expected: &str| {
            assert_eq!(sheet(&json!({ "username": "alice", "display_name": name, "bio": bio })), expected);
        };
        check("", "", "@alice");
        check("Alice\u{1b}[2J", "one\ntwo", "@alice · Alice\u{fffd}[2J\n  one\n  two");
        assert_eq!(sheet(&json!({ "username": "alice", "display_name": null })), "@alice");
    }
}
