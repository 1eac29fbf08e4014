//! Following and unfollowing: one edge, kept at both accounts' homes.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::messages::Relation;
use super::state::Shared;
use crate::actors::feed::Followee;
use crate::actors::outbox::Item;
use crate::actors::storage::read_account;
use crate::records::{AccountChain, EdgeBody, Record, Signed};
use crate::types::{Code, Problem, Username};

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
    let now_follows = shared.followees.borrow().iter().any(|f| f.username == username);
    if now_follows == follows && now_follows {
        return Ok(Relation { username, follows, queued: false });
    }
    let reading = read_account(&shared.node, &username);
    let found = match deadline {
        None => reading.await,
        Some(deadline) => timeout_at(deadline, reading).await.unwrap_or(Err(())),
    };
    let chain = match found {
        Ok(Some(chain)) => chain,
        Ok(None) => return Err(Problem::new(Code::NoSuchUser, format!("nobody is called {username}"))),
        Err(()) => return Err(Problem::new(Code::Unreachable, "nobody who could know this account was reached")),
    };
    if now_follows == follows {
        return Ok(Relation { username, follows, queued: false });
    }
    let item = change(&shared, &chain, follows).await?;
    let progress = shared.dispatch_until(item, deadline).await;
    Ok(Relation { username, follows, queued: !progress.published })
}

/// Signs the edge and puts it on disk; feed and presence know at once.
async fn change(shared: &Rc<Shared>, chain: &AccountChain, follows: bool) -> Result<Item, Problem> {
    let _turn = shared.turn.lock().await;
    let (node, mut session) = (&shared.node, shared.session()?);
    let most = node.network.limits().followees as usize;
    if follows && shared.followees.borrow().len() >= most {
        return Err(Problem::new(Code::Quota, format!("an account follows at most {most} others")));
    }
    let hlc = session.stamp(node.now());
    let since = hlc.wall();
    let body = EdgeBody {
        follower: session.account,
        device: session.device_id(),
        followed: chain.account,
        hlc,
        follows,
        since,
    };
    let edge = Record::Edge(Signed::sign(body, &session.device(), &node.network.id));
    let item =
        Item::pack(if follows { "follow" } else { "unfollow" }, edge.hash(), std::slice::from_ref(&edge), node.now());
    let followee = Followee::new(chain.account, chain.username().clone(), since, hlc);
    let local = if follows { followee.keep() } else { Followee::forget(&chain.account) };
    shared.commit(std::slice::from_ref(&edge), &item, vec![session.keep(), local]).await?;
    *shared.session.borrow_mut() = Some(session);
    shared.followees.borrow_mut().retain(|f| f.account != chain.account);
    if follows {
        shared.followees.borrow_mut().push(followee.clone());
        node.doors().feed.followed(followee).await;
    } else {
        node.doors().feed.unfollowed(chain.account).await;
    }
    node.doors().presence.interested(chain.account, follows);
    Ok(item)
}
