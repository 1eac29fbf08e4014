//! What people ask of the posts that are held here: the answers take their time beside the actor.

use std::time::Duration;

use actix::{Context as Ctx, Handler, ResponseFuture};
use tokio::time::timeout;

use super::actor::{FRESH, FeedActor};
use super::held::{find, mentions, search};
use super::messages::{Find, Mentions, PostsPage, Search, ShownPost};
use crate::types::Problem;

/// How long the list of mentions waits for what the inbox brings; what comes later is in the next one.
const OPENING: Duration = Duration::from_secs(2);

impl Handler<Find> for FeedActor {
    type Result = ResponseFuture<Result<ShownPost, Problem>>;

    fn handle(&mut self, Find(id): Find, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(find(self.node.clone(), id))
    }
}

impl Handler<Search> for FeedActor {
    type Result = ResponseFuture<Result<PostsPage, Problem>>;

    fn handle(&mut self, Search { query, page }: Search, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(search(self.node.clone(), query, page))
    }
}

impl Handler<Mentions> for FeedActor {
    type Result = ResponseFuture<Result<PostsPage, Problem>>;

    fn handle(&mut self, Mentions(page): Mentions, _: &mut Ctx<Self>) -> Self::Result {
        if let Err(problem) = self.logged_in() {
            return Box::pin(std::future::ready(Err(problem)));
        }
        // Further pages go on from what was there when the first one was asked for.
        let reading = page.cursor.is_none().then(|| self.read_inbox_older_than(FRESH));
        let node = self.node.clone();
        Box::pin(async move {
            if let Some(reading) = reading
                && timeout(OPENING, reading).await.is_err()
            {
                tracing::debug!("the inbox takes its time");
            }
            mentions(node, page).await
        })
    }
}
