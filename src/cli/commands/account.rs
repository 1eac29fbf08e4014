//! `register`, `login`, `logout`, `whoami`.

use serde_json::{Value, json};

use crate::cli::args::{LoginArgs, RegisterArgs};
use crate::cli::context::Context;
use crate::cli::input::{self, PasswordSource};
use crate::cli::problem::Outcome;
use crate::cli::words::{self, text_at};

/// Makes an account and logs it in.
pub fn register(context: &Context, args: &RegisterArgs) -> Outcome {
    let name = input::username(&args.name)?;
    let source = PasswordSource::choose(args.password_stdin)?;
    let client = context.client()?;
    let password = source.password(&name, true)?;
    let answer = client.post("/register", json!({ "username": name, "password": password.as_str() }))?;
    context.output.answer(&answer, |_| {
        let id = words::short_id(text_at(&answer, "/account_id"));
        format!("registered @{name} · account {id} · you are logged in")
    })
}

/// Logs an account in on this node.
pub fn login(context: &Context, args: &LoginArgs) -> Outcome {
    let name = input::username(&args.name)?;
    let source = PasswordSource::choose(args.password_stdin)?;
    let client = context.client()?;
    let password = source.password(&name, false)?;
    let wish = json!({ "username": name, "password": password.as_str(), "retire_oldest": args.retire_oldest });
    let answer = client.post("/login", wish)?;
    context.output.answer(&answer, |_| {
        format!("logged in as @{name} · device {}", words::short_id(text_at(&answer, "/device_id")))
    })
}

/// Logs the account out.
pub fn logout(context: &Context) -> Outcome {
    let answer = context.client()?.post("/logout", json!({}))?;
    context.output.answer(&answer, |_| format!("logged out @{}", words::printable(text_at(&answer, "/username"))))
}

/// Says who is logged in.
pub fn whoami(context: &Context) -> Outcome {
    let answer = context.client()?.get("/whoami", &[])?;
    context.output.answer(&answer, |_| me(&answer))
}

fn me(answer: &Value) -> String {
    let since = match text_at(answer, "/since") {
        "" => String::new(),
        since => format!(" · logged in {}", words::when(since)),
    };
    format!(
        "@{} · account {} · device {}{since}",
        words::printable(text_at(answer, "/username")),
        words::short_id(text_at(answer, "/account_id")),
        words::short_id(text_at(answer, "/device_id")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoami_names_account_and_device() {
        let answer = json!({ "username": "alice", "account_id": "a".repeat(64), "device_id": "b".repeat(64) });
        assert_eq!(me(&answer), "@alice · account aaaaaaaa… · device bbbbbbbb…");
    }
}
