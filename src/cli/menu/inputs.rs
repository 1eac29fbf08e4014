//! Everything a menu waits for, in one queue: bytes from the terminal, events of the feed, signals, answers.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Thread};
use std::time::Duration;

use serde_json::Value;

use super::screen;
use crate::cli::client::Client;
use crate::cli::events::{Event, Events};
use crate::cli::signals;
use crate::types::{Code, Problem};

/// Inputs that wait for the menu; whoever has more waits with it.
const WAITING_INPUTS: usize = 64;
/// The most bytes that are taken from the terminal at once.
const PIECE_BYTES: usize = 1024;
/// How often it is looked whether somebody has logged in, and whether the node is still there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The pause after a stream of events ended: the node may be stopping, and then says so.
const AFTER_END: Duration = Duration::from_millis(200);

/// What happens.
#[derive(Debug)]
pub enum Input {
    /// Bytes from the terminal.
    Typed(Vec<u8>),
    /// The terminal is gone.
    TerminalGone,
    /// The terminal has another size.
    Resized,
    /// A signal asks the process to end.
    Told,
    /// Something about the feed.
    Event(Event),
    /// The node is gone.
    NodeGone(Problem),
    /// Something that a person should know, from elsewhere in this process.
    Notice(String),
    /// What was asked for is done.
    Done(Result<Value, Problem>),
}

/// A way into the queue from other threads of this process.
#[derive(Clone, Debug)]
pub struct Notices(SyncSender<Input>);

impl Notices {
    /// Tells a person something, above what is being typed. When no menu is open any more, nobody is told.
    pub fn tell(&self, text: &str) -> bool {
        self.0.send(Input::Notice(text.to_owned())).is_ok()
    }
}

/// The queue, and the threads that fill it.
#[derive(Debug)]
pub struct Inputs {
    queue: Receiver<Input>,
    sender: SyncSender<Input>,
    events: Thread,
}

impl Inputs {
    /// Makes a queue that holds nothing but notices so far.
    pub fn queue() -> (Notices, SyncSender<Input>, Receiver<Input>) {
        let (sender, queue) = sync_channel(WAITING_INPUTS);
        (Notices(sender.clone()), sender, queue)
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Those of the system when it grants no thread or no handler.
    pub fn start(
        data_dir: PathBuf,
        timeout: Duration,
        sender: SyncSender<Input>,
        queue: Receiver<Input>,
    ) -> io::Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        let on_signal = sender.clone();
        signals::watch(move || {
            if told.swap(true, Ordering::Relaxed) {
                screen::restore();
                std::process::exit(0);
            }
            let _ = on_signal.send(Input::Told);
        })?;
        let resized = sender.clone();
        signals::watch_size(move || drop(resized.send(Input::Resized)))?;
        let typed = sender.clone();
        thread::Builder::new().name("terminal".into()).spawn(move || read_terminal(&typed))?;
        let events = sender.clone();
        let watch = move || watch_feed(&data_dir, timeout, &events);
        let events = thread::Builder::new().name("events".into()).spawn(watch)?.thread().clone();
        Ok(Self { queue, sender, events })
    }

    /// Waits for the next input; `None` when there is none within `wait`.
    pub fn next(&self, wait: Option<Duration>) -> Option<Input> {
        match wait {
            // The queue cannot end: a sender is kept beside it.
            None => self.queue.recv().ok(),
            Some(wait) => self.queue.recv_timeout(wait).ok(),
        }
    }

    /// Has something done in a thread of its own; its end is an input.
    ///
    /// # Errors
    ///
    /// `internal`, when the system grants no thread.
    pub fn work(&self, work: impl FnOnce() -> Result<Value, Problem> + Send + 'static) -> Result<(), Problem> {
        let sender = self.sender.clone();
        let run = move || drop(sender.send(Input::Done(work())));
        let failed = |error| Problem::new(Code::Internal, format!("the system grants no thread: {error}"));
        thread::Builder::new().name("request".into()).spawn(run).map(drop).map_err(failed)
    }

    /// Makes sure that the feed is watched soon, after somebody logged in.
    pub fn look_at_feed(&self) {
        self.events.unpark();
    }
}

fn read_terminal(sender: &SyncSender<Input>) {
    let mut terminal = io::stdin().lock();
    let mut piece = [0; PIECE_BYTES];
    loop {
        let input = match terminal.read(&mut piece) {
            Ok(0) => Input::TerminalGone,
            Ok(length) => Input::Typed(piece[..length].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => Input::TerminalGone,
        };
        let is_last = matches!(input, Input::TerminalGone);
        if sender.send(input).is_err() || is_last {
            return;
        }
    }
}

/// Watches the feed of whoever is logged in, until the node is gone. The address is read again each time: a node that was
/// restarted has another token.
fn watch_feed(data_dir: &Path, timeout: Duration, sender: &SyncSender<Input>) {
    loop {
        let opened = Client::of_data_dir(data_dir, timeout).and_then(|client| client.events());
        let pause = match opened {
            Ok(events) => {
                if !pass_on(events, sender) {
                    return;
                }
                AFTER_END
            }
            Err(problem) if problem.code == Code::NoNode => {
                let _ = sender.send(Input::NodeGone(problem));
                return;
            }
            Err(_) => LOOK_AGAIN,
        };
        thread::park_timeout(pause);
    }
}

/// Hands events on until their stream ends; tells whether anybody still wants them.
fn pass_on(mut events: Events<BufReader<impl Read>>, sender: &SyncSender<Input>) -> bool {
    while let Ok(Some(event)) = events.next_event() {
        if sender.send(Input::Event(event)).is_err() {
            return false;
        }
    }
    true
}
