//! Server-sent events (WHATWG HTML, section 9.2): a watched feed as a stream of bytes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::answers;
use super::server::Ending;
use crate::actors::{FeedEvent, ShownPost, Watching};

/// A silence after which a comment shows that the stream lives; it also finds readers that are gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

struct Watch {
    /// Posts not shown yet, no more than the feed holds.
    unseen: VecDeque<ShownPost>,
    watching: tokio::sync::mpsc::Receiver<FeedEvent>,
    ending: Ending,
    opened: bool,
}

/// Writes a watched feed: first what was not shown yet, oldest first. Ends with the watching, or when `ending` is ready.
pub fn stream(watching: Watching, ending: Ending) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let watch = Watch { unseen: watching.unseen.into(), watching: watching.events, ending, opened: false };
    unfold(watch, |mut watch| async move {
        let chunk = watch.next().await?;
        Some((Ok(chunk), watch))
    })
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.opened {
            // Says at once that the stream is open, whether or not there is a post.
            self.opened = true;
            return Some(Bytes::from_static(b": watching\n\n"));
        }
        if let Some(post) = self.unseen.pop_front() {
            return Some(posted(&post));
        }
        let silence = sleep_until(Instant::now() + KEEP_ALIVE);
        tokio::select! {
            biased;
            _ = self.ending.clone() => None,
            event = self.watching.recv() => Some(match event? {
                FeedEvent::Post(post) => posted(&post),
                FeedEvent::Missing(missing) => event_of("missing", &json!({ "missing": answers::missing(&missing) })),
                FeedEvent::Deleted(id) => event_of("deleted", &json!({ "deleted": id.to_string() })),
                FeedEvent::Mention(post) => event_of("mention", &json!({ "mention": answers::post(&post) })),
            }),
            () = silence => Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}

fn posted(post: &ShownPost) -> Bytes {
    event_of("post", &json!({ "post": answers::post(post) }))
}

/// Writes one event. JSON has no line ends of its own, so the data is one line.
fn event_of(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::actors::MissingPosts;

    fn missing(count: u64) -> FeedEvent {
        let author = "alice".parse().expect("a name");
        FeedEvent::Missing(MissingPosts { author, count, reason: "expired" })
    }

    #[tokio::test(start_paused = true)]
    async fn events_follow_in_order_and_silence_is_filled() {
        let (sender, events) = mpsc::channel(4);
        let (_end, ending) = oneshot::channel();
        let mut stream = Box::pin(stream(Watching { unseen: vec![], events }, ending.shared()));
        let mut next =
            async || stream.next().await.map(|chunk| String::from_utf8_lossy(&chunk.expect("infallible")).into_owned());
        assert_eq!(next().await.as_deref(), Some(": watching\n\n"));
        assert_eq!(next().await.as_deref(), Some(": still here\n\n"));
        sender.try_send(missing(2)).expect("room");
        let expected =
            "event: missing\ndata: {\"missing\":{\"author\":\"alice\",\"count\":2,\"reason\":\"expired\"}}\n\n";
        assert_eq!(next().await.as_deref(), Some(expected));
        drop(sender);
        assert_eq!(next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_server_ends_a_stream_that_waits() {
        let (_sender, events) = mpsc::channel(4);
        let (end, ending) = oneshot::channel();
        let mut stream = Box::pin(stream(Watching { unseen: vec![], events }, ending.shared()));
        assert!(stream.next().await.is_some());
        end.send(()).expect("somebody waits");
        assert!(stream.next().await.is_none());
    }
}
