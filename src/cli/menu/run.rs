//! The menu itself: a heading, the entries, and what was chosen is done.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use serde_json::{Value, json};

use super::desk::{Desk, Leave};
use super::entries::{AFTER_LOGIN, BEFORE_LOGIN, Entry, chosen, laid_out};
use super::inputs::{Input, Inputs, Notices};
use super::screen::Screen;
use super::unread::{MAX_COUNTED, Unread};
use super::{account, people, reading, writing};
use crate::cli::args::MAX_LIST;
use crate::cli::context::Context;
use crate::cli::problem::{Outcome, usage};
use crate::cli::words::{self, list_at, number_at, text_at};
use crate::types::{Code, Problem};

/// A node that runs for less time may warn of what is only beginning.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

const _: () = assert!(MAX_COUNTED == MAX_LIST as usize, "the first page holds all posts that are counted");

/// How a menu ended.
#[derive(Debug)]
pub enum Ended {
    /// The person left, or the process is told to end.
    Left,
    /// The node is gone.
    NodeGone(Problem),
}

/// A menu that can be told things before it opens.
#[derive(Debug)]
pub struct Menu {
    notices: Notices,
    sender: SyncSender<Input>,
    queue: Receiver<Input>,
}

/// Tells whether there is somebody to show a menu to.
pub fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Runs the menu of the node in the data dir.
pub fn run(context: &Context) -> Outcome {
    if context.output.json {
        return Err(usage("the menu speaks to people", "scripts use the commands: timeline --help lists them").into());
    }
    if !has_terminal() {
        let hint = "without one, use the commands: timeline feed, timeline post TEXT; timeline --help lists them";
        return Err(usage("the menu needs a terminal", hint).into());
    }
    context.client()?.get("/status", &[])?;
    match Menu::new().open(context)? {
        Ended::Left => Ok(()),
        Ended::NodeGone(problem) => Err(problem.into()),
    }
}

impl Menu {
    /// Makes a menu that is not open yet.
    pub fn new() -> Self {
        let (notices, sender, queue) = Inputs::queue();
        Self { notices, sender, queue }
    }

    /// Returns the way to tell its reader something.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Shows the menu until its reader leaves.
    ///
    /// # Errors
    ///
    /// `internal`, when the system grants no terminal or no threads.
    pub fn open(self, context: &Context) -> Result<Ended, Problem> {
        let failed = |error: io::Error| Problem::new(Code::Internal, format!("the terminal cannot be used: {error}"));
        let screen = Screen::open().map_err(failed)?;
        let inputs =
            Inputs::start(context.data_dir.clone(), context.timeout, self.sender, self.queue).map_err(failed)?;
        let mut desk = Desk::new(context, screen, inputs);
        let left = stay(&mut desk);
        desk.close();
        match left {
            Leave::Quit | Leave::Told => Ok(Ended::Left),
            Leave::NodeGone(problem) => Ok(Ended::NodeGone(problem)),
            Leave::Failed(problem) => Err(problem),
        }
    }
}

/// What the menu remembers from one round to the next.
#[derive(Default)]
struct Known {
    me: Option<String>,
    /// What the node warned of when it was last shown.
    warned: String,
}

/// Goes round until there is a reason to leave.
fn stay(desk: &mut Desk) -> Leave {
    let mut known = Known::default();
    loop {
        if let Err(leave) = round(desk, &mut known) {
            return leave;
        }
    }
}

/// Shows the menu once and does what is chosen, and whatever is chosen from there.
fn round(desk: &mut Desk, known: &mut Known) -> Result<(), Leave> {
    let now = who(desk)?;
    if now != known.me {
        begin(desk, now.as_deref())?;
        known.me = now;
    }
    let groups = if known.me.is_some() { AFTER_LOGIN } else { BEFORE_LOGIN };
    let status = desk.request(|client| client.get("/status", &[]))?.unwrap_or_default();
    let warnings = warnings(&status);
    if warnings != known.warned {
        if !warnings.is_empty() {
            desk.say(&format!("\n{warnings}"))?;
        }
        known.warned = warnings;
    }
    let heading = heading(desk, known.me.as_deref(), &status);
    let width = Screen::size().0.saturating_sub(1);
    desk.say(&format!("\n{heading}\n{}", laid_out(groups, width)))?;
    let mut typed = desk.ask_word("> ")?.unwrap_or_default();
    loop {
        let next = match chosen(groups, &typed) {
            Some(entry) => choose(desk, entry)?,
            None if typed.is_empty() => None,
            None => {
                desk.say(&format!("there is no entry `{typed}`; type what stands in brackets"))?;
                Some(desk.ask_word("> ")?.unwrap_or_default())
            }
        };
        match next {
            Some(next) => typed = next,
            None => return Ok(()),
        }
    }
}

