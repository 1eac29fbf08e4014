//! The door to the session.

use std::time::Duration;

use zeroize::Zeroizing;

use super::actor::SessionActor;
use super::messages::{
    Follow, LoggedIn, Login, Logout, MakePost, Posted, Profile, ProfileChange, ProfileView, Pursue, Register, Relation,
    Resume, TendLog, Who, WhoAmI,
};
use crate::actors::door::{Door, Gone};
use crate::types::{Problem, Username};

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
        self.make_post(MakePost { text, ttl, within: None }).await
    }

    /// Makes a post like [`SessionHandle::post`], and reports it as queued when that takes longer than `within`.
    pub async fn post_within(&self, text: String, ttl: Option<Duration>, within: Duration) -> Result<Posted, Problem> {
        self.make_post(MakePost { text, ttl, within: Some(within) }).await
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

    /// Raises the floor of the own log to what has ended.
    pub async fn tend_log(&self) {
        if self.0.ask(TendLog).await.is_err() {
            tracing::debug!("the log was not tended");
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
