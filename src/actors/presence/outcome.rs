//! What comes of sending own records and heartbeats: when each is due again, and what holders say beside.

use std::rc::Rc;
use std::time::Duration;

use actix::{Context as Ctx, Handler};
use tokio::time::Instant;

use super::actor::{PresenceActor, RENEW_INTEREST, RENEW_PRESENCE, RENEW_YOUNG, YOUNG};
use super::messages::{Beaten, Renewed};
use super::own::{ask_followers, read_followers, send};
use crate::actors::context::Context;
use crate::types::{AccountId, Contact, Hlc};

/// A renewal that not all holders took is repeated after this.
const RETRY: Duration = Duration::from_secs(10);
/// Numbers that holders name are believed this far ahead of the time: no lie makes the next number the last one.
const AHEAD: Duration = Duration::from_secs(600);
/// Most holders whose word about interest is remembered: there are three at a time, and others after a change.
const PRINTS: usize = 64;

impl Handler<Renewed> for PresenceActor {
    type Result = bool;

    fn handle(&mut self, renewed: Renewed, _: &mut Ctx<Self>) -> bool {
        let Renewed { author, holders, told, known, taken, took, looked_up } = renewed;
        let Some(task) = self.tasks.get_mut(&author) else { return false };
        let wait = match author {
            _ if taken == Some(false) => RETRY,
            Some(_) => RENEW_INTEREST,
            None if self.began.elapsed() < YOUNG => RENEW_YOUNG,
            None => RENEW_PRESENCE,
        };
        task.under_way = taken.is_none();
        task.known = known;
        if let Some(holders) = holders {
            let stays = |old: &Contact| holders.iter().any(|new| new.node == old.node);
            // Of those that were asked so far none is near: what they showed may be old.
            let others = !task.holders.is_empty() && !task.holders.iter().any(stays);
            task.settle(holders);
            if let Some(author) = author.filter(|_| others) {
                self.node.doors().feed.holders_changed(author);
            }
        }
        task.tell(told);
        took.into_iter().for_each(|holder| task.took(holder));
        match taken {
            Some(false) => task.looked_up = None,
            Some(true) if looked_up => task.looked_up = Some(Instant::now()),
            _ => {}
        }
        task.due = match author {
            Some(_) if taken == Some(true) => task.stale_at(wait),
            _ => Instant::now() + wait,
        };
        true
    }
}

impl Handler<Beaten> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Beaten { device, holder, heard }: Beaten, _: &mut Ctx<Self>) {
        let Some(own) = self.own.clone().filter(|own| own.device_id() == device) else { return };
        let Some(heard) = heard else {
            // Somebody else has to take its place.
            if let Some(task) = self.tasks.get_mut(&None).filter(|task| !task.under_way) {
                (task.due, task.looked_up) = (Instant::now(), None);
                self.look_after(&own, |task| task.due <= Instant::now());
            }
            return;
        };
        if self.prints.len() >= PRINTS {
            self.prints.clear();
        }
        // Among many somebody always comes and goes, and only some of them are known anyway.
        let changed = self.prints.insert(holder.node, heard.interest).unwrap_or_default() != heard.interest;
        if changed && !self.many {
            self.node.spawn(ask_again(self.node.clone(), own.account, holder.clone()));
        }
        if heard.known {
            return;
        }
        let believed = heard.seq.filter(|seq| Hlc(*seq).wall() <= self.node.now().plus(AHEAD));
        self.seq = self.seq.max(believed.unwrap_or_default());
        let (node, mark) = (self.node.clone(), self.mark());
        if let Some(task) = self.tasks.get_mut(&None) {
            task.tell(vec![holder.clone()]);
        }
        self.node.spawn(async move {
            let record = own.record(&node, None, true, mark);
            if !own.is_over() {
                send(&node, own.place(None), &record, vec![holder]).await;
            }
        });
    }
}

/// Asks who is interested, as a holder says that this has changed.
async fn ask_again(node: Rc<Context>, account: AccountId, holder: Contact) {
    match ask_followers(&node, account, &holder).await {
        Some(followers) => node.doors().presence.learned(followers, false, false),
        None => {
            let (followers, more) = read_followers(&node, account).await;
            node.doors().presence.learned(followers, true, more);
        }
    }
}
