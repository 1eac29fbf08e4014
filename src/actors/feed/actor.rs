//! The feed actor: short handlers around [`FeedState`], and the timers that read authors' homes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use futures_util::future::join_all;

use super::catch_up::catch_up;
use super::followee::Followee;
use super::messages::{
    Begin, CatchUp, CaughtUp, End, Expire, Followed, PageRequest, Posted, Push, Replicated, Settled, Shown, Unfollowed,
    Watch, Watching,
};
use super::page::page;
use super::rows;
use super::state::{Author, FeedState, feed_key};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::actors::storage::{disbelief, put_op, refusal};
use crate::records::{PostBody, Record, Signed, admit, home};
use crate::seam::{Batch, Op, Space};
use crate::timeline::Via;
use crate::types::{AccountId, Code, Problem, Section};
use crate::wire::Status;

/// How often the homes of authors are read, beside what comes by itself.
const CATCH_UP: Duration = Duration::from_secs(60);
/// A home that was read this long ago is fresh enough for a feed that is opened.
const FRESH: Duration = Duration::from_secs(5);
/// Several peers come at once; one reading serves for all.
const SETTLE: Duration = Duration::from_millis(500);
/// Reads under way at once.
const READS: usize = 16;

/// The actor.
pub struct FeedActor {
    node: Rc<Context>,
    state: FeedState,
    /// Whether the homes of authors are being read because their time has come.
    reading: Rc<Cell<bool>>,
}

/// A pass over authors' homes that is under way.
struct Pass(Rc<Cell<bool>>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl FeedActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { state: FeedState::new(node.clone()), node, reading: Rc::default() }
    }

    fn logged_in(&self) -> Result<(), Problem> {
        let problem =
            || Problem::new(Code::NotLoggedIn, "nobody is logged in on this node").hint("timeline login NAME");
        self.state.me.as_ref().map(|_| ()).ok_or_else(problem)
    }

    fn keep_later(&self, ops: Vec<Op>) {
        let kept = self.state.keep(ops);
        self.node.spawn(async move { drop(kept.await) });
    }

    /// Reads homes that were not read within `age`, some at once; ready when they are read.
    fn read_older_than(&self, age: Duration) -> ResponseFuture<()> {
        let (node, accounts) = (self.node.clone(), self.state.not_read_within(age));
        Box::pin(async move {
            for some in accounts.chunks(READS) {
                join_all(some.iter().map(|account| catch_up(node.clone(), *account))).await;
            }
        })
    }

    fn ops_of(&self, mut wanted: impl FnMut(&Signed<PostBody>) -> bool) -> Vec<Op> {
        let mut ops = Vec::new();
        let walked = rows::walk(&self.node, None, |key, row| {
            if wanted(&row.post) {
                ops.push(Op::DropLocal(Space::Feed, key));
            }
            true
        });
        if let Err(error) = walked {
            tracing::warn!(%error, "the feed could not be read");
        }
        ops
    }
}

impl Actor for FeedActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        arm(ctx);
        let node = self.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            let mut changed = Box::pin(node.peers_changed.notified());
            loop {
                changed.as_mut().await;
                // Whoever comes while homes are read counts as well.
                changed.set(node.peers_changed.notified());
                changed.as_mut().enable();
                tokio::time::sleep(SETTLE).await;
                node.doors().feed.catch_up().await;
            }
        }));
    }
}

fn arm(ctx: &mut Ctx<FeedActor>) {
    ctx.run_later(Duration::from_secs(1), |actor, ctx| {
        // One pass at a time: where holders are slow, passes would pile up.
        if !actor.reading.replace(true) {
            let (pass, reading) = (Pass(actor.reading.clone()), actor.read_older_than(CATCH_UP));
            actor.node.spawn(async move {
                reading.await;
                drop(pass);
            });
        }
        arm(ctx);
    });
}

impl Handler<Begin> for FeedActor {
    type Result = ();

    fn handle(&mut self, Begin { account, username, followees }: Begin, _: &mut Ctx<Self>) {
        let on_disk = |account: &AccountId| {
            let rows = self.node.store.local(Space::Followees, &account.0, None, 1).unwrap_or_default();
            rows.first().and_then(|(_, value)| Followee::read(value))
        };
        // Whoever begins knows whom the account follows; what came of their logs is on the disk.
        let followed = followees.into_iter().map(|f| on_disk(&f.account).filter(|d| d.hlc == f.hlc).unwrap_or(f));
        let fresh = || Followee::new(account, username.clone(), Default::default(), Default::default());
        let own = on_disk(&account).unwrap_or_else(fresh);
        let all: Vec<Followee> = followed.chain(std::iter::once(own)).collect();
        self.state.begin((account, username), all.into_iter());
        // The node may have ended between an unfollow and the removal of what was to go with it.
        self.keep_later(self.ops_of(|post| !self.state.authors.contains_key(&post.body.account)));
    }
}

impl Handler<End> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        self.state.clear();
        // Commits are made in their order: after this one nothing of the feed is on its way to the disk.
        let last = self.node.store.commit(Batch::default());
        Box::pin(async move { drop(last.await) })
    }
}

impl Handler<Followed> for FeedActor {
    type Result = ();

