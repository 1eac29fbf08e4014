//! What the presence actor does for others: it holds their records, hears their heartbeats, and says who is online.

use actix::{Context as Ctx, Handler, MessageResult, ResponseFuture};

use super::actor::PresenceActor;
use super::held::Taken;
use super::liveness::{Standing, Word};
use super::lookout::Question;
use super::messages::{Beat, Check, FoundHolders, Held, HeldInterest, Hold, Holders, Online, SentOn, Told};
use super::own::named;
use super::renew::check;
use crate::records::{Record, home};
use crate::types::AccountId;
use crate::wire::{Heard, OnlineStanding};

/// Most nodes that are asked at one tick: more miss their heartbeats at once only where this node itself was away.
const CHECKS: usize = 64;
/// Most accounts in one question of this node: more than an account may follow.
const ASKED: usize = 10_000;

impl PresenceActor {
    /// Forgets records whose time is over.
    pub(super) fn expire(&mut self) {
        for (account, device) in self.held.expire(self.moment()) {
            self.liveness.forget(account, device);
        }
    }

    /// Asks nodes whose heartbeats are missing.
    pub(super) fn check_missed(&mut self) {
        for (contact, accounts) in self.liveness.due_checks(self.moment(), CHECKS) {
            self.node.spawn(check(self.node.clone(), contact, accounts));
        }
    }

    fn is_own(&self, account: &AccountId) -> bool {
        self.own.as_ref().is_some_and(|own| own.account == *account)
    }

    fn standing(&self, account: &AccountId, here: bool) -> OnlineStanding {
        let (state, silent) = match self.liveness.standing(account, self.moment()) {
            _ if self.is_own(account) => (OnlineStanding::ONLINE, Default::default()),
            _ if here => (OnlineStanding::OFFLINE, Default::default()),
            Standing::Unknown => (OnlineStanding::UNKNOWN, Default::default()),
            Standing::Offline(silent) => (OnlineStanding::OFFLINE, silent),
            Standing::Online(silent) => (OnlineStanding::ONLINE, silent),
        };
        let seconds = silent.as_secs() + u64::from(silent.subsec_nanos() > 0);
        OnlineStanding { state, seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }

    fn note_presence(&mut self, record: &Record) {
        let (Record::Presence(presence), Some(contact)) = (record, named(&self.node, record)) else { return };
        let body = &presence.body;
        let word = Word { account: body.account, device: body.device, seq: body.seq, online: body.online, contact };
        let now = self.moment();
        self.liveness.put(word, now);
        self.lookout.forget(&body.account);
    }
}

impl Handler<Hold> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Hold { key, records }: Hold, _: &mut Ctx<Self>) {
        let own_home = self.own.as_ref().is_some_and(|own| home(&own.account) == key);
        for bytes in records {
            let Ok(record) = Record::decode(bytes) else { continue };
            let Some(contact) = named(&self.node, &record) else { continue };
            match self.held.put(key, &record, contact.node, self.moment()) {
                Taken::Merged(gone) => {
                    gone.into_iter().for_each(|(account, device)| self.liveness.forget(account, device));
                    self.note_presence(&record);
                    if own_home && matches!(record, Record::Interest(_)) {
                        self.note_own_follower(&record);
                    }
                }
                // An older record, sent again by whoever, says nothing about now.
                Taken::Superseded => {}
                Taken::NoRoom => tracing::debug!("no room for a presence record"),
            }
        }
    }
}

impl Handler<Held> for PresenceActor {
    type Result = MessageResult<Held>;

    fn handle(&mut self, Held { key, sections }: Held, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.held.at(&key, sections, self.node.now()))
    }
}

impl Handler<HeldInterest> for PresenceActor {
    type Result = MessageResult<HeldInterest>;

    fn handle(&mut self, HeldInterest { key, part, most }: HeldInterest, _: &mut Ctx<Self>) -> Self::Result {
        let records = self.held.interest(&key, part, most, self.node.now());
        MessageResult((records, self.held.interested(&key, self.moment())))
    }
}

impl Handler<SentOn> for PresenceActor {
    type Result = ();

    fn handle(&mut self, SentOn { key, slots }: SentOn, _: &mut Ctx<Self>) {
        let now = self.moment();
        slots.iter().for_each(|slot| self.held.sent_on(key, slot, now));
    }
}

impl Handler<Beat> for PresenceActor {
    type Result = MessageResult<Beat>;

    fn handle(&mut self, Beat { from, account, device }: Beat, _: &mut Ctx<Self>) -> Self::Result {
        let now = self.moment();
        let (known, seq) = self.liveness.heartbeat(from, account, device, now);
        // The list is public, and read by GET; whoever has no presence here is told nothing of it all the same.
        let interest = if known { self.held.interest_print(&home(&account)) } else { 0 };
        MessageResult(Heard { known, seq, interest })
    }
}

impl Handler<Check> for PresenceActor {
    type Result = MessageResult<Check>;

    fn handle(&mut self, Check { accounts, here }: Check, _: &mut Ctx<Self>) -> Self::Result {
        self.notice_sleep();
        MessageResult(accounts.iter().map(|account| self.standing(account, here)).collect())
    }
}

impl Handler<Told> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Told { node, accounts }: Told, _: &mut Ctx<Self>) {
        let now = self.moment();
        accounts.into_iter().for_each(|(account, here)| self.liveness.checked(node, account, here, now));
    }
}

impl Handler<Holders> for PresenceActor {
    type Result = MessageResult<Holders>;

    fn handle(&mut self, Holders(account): Holders, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.holders_of(account))
    }
}

impl Handler<FoundHolders> for PresenceActor {
    type Result = ();

    fn handle(&mut self, FoundHolders(account, nearest): FoundHolders, _: &mut Ctx<Self>) {
        self.lookout.found(account, &nearest);
    }
}

impl Handler<Online> for PresenceActor {
    type Result = ResponseFuture<Vec<(AccountId, Option<bool>)>>;

    fn handle(&mut self, Online(accounts): Online, _: &mut Ctx<Self>) -> Self::Result {
        self.notice_sleep();
        let now = self.moment();
        let ask = |account: AccountId| Question {
            account,
            own: self.is_own(&account),
            holders: self.holders_of(account),
            held: self.liveness.standing(&account, now),
        };
        let beyond: Vec<_> = accounts.iter().skip(ASKED).map(|account| (*account, None)).collect();
        let questions: Vec<Question> = accounts.into_iter().take(ASKED).map(ask).collect();
        let lookout = self.lookout.clone();
        Box::pin(async move {
            let mut answers = lookout.online(questions).await;
            answers.extend(beyond);
            answers
        })
    }
}
