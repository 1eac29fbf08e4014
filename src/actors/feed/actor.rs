//! The feed actor: short handlers around [`FeedState`], and the timers that read authors' homes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::Instant;

use super::author::Author;
use super::catch_up::catch_up;
use super::followee::Followee;
use super::glanced::{Crowd, look};
use super::inbox::{Inbox, Quest, glance_at_inbox, read_inbox};
use super::messages::{Begin, CatchUp, End, Expire, Followed, PageRequest, PeersKnown, Shown, Unfollowed, Watch};
use super::page::page;
use super::state::FeedState;
use crate::actors::context::Context;
use crate::actors::door::{MAILBOX, rest_of};
use crate::seam::{Batch, Op, Space};
use crate::types::{AccountId, Code, Problem};

/// How often homes are looked at whose time has come.
const TICK: Duration = Duration::from_secs(1);
/// How often the inbox is read.
const INBOX: Duration = Duration::from_secs(60);
/// A home that was read this long ago is fresh enough for a feed that is opened.
pub(super) const FRESH: Duration = Duration::from_secs(5);
/// Several peers come at once; one reading serves for all.
const SETTLE: Duration = Duration::from_millis(500);
/// Reads under way at once.
const READS: usize = 16;

/// The actor.
pub struct FeedActor {
    pub(super) node: Rc<Context>,
    pub(super) state: FeedState,
    pub(super) inbox: Inbox,
    pub(super) crowd: Crowd,
    /// Whether the homes of authors are being looked at because their time has come.
    reading: Rc<Cell<bool>>,
    began: Instant,
    armed: bool,
}

/// A pass that is under way; over when this is dropped.
struct Pass(Rc<Cell<bool>>);

impl Pass {
    /// Begins; `None` when one is under way.
    fn begin(under_way: &Rc<Cell<bool>>) -> Option<Self> {
        (!under_way.replace(true)).then(|| Self(under_way.clone()))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl FeedActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self {
            state: FeedState::new(node.clone()),
            node,
            inbox: Inbox::default(),
            crowd: Crowd::default(),
            reading: Rc::default(),
            began: Instant::now(),
            armed: false,
        }
    }

    pub(super) fn logged_in(&self) -> Result<(), Problem> {
        let problem =
            || Problem::new(Code::NotLoggedIn, "nobody is logged in on this node").hint("timeline login NAME");
        self.state.me.as_ref().map(|_| ()).ok_or_else(problem)
    }

    pub(super) fn keep_later(&self, ops: Vec<Op>) {
        let kept = self.state.keep(ops);
        self.node.spawn(async move { drop(kept.await) });
    }

    /// Reads homes that were not read within `age`, some at once; ready when they are read.
    fn read_older_than(&self, age: Duration) -> ResponseFuture<()> {
        let accounts = self.state.not_read_within(age);
        let work: Vec<_> = accounts.into_iter().map(|account| self.read_home(account)).collect();
        Box::pin(async move { iter(work).buffer_unordered(READS).collect::<()>().await })
    }

    /// Reads an author's home; the first time also how far the account had seen its posts on other devices.
    fn read_home(&self, account: AccountId) -> ResponseFuture<()> {
        let met = self.state.authors.get(&account).is_none_or(|author| author.followee.met);
        let reader = self.state.me.as_ref().map(|(me, _)| *me).filter(|_| !met);
        Box::pin(catch_up(self.node.clone(), account, reader))
    }

    /// Reads the inbox unless that was done within `age`, or is being done; ready when it is read.
    pub(super) fn read_inbox_older_than(&self, age: Duration) -> ResponseFuture<()> {
        let reading = self.look_into_inbox(age, |node, quest| Box::pin(read_inbox(node, quest)));
        reading.unwrap_or_else(|| Box::pin(std::future::ready(())))
    }

    fn look_into_inbox(
        &self,
        age: Duration,
        look: impl Fn(Rc<Context>, Quest) -> ResponseFuture<()>,
    ) -> Option<ResponseFuture<()>> {
        let due = self.inbox.read_at.is_none_or(|at| at.elapsed() >= age);
        let (me, name) = self.state.me.as_ref().filter(|_| due)?;
        let pass = Pass::begin(&self.inbox.reading)?;
        let quest = self.inbox.quest(*me, name.clone(), self.state.authors.keys().copied().collect());
        let reading = look(self.node.clone(), quest);
        Some(Box::pin(async move {
            reading.await;
            drop(pass);
        }))
    }

    /// Looks at the homes whose time has come, some at once; ready when that is done.
    fn look_at_due(&mut self) -> Option<ResponseFuture<()>> {
        let (node, errands) = (self.node.clone(), self.state.errands());
        let work: Vec<_> = errands.into_iter().map(|errand| look(node.clone(), errand)).collect();
        let any = !work.is_empty();
        any.then(|| -> ResponseFuture<()> {
            Box::pin(async move { iter(work).buffer_unordered(READS).collect::<()>().await })
        })
    }

