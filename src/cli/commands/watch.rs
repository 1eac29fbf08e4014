//! `feed --watch`: what was not shown yet, then each new post when it comes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Value, json};

use super::{feed, posts};
use crate::cli::args::FeedArgs;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::events::Event;
use crate::cli::output::Style;
use crate::cli::problem::Outcome;
use crate::cli::signals;
use crate::cli::words::{self, text_at};
use crate::types::{Code, Problem};

/// Events read and not written yet: a burst of posts, while the reader of our output is slow. Further ones wait at the node.
const WAITING_EVENTS: usize = 64;

/// What a line of a watched feed can be.
const KINDS: [&str; 3] = ["post", "deleted", "missing"];

/// What the loop waits for.
enum Input {
    Event(Event),
    Ended(Option<io::Error>),
    /// Wakes the loop, which then finds the flag set.
    Stop,
}

/// Prints posts until SIGINT, or until the node stops.
pub fn run(context: &Context, args: &FeedArgs) -> Outcome {
    let client = context.client()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = sync_channel(WAITING_EVENTS);
    end_on_signals(&stop, sender.clone()).map_err(|error| cannot(&error))?;
    read_events(&client, sender)?;
    print(context, args, &client, &stop, &receiver)
}

fn print(context: &Context, args: &FeedArgs, client: &Client, stop: &AtomicBool, inputs: &Receiver<Input>) -> Outcome {
    while let Ok(input) = inputs.recv() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        match input {
            Input::Stop => return Ok(()),
            Input::Ended(error) => return Err(client.stream_ended(error.as_ref()).into()),
            Input::Event(event) => {
                let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(&event.data) else { continue };
                // Of what else a node tells, such as mentions, nothing belongs to the feed.
                let Some(kind) = KINDS.iter().find(|kind| fields.contains_key(**kind)) else { continue };
                let line = json!({ *kind: fields[*kind] });
                context.output.answer(&line, |style| sentence(&line, style))?;
                if let Some(post) = line.get("post").filter(|_| !args.peek) {
                    feed::seen(context, client, &[text_at(post, "/id")]);
                }
            }
        }
    }
    Err(client.stream_ended(None).into())
}

fn sentence(line: &Value, style: Style) -> String {
    match (line.get("post"), line.get("missing"), line.get("deleted").and_then(Value::as_str)) {
        (Some(post), _, _) => format!("{}\n", posts::post(post, style)),
        (_, Some(missing), _) => format!("{}\n", posts::missing(missing, style)),
        (_, _, Some(id)) => {
            let id = words::short_id(&words::printable(id));
            format!("{}\n", style.faint(&format!("(post {id} was deleted)")))
        }
        _ => words::printable(&line.to_string()),
    }
}

/// The first signal ends the loop between two lines; the second one ends a process that cannot write.
fn end_on_signals(stop: &Arc<AtomicBool>, wake: SyncSender<Input>) -> io::Result<()> {
    let stop = Arc::clone(stop);
    signals::watch(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(0);
        }
        // When it is full, the loop is not waiting and sees the flag.
        let _ = wake.try_send(Input::Stop);
    })
}

fn read_events(client: &Client, sender: SyncSender<Input>) -> Result<(), Problem> {
    let mut events = client.events()?;
    let read = move || {
        loop {
            let input = match events.next_event() {
                Ok(Some(event)) => Input::Event(event),
                Ok(None) => Input::Ended(None),
                Err(error) => Input::Ended(Some(error)),
            };
            let ended = matches!(input, Input::Ended(_));
            if sender.send(input).is_err() || ended {
                return;
            }
        }
    };
    thread::Builder::new().name("events".into()).spawn(read).map(drop).map_err(|error| cannot(&error))
}

fn cannot(error: &io::Error) -> Problem {
    Problem::new(Code::Internal, format!("the system does not let the feed be watched: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_people_are_posts_and_gaps() {
        let post = json!({ "post": { "author": { "username": "alice" }, "text": "hi", "id": "ab" } });
        assert!(sentence(&post, Style::default()).contains("@alice"));
        let missing = json!({ "missing": { "author": "bob", "count": 1, "reason": "expired" } });
        assert!(sentence(&missing, Style::default()).contains("1 post of @bob"));
        let deleted = json!({ "deleted": "3f2a9c1b".repeat(8) });
        assert_eq!(sentence(&deleted, Style::default()), "(post 3f2a9c1b… was deleted)\n");
        assert_eq!(sentence(&json!({ "new": 1 }), Style::default()), "{\"new\":1}");
    }
}
