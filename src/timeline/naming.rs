//! Whom a post concerns beside its author.

use super::text::mentions;
use crate::records::PostBody;
use crate::types::{AccountId, Username};

/// Tells whether a post of somebody else names an account, or says that it answers one of its posts.
pub fn names(post: &PostBody, account: &AccountId, name: &Username) -> bool {
    let answers = post.reply_to.as_ref().is_some_and(|reply| reply.account == *account);
    post.account != *account && (answers || mentions(&post.text).contains(name))
}