    fn handle(&mut self, Followed(followee): Followed, _: &mut Ctx<Self>) {
        let account = followee.account;
        self.state.authors.insert(account, Author::new(followee));
        self.node.spawn(catch_up(self.node.clone(), account));
    }
}

impl Handler<Unfollowed> for FeedActor {
    type Result = ();

    fn handle(&mut self, Unfollowed(account): Unfollowed, _: &mut Ctx<Self>) {
        self.state.authors.remove(&account);
        // Once more: a post that came meanwhile has put the author back on the disk.
        let mut ops = self.ops_of(|post| post.body.account == account);
        ops.extend(self.state.pending_of(account).map(|key| Op::DropLocal(Space::Feed, key.clone())));
        ops.push(Followee::forget(&account));
        self.keep_later(ops);
    }
}

impl Handler<Replicated> for FeedActor {
    type Result = ();

    fn handle(&mut self, Replicated(bytes): Replicated, _: &mut Ctx<Self>) {
        if let Ok(post) = Signed::<PostBody>::decode(bytes) {
            let ops = self.state.take(&post, Via::Replica);
            self.keep_later(ops);
        }
    }
}

impl Handler<Posted> for FeedActor {
    type Result = ();

    fn handle(&mut self, Posted(bytes): Posted, _: &mut Ctx<Self>) {
        if let Ok(post) = Signed::<PostBody>::decode(bytes) {
            let ops = self.state.posted(post).into_iter().collect();
            self.keep_later(ops);
        }
    }
}

impl Handler<Push> for FeedActor {
    type Result = ResponseFuture<Status>;

    fn handle(&mut self, Push { post, proofs }: Push, _: &mut Ctx<Self>) -> Self::Result {
        let refused = |status| -> Self::Result { Box::pin(std::future::ready(status)) };
        let Ok(record) = Record::decode(post) else { return refused(Status::Invalid) };
        let Record::Post(post) = &record else { return refused(Status::Invalid) };
        if !self.state.authors.contains_key(&post.body.account) {
            return refused(Status::NotFollowed);
        }
        if let Err(error) = admit(&record, self.node.now(), self.node.network.limits()) {
            return refused(refusal(error));
        }
        let proofs: Vec<Record> = proofs.into_iter().filter_map(|bytes| Record::decode(bytes).ok()).collect();
        self.node.learn(&proofs);
        if let Err(error) = self.node.verify(&record) {
            return refused(disbelief(error));
        }
        let mut ops = self.state.take(post, Via::Direct);
        let known = !ops.iter().any(|op| feed_key(op).is_some());
        ops.push(put_op(&record, home(&post.body.account), Section::Post, self.node.horizon()));
        let kept = self.state.keep(ops);
        Box::pin(async move {
            match kept.await {
                Ok(()) if known => Status::Known,
                Ok(()) => Status::Stored,
                Err(_) => Status::StoreFailed,
            }
        })
    }
}

impl Handler<CaughtUp> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: CaughtUp, _: &mut Ctx<Self>) -> Self::Result {
        let ops = self.state.caught_up(message);
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}

impl Handler<Settled> for FeedActor {
    type Result = ();

    fn handle(&mut self, Settled(keys): Settled, _: &mut Ctx<Self>) {
        self.state.settled(&keys);
    }
}

impl Handler<CatchUp> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CatchUp, _: &mut Ctx<Self>) -> Self::Result {
        self.read_older_than(FRESH)
    }
}

impl Handler<PageRequest> for FeedActor {
    type Result = MessageResult<PageRequest>;

    fn handle(&mut self, request: PageRequest, _: &mut Ctx<Self>) -> Self::Result {
        let page = self.logged_in().and_then(|()| page(&self.node, &request)).map(|mut page| {
            page.missing = self.state.missing();
            page.complete = self.state.is_complete() && !page.missing.iter().any(|m| m.reason == "unreachable");
            page
        });
        MessageResult(page)
    }
}

impl Handler<Shown> for FeedActor {
    type Result = ResponseFuture<Result<usize, Problem>>;

    fn handle(&mut self, Shown(ids): Shown, _: &mut Ctx<Self>) -> Self::Result {
        let marked = self.logged_in().and_then(|()| self.state.mark_shown(&ids).map_err(Problem::from));
        match marked {
            Err(problem) => Box::pin(std::future::ready(Err(problem))),
            Ok((count, ops)) => {
                let kept = self.state.keep(ops);
                Box::pin(async move { kept.await.map(|()| count).map_err(Problem::from) })
            }
        }
    }
}

impl Handler<Watch> for FeedActor {
    type Result = MessageResult<Watch>;

    fn handle(&mut self, _: Watch, _: &mut Ctx<Self>) -> Self::Result {
        let many = || Problem::new(Code::RateLimited, "too many watch this feed already");
        let watching = self.logged_in().and_then(|()| {
            let (unseen, events) = self.state.watch()?.ok_or_else(many)?;
            Ok(Watching { unseen, events })
        });
        MessageResult(watching)
    }
}

impl Handler<Expire> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Expire, _: &mut Ctx<Self>) -> Self::Result {
        let now = self.node.horizon();
        let kept = self.state.keep(self.ops_of(|post| post.body.expires_at() <= now));
        Box::pin(async move { drop(kept.await) })
    }
}
