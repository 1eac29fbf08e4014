//! The door to the session.

use std::time::Duration;

use zeroize::Zeroizing;

use super::actor::SessionActor;
use super::messages::{
    CompareLog, Delete, Deleted, Follow, HiddenPerson, LoggedIn, Login, Logout, MakePost, PostRequest, Posted,
    PrivateList, PrivateRelation, Profile, ProfileChange, ProfileView, PublishedLate, Pursue, Register,
    RelatePrivately, Relation, Renew, Resume, TendLog, Who, WhoAmI, WritePosition,
};
use crate::actors::door::{Door, Gone};
use crate::records::{PrivateKind, Record};
use crate::types::{Hash, Problem, Username};

/// A handle to the session actor.
#[derive(Clone)]
pub struct SessionHandle(pub(in crate::actors) Door<SessionActor>);

impl SessionHandle {
    /// Registers a name and logs in; an interrupted registration with the same password is resumed.
    pub async fn register(&self, username: Username, password: Zeroizing<String>) -> Result<LoggedIn, Problem> {
        self.0.ask(Register { username, password }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Logs in on this node.
    pub async fn login(
        &self,
        username: Username,
        password: Zeroizing<String>,
        retire_oldest: bool,
    ) -> Result<LoggedIn, Problem> {
        self.0.ask(Login { username, password, retire_oldest }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Logs out and returns who it was.
    pub async fn logout(&self) -> Result<Username, Problem> {
        self.0.ask(Logout).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns who is logged in.
    pub async fn who(&self) -> Result<Option<WhoAmI>, Gone> {
        self.0.ask(Who).await
    }

    /// Makes a post; ready when it is published and delivered, or the first attempt has ended.
    pub async fn post(&self, text: String, ttl: Option<Duration>) -> Result<Posted, Problem> {
        let request = PostRequest { text, ttl, reply_to: None };
        self.make_post(MakePost { request, within: None }).await
    }

    /// Makes a post like [`SessionHandle::post`], and reports it as queued when that takes longer than `within`.
    ///
    /// # Errors
    /// Among others `no_such_post` when this node does not know the post that it answers.
    pub async fn post_within(&self, request: PostRequest, within: Duration) -> Result<Posted, Problem> {
        self.make_post(MakePost { request, within: Some(within) }).await
    }

    async fn make_post(&self, message: MakePost) -> Result<Posted, Problem> {
        self.0.ask(message).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Follows or no longer follows somebody.
    pub async fn follow(&self, username: Username, follows: bool) -> Result<Relation, Problem> {
        self.relate(Follow { username, follows, within: None }).await
    }

    /// Follows or no longer follows somebody, and reports it as queued when the network takes longer than `within`.
    ///
    /// # Errors
    /// `unreachable` when it is not known within that time who this is; nothing is queued then.
    pub async fn follow_within(
        &self,
        username: Username,
        follows: bool,
        within: Duration,
    ) -> Result<Relation, Problem> {
        self.relate(Follow { username, follows, within: Some(within) }).await
    }

    async fn relate(&self, message: Follow) -> Result<Relation, Problem> {
        self.0.ask(message).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Shows the profile, or changes it, and reports a change as queued when the network takes longer than `within`.
    ///
    /// # Errors
    /// `text_too_long` and `text_control` for what a profile may not be.
    pub async fn profile(
        &self,
        change: Option<ProfileChange>,
        within: Option<Duration>,
    ) -> Result<ProfileView, Problem> {
        self.0.ask(Profile { change, within }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Deletes a post of the account, whichever of its devices made it; deleting it again does no harm.
    ///
    /// # Errors
    /// `no_such_post`, also when it has ended; `not_author`.
    pub async fn delete_within(&self, id: Hash, within: Duration) -> Result<Deleted, Problem> {
        self.0.ask(Delete { id, within: Some(within) }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Mutes or blocks somebody, or takes it back.
    ///
    /// # Errors
    /// `usage` for oneself; `no_such_user`; `unreachable` when it is not known in time who this is; `not_logged_in` also
    /// when the login is of a version that did not keep the key of private entries.
    pub async fn relate_privately(
        &self,
        kind: PrivateKind,
        username: Username,
        on: bool,
        within: Duration,
    ) -> Result<PrivateRelation, Problem> {
        let wish = RelatePrivately { kind, username, on, within: Some(within) };
        self.0.ask(wish).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns who is muted or blocked, by name.
    pub async fn private_list(&self, kind: PrivateKind) -> Result<Vec<HiddenPerson>, Problem> {
        self.0.ask(PrivateList(kind)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Notes that posts and deletions were published, long after they were made: whoever is there now did not hear of them.
    pub fn published_late(&self, records: Vec<Record>) {
        self.0.hint(PublishedLate(records));
    }

    pub(super) fn compare_log(&self) {
        self.0.hint(CompareLog);
    }

    /// Renews what has lived half of its time and republishes, where it is time; ready when that is sent.
    pub async fn renew(&self) {
        if self.0.ask(Renew).await.is_err() {
            tracing::debug!("nothing was renewed");
        }
    }

    /// Raises the floor of the own log to what has ended.
    pub async fn tend_log(&self) {
        if self.0.ask(TendLog).await.is_err() {
            tracing::debug!("the log was not tended");
        }
    }

    /// Writes how far the account has read, where that is news; ready when it was sent.
    pub async fn write_position(&self) {
        if self.0.ask(WritePosition).await.is_err() {
            tracing::debug!("how far was read was not written");
        }
    }

    /// Tells feed and presence again who is logged in.
    pub fn resume(&self) {
        self.0.hint(Resume);
    }

    pub(super) fn pursue(&self) {
        self.0.hint(Pursue);
    }
}
