//! A table that is filled ready-made.

use actix::{Context as Ctx, Handler};
use tokio::time::Instant;

use super::actor::{LOOK_AGAIN, PERSIST, RoutingActor};
use super::messages::Filled;

impl Handler<Filled> for RoutingActor {
    type Result = ();

    fn handle(&mut self, Filled(contacts, round_trip): Filled, _: &mut Ctx<Self>) {
        let now = self.now();
        for contact in contacts {
            self.table.reached(contact, round_trip, now);
        }
        self.table.refreshed(now);
        self.joined = true;
        (self.refresh_at, self.persist_at) = (Instant::now() + LOOK_AGAIN, Instant::now() + PERSIST);
    }
}