    /// Looks at everything that may have changed while this node was cut off.
    pub(super) fn look_at_all(&mut self) {
        self.state.hurry();
        let (looking, inbox) = (self.look_at_due(), self.read_inbox_older_than(FRESH));
        if let Some(looking) = looking {
            self.node.spawn(looking);
        }
        self.node.spawn(inbox);
    }

    /// Arms the next tick, a whole number of them after the start; while nobody is logged in nothing comes with time.
    fn arm(&mut self, ctx: &mut Ctx<Self>) {
        if self.armed {
            return;
        }
        self.armed = true;
        ctx.run_later(rest_of(TICK, self.began), |actor, ctx| {
            actor.armed = false;
            actor.tick();
            if actor.state.me.is_some() {
                actor.arm(ctx);
            }
        });
    }

    /// What comes with time: homes and the inbox are looked at, and so is whom the user hides.
    pub(super) fn tick(&mut self) {
        if self.state.is_hiding_anew() {
            self.inbox.reconsider();
            let ops = self.state.hide();
            self.keep_later(ops);
        }
        // One pass at a time: where holders are slow, passes would pile up.
        if let Some(pass) = Pass::begin(&self.reading)
            && let Some(looking) = self.look_at_due()
        {
            self.node.spawn(async move {
                looking.await;
                drop(pass);
            });
        }
        if let Some(inbox) = self.look_into_inbox(INBOX, |node, quest| Box::pin(glance_at_inbox(node, quest))) {
            self.node.spawn(inbox);
        }
    }
}

impl Actor for FeedActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.arm(ctx);
        let node = self.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            let mut changed = Box::pin(node.peers_changed.notified());
            loop {
                changed.as_mut().await;
                // Whoever comes while homes are read counts as well.
                changed.set(node.peers_changed.notified());
                changed.as_mut().enable();
                tokio::time::sleep(SETTLE).await;
                let routing = &node.doors().routing;
                let (_, known) = routing.seeds(node.me.key(), 0).await;
                let anchors = routing.anchors().await.iter().filter(|(_, up)| *up).count();
                node.doors().feed.peers_known(PeersKnown { known, anchors }).await;
            }
        }));
    }
}

impl Handler<Begin> for FeedActor {
    type Result = ();

    fn handle(&mut self, Begin { account, username, followees }: Begin, ctx: &mut Ctx<Self>) {
        self.arm(ctx);
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
        self.keep_later(self.state.over());
    }
}

impl Handler<End> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        self.state.clear();
        self.inbox = Inbox::default();
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
        let reading = self.read_home(account);
        self.node.spawn(reading);
    }
}

impl Handler<Unfollowed> for FeedActor {
    type Result = ();

    fn handle(&mut self, Unfollowed(account): Unfollowed, _: &mut Ctx<Self>) {
        self.state.authors.remove(&account);
        // Once more: a post that came meanwhile has put the author back on the disk.
        let mut ops = self.state.drops(&[Space::Feed], |post| post.body.account == account);
        ops.extend(self.state.pending_of(account).map(|key| Op::DropLocal(Space::Feed, key.clone())));
        ops.push(Followee::forget(&account));
        self.keep_later(ops);
    }
}

impl Handler<CatchUp> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CatchUp, _: &mut Ctx<Self>) -> Self::Result {
        let inbox = self.read_inbox_older_than(FRESH);
        self.node.spawn(inbox);
        self.read_older_than(FRESH)
    }
}

impl Handler<PageRequest> for FeedActor {
    type Result = MessageResult<PageRequest>;

    fn handle(&mut self, request: PageRequest, _: &mut Ctx<Self>) -> Self::Result {
        let page = self.logged_in().and_then(|()| page(&self.node, &request)).map(|mut page| {
            page.missing = self.state.missing();
            page.read_elsewhere_gone = self.state.read_and_gone();
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
                let (node, progress) = (self.node.clone(), self.state.progress(None));
                Box::pin(async move {
                    kept.await.map_err(Problem::from)?;
                    node.doors().seen.showed(progress).await;
                    Ok(count)
                })
            }
        }
    }
}

impl Handler<Watch> for FeedActor {
    type Result = MessageResult<Watch>;

    fn handle(&mut self, _: Watch, _: &mut Ctx<Self>) -> Self::Result {
        let many = || Problem::new(Code::RateLimited, "too many watch this feed already");
        let watching = self.logged_in().and_then(|()| self.state.watch()?.ok_or_else(many));
        MessageResult(watching)
    }
}

impl Handler<Expire> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Expire, _: &mut Ctx<Self>) -> Self::Result {
        let mut ops = self.state.over();
        ops.extend(self.state.read_elsewhere_again());
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}
