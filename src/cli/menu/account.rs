//! Entries about the account: login, register, logout, profile.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::desk::{Desk, Leave, Manner};
use crate::cli::commands::profile as profile_command;
use crate::cli::input;
use crate::cli::problem::usage;
use crate::cli::words::{self, text_at};
use crate::types::{Code, Problem, Username};

const SECRET: Manner = Manner { secret: true, counted: None };

/// Logs somebody in.
pub fn login(desk: &mut Desk) -> Result<(), Leave> {
    let Some(name) = ask_name(desk, "Name: ")? else { return Ok(()) };
    let Some(password) = desk.ask("Password: ", SECRET)? else { return Ok(()) };
    let again = Zeroizing::new(password.to_string());
    let mut answer = log_in(desk, &name, password, false)?;
    if matches!(&answer, Err(problem) if problem.code == Code::TooManyDevices) {
        if let Err(problem) = &answer {
            desk.say(&words::printable(&problem.message))?;
        }
        if !agrees(desk, "Retire the device that was not used for the longest time? [y/N] ")? {
            return Ok(());
        }
        answer = log_in(desk, &name, again, true)?;
    }
    report(desk, answer, |_| format!("logged in as @{name}"))
}

/// Makes an account.
pub fn register(desk: &mut Desk) -> Result<(), Leave> {
    let Some(name) = ask_name(desk, "Name: ")? else { return Ok(()) };
    let Some(password) = desk.ask("Password: ", SECRET)? else { return Ok(()) };
    let Some(again) = desk.ask("The same again: ", SECRET)? else { return Ok(()) };
    if *password != *again {
        return desk.complain(&usage("the two passwords differ", "try again"));
    }
    let wish = name.clone();
    let answer = desk
        .request(move |client| client.post("/register", json!({ "username": wish, "password": password.as_str() })))?;
    report(desk, answer, |_| format!("registered @{name} · you are logged in"))
}

/// Logs the account out.
pub fn logout(desk: &mut Desk) -> Result<(), Leave> {
    let answer = desk.request(|client| client.post("/logout", json!({})))?;
    report(desk, answer, |answer| format!("logged out @{}", words::printable(text_at(answer, "/username"))))
}

/// Shows the profile, and changes what is typed.
pub fn profile(desk: &mut Desk) -> Result<(), Leave> {
    let now = desk.request(|client| client.get("/profile", &[]))?;
    match now {
        Ok(now) => desk.say(&profile_command::sheet(&now))?,
        Err(problem) => return desk.complain(&problem),
    }
    let mut changes = Vec::new();
    for what in ["Display name", "Bio"] {
        let Some(typed) = desk.ask_word(&format!("{what} (Enter keeps it, - empties it): "))? else { return Ok(()) };
        changes.push(match typed.as_str() {
            "" => None,
            "-" => Some(String::new()),
            _ => Some(typed),
        });
    }
    let bio = changes.pop().flatten();
    let name = changes.pop().flatten();
    let Some(wish) = profile_command::wish(name, bio) else { return Ok(()) };
    let answer = desk.request(move |client| client.post("/profile", wish))?;
    report(desk, answer, profile_command::sheet)
}

/// Asks for a name until Escape or one that is well-formed; a malformed one is complained about, and ends the entry.
pub fn ask_name(desk: &mut Desk, prompt: &str) -> Result<Option<Username>, Leave> {
    let Some(typed) = desk.ask_word(prompt)? else { return Ok(None) };
    match input::username(&typed) {
        Ok(name) => Ok(Some(name)),
        Err(problem) => desk.complain(&problem).map(|()| None),
    }
}

/// Asks a question that only a clear yes agrees to.
pub fn agrees(desk: &mut Desk, question: &str) -> Result<bool, Leave> {
    let typed = desk.ask_word(question)?.unwrap_or_default();
    Ok(matches!(typed.to_lowercase().as_str(), "y" | "yes"))
}

/// Says what became of a request.
pub fn report(
    desk: &mut Desk,
    answer: Result<Value, Problem>,
    sentence: impl FnOnce(&Value) -> String,
) -> Result<(), Leave> {
    match answer {
        Ok(answer) => desk.say(&sentence(&answer)),
        Err(problem) => desk.complain(&problem),
    }
}

fn log_in(
    desk: &mut Desk,
    name: &Username,
    password: Zeroizing<String>,
    retire_oldest: bool,
) -> Result<Result<Value, Problem>, Leave> {
    let name = name.clone();
    desk.request(move |client| {
        let wish = json!({ "username": name, "password": password.as_str(), "retire_oldest": retire_oldest });
        client.post("/login", wish)
    })
}
