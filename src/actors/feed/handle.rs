//! The door to the feed.

use bytes::Bytes;

use super::actor::FeedActor;
use super::followee::Followee;
use super::messages::{
    Begin, CatchUp, CaughtUp, End, Expire, FeedPage, Find, Followed, Glanced, HoldersChanged, Hurry, ListRequest,
    Mentions, Named, PageRequest, PeersKnown, Posted, PostsPage, Push, Replicated, Search, Settled, Shown, ShownPost,
    Unfollowed, Watch, Watching, Woke,
};
use super::position::{AskRead, ReadElsewhere, ReadUpTo};
use crate::actors::door::{Door, Gone};
use crate::timeline::{Positions, Query};
use crate::types::{AccountId, Code, Hash, Problem, Username};
use crate::wire::Status;

/// A handle to the feed actor.
#[derive(Clone)]
pub struct FeedHandle(pub(in crate::actors) Door<FeedActor>);

impl FeedHandle {
    /// Shows the feed of an account from now on.
    pub async fn begin(&self, account: AccountId, username: Username, followees: Vec<Followee>) {
        self.said(self.0.ask(Begin { account, username, followees }).await);
    }

    /// Shows the feed of an account in a network that is there as if it had been for long, `anchors` of `known` peers among it:
    /// the homes of those it follows were read just now.
    pub(in crate::actors) async fn begin_read(
        &self,
        (account, username): (AccountId, Username),
        followees: Vec<Followee>,
        (known, anchors): (usize, usize),
    ) {
        self.peers_known(PeersKnown { known, anchors }).await;
        let authors: Vec<AccountId> = followees.iter().map(|f| f.account).chain([account]).collect();
        self.begin(account, username, followees).await;
        for account in authors {
            let (posts, tombstones, logs, seen) = Default::default();
            self.caught_up(CaughtUp { account, posts, tombstones, logs, complete: true, seen }).await;
        }
        self.named(Named::default()).await;
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

    /// Notes that a verified post, or the deletion of one, was stored here.
    pub fn replicated(&self, record: Bytes) {
        self.0.hint(Replicated(record));
    }

    /// Notes that this node's user deleted a post; the deletion is on disk already. Ready when the post is out of the feed.
    pub async fn deleted(&self, tombstone: Bytes) {
        self.said(self.0.ask(Replicated(tombstone)).await);
    }

    /// Notes a post of this node's user.
    pub fn posted(&self, post: Bytes) {
        self.0.hint(Posted(post));
    }

    /// Takes a post, or the deletion of one, that its author's node brings; ready when it is on disk.
    pub async fn push(&self, post: Bytes, proofs: Vec<Bytes>) -> Status {
        self.0.ask(Push { post, proofs }).await.unwrap_or(Status::StoreFailed)
    }

    pub(super) async fn caught_up(&self, message: CaughtUp) {
        self.said(self.0.ask(message).await);
    }

    pub(super) async fn glanced(&self, message: Glanced) -> bool {
        self.0.ask(message).await.unwrap_or(false)
    }

    pub(super) async fn peers_known(&self, message: PeersKnown) {
        self.said(self.0.ask(message).await);
    }

    /// Has an author's home looked at soon: others hold it than those that were asked so far.
    pub fn holders_changed(&self, author: AccountId) {
        self.0.hint(HoldersChanged(author));
    }

    /// Notes that the node did not run for a while.
    pub fn woke(&self) {
        self.0.hint(Woke);
    }

    /// Notes that the node reached nobody for a moment.
    pub fn hurry(&self) {
        self.0.hint(Hurry);
    }

    pub(super) async fn named(&self, message: Named) {
        self.said(self.0.ask(message).await);
    }

    pub(super) async fn settled(&self, message: Settled) {
        self.said(self.0.ask(message).await);
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

    /// Finds a post that is held here, by the first 8 or more digits of its id, or by its decimal number.
    ///
    /// # Errors
    /// `no_such_post`; `usage` when it is no id, or several posts begin like that.
    pub async fn find(&self, id: String) -> Result<ShownPost, Problem> {
        self.0.ask(Find(id)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Looks for words in the posts that are held here, newest first.
    ///
    /// # Errors
    /// `usage` when there is nothing to look for.
    pub async fn search(&self, text: String, page: ListRequest) -> Result<PostsPage, Problem> {
        let nothing = || Problem::new(Code::Usage, "a search is one to 16 words, at most 200 characters");
        let query = Query::words(&text).ok_or_else(nothing)?;
        self.0.ask(Search { query, page }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Looks for a tag in the posts that are held here, newest first.
    ///
    /// # Errors
    /// `usage` when it cannot be a tag.
    pub async fn tag(&self, name: String, page: ListRequest) -> Result<PostsPage, Problem> {
        let nothing =
            || Problem::new(Code::Usage, "a tag is letters, digits and underscores, at most 50, not digits alone");
        let query = Query::tag(&name).ok_or_else(nothing)?;
        self.0.ask(Search { query, page }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns the posts that name the user or answer one of theirs, newest first; the inbox is read before.
    pub async fn mentions(&self, page: ListRequest) -> Result<PostsPage, Problem> {
        self.0.ask(Mentions(page)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Starts watching.
    pub async fn watch(&self) -> Result<Watching, Problem> {
        self.0.ask(Watch).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Marks as shown what other devices of the account have shown.
    pub async fn read_elsewhere(&self, positions: Positions) {
        self.said(self.0.ask(ReadElsewhere(positions)).await);
    }

    /// Returns how far the account has read.
    pub async fn read_up_to(&self) -> ReadUpTo {
        self.0.ask(AskRead).await.unwrap_or_default()
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
