//! What the directory actor takes.

use actix::Message;

use crate::types::{AccountId, Problem, Username};

/// Asks for users whose names begin with a prefix.
#[derive(Message)]
#[rtype(result = "Result<Listing, Problem>")]
pub struct List {
    /// The first letters of their names; empty for all.
    pub prefix: String,
    /// The last name of the page before.
    pub after: Option<Username>,
    /// Most users wanted.
    pub limit: usize,
}

/// A page of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Listing {
    /// Users in the order of their names.
    pub users: Vec<Listed>,
    /// Whether there are more behind the last one.
    pub more: bool,
    /// Whether enough holders answered to believe that nobody is left out.
    pub complete: bool,
}

/// A user in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub username: Username,
    /// The account.
    pub account: AccountId,
}

/// Enters every certified account known here that is not in the directory yet; ready when all are in the outbox.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct EnterAll;
