//! The menu itself: a heading, the entries, and what was chosen is done.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};

use super::desk::{Desk, Leave};
use super::entries::{AFTER_LOGIN, BEFORE_LOGIN, Entry, chosen, laid_out};
use super::inputs::{Inputs, Notices};
use super::screen::Screen;
use super::unread::{MAX_COUNTED, Unread};
use super::{account, people, reading, writing};
use crate::cli::args::MAX_LIST;
use crate::cli::context::Context;
use crate::cli::problem::{Outcome, usage};
use crate::cli::words::{self, number_at, text_at};
use crate::types::{Code, Problem};

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
    sender: std::sync::mpsc::SyncSender<super::inputs::Input>,
    queue: std::sync::mpsc::Receiver<super::inputs::Input>,
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

/// Goes round until there is a reason to leave.
fn stay(desk: &mut Desk) -> Leave {
    let mut me = None;
    loop {
        if let Err(leave) = round(desk, &mut me) {
            return leave;
        }
    }
}

/// Shows the menu once and does what is chosen, and whatever is chosen from there.
fn round(desk: &mut Desk, me: &mut Option<String>) -> Result<(), Leave> {
    let now = who(desk)?;
    if now != *me {
        begin(desk, now.as_deref())?;
        *me = now;
    }
    let groups = if me.is_some() { AFTER_LOGIN } else { BEFORE_LOGIN };
    let heading = heading(desk, me.as_deref())?;
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

fn heading(desk: &mut Desk, me: Option<&str>) -> Result<String, Leave> {
    let status = desk.request(|client| client.get("/status", &[]))?.unwrap_or_default();
    let name = me.map_or_else(|| "nobody is logged in".to_owned(), |me| format!("@{}", words::printable(me)));
    let unread = me.map_or_else(String::new, |_| format!(" · {} unread", desk.unread.count()));
    Ok(desk.style.strong(&format!("{name}{unread} · {}", up(&status))))
}

fn up(status: &Value) -> String {
    let (known, connected) = (number_at(status, "/peers/known"), number_at(status, "/peers/connected"));
    format!("{connected} of {} up", words::count(known, "peer"))
}
