//! Reading homes for what is shown at once and not kept: profile and posts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::actors::context::Context;
use crate::actors::storage::{Reading, owner_patiently, read};
use crate::records::{PostBody, Record, Signed, home};
use crate::types::{AccountId, Code, Hash, Problem, Section, SectionSet, Username};

/// What lies at a home.
#[derive(Default)]
pub struct HomePosts {
    /// Verified posts that have not ended and were not deleted.
    pub posts: BTreeMap<Hash, Signed<PostBody>>,
    /// Posts that were deleted.
    pub deleted: BTreeSet<Hash>,
    /// Display name and bio.
    pub profile: (String, String),
    /// Whether enough holders answered.
    pub complete: bool,
}

/// Finds out who has a name.
///
/// # Errors
/// `no_such_user`; `unreachable` when too few holders answered to say.
pub async fn find_account(node: &Rc<Context>, username: &Username) -> Result<AccountId, Problem> {
    match owner_patiently(node, username).await {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Problem::new(Code::NoSuchUser, format!("nobody is called {username}"))),
        Err(()) => Err(Problem::new(Code::Unreachable, "nobody who could know this account was reached")),
    }
}

/// What a home is read for.
const HOME: [Section; 6] =
    [Section::Account, Section::Device, Section::Retirement, Section::Profile, Section::Heads, Section::Post];

/// Reads a home from the network and this node's own store.
pub async fn read_home(node: &Rc<Context>, account: AccountId) -> HomePosts {
    sorted(account, read(node, home(&account), SectionSet::of(&HOME)).await)
}

/// Reads a home and the first pages of the lists that begin there, with one request to each holder.
pub async fn read_home_with_lists(node: &Rc<Context>, account: AccountId) -> Reading {
    let lists = SectionSet::of(&[Section::Followers, Section::Following]);
    read(node, home(&account), SectionSet::of(&HOME).with(lists)).await
}

/// Reads what lies of a home in this node's own store.
pub fn local_home(node: &Rc<Context>, account: AccountId) -> HomePosts {
    /// As many as an account's quota allows of short posts, and more than anybody reads.
    const MOST: usize = 20_000;
    let held = node.store.read(&home(&account), SectionSet::of(&[Section::Post]), None, MOST, node.horizon());
    let records = held.unwrap_or_default().into_iter().filter_map(|s| Record::decode(s.bytes).ok()).collect();
    sorted(account, Reading { records, ..Reading::default() })
}

/// Picks out of a reading what is shown of a home.
pub fn sorted(account: AccountId, reading: Reading) -> HomePosts {
    let mut out = HomePosts { complete: reading.complete, ..HomePosts::default() };
    for record in reading.records {
        match record {
            Record::Post(post) if post.body.account == account => drop(out.posts.insert(post.hash(), post)),
            Record::Tombstone(tombstone) => drop(out.deleted.insert(tombstone.body.post)),
            Record::Profile(profile) if profile.body.account == account => {
                out.profile = (profile.body.name, profile.body.bio);
            }
            _ => {}
        }
    }
    out.posts.retain(|hash, _| !out.deleted.contains(hash));
    out
}
