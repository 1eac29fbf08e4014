//! The door to what the network holds of people.

use super::actor::PeopleActor;
use super::messages::{
    AskLedger, AskName, AskPeople, AskRelations, AskThread, AskUser, LedgerView, List, Listed, PeoplePage, Recall,
    Standing, Thread, UserView, WholeList,
};
use crate::actors::door::Door;
use crate::actors::feed::ListRequest;
use crate::types::{AccountId, Hash, Problem, Username};

/// A handle to the people actor.
#[derive(Clone)]
pub struct PeopleHandle(pub(in crate::actors) Door<PeopleActor>);

impl PeopleHandle {
    /// Returns somebody's page as the network holds it now; where `local`, as this node does.
    ///
    /// # Errors
    /// `no_such_user`; `unreachable` when nobody who could know the account answered.
    pub async fn user(&self, username: Username, local: bool, page: ListRequest) -> Result<UserView, Problem> {
        self.0.ask(AskUser { username, local, page }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns whom somebody follows, or the logged-in account.
    ///
    /// # Errors
    /// As for a page; `not_logged_in` when nobody is named and nobody is logged in.
    pub async fn following(&self, of: Option<Username>, page: ListRequest) -> Result<PeoplePage, Problem> {
        self.list(List::Following, of, page).await
    }

    /// Returns who follows somebody, or the logged-in account.
    ///
    /// # Errors
    /// As for a page; `not_logged_in` when nobody is named and nobody is logged in.
    pub async fn followers(&self, of: Option<Username>, page: ListRequest) -> Result<PeoplePage, Problem> {
        self.list(List::Followers, of, page).await
    }

    async fn list(&self, list: List, of: Option<Username>, page: ListRequest) -> Result<PeoplePage, Problem> {
        self.0.ask(AskPeople { list, of, page }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns the conversation that a post which is held here is part of.
    ///
    /// # Errors
    /// `no_such_post`.
    pub async fn thread(&self, post: Hash) -> Result<Thread, Problem> {
        self.0.ask(AskThread(post)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns how far a post of the logged-in account has come; `page` is about those who are owed it.
    ///
    /// # Errors
    /// `no_such_post`; `not_author` for a post of somebody else; `not_logged_in`.
    pub async fn ledger(&self, id: String, page: ListRequest) -> Result<LedgerView, Problem> {
        self.0.ask(AskLedger { id, page }).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Returns the name of an account.
    ///
    /// # Errors
    /// `no_such_user`, also when nobody who could know it answered.
    pub async fn name(&self, account: AccountId) -> Result<Username, Problem> {
        self.0.ask(AskName(account)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    /// Says how the logged-in account stands to others.
    ///
    /// # Errors
    /// `not_logged_in`.
    pub async fn relations(&self, accounts: Vec<AccountId>) -> Result<Vec<Standing>, Problem> {
        self.0.ask(AskRelations(accounts)).await.unwrap_or_else(|gone| Err(gone.into()))
    }

    pub(super) async fn listed(&self, list: List, of: AccountId, whole: WholeList) {
        if self.0.ask(Listed { list, of, whole }).await.is_err() {
            tracing::debug!("a list is read again for its next page");
        }
    }

    pub(super) async fn recall(&self, list: List, of: AccountId) -> Option<WholeList> {
        self.0.ask(Recall { list, of }).await.ok().flatten()
    }
}
