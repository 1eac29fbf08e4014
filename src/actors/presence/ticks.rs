//! How often the presence actor looks after what it has: the less that is, the less often.

use std::time::Duration;

use actix::{AsyncContext, Context as Ctx};

use super::actor::PresenceActor;

/// How often own records and heartbeats are looked after.
const TICK: Duration = Duration::from_secs(2);
/// How often missed heartbeats of others are, where nobody is logged in: two of these are missed before anybody is offline.
const TICK_HOLDING: Duration = Duration::from_secs(4);
/// Where nothing is held either there is only sleep to notice: well below the pause that counts as sleep.
const TICK_IDLE: Duration = Duration::from_secs(8);

impl PresenceActor {
    /// Arms the next look, in the place of one that was armed before.
    pub(super) fn arm(&mut self, ctx: &mut Ctx<Self>) {
        let after = match self.own {
            Some(_) => TICK,
            None if self.held.is_empty() => TICK_IDLE,
            None => TICK_HOLDING,
        };
        let before = self.timer.replace(ctx.run_later(after, |actor, ctx| {
            actor.timer = None;
            actor.tick();
            actor.arm(ctx);
        }));
        before.map(|before| ctx.cancel_future(before));
    }
}
