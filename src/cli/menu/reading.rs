//! Entries that show posts: a screen at a time, and what was shown of the feed counts as seen.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::account::{ask_name, report};
use super::desk::{Desk, Leave};
use super::screen::Screen;
use crate::cli::commands::{posts, show, user};
use crate::cli::input;
use crate::cli::words::{self, list_at, text_at};

/// Posts that are asked for at once: some screens full.
const AT_ONCE: &str = "20";
/// Rows that stay free below posts, for the heading and the entries.
const ROWS_BELOW: usize = 8;
/// Rows of posts on the smallest screen.
const LEAST_ROWS: usize = 6;

/// Where posts come from.
struct Source {
    path: &'static str,
    /// What the number of posts is called in the query.
    limit: &'static str,
    query: Vec<(&'static str, String)>,
    /// What is said when there are none.
    nothing: &'static str,
    /// Posts count as seen when they are shown.
    marks: bool,
    /// The answer begins with somebody's profile.
    of_user: bool,
}

impl Source {
    fn new(path: &'static str, nothing: &'static str) -> Self {
        Self { path, limit: "n", query: Vec::new(), nothing, marks: false, of_user: false }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.query.push((name, value));
        self
    }
}

/// Shows the feed.
pub fn feed(desk: &mut Desk) -> Result<Option<String>, Leave> {
    let nothing = "no posts; [1] follows somebody, [8] lists the people of the network";
    browse(desk, Source { limit: "limit", marks: true, ..Source::new("/feed", nothing) })
}

/// Shows the posts that name who is logged in.
pub fn mentions(desk: &mut Desk) -> Result<Option<String>, Leave> {
    browse(desk, Source::new("/mentions", "nobody has named you"))
}

/// Shows posts with a text or a tag.
pub fn search(desk: &mut Desk) -> Result<Option<String>, Leave> {
    let Some(typed) = desk.ask_word("Search for (a word, or #tag): ")?.filter(|typed| !typed.is_empty()) else {
        return Ok(None);
    };
    let source = |path| Source::new(path, "no post that this node holds has that");
    match typed.strip_prefix('#') {
        Some(_) => match input::tag(&typed) {
            Ok(tag) => browse(desk, source("/tag").with("name", tag)),
            Err(problem) => desk.complain(&problem).map(|()| None),
        },
        None => browse(desk, source("/search").with("q", typed)),
    }
}

/// Shows somebody's page.
pub fn page(desk: &mut Desk) -> Result<Option<String>, Leave> {
    let Some(name) = ask_name(desk, "Whose page: ")? else { return Ok(None) };
    let source = Source { of_user: true, ..Source::new("/user", "no posts") };
    browse(desk, source.with("name", name.to_string()))
}

/// Shows a post with what it answers and what answers it.
pub fn thread(desk: &mut Desk) -> Result<(), Leave> {
    let Some(id) = ask_id(desk, "Which post (the first 8 digits of its id): ")? else { return Ok(()) };
    let style = desk.style;
    let answer = desk.request(move |client| client.get("/thread", &[("id", &id)]))?;
    report(desk, answer, |answer| show::conversation(answer, style))
}

/// Asks for the id of a post.
pub fn ask_id(desk: &mut Desk, prompt: &str) -> Result<Option<String>, Leave> {
    let Some(typed) = desk.ask_word(prompt)? else { return Ok(None) };
    match input::id(typed.trim_end_matches('…')) {
        Ok(id) => Ok(Some(id)),
        Err(problem) => desk.complain(&problem).map(|()| None),
    }
}

/// Shows posts until they end or the person has enough; returns what was typed instead of going on.
fn browse(desk: &mut Desk, source: Source) -> Result<Option<String>, Leave> {
    let mut cursor = String::new();
    let mut sheet = Sheet::default();
    loop {
        let page = match fetch(desk, &source, &cursor)? {
            Ok(page) => page,
            Err(problem) => return desk.complain(&problem).map(|()| None),
        };
        let is_first = cursor.is_empty();
        if is_first && source.of_user {
            let head = user::head(&page, desk.style);
            sheet.write(desk, &head)?;
        }
        if is_first && list_at(&page, "/posts").is_empty() {
            desk.say(source.nothing)?;
        }
        for post in list_at(&page, "/posts") {
            let text = posts::post(post, desk.style);
            if !sheet.has_room(&text) {
                sheet.mark(desk, &source)?;
                if let Some(typed) = sheet.turn(desk)? {
                    return Ok(Some(typed).filter(|typed| typed != "q"));
                }
            }
            sheet.write(desk, &text)?;
            sheet.shown.push(text_at(post, "/id").to_owned());
        }
        for missing in list_at(&page, "/missing").iter().filter(|_| is_first) {
            let text = posts::missing(missing, desk.style);
            sheet.write(desk, &text)?;
        }
        if let Some(gone) = posts::read_and_gone(&page, desk.style).filter(|_| is_first) {
            sheet.write(desk, &gone)?;
        }
        sheet.mark(desk, &source)?;
        let next = text_at(&page, "/next");
        if next.is_empty() || next == cursor {
            return Ok(None);
        }
        next.clone_into(&mut cursor);
    }
}

fn fetch(desk: &mut Desk, source: &Source, cursor: &str) -> Result<Result<Value, crate::types::Problem>, Leave> {
    let mut query = source.query.clone();
    query.push((source.limit, AT_ONCE.to_owned()));
    if !cursor.is_empty() {
        query.push(("cursor", cursor.to_owned()));
    }
    let path = source.path;
    desk.request(move |client| {
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.get(path, &query)
    })
}

/// What stands on the screen so far.
#[derive(Default)]
struct Sheet {
    rows: usize,
    /// Posts that were shown and not yet marked; at most a page.
    shown: Vec<String>,
}

impl Sheet {
    fn has_room(&self, text: &str) -> bool {
        let room = Screen::size().1.saturating_sub(ROWS_BELOW).max(LEAST_ROWS);
        self.rows == 0 || self.rows + rows(text) <= room
    }

    fn write(&mut self, desk: &mut Desk, text: &str) -> Result<(), Leave> {
        self.rows += rows(text);
        desk.say(&format!("{text}\n"))
    }

    /// Waits until the person wants more; returns what was typed instead.
    fn turn(&mut self, desk: &mut Desk) -> Result<Option<String>, Leave> {
        self.rows = 0;
        let typed = desk.ask_word("[Enter] More [q] Back > ")?;
        Ok(typed.map_or(Some("q".to_owned()), |typed| (!typed.is_empty()).then_some(typed)))
    }

    fn mark(&mut self, desk: &mut Desk, source: &Source) -> Result<(), Leave> {
        let ids = std::mem::take(&mut self.shown);
        if !source.marks || ids.is_empty() {
            return Ok(());
        }
        desk.unread.remove(ids.iter().map(String::as_str));
        match desk.request(move |client| client.send("/feed/shown", &json!({ "ids": ids })))? {
            Ok(_) => Ok(()),
            Err(problem) => {
                let why = words::printable(&problem.message);
                desk.say(&format!("warning: the posts could not be marked as seen: {why}"))
            }
        }
    }
}

/// Returns how many rows a text takes on the screen, with an empty one below.
fn rows(text: &str) -> usize {
    let width = Screen::size().0.max(1);
    1 + text.lines().map(|line| line.width().div_ceil(width).max(1)).sum::<usize>()
}
