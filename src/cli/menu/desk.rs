//! Where a person and the menu meet: questions are asked, requests are waited for, and news appear above all that.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use unicode_width::UnicodeWidthStr;
use zeroize::Zeroizing;

use super::inputs::{Input, Inputs};
use super::keys::{Key, KeyReader};
use super::line::Line;
use super::screen::{Screen, columns};
use super::unread::Unread;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::output::Style;
use crate::cli::problem;
use crate::cli::words::{self, text_at};
use crate::types::{Code, Problem};

/// Keys typed ahead while a request is waited for; more are dropped.
const MAX_AHEAD: usize = 4096;
/// After that long, a lone Escape is a key and not the beginning of a sequence that a slow line cut in two.
const ESCAPE_ALONE: Duration = Duration::from_millis(50);
/// A request that takes longer says that it is waited for.
const SAY_WAITING_AFTER: Duration = Duration::from_millis(400);
/// How many characters a post may have, for the counter; the node decides.
pub const POST_CHARACTERS: usize = 500;

/// Why the menu ends.
#[derive(Debug)]
pub enum Leave {
    /// The person wants to.
    Quit,
    /// The process is told to, or its terminal is gone.
    Told,
    /// The node is gone.
    NodeGone(Problem),
    /// The system does not play along.
    Failed(Problem),
}

impl From<io::Error> for Leave {
    fn from(_: io::Error) -> Self {
        // Writing to a terminal fails when it is gone.
        Self::Told
    }
}

/// How a question is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// What is typed does not show.
    pub secret: bool,
    /// How many characters are counted down.
    pub counted: Option<usize>,
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    /// How emphasis is written.
    pub style: Style,
    /// What was not read yet.
    pub unread: Unread,
    screen: Screen,
    inputs: Inputs,
    reader: KeyReader,
    ahead: VecDeque<Key>,
    data_dir: PathBuf,
    timeout: Duration,
}

/// The answer to a request, when it is there.
type Done = Option<Result<Value, Problem>>;

impl Desk {
    /// Takes a terminal and a queue.
    pub fn new(context: &Context, screen: Screen, inputs: Inputs) -> Self {
        Self {
            style: context.output.style,
            unread: Unread::default(),
            screen,
            inputs,
            reader: KeyReader::default(),
            ahead: VecDeque::new(),
            data_dir: context.data_dir.clone(),
            timeout: context.timeout,
        }
    }

    /// Writes lines.
    pub fn say(&mut self, text: &str) -> Result<(), Leave> {
        Ok(self.screen.print(text)?)
    }

    /// Writes what went wrong.
    pub fn complain(&mut self, problem: &Problem) -> Result<(), Leave> {
        self.say(&problem::to_text(problem))
    }

    /// Asks for a line; `None` when the person presses Escape.
    pub fn ask(&mut self, prompt: &str, manner: Manner) -> Result<Option<Zeroizing<String>>, Leave> {
        let mut line = Line::default();
        self.draw(prompt, &line, manner)?;
        loop {
            let Some(key) = self.ahead.pop_front() else {
                self.step(None)?;
                continue;
            };
            match key {
                Key::Interrupt => return Err(Leave::Quit),
                Key::EndOfText if line.is_empty() => return Err(Leave::Quit),
                Key::Enter | Key::Escape => {
                    let whole = if manner.secret {
                        prompt.to_owned()
                    } else {
                        format!("{prompt}{}", line.view(self.room(prompt)).text)
                    };
                    self.screen.show(&whole, whole.width())?;
                    self.screen.accept()?;
                    return Ok((key == Key::Enter).then(|| line.into_text()));
                }
                key => line.apply(key),
            }
            if self.ahead.is_empty() {
                self.draw(prompt, &line, manner)?;
            }
        }
    }

    /// Asks for a line that is cut of the space around it.
    pub fn ask_word(&mut self, prompt: &str) -> Result<Option<String>, Leave> {
        Ok(self.ask(prompt, Manner::default())?.map(|line| line.trim().to_owned()))
    }

