//! The door to the feed.

use bytes::Bytes;

use super::actor::FeedActor;
use super::followee::Followee;
use super::messages::{
    Begin, CatchUp, CaughtUp, End, Expire, FeedPage, Followed, PageRequest, Posted, Push, Replicated, Settled, Shown,
    Unfollowed, Watch, Watching,
};
use crate::actors::door::{Door, Gone};
use crate::types::{AccountId, Hash, Problem, Username};
use crate::wire::Status;

/// A handle to the feed actor.
#[derive(Clone)]
pub struct FeedHandle(pub(in crate::actors) Door<FeedActor>);

impl FeedHandle {
    /// Shows the feed of an account from now on.
    pub async fn begin(&self, account: AccountId, username: Username, followees: Vec<Followee>) {
        self.said(self.0.ask(Begin { account, username, followees }).await);
    }

    /// Forgets the feed.
    pub async fn end(&self) {
        self.said(self.0.ask(End).await);
    }

    /// Shows one author more.
    pub async fn followed(&self, followee: Followee) {
        self.said(self.0.ask(Followed(followee)).await);
    }

    /// Shows one author less.
    pub async fn unfollowed(&self, account: AccountId) {
        self.said(self.0.ask(Unfollowed(account)).await);
    }

    /// Notes that a verified post was stored here.
    pub fn replicated(&self, post: Bytes) {
        self.0.hint(Replicated(post));
    }

    /// Notes a post of this node's user.
    pub fn posted(&self, post: Bytes) {
        self.0.hint(Posted(post));
    }

    /// Takes a post that its author's node brings; ready when it is on disk.
    pub async fn push(&self, post: Bytes, proofs: Vec<Bytes>) -> Status {
        self.0.ask(Push { post, proofs }).await.unwrap_or(Status::StoreFailed)
    }

    pub(super) async fn caught_up(&self, message: CaughtUp) {
        self.said(self.0.ask(message).await);
    }

    pub(super) async fn settled(&self, keys: Vec<Bytes>) {
        self.said(self.0.ask(Settled(keys)).await);
    }

    /// Reads the homes of authors that were not read just now.
    pub async fn catch_up(&self) {
        self.said(self.0.ask(CatchUp).await);
    }

    /// Returns a page of the feed.
    pub async fn page(&self, request: PageRequest) -> Result<FeedPage, Problem> {
        self.0.ask(request).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Notes that the user has been shown posts; returns how many of them are here.
    pub async fn shown(&self, ids: Vec<Hash>) -> Result<usize, Problem> {
        self.0.ask(Shown(ids)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Starts watching.
    pub async fn watch(&self) -> Result<Watching, Problem> {
        self.0.ask(Watch).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Removes posts that have ended.
    pub async fn expire(&self) {
        self.said(self.0.ask(Expire).await);
    }

    fn said(&self, outcome: Result<(), Gone>) {
        if outcome.is_err() {
            tracing::debug!("the feed was rebuilt");
        }
    }
}
