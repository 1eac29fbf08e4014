//! Following and unfollowing: one edge, kept at both accounts' homes.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::amend::overtaken;
use super::messages::Relation;
use super::state::{Session, Shared};
use super::sync::newest_edge;
use crate::actors::feed::Followee;
use crate::actors::outbox::Item;
use crate::actors::storage::owner_patiently;
use crate::records::{EdgeBody, Record, Signed};
use crate::types::{AccountId, Code, Problem, Username};

/// Follows, or no longer follows; waits for the network no longer than `within`.
pub async fn follow(
    shared: Rc<Shared>,
    username: Username,
    follows: bool,
    within: Option<Duration>,
) -> Result<Relation, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let session = shared.session()?;
    if session.username == username {
        return Err(Problem::new(Code::FollowSelf, "your own posts are in your feed already"));
    }
    let known = shared.followees.borrow().iter().find(|f| f.username == username).map(|f| f.account);
    let account = match known {
        Some(account) => account,
        None => find_account(&shared, &username, deadline).await?,
    };
    let Some(item) = change(&shared, &session, account, &username, follows).await? else {
        let said = |r: &Record| matches!(r, Record::Edge(e) if (e.body.follower, e.body.followed) == (session.account, account));
        return Ok(Relation { username, follows, queued: shared.is_queued(said).await });
    };
    let progress = shared.dispatch_until(item, deadline).await;
    Ok(Relation { username, follows, queued: !progress.published })
}

/// Finds out who has a name.
///
/// # Errors
/// `no_such_user`; `unreachable`.
pub async fn find_account(
    shared: &Rc<Shared>,
    username: &Username,
    deadline: Option<Instant>,
) -> Result<AccountId, Problem> {
    let reading = owner_patiently(&shared.node, username);
    let found = match deadline {
        None => reading.await,
        Some(deadline) => timeout_at(deadline, reading).await.unwrap_or(Err(())),
    };
    match found {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Problem::new(Code::NoSuchUser, format!("nobody is called {username}"))),
        Err(()) => Err(Problem::new(Code::Unreachable, "nobody who could know this account was reached")),
    }
}

/// Signs the edge and puts it on disk; feed and presence know at once. `None` when there is nothing to change.
async fn change(
    shared: &Rc<Shared>,
    asked: &Session,
    account: AccountId,
    username: &Username,
    follows: bool,
) -> Result<Option<Item>, Problem> {
    let _turn = shared.turn.lock().await;
    let (node, mut session) = (&shared.node, shared.session()?);
    if session.device_id() != asked.device_id() {
        return Err(Problem::new(Code::NotLoggedIn, "another account logged in meanwhile"));
    }
    // The same may have been asked twice at once.
    if shared.followees.borrow().iter().any(|f| f.account == account) == follows {
        return Ok(None);
    }
    let most = node.network.limits().followees as usize;
    if follows && shared.followees.borrow().len() >= most {
        return Err(Problem::new(Code::Quota, format!("an account follows at most {most} others")));
    }
    let (mut ops, withdrawn) = overtaken(shared, &session, &account);
    // Another device whose clock is ahead may have spoken last: what is said now has to win over it.
    session.hlc = session.hlc.max(newest_edge(shared, &session, &account));
    let hlc = session.stamp(node);
    let since = hlc.wall();
    let body =
        EdgeBody { follower: session.account, device: session.device_id(), followed: account, hlc, follows, since };
    let edge = Record::Edge(Signed::sign(body, &session.device(), &node.network.id));
    let item =
        Item::pack(if follows { "follow" } else { "unfollow" }, edge.hash(), std::slice::from_ref(&edge), node.now());
    let followee = Followee::new(account, username.clone(), since, hlc);
    let local = if follows { followee.keep() } else { Followee::forget(&account) };
    ops.extend([session.keep(), local]);
    shared.commit(std::slice::from_ref(&edge), &item, ops).await?;
    *shared.session.borrow_mut() = Some(session);
    shared.node.doors().outbox.withdraw(withdrawn).await;
    shared.relate(followee, follows).await;
    Ok(Some(item))
}
