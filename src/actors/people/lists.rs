//! Lists of people: whom an account follows, and who follows it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::{Instant, timeout_at};

use super::homes::find_account;
use super::messages::{AskPeople, Count, List, PeoplePage, Person, WholeList};
use crate::actors::context::Context;
use crate::actors::feed::{Followee, name_of};
use crate::actors::storage::{Reading, account_of, read_list, read_list_of_home};
use crate::records::{EdgeBody, Record};
use crate::seam::Space;
use crate::types::{AccountId, Code, Problem, Section, Username, WallTime};

/// Names looked up at once, where they did not come with the list.
const AT_ONCE: usize = 16;
/// A list waits no longer for names; who is not known by then is counted, and not listed.
const LONGEST: Duration = Duration::from_secs(6);
/// Most followees read from disk: more than any network lets an account have.
const FOLLOWEES: usize = 100_000;

/// Returns a page of a list.
pub async fn people(node: Rc<Context>, ask: AskPeople) -> Result<PeoplePage, Problem> {
    let AskPeople { list, of, page } = ask;
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let me = node.doors().session.who().await?.map(|who| who.device);
    let (username, account) = match (of, &me) {
        (Some(name), Some(me)) if name == me.username => (name, me.account),
        (Some(name), _) => {
            let account = find_account(&node, &name).await?;
            (name, account)
        }
        (None, Some(me)) => (me.username.clone(), me.account),
        (None, None) => {
            let problem = Problem::new(Code::NotLoggedIn, "nobody is logged in on this node");
            return Err(problem.hint("timeline login NAME, or name whose list it is"));
        }
    };
    let own = list == List::Following && me.is_some_and(|me| me.account == account);
    let whole = whole(&node, list, account, own, after.is_some()).await;
    let (mut users, next) = page_of(&whole.people, after.as_ref(), page.limit);
    let states = online(&node, users.iter().map(|p| p.account).collect()).await;
    users.iter_mut().zip(states).for_each(|(person, state)| person.online = state);
    Ok(PeoplePage { username, count: whole.count, users, next })
}

/// Returns a page of people, who come in the order of their names, and where the next one begins.
pub fn page_of(people: &[Person], after: Option<&Username>, limit: usize) -> (Vec<Person>, Option<String>) {
    let behind = people.iter().filter(|p| after.is_none_or(|after| p.username > *after));
    let mut users: Vec<Person> = behind.take(limit + 1).cloned().collect();
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|last| last.username.to_string());
    (users, next)
}

/// Reads where a page begins.
pub fn read_cursor(text: &str) -> Result<Username, Problem> {
    text.parse().map_err(|_| Problem::new(Code::Usage, "this cursor was not made by this list"))
}

/// Returns a whole list: one that was read a moment ago where a further page of it is wanted.
async fn whole(node: &Rc<Context>, list: List, of: AccountId, own: bool, further: bool) -> WholeList {
    // Whom the account itself follows is known here, also what is still on its way to the network.
    if own {
        return followees(node, of);
    }
    if further && let Some(whole) = node.doors().people.recall(list, of).await {
        return whole;
    }
    let whole = read_whole(node, list, of).await;
    node.doors().people.listed(list, of, whole.clone()).await;
    whole
}

fn followees(node: &Rc<Context>, me: AccountId) -> WholeList {
    let rows = node.store.local(Space::Followees, &[], None, FOLLOWEES).unwrap_or_default();
    let followees = rows.iter().filter_map(|(_, value)| Followee::read(value)).filter(|f| f.account != me);
    let mut people: Vec<Person> = followees.map(|f| person(f.username, f.account, f.since)).collect();
    people.sort_by(|a, b| a.username.cmp(&b.username));
    let count = Count { count: people.len() as u64, is_estimate: false };
    WholeList { people: Arc::new(people), count }
}

fn person(username: Username, account: AccountId, since: WallTime) -> Person {
    Person { username, account, online: None, since }
}

async fn read_whole(node: &Rc<Context>, list: List, of: AccountId) -> WholeList {
    let section = match list {
        List::Following => Section::Following,
        List::Followers => Section::Followers,
    };
    let (edges, complete) = edges(node, section, of).await;
    let count = edges.len() as u64;
    let (people, lost) = named(node, edges).await;
    WholeList { people: Arc::new(people), count: Count { count, is_estimate: !complete || lost } }
}

/// Finds the names of accounts, and returns them in the order of the names; says also whether one was not found in time.
pub async fn named(node: &Rc<Context>, edges: BTreeMap<AccountId, WallTime>) -> (Vec<Person>, bool) {
    let mut people = Vec::with_capacity(edges.len());
    let mut unknown = Vec::new();
    for (account, since) in edges {
        match name_of(node, &account) {
            Some(name) => people.push(person(name, account, since)),
            None => unknown.push((account, since)),
        }
    }
    let deadline = Instant::now() + LONGEST;
    let looked_for = unknown.into_iter().map(|(account, since)| async move {
        let chain = timeout_at(deadline, account_of(node, account)).await.ok().flatten();
        chain.map(|chain| person(chain.username().clone(), account, since))
    });
    let found: Vec<Option<Person>> = iter(looked_for).buffer_unordered(AT_ONCE).collect().await;
    let lost = found.iter().any(Option::is_none);
    people.extend(found.into_iter().flatten());
    people.sort_by(|a, b| (&a.username, a.account).cmp(&(&b.username, b.account)));
    (people, lost)
}

/// Reads a list of edges: who is at the other end of those that hold, and since when; whether all of it was read.
async fn edges(node: &Rc<Context>, section: Section, of: AccountId) -> (BTreeMap<AccountId, WallTime>, bool) {
    told(&read_list(node, section, of).await, section, of)
}

fn told(reading: &Reading, section: Section, of: AccountId) -> (BTreeMap<AccountId, WallTime>, bool) {
    let other = |edge: &EdgeBody| match section {
        Section::Following => (edge.follower == of).then_some(edge.followed),
        _ => (edge.followed == of).then_some(edge.follower),
    };
    let mut out = BTreeMap::new();
    for record in &reading.records {
        if let Record::Edge(edge) = record
            && edge.body.follows
            && let Some(account) = other(&edge.body)
        {
            out.insert(account, edge.body.since);
        }
    }
    (out, reading.complete)
}

/// Counts a list of an account whose home was read already, with its lists.
pub async fn count(node: &Rc<Context>, section: Section, of: AccountId, home: &Reading) -> Count {
    let (edges, complete) = told(&read_list_of_home(node, section, of, home).await, section, of);
    Count { count: edges.len() as u64, is_estimate: !complete }
}

/// Says of each account whether it is online.
pub async fn online(node: &Rc<Context>, accounts: Vec<AccountId>) -> Vec<Option<bool>> {
    node.doors().presence.online(accounts).await.into_iter().map(|(_, online)| online).collect()
}
