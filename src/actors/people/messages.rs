//! What the people actor takes, and what it shows.

use std::sync::Arc;

use actix::Message;

use crate::actors::feed::{ListRequest, ShownPost};
use crate::types::{AccountId, Hash, Problem, Username, WallTime};

/// Asks for somebody's page.
#[derive(Message)]
#[rtype(result = "Result<UserView, Problem>")]
pub struct AskUser {
    /// Who.
    pub username: Username,
    /// Whether only what is held on this node is wanted.
    pub local: bool,
    /// Which posts.
    pub page: ListRequest,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As far as was read.
    pub count: u64,
    /// Whether there may be more.
    pub is_estimate: bool,
}

/// Somebody's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// The name.
    pub username: Username,
    /// The account.
    pub account: AccountId,
    /// The display name; may be empty.
    pub display_name: String,
    /// The bio; may be empty.
    pub bio: String,
    /// Whether a device of the account is online, where that is known.
    pub online: Option<bool>,
    /// Those who follow it.
    pub followers: Count,
    /// Those whom it follows.
    pub following: Count,
    /// Its posts, newest first.
    pub posts: Vec<ShownPost>,
    /// Whether enough holders answered.
    pub complete: bool,
    /// Where the next page of posts begins.
    pub next: Option<String>,
}

/// Which list of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// Whom an account follows.
    Following,
    /// Who follows an account.
    Followers,
}

/// Asks for a list of people.
#[derive(Message)]
#[rtype(result = "Result<PeoplePage, Problem>")]
pub struct AskPeople {
    /// Which list.
    pub list: List,
    /// Whose; the logged-in account's where nobody is named.
    pub of: Option<Username>,
    /// Which page.
    pub page: ListRequest,
}

/// Somebody in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub username: Username,
    /// The account.
    pub account: AccountId,
    /// Whether a device of the account is online, where that is known.
    pub online: Option<bool>,
    /// Since when one follows the other.
    pub since: WallTime,
}

/// A page of people, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeoplePage {
    /// Whose list it is.
    pub username: Username,
    /// How many there are in all.
    pub count: Count,
    /// The people.
    pub users: Vec<Person>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A list that was read.
#[derive(Clone, Debug)]
pub struct WholeList {
    /// Its people, by name.
    pub people: Arc<Vec<Person>>,
    /// How many there are.
    pub count: Count,
}

/// A list was read: it serves for the pages that follow.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Listed {
    /// Which list.
    pub list: List,
    /// Whose.
    pub of: AccountId,
    /// The list.
    pub whole: WholeList,
}

/// Asks for a list that was read a moment ago.
#[derive(Message)]
#[rtype(result = "Option<WholeList>")]
pub struct Recall {
    /// Which list.
    pub list: List,
    /// Whose.
    pub of: AccountId,
}

/// Asks for the conversation that a post is part of.
#[derive(Message)]
#[rtype(result = "Result<Thread, Problem>")]
pub struct AskThread(pub Hash);

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// What the post answers, what that answers, and so on; the first post of the conversation first.
    pub ancestors: Vec<ShownPost>,
    /// Why there are no more of them though the first one answers another: `deleted`, `gone`, `unreachable`, `hidden` or
    /// `too_many`.
    pub ancestors_end: Option<&'static str>,
    /// The post.
    pub post: ShownPost,
    /// What answers it, and what answers that, in the order in which it was made.
    pub replies: Vec<ShownPost>,
    /// Whether enough holders answered to believe that there is no more.
    pub complete: bool,
}

/// Asks for the delivery ledger of a post of the logged-in account.
#[derive(Message)]
#[rtype(result = "Result<LedgerView, Problem>")]
pub struct AskLedger {
    /// The post's id, or its first digits.
    pub id: String,
    /// Which of those who are owed it.
    pub page: ListRequest,
}

/// Where a post is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The network does not have it yet.
    Queued,
    /// The network has it.
    Published,
    /// The network had it, and has let go of it before its end: all had seen it, or it made room.
    Collected,
}

/// How far a post has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerView {
    /// The post.
    pub id: Hash,
    /// Where it is.
    pub stage: Stage,
    /// How many replicas acknowledged it, and how many are wanted, when this device put it; `None` where another one did.
    pub replicas: Option<(u32, u32)>,
    /// Those who followed when it was made, and do.
    pub followers: u64,
    /// How many of them have signed to have received it.
    pub received: u64,
    /// How many of them have signed to have seen it.
    pub seen: u64,
    /// A page of the others, by name.
    pub owed: Vec<Username>,
    /// How many of them there are in all.
    pub count: Count,
    /// Whether enough holders answered to believe these numbers.
    pub complete: bool,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Asks for the name of an account.
#[derive(Message)]
#[rtype(result = "Result<Username, Problem>")]
pub struct AskName(pub AccountId);

/// Asks how the logged-in account stands to others.
#[derive(Message)]
#[rtype(result = "Result<Vec<Standing>, Problem>")]
pub struct AskRelations(pub Vec<AccountId>);

/// How the logged-in account stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The other.
    pub account: AccountId,
    /// Whether the account follows it.
    pub following: bool,
    /// Whether it follows the account, as far as its followers were read.
    pub followed_by: bool,
    /// Whether its posts are not shown.
    pub muting: bool,
    /// Whether it is blocked.
    pub blocking: bool,
}
