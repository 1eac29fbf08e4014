//! Whom holders of a home name near it, as glances bring it: where own records should be held.

use actix::{Context as Ctx, Handler};
use tokio::time::Instant;

use super::actor::PresenceActor;
use super::messages::NamedNear;

impl Handler<NamedNear> for PresenceActor {
    type Result = ();

    fn handle(&mut self, NamedNear { account, contacts, whole }: NamedNear, _: &mut Ctx<Self>) {
        let Some(own) = self.own.clone() else { return };
        let author = Some(account).filter(|account| *account != own.account);
        let Some(task) = self.tasks.get_mut(&author).filter(|task| !task.under_way) else { return };
        let named = contacts.iter().filter(|c| c.node != self.node.me && !self.node.is_absent(c)).map(|c| c.node);
        if task.is_displaced(&own.place(author), named) {
            (task.due, task.looked_up) = (Instant::now(), None);
            self.look_after(&own, |task| task.due <= Instant::now());
        } else if whole && !contacts.is_empty() && task.looked_up.is_some() {
            task.looked_up = Some(Instant::now());
        }
    }
}
