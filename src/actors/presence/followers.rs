//! Which followers the presence actor knows to be online: whom a new post is brought to first.

use actix::{Context as Ctx, Handler, MessageResult};

use super::actor::PresenceActor;
use super::messages::{Gone, Known, Learned};
use super::own::follower;
use crate::records::Record;

/// Most followers remembered to be online.
const FOLLOWERS: usize = 10_000;

impl PresenceActor {
    /// Notes that somebody became interested in the own account, or no longer is.
    pub(super) fn note_own_follower(&mut self, record: &Record) {
        match (follower(&self.node, record), record.device()) {
            (Some(follower), _) if self.followers.len() < FOLLOWERS => {
                self.followers.insert(follower.device, follower);
            }
            (None, Some(device)) => {
                self.followers.remove(&device);
            }
            _ => {}
        }
    }
}

impl Handler<Known> for PresenceActor {
    type Result = MessageResult<Known>;

    fn handle(&mut self, _: Known, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult((self.followers.values().cloned().collect(), self.many))
    }
}

impl Handler<Learned> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Learned { followers, whole, more }: Learned, _: &mut Ctx<Self>) {
        if self.own.is_none() || followers.is_empty() {
            return;
        }
        self.many = more || (self.many && !whole);
        if whole {
            self.followers.clear();
        }
        for follower in followers {
            if self.followers.len() < FOLLOWERS || self.followers.contains_key(&follower.device) {
                self.followers.insert(follower.device, follower);
            }
        }
    }
}

impl Handler<Gone> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Gone(device): Gone, _: &mut Ctx<Self>) {
        self.followers.remove(&device);
    }
}
