//! Somebody's page: profile, counts and posts, read from the account's home or from what lies here.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::homes::{HomePosts, find_account, read_home_with_lists, sorted};
use super::lists::{count, online};
use super::messages::{AskUser, Count, UserView};
use crate::actors::context::Context;
use crate::actors::feed::{ListRequest, ShownPost, Wanted, held, read_cursor, row_at, show, shown, write_cursor};
use crate::records::{ProofNeed, Record, home};
use crate::timeline::{FeedRow, Via, row_key};
use crate::types::{AccountId, Code, Problem, Section, SectionSet, Username};

/// A page waits no longer to say whether its owner is online.
const LONGEST: Duration = Duration::from_secs(1);

/// Returns somebody's page.
pub async fn user(node: Rc<Context>, ask: AskUser) -> Result<UserView, Problem> {
    let AskUser { username, local, page } = ask;
    if local { local_user(&node, username, page).await } else { network_user(&node, username, page).await }
}

async fn network_user(node: &Rc<Context>, username: Username, page: ListRequest) -> Result<UserView, Problem> {
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let account = find_account(node, &username).await?;
    let reading = read_home_with_lists(node, account).await;
    // Those nearest to a home are who knows whether its owner is there.
    node.doors().presence.found(account, reading.nearest.clone());
    let (followers, following, online) = tokio::join!(
        count(node, Section::Followers, account, &reading),
        count(node, Section::Following, account, &reading),
        timeout(LONGEST, online(node, vec![account])),
    );
    let (home, online) = (sorted(account, reading), online.unwrap_or_default());
    let (posts, next) = page_of(node, &username, &home, after, page.limit);
    let (display_name, bio) = home.profile;
    let online = online.into_iter().next().flatten();
    let complete = home.complete;
    Ok(UserView { username, account, display_name, bio, online, followers, following, posts, complete, next })
}

/// Returns a page of the posts at a home, newest first.
fn page_of(
    node: &Rc<Context>,
    author: &Username,
    home: &HomePosts,
    after: Option<Bytes>,
    limit: usize,
) -> (Vec<ShownPost>, Option<String>) {
    let hidden = node.hidden();
    let rows: BTreeMap<Bytes, _> = home.posts.values().map(|post| (row_key(post), post)).collect();
    let mut rows = rows
        .into_iter()
        .filter(|(key, post)| after.as_ref().is_none_or(|a| key > a) && !hidden.blocks(&post.body.account));
    let mut last = None;
    let posts = rows.by_ref().take(limit).map(|(key, post)| {
        // How it came, and whether it was shown, the feed knows where it has the post.
        let row = row_at(node, &key).map(|row| shown(&row));
        last = Some(key);
        row.unwrap_or_else(|| show(post, author.clone(), Via::Replica, false))
    });
    let posts = posts.collect();
    let next = last.filter(|_| rows.next().is_some()).map(|key| write_cursor(&key));
    (posts, next)
}

/// Returns what lies on this node.
async fn local_user(node: &Rc<Context>, username: Username, page: ListRequest) -> Result<UserView, Problem> {
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    node.evidence(&ProofNeed::Name(username.clone()));
    let known = node.with_proofs(|proofs| proofs.named(&username).map(|proof| proof.chain.account));
    let unknown = || {
        Problem::new(Code::NoSuchUser, format!("this node holds nothing of {username}"))
            .hint("without --local, the network is asked")
    };
    let account = known.ok_or_else(unknown)?;
    let wanted: Wanted = Arc::new(move |post| post.body.account == account);
    let mut rows = held(node, after, page.limit + 1, wanted).await?;
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let next = rows.last().filter(|_| more).map(|row| write_cursor(&row.key()));
    let profile = local_records(node, account, Section::Profile).into_iter().find_map(|record| match record {
        Record::Profile(profile) => Some((profile.body.name, profile.body.bio)),
        _ => None,
    });
    let (display_name, bio) = profile.unwrap_or_default();
    let counted = |section| {
        let edges = local_records(node, account, section);
        let count = edges.iter().filter(|r| matches!(r, Record::Edge(edge) if edge.body.follows)).count() as u64;
        Count { count, is_estimate: true }
    };
    Ok(UserView {
        followers: counted(Section::Followers),
        following: counted(Section::Following),
        posts: rows.iter().map(|row: &FeedRow| shown(row)).collect(),
        online: None,
        complete: true,
        username,
        account,
        display_name,
        bio,
        next,
    })
}

/// Most records looked at of one section; a first page has no more.
const LOCAL: usize = 1000;

fn local_records(node: &Rc<Context>, account: AccountId, section: Section) -> Vec<Record> {
    let held = node.store.read(&home(&account), SectionSet::of(&[section]), None, LOCAL, node.horizon());
    held.unwrap_or_default().into_iter().filter_map(|stored| Record::decode(stored.bytes).ok()).collect()
}