/// Does what was chosen; returns what was typed instead of going on with it.
fn choose(desk: &mut Desk, entry: Entry) -> Result<Option<String>, Leave> {
    match entry {
        Entry::Quit => return Err(Leave::Quit),
        Entry::Feed => return reading::feed(desk),
        Entry::Mentions => return reading::mentions(desk),
        Entry::Search => return reading::search(desk),
        Entry::Page => return reading::page(desk),
        Entry::Thread => reading::thread(desk)?,
        Entry::Users => people::users(desk)?,
        Entry::Login => account::login(desk)?,
        Entry::Register => account::register(desk)?,
        Entry::Logout => account::logout(desk)?,
        Entry::Profile => account::profile(desk)?,
        Entry::Follow => people::follow(desk, true)?,
        Entry::Unfollow => people::follow(desk, false)?,
        Entry::Relations => people::relations(desk)?,
        Entry::Hide => people::hide(desk)?,
        Entry::Post => writing::post(desk)?,
        Entry::Reply => writing::reply(desk)?,
        Entry::Delete => writing::delete(desk)?,
        Entry::Ledger => writing::ledger(desk)?,
        Entry::Outbox => writing::outbox(desk)?,
        Entry::Status => people::status(desk)?,
    }
    Ok(None)
}

/// Returns who is logged in. Whatever else goes wrong is said, and counts as nobody.
fn who(desk: &mut Desk) -> Result<Option<String>, Leave> {
    match desk.request(|client| client.get("/whoami", &[]))? {
        Ok(answer) => Ok(Some(text_at(&answer, "/username").to_owned())),
        Err(problem) if problem.code == Code::NotLoggedIn => Ok(None),
        Err(problem) => desk.complain(&problem).map(|()| None),
    }
}

/// Counts what is unread, when somebody else is logged in than before.
fn begin(desk: &mut Desk, me: Option<&str>) -> Result<(), Leave> {
    let Some(me) = me else {
        desk.unread = Unread::default();
        return Ok(());
    };
    desk.unread = Unread::begin(me);
    desk.look_at_feed();
    let limit = MAX_COUNTED.to_string();
    let page = desk.request(move |client| client.get("/feed", &[("limit", &limit)]))?.unwrap_or_else(|_| json!({}));
    for post in desk.unread.counted(&page) {
        desk.announce(&post)?;
    }
    Ok(())
}

fn heading(desk: &Desk, me: Option<&str>, status: &Value) -> String {
    let name = me.map_or_else(|| "nobody is logged in".to_owned(), |me| format!("@{}", words::printable(me)));
    let unread = me.map_or_else(String::new, |_| format!(" · {} unread", desk.unread.count()));
    desk.style.strong(&format!("{name}{unread} · {}", up(status)))
}

/// Returns what the node warns of. One that has just started has had no time to reach anybody, and is not believed yet.
fn warnings(status: &Value) -> String {
    let has_settled = number_at(status, "/uptime_s") >= SETTLED_AFTER.as_secs();
    let counts = |warning: &&Value| has_settled || text_at(warning, "/code") == "alone";
    let sentence = |warning: &Value| {
        let hint = match text_at(warning, "/hint") {
            "" => String::new(),
            hint => format!("\n  {}", words::printable(hint)),
        };
        format!("warning: {}{hint}", words::printable(text_at(warning, "/message")))
    };
    let all: Vec<String> = list_at(status, "/warnings").iter().filter(counts).map(sentence).collect();
    all.join("\n")
}

fn up(status: &Value) -> String {
    let (known, connected) = (number_at(status, "/peers/known"), number_at(status, "/peers/connected"));
    format!("{connected} of {} up", words::count(known, "peer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_believed_when_it_has_settled() {
        let status = |uptime: u64, code: &str| json!({ "uptime_s": uptime, "warnings": [{ "code": code, "message": "a\u{7}", "hint": "b" }] });
        assert_eq!(warnings(&status(5, "no_bootpeer")), "warning: a\u{fffd}\n  b");
        assert_eq!(warnings(&status(4, "no_bootpeer")), "");
        assert_eq!(warnings(&status(0, "alone")), "warning: a\u{fffd}\n  b");
        assert_eq!(warnings(&json!({})), "");
    }

    #[test]
    fn the_heading_counts_peers() {
        let check = |known: u64, connected: u64, expected: &str| {
            assert_eq!(up(&json!({ "peers": { "known": known, "connected": connected } })), expected);
        };
        check(7, 5, "5 of 7 peers up");
        check(1, 1, "1 of 1 peer up");
        check(0, 0, "0 of 0 peers up");
    }
}
