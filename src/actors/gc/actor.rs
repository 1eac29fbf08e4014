//! The gc actor and its door.

use std::rc::Rc;
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context as Ctx, Handler, Message, ResponseFuture};

use crate::actors::context::Context;
use crate::actors::door::{Door, Gone};
use crate::seam::{Batch, Op};

/// Removes what has ended by now; ready when it is gone.
#[derive(Message)]
#[rtype(result = "()")]
struct Sweep;

/// Sweeps are at least this far apart, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(100);

/// The actor.
pub struct GcActor {
    node: Rc<Context>,
}

impl GcActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node }
    }
}

impl Actor for GcActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        arm(ctx, self.node.settings.gc_interval);
    }
}

/// Arms the next sweep; the one after it only when that has ended, as a long login may hold it up.
fn arm(ctx: &mut Ctx<GcActor>, every: Duration) {
    ctx.run_later(every.max(SHORTEST), move |actor, ctx| {
        let sweep = wrap_future::<_, GcActor>(sweep(actor.node.clone()));
        ctx.spawn(sweep.map(move |(), _, ctx| arm(ctx, every)));
    });
}

async fn sweep(node: Rc<Context>) {
    // Keeping too long does no harm; deleting by a wrong clock does.
    if node.clock.in_doubt() {
        tracing::warn!("the clock is in doubt: nothing is removed");
        return;
    }
    node.doors().session.tend_log().await;
    node.doors().feed.expire().await;
    if let Err(error) = node.store.commit(Batch(vec![Op::Expire(node.horizon())])).await {
        tracing::warn!(%error, "what has ended was not removed");
    }
}

impl Handler<Sweep> for GcActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Sweep, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(sweep(self.node.clone()))
    }
}

/// A handle to the gc actor.
#[derive(Clone)]
pub struct GcHandle(pub(in crate::actors) Door<GcActor>);

impl GcHandle {
    /// Removes what has ended by now.
    pub async fn sweep(&self) -> Result<(), Gone> {
        self.0.ask(Sweep).await
    }
}