    /// Has the node do something, while news still appear and Ctrl-C still leaves.
    pub fn request(
        &mut self,
        work: impl FnOnce(&Client) -> Result<Value, Problem> + Send + 'static,
    ) -> Result<Result<Value, Problem>, Leave> {
        let (data_dir, timeout) = (self.data_dir.clone(), self.timeout);
        let run = move || work(&Client::of_data_dir(&data_dir, timeout)?);
        self.inputs.work(run).map_err(Leave::Failed)?;
        let begun = Instant::now();
        let mut said = false;
        loop {
            let patience = (!said).then(|| SAY_WAITING_AFTER.saturating_sub(begun.elapsed()));
            match self.step(patience)? {
                Some(Err(gone)) if gone.code == Code::NoNode => return Err(Leave::NodeGone(gone)),
                Some(answer) => {
                    self.screen.clear()?;
                    return Ok(answer);
                }
                None if self.ahead.contains(&Key::Interrupt) => return Err(Leave::Quit),
                None => {}
            }
            if !said && begun.elapsed() >= SAY_WAITING_AFTER {
                said = true;
                let waiting = "waiting for the network…";
                self.screen.show(waiting, waiting.width())?;
            }
        }
    }

    /// Watches the feed of who has just logged in.
    pub fn look_at_feed(&self) {
        self.inputs.look_at_feed();
    }

    /// Gives the terminal back.
    pub fn close(mut self) {
        self.screen.close();
    }

    /// Writes that a post came.
    pub fn announce(&mut self, post: &Value) -> Result<(), Leave> {
        self.tell_of(post, "new post")
    }

    fn tell_of(&mut self, post: &Value, what: &str) -> Result<(), Leave> {
        let author = words::printable(text_at(post, "/author/username"));
        let text = words::printable(text_at(post, "/text")).replace('\n', " ");
        let whole = format!("{what} · @{author}: {text}");
        let room = Screen::size().0.saturating_sub(2).max(1);
        let cut = columns(&whole, room);
        let dots = if cut.len() < whole.len() { "…" } else { "" };
        let line = self.style.strong(&format!("{cut}{dots}"));
        self.say(&line)
    }

    /// Waits for an input at most, and deals with it: keys are kept in order, news are shown, an answer is returned.
    fn step(&mut self, wait: Option<Duration>) -> Result<Done, Leave> {
        let wait = if self.reader.may_be_escape() { Some(ESCAPE_ALONE) } else { wait };
        let Some(input) = self.inputs.next(wait) else {
            self.ahead.extend(self.reader.nothing_followed());
            return Ok(None);
        };
        match input {
            Input::Typed(bytes) => {
                let room = MAX_AHEAD.saturating_sub(self.ahead.len());
                self.ahead.extend(self.reader.feed(&bytes).into_iter().take(room));
            }
            Input::Done(answer) => return Ok(Some(answer)),
            Input::TerminalGone | Input::Told => return Err(Leave::Told),
            Input::NodeGone(problem) => return Err(Leave::NodeGone(problem)),
            Input::Resized => self.screen.redraw()?,
            Input::Notice(text) => self.say(&text)?,
            Input::Event(event) => self.happened(&event.data)?,
        }
        Ok(None)
    }

    fn happened(&mut self, data: &str) -> Result<(), Leave> {
        let Ok(event) = serde_json::from_str::<Value>(data) else { return Ok(()) };
        if let Some(id) = event.get("deleted").and_then(Value::as_str) {
            self.unread.remove([id]);
        }
        match (event.get("post"), event.get("mention")) {
            (Some(post), _) if self.unread.arrive(post) => self.announce(post),
            (_, Some(post)) if self.unread.is_news(post) => self.tell_of(post, "you are named"),
            _ => Ok(()),
        }
    }

    fn draw(&mut self, prompt: &str, line: &Line, manner: Manner) -> Result<(), Leave> {
        if manner.secret {
            return Ok(self.screen.show(prompt, prompt.width())?);
        }
        let counter = manner.counted.map_or_else(String::new, |most| {
            let left = i64::try_from(most).unwrap_or(i64::MAX) - i64::try_from(line.characters()).unwrap_or(i64::MAX);
            format!("{left:>4} ")
        });
        let lead = format!("{counter}{prompt}");
        let view = line.view(self.room(&lead));
        Ok(self.screen.show(&format!("{lead}{}", view.text), lead.width() + view.column)?)
    }

    /// Columns that are left beside a prompt. The last one stays free: some terminals begin a new line in it.
    fn room(&self, lead: &str) -> usize {
        Screen::size().0.saturating_sub(lead.width() + 1)
    }
}
