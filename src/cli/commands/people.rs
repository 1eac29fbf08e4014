//! `following`, `followers`, `users`: lists of people.

use serde_json::Value;

use super::lists::{self, Query};
use crate::cli::args::{RelationsArgs, UsersArgs};
use crate::cli::context::Context;
use crate::cli::input;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::words::{self, list_at, number_at, text_at};

/// Lists whom somebody follows.
pub fn following(context: &Context, args: &RelationsArgs) -> Outcome {
    relations(context, Relation::Following, args)
}

/// Lists who follows somebody.
pub fn followers(context: &Context, args: &RelationsArgs) -> Outcome {
    relations(context, Relation::Followers, args)
}

/// Lists the people of the network.
pub fn users(context: &Context, args: &UsersArgs) -> Outcome {
    let prefix = args.prefix.as_deref().map(input::name_prefix).transpose()?;
    let query = Query::page(&args.list).with("prefix", prefix);
    let answer = context.client()?.get_in_time("/users", &query.words())?;
    context.output.answer(&answer, |style| {
        let listing = listing(list_at(&answer, "/users"), "nobody with such a name is known here");
        let command = args.prefix.as_deref().map_or("users".into(), |prefix| format!("users {prefix}"));
        with_more(listing, &answer, &command, style)
    })
}

/// The two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Whom somebody follows.
    Following,
    /// Who follows somebody.
    Followers,
}

impl Relation {
    /// Returns where it is asked for.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Following => "/following",
            Self::Followers => "/followers",
        }
    }
}

fn relations(context: &Context, relation: Relation, args: &RelationsArgs) -> Outcome {
    let name = args.name.as_deref().map(input::username).transpose()?;
    let query = Query::page(&args.list).with("name", name.as_ref().map(ToString::to_string));
    let answer = context.client()?.get_in_time(relation.path(), &query.words())?;
    context.output.answer(&answer, |style| {
        let word = relation.path().trim_start_matches('/');
        let command = name.as_ref().map_or(word.into(), |name| format!("{word} {name}"));
        with_more(related(relation, &answer, style), &answer, &command, style)
    })
}

/// Returns a heading with the number, and the people.
pub fn related(relation: Relation, answer: &Value, style: Style) -> String {
    let name = words::printable(text_at(answer, "/username"));
    let count = number_at(answer, "/count");
    let about = if answer["count_is_estimate"] == true { "about " } else { "" };
    let heading = match relation {
        Relation::Following => format!("@{name} follows {about}{count}"),
        Relation::Followers => format!("@{name} has {about}{}", words::count(count, "follower")),
    };
    let users = list_at(answer, "/users");
    if users.is_empty() {
        style.strong(&heading)
    } else {
        format!("{}\n{}", style.strong(&heading), listing(users, ""))
    }
}

/// Returns a table of people, or `nobody` when there are none.
pub fn listing(users: &[Value], nobody: &str) -> String {
    if users.is_empty() {
        return nobody.to_owned();
    }
    let row = |user: &Value| {
        let since = match text_at(user, "/since") {
            "" => String::new(),
            since => format!("since {}", words::when(since)),
        };
        let name = format!("@{}", words::printable(text_at(user, "/username")));
        vec![name, presence(user).to_owned(), words::short_id(text_at(user, "/account_id")), since]
    };
    words::table(&users.iter().map(row).collect::<Vec<_>>())
}

/// Returns whether somebody is online, in a word.
pub fn presence(user: &Value) -> &'static str {
    match user.get("online").and_then(Value::as_bool) {
        Some(true) => "online",
        Some(false) => "offline",
        None => "not known",
    }
}

fn with_more(text: String, answer: &Value, command: &str, style: Style) -> String {
    match lists::more(text_at(answer, "/next"), command, style) {
        Some(more) => format!("{text}\n{more}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_rows_with_their_presence() {
        let user =
            |name: &str, online: Value| json!({ "username": name, "account_id": "ab".repeat(32), "online": online });
        let users = [user("alice", true.into()), user("bo", false.into()), user("eve\u{7}", Value::Null)];
        let text = listing(&users, "");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "@alice  online     abababab…");
        assert_eq!(lines[1], "@bo     offline    abababab…");
        assert_eq!(lines[2], "@eve\u{fffd}   not known  abababab…");
        assert_eq!(listing(&[], "nobody"), "nobody");
    }

    #[test]
    fn the_heading_says_how_many_there_are_in_all() {
        let check = |relation: Relation, count: u64, estimate: bool, expected: &str| {
            let answer = json!({ "username": "alice", "count": count, "count_is_estimate": estimate, "users": [] });
            assert_eq!(related(relation, &answer, Style::default()), expected);
        };
        check(Relation::Following, 0, false, "@alice follows 0");
        check(Relation::Followers, 1, false, "@alice has 1 follower");
        check(Relation::Followers, 900, true, "@alice has about 900 followers");
    }
}
