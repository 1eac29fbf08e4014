//! What is brought along where a home is looked at anyway: interest that its holder has had for a while.

use std::time::Duration;

use actix::{Context as Ctx, Handler, MessageResult};
use tokio::time::Instant;

use super::actor::{PresenceActor, RENEW_INTEREST};
use super::messages::{Visit, Visited, Visiting};

/// A holder that is visited is brought interest that it has had for so long. Each of the three is visited twice within an hour, however
/// many are followed, and again 50 minutes later at most, so that interest is seldom renewed but in passing.
const IN_PASSING: Duration = Duration::from_secs(500);

impl Handler<Visiting> for PresenceActor {
    type Result = MessageResult<Visiting>;

    fn handle(&mut self, Visiting(account): Visiting, _: &mut Ctx<Self>) -> Self::Result {
        let holders = self.holders_of(account);
        let (Some(own), Some(task)) = (self.own.clone(), self.tasks.get(&Some(account))) else {
            return MessageResult(Visit { holders, ..Visit::default() });
        };
        let stale: Vec<_> = task.stale(IN_PASSING).iter().map(|holder| holder.node).collect();
        if stale.is_empty() || task.under_way {
            return MessageResult(Visit { holders, ..Visit::default() });
        }
        let mark = self.mark();
        let record = own.record(&self.node, Some(account), true, mark);
        MessageResult(Visit { holders, record: Some(record), stale })
    }
}

impl Handler<Visited> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Visited { account, holder, took }: Visited, _: &mut Ctx<Self>) {
        let (Some(own), Some(task)) = (self.own.clone(), self.tasks.get_mut(&Some(account))) else { return };
        if took {
            task.took(holder);
            task.due = task.stale_at(RENEW_INTEREST);
        } else if !task.under_way && task.looked_up.take().is_some() {
            // Somebody else has to take its place.
            task.due = Instant::now();
            self.look_after(&own, |task| task.due <= Instant::now());
        }
    }
}
