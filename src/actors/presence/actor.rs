//! The presence actor: when own records are renewed, and which followers are known to be online.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::held::HeldRecords;
use super::messages::{Begin, End, Follower, Gone, Held, Hold, Interested, Known, Learned, Moved, Renewed};
use super::renew::{Own, follower, read_followers, send};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::records::{Record, home};
use crate::types::{AccountId, Contact, DeviceId, Hlc, NodeId};

/// How often own records are looked after.
const TICK: Duration = Duration::from_secs(2);
/// Presence lasts 10 minutes and is renewed every 5.
const RENEW_PRESENCE: Duration = Duration::from_secs(300);
/// Interest lasts 60 minutes and is renewed every 30.
const RENEW_INTEREST: Duration = Duration::from_secs(1800);
/// A renewal that not all holders took is repeated after this.
const RETRY: Duration = Duration::from_secs(10);
/// How often an author asks anew who is interested.
const ASK_FOLLOWERS: Duration = Duration::from_secs(20);
/// How long a clean end waits for goodbyes.
const GOODBYE: Duration = Duration::from_secs(1);
/// The nearest live replicas that hold a record.
const HOLDERS: usize = 3;
/// Most followers remembered to be online.
const FOLLOWERS: usize = 10_000;

/// An own record and where it is held.
struct Task {
    holders: Vec<NodeId>,
    due: Instant,
}

/// The actor.
pub struct PresenceActor {
    node: Rc<Context>,
    held: HeldRecords,
    own: Option<Own>,
    /// The own presence (no author), and interest in every author: at most the followees an account may have.
    tasks: BTreeMap<Option<AccountId>, Task>,
    followers: BTreeMap<DeviceId, Follower>,
    ask_at: Instant,
    stamp: Hlc,
}

impl PresenceActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self {
            node,
            held: HeldRecords::default(),
            own: None,
            tasks: BTreeMap::new(),
            followers: BTreeMap::new(),
            ask_at: Instant::now(),
            stamp: Hlc::default(),
        }
    }

    fn stamp(&mut self) -> Hlc {
        self.stamp = self.stamp.tick(self.node.now());
        self.stamp
    }

    fn due_now(&mut self, author: Option<AccountId>) {
        self.tasks.insert(author, Task { holders: Vec::new(), due: Instant::now() });
    }

    fn tick(&mut self) {
        let Some(own) = self.own.clone() else { return };
        let now = Instant::now();
        self.held.expire(self.node.now());
        if self.ask_at <= now {
            self.ask_at = now + ASK_FOLLOWERS;
            let (node, account) = (self.node.clone(), own.account);
            self.node.spawn(async move {
                let followers = read_followers(&node, account).await;
                node.doors().presence.learned(followers);
            });
        }
        let all: Vec<(Option<AccountId>, Vec<NodeId>, bool)> =
            self.tasks.iter().map(|(author, t)| (*author, t.holders.clone(), t.due <= now)).collect();
        let (node, stamp) = (self.node.clone(), self.stamp());
        for (author, holders, due) in all {
            let (node, own) = (node.clone(), own.clone());
            self.node.spawn(async move {
                let nearest = node.doors().routing.closest(own.place(author), HOLDERS).await;
                let ids: Vec<NodeId> = nearest.iter().map(|c| c.node).collect();
                // Every holder that is nearer than those before has to learn it; one that went is replaced.
                if nearest.is_empty() || (!due && ids.iter().all(|id| holders.contains(id))) {
                    return;
                }
                node.doors().presence.moved(author, ids).await;
                let record = own.record(&node, author, true, stamp);
                let taken = send(node.clone(), own.place(author), record, nearest).await;
                node.doors().presence.renewed(author, taken).await;
            });
        }
    }

    fn note_own_follower(&mut self, record: &Record) {
        let of_own = match (&self.own, record) {
            (Some(own), Record::Interest(interest)) => interest.body.author == own.account,
            _ => false,
        };
        if !of_own {
            return;
        }
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

impl Actor for PresenceActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        arm(ctx);
    }
}

fn arm(ctx: &mut Ctx<PresenceActor>) {
    ctx.run_later(TICK, |actor, ctx| {
        actor.tick();
        arm(ctx);
    });
}

impl Handler<Hold> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Hold { key, records }: Hold, _: &mut Ctx<Self>) {
        for bytes in records {
            if self.own.as_ref().is_some_and(|own| home(&own.account) == key)
                && let Ok(record) = Record::decode(bytes.clone())
            {
                self.note_own_follower(&record);
            }
            if !self.held.put(key, bytes, self.node.now()) {
                tracing::debug!("no room for a presence record");
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

impl Handler<Begin> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Begin { account, device, authors }: Begin, _: &mut Ctx<Self>) {
        self.own = Some(Own { account, device });
        self.tasks.clear();
        self.followers.clear();
        self.ask_at = Instant::now();
        self.due_now(None);
        authors.into_iter().for_each(|author| self.due_now(Some(author)));
        self.tick();
    }
}

impl Handler<Interested> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Interested { author, follows }: Interested, _: &mut Ctx<Self>) {
        if follows {
            self.due_now(Some(author));
            self.tick();
            return;
        }
        let (Some(own), Some(_)) = (self.own.clone(), self.tasks.remove(&Some(author))) else { return };
        let (node, stamp) = (self.node.clone(), self.stamp());
        self.node.spawn(async move { goodbye(&node, &own, Some(author), stamp).await });
    }
}

async fn goodbye(node: &Rc<Context>, own: &Own, author: Option<AccountId>, stamp: Hlc) {
    let holders: Vec<Contact> = node.doors().routing.closest(own.place(author), HOLDERS).await;
    let record = own.record(node, author, false, stamp);
    send(node.clone(), own.place(author), record, holders).await;
}

impl Handler<End> for PresenceActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        let tasks: Vec<Option<AccountId>> = std::mem::take(&mut self.tasks).into_keys().collect();
        self.followers.clear();
        let (node, own, stamp) = (self.node.clone(), self.own.take(), self.stamp());
        Box::pin(async move {
            let Some(own) = own else { return };
            let all = tasks.into_iter().map(|author| goodbye(&node, &own, author, stamp));
            if timeout(GOODBYE, join_all(all)).await.is_err() {
                tracing::debug!("some goodbyes were not heard in time");
            }
        })
    }
}

impl Handler<Known> for PresenceActor {
    type Result = MessageResult<Known>;

    fn handle(&mut self, _: Known, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.followers.values().cloned().collect())
    }
}

impl Handler<Learned> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Learned(followers): Learned, _: &mut Ctx<Self>) {
        if self.own.is_some() && !followers.is_empty() {
            self.followers = followers.into_iter().take(FOLLOWERS).map(|f| (f.device, f)).collect();
        }
    }
}

impl Handler<Gone> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Gone(device): Gone, _: &mut Ctx<Self>) {
        self.followers.remove(&device);
    }
}

impl Handler<Moved> for PresenceActor {
    type Result = ();

    fn handle(&mut self, message: Moved, _: &mut Ctx<Self>) {
        let renew = if message.author.is_some() { RENEW_INTEREST } else { RENEW_PRESENCE };
        if let Some(task) = self.tasks.get_mut(&message.author) {
            *task = Task { holders: message.holders, due: Instant::now() + renew };
        }
    }
}

impl Handler<Renewed> for PresenceActor {
    type Result = ();

    fn handle(&mut self, Renewed { author, taken }: Renewed, _: &mut Ctx<Self>) {
        if let Some(task) = self.tasks.get_mut(&author)
            && !taken
        {
            task.due = task.due.min(Instant::now() + RETRY);
        }
    }
}
