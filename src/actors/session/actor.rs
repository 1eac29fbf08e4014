//! The session actor: short handlers; the sequences are in the files beside.

use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};

use super::compare::{Standing, compare};
use super::delete::delete;
use super::deliver::deliver;
use super::follow::follow;
use super::login::{login, logout};
use super::mention::tell;
use super::messages::{
    CompareLog, Delete, Deleted, Follow, HiddenPerson, LoggedIn, Login, Logout, MakePost, Posted, PrivateList,
    PrivateRelation, Profile, ProfileView, PublishedLate, Pursue, Register, RelatePrivately, Relation, Renew, Resume,
    TendLog, Who, WritePosition,
};
use super::post::{post, recount, tend_log};
use super::profile::profile;
use super::register::{pursue_all, register};
use super::renew::renew;
use super::state::{Session, Shared};
use super::sync::sync_follows;
use super::{position, private};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::records::Record;
use crate::types::{Problem, Username};

/// How often pending registrations are tried again, beside whenever peers come.
const PURSUE: Duration = Duration::from_secs(15);

/// How often whom the account follows is compared with what its home says.
const SYNC: Duration = Duration::from_secs(30);

/// How often the log is compared until that succeeds; a doubt of the clock ends without anybody coming.
const COMPARE: Duration = Duration::from_secs(5);

/// How often the session looks whether anything has to be renewed.
const RENEW: Duration = Duration::from_secs(600);

/// The actor.
pub struct SessionActor {
    shared: Rc<Shared>,
}

impl SessionActor {
    /// Builds the actor with what the last run left.
    pub fn new(node: Rc<Context>) -> Self {
        Self { shared: Shared::load(node) }
    }
}

impl Actor for SessionActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        recount(&self.shared);
        let shared = self.shared.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            shared.begin().await;
            settle(shared).await;
        }));
        arm(ctx);
        arm_sync(ctx);
        arm_renew(ctx);
        arm_compare(ctx);
        let node = self.shared.node.clone();
        ctx.spawn(actix::fut::wrap_future(async move {
            loop {
                node.peers_changed.notified().await;
                node.doors().session.pursue();
                node.doors().session.compare_log();
            }
        }));
    }
}

fn arm(ctx: &mut Ctx<SessionActor>) {
    ctx.run_later(PURSUE, |actor, ctx| {
        let pursuit = pursue_all(actor.shared.clone());
        actor.shared.node.spawn(pursuit);
        arm(ctx);
    });
}

fn arm_sync(ctx: &mut Ctx<SessionActor>) {
    ctx.run_later(SYNC, |actor, ctx| {
        actor.shared.node.spawn(sync_follows(actor.shared.clone()));
        actor.shared.node.spawn(settle(actor.shared.clone()));
        actor.shared.node.spawn(position::write(actor.shared.clone(), false));
        arm_sync(ctx);
    });
}

fn arm_compare(ctx: &mut Ctx<SessionActor>) {
    ctx.run_later(COMPARE, |actor, ctx| {
        let shared = actor.shared.clone();
        if shared.session.borrow().is_some() && shared.standing.get() == Standing::Unknown {
            actor.shared.node.spawn(settle(shared));
        }
        arm_compare(ctx);
    });
}

fn arm_renew(ctx: &mut Ctx<SessionActor>) {
    ctx.run_later(RENEW, |actor, ctx| {
        actor.shared.node.spawn(renew(actor.shared.clone()));
        arm_renew(ctx);
    });
}

/// Compares the log, where that was not done, and tells whom posts name.
async fn settle(shared: Rc<Shared>) {
    if shared.session.borrow().is_some() && shared.standing.get() != Standing::Level {
        compare(&shared).await;
    }
    tell(shared).await;
}

impl Handler<Register> for SessionActor {
    type Result = ResponseFuture<Result<LoggedIn, Problem>>;

    fn handle(&mut self, Register { username, password }: Register, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(register(self.shared.clone(), username, password))
    }
}

impl Handler<Login> for SessionActor {
    type Result = ResponseFuture<Result<LoggedIn, Problem>>;

    fn handle(&mut self, Login { username, password, retire_oldest }: Login, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(login(self.shared.clone(), username, password, retire_oldest))
    }
}

impl Handler<Logout> for SessionActor {
    type Result = ResponseFuture<Result<Username, Problem>>;

    fn handle(&mut self, _: Logout, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(logout(self.shared.clone()))
    }
}

impl Handler<Who> for SessionActor {
    type Result = MessageResult<Who>;

    fn handle(&mut self, _: Who, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.shared.session.borrow().as_ref().map(Session::who))
    }
}

impl Handler<MakePost> for SessionActor {
    type Result = ResponseFuture<Result<Posted, Problem>>;

    fn handle(&mut self, MakePost { request, within }: MakePost, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(post(self.shared.clone(), request, within))
    }
}

impl Handler<Delete> for SessionActor {
    type Result = ResponseFuture<Result<Deleted, Problem>>;

    fn handle(&mut self, Delete { id, within }: Delete, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(delete(self.shared.clone(), id, within))
    }
}

impl Handler<RelatePrivately> for SessionActor {
    type Result = ResponseFuture<Result<PrivateRelation, Problem>>;

    fn handle(&mut self, message: RelatePrivately, _: &mut Ctx<Self>) -> Self::Result {
        let RelatePrivately { kind, username, on, within } = message;
        Box::pin(private::relate_privately(self.shared.clone(), kind, username, on, within))
    }
}

impl Handler<PrivateList> for SessionActor {
    type Result = ResponseFuture<Result<Vec<HiddenPerson>, Problem>>;

    fn handle(&mut self, PrivateList(kind): PrivateList, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(private::list(self.shared.clone(), kind))
    }
}

impl Handler<CompareLog> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CompareLog, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(settle(self.shared.clone()))
    }
}

impl Handler<PublishedLate> for SessionActor {
    type Result = ();

    fn handle(&mut self, PublishedLate(records): PublishedLate, _: &mut Ctx<Self>) {
        for record in records.into_iter().filter(|record| matches!(record, Record::Post(_) | Record::Tombstone(_))) {
            drop(deliver(self.shared.node.clone(), record));
        }
    }
}

impl Handler<Renew> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Renew, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(renew(self.shared.clone()))
    }
}

impl Handler<WritePosition> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: WritePosition, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(position::write(self.shared.clone(), true))
    }
}

impl Handler<Follow> for SessionActor {
    type Result = ResponseFuture<Result<Relation, Problem>>;

    fn handle(&mut self, Follow { username, follows, within }: Follow, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(follow(self.shared.clone(), username, follows, within))
    }
}

impl Handler<Profile> for SessionActor {
    type Result = ResponseFuture<Result<ProfileView, Problem>>;

    fn handle(&mut self, Profile { change, within }: Profile, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(profile(self.shared.clone(), change, within))
    }
}

impl Handler<TendLog> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: TendLog, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(tend_log(self.shared.clone()))
    }
}

impl Handler<Resume> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Resume, _: &mut Ctx<Self>) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move { shared.begin().await })
    }
}

impl Handler<Pursue> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Pursue, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(pursue_all(self.shared.clone()))
    }
}
