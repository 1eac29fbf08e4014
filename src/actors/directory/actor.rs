//! The directory actor: short handlers, and the timer by which anchors enter those whose own node did not.

use std::rc::Rc;
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context as Ctx, Handler, ResponseFuture};

use super::entries::enter_all;
use super::listing::list;
use super::messages::{EnterAll, List, Listing};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::types::Problem;

/// An anchor looks for accounts without an entry soon after its start, when it knows its peers …
const FIRST: Duration = Duration::from_secs(5);
/// … and then every hour: whoever registers makes the entries itself.
const AGAIN: Duration = Duration::from_secs(3600);

/// The actor.
pub struct DirectoryActor {
    node: Rc<Context>,
}

impl DirectoryActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node }
    }
}

impl Actor for DirectoryActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        if self.node.is_anchor() {
            arm(ctx, FIRST);
        }
    }
}

fn arm(ctx: &mut Ctx<DirectoryActor>, after: Duration) {
    ctx.run_later(after, |actor, ctx| {
        let entering = wrap_future::<_, DirectoryActor>(enter_all(actor.node.clone()));
        ctx.spawn(entering.map(|_, _, ctx| arm(ctx, AGAIN)));
    });
}

impl Handler<EnterAll> for DirectoryActor {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, _: EnterAll, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(enter_all(self.node.clone()))
    }
}

impl Handler<List> for DirectoryActor {
    type Result = ResponseFuture<Result<Listing, Problem>>;

    fn handle(&mut self, List { prefix, after, limit }: List, _: &mut Ctx<Self>) -> Self::Result {
        let node = self.node.clone();
        Box::pin(async move { list(&node, &prefix, after.as_ref(), limit).await })
    }
}
