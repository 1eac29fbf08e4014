//! Whoever watches the feed.

use tokio::sync::mpsc;

use super::messages::FeedEvent;

/// Events a watcher may lag behind before it is let go.
const LAG: usize = 1024;
/// Watchers at once.
const MOST: usize = 64;

/// The watchers, at most [`MOST`].
#[derive(Default)]
pub struct Watchers(Vec<mpsc::Sender<FeedEvent>>);

impl Watchers {
    /// Tells all; those that lag are let go.
    pub fn announce(&mut self, event: &FeedEvent) {
        self.0.retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }

    /// Adds one, which is told of some things at once, as many as it has room for; `None` when there are too many.
    pub fn add(&mut self, first: impl Iterator<Item = FeedEvent>) -> Option<mpsc::Receiver<FeedEvent>> {
        self.0.retain(|watcher| !watcher.is_closed());
        if self.0.len() >= MOST {
            return None;
        }
        let (sender, events) = mpsc::channel(LAG);
        for event in first.take(LAG / 2) {
            // There is room: the channel is new.
            let _ = sender.try_send(event);
        }
        self.0.push(sender);
        Some(events)
    }
}
