//! Names of accounts, and how the logged-in account stands to others.

use std::rc::Rc;

use super::lists::people;
use super::messages::{AskPeople, List, Standing};
use crate::actors::context::Context;
use crate::actors::feed::{Followee, ListRequest};
use crate::actors::storage::account_of;
use crate::seam::Space;
use crate::types::{AccountId, Code, Hlc, Problem, Username};

/// Most followers looked at for who follows back.
const FOLLOWERS: usize = 5000;

/// Returns the name of an account.
pub async fn name(node: Rc<Context>, account: AccountId) -> Result<Username, Problem> {
    let unknown = || Problem::new(Code::NoSuchUser, format!("no account {} was found", account.short()));
    account_of(&node, account).await.map(|chain| chain.username().clone()).ok_or_else(unknown)
}

/// Says how the logged-in account stands to others.
pub async fn relations(node: Rc<Context>, accounts: Vec<AccountId>) -> Result<Vec<Standing>, Problem> {
    let page = ListRequest { limit: FOLLOWERS, cursor: None };
    let followers = people(node.clone(), AskPeople { list: List::Followers, of: None, page }).await?.users;
    let hidden = node.hidden();
    let standing = |account: AccountId| Standing {
        account,
        following: is_followed(&node, &account),
        followed_by: followers.iter().any(|person| person.account == account),
        muting: hidden.muted.contains(&account),
        blocking: hidden.blocks(&account),
    };
    Ok(accounts.into_iter().map(standing).collect())
}

fn is_followed(node: &Context, account: &AccountId) -> bool {
    let rows = node.store.local(Space::Followees, &account.0, None, 1).unwrap_or_default();
    // The account's own log lies among them, followed by no edge.
    rows.first().and_then(|(_, value)| Followee::read(value)).is_some_and(|f| f.hlc != Hlc::default())
}
