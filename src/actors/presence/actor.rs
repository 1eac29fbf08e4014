//! The presence actor: when own records are renewed, and which followers are known to be online.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context as Ctx, Handler, MessageResult, ResponseFuture};
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::held::{HeldRecords, Taken};
use super::messages::{Begin, End, Follower, Gone, Held, Hold, Interested, Known, Learned, Moved, Renew, Renewed};
use super::renew::{Own, follower, read_followers, send};
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::actors::routing::find_closest;
use crate::records::{Record, home};
use crate::types::{AccountId, Contact, DeviceId, Hlc, Key, NodeId};

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

/// Lookups for holders under way at once: an account may follow thousands.
const LOOKUPS: usize = 16;

/// An own record and where it is held.
struct Task {
    holders: Vec<Contact>,
    /// The nearest that this node knew of when the holders were chosen: somebody else among them means a change.
    known: Vec<NodeId>,
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
    lookups: Rc<Semaphore>,
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
            lookups: Rc::new(Semaphore::new(LOOKUPS)),
        }
    }

    fn stamp(&mut self) -> Hlc {
        self.stamp = self.node.stamp(self.stamp);
        self.stamp
    }

    fn due_now(&mut self, author: Option<AccountId>) {
        self.tasks.insert(author, Task { holders: Vec::new(), known: Vec::new(), due: Instant::now() });
    }

    fn tick(&mut self) {
        let Some(own) = self.own.clone() else { return };
        let now = Instant::now();
        self.held.expire(self.node.horizon());
        if self.ask_at <= now {
            self.ask_at = now + ASK_FOLLOWERS;
            let (node, account) = (self.node.clone(), own.account);
            self.node.spawn(async move {
                let followers = read_followers(&node, account).await;
                node.doors().presence.learned(followers);
            });
        }
        let all: Vec<(Option<AccountId>, Vec<NodeId>, bool)> =
            self.tasks.iter().map(|(author, t)| (*author, t.known.clone(), t.due <= now)).collect();
        let stamp = self.stamp();
        for (author, known, due) in all {
            let (node, own, lookups) = (self.node.clone(), own.clone(), self.lookups.clone());
            self.node.spawn(async move {
                let nearest = nearest_known(&node, own.place(author)).await;
                if nearest.is_empty() || (!due && nearest.iter().all(|id| known.contains(id))) {
                    return;
                }
                // Until it is sent, so that no later tick begins the same again.
                node.doors().presence.moved(author, None, nearest).await;
                renew(&node, &own, author, stamp, &lookups).await;
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
            let own = self.own.as_ref().filter(|own| home(&own.account) == key);
            let own = own.and_then(|_| Record::decode(bytes.clone()).ok());
            match self.held.put(key, bytes, self.node.horizon()) {
                // An older record, sent again by whoever, says nothing about now.
                Taken::Merged => own.iter().for_each(|record| self.note_own_follower(record)),
                Taken::Superseded => {}
                Taken::NoRoom => tracing::debug!("no room for a presence record"),
            }
        }
    }
}

impl Handler<Held> for PresenceActor {
    type Result = MessageResult<Held>;

    fn handle(&mut self, Held { key, sections }: Held, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.held.at(&key, sections, self.node.horizon()))
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
        let (Some(own), Some(task)) = (self.own.clone(), self.tasks.remove(&Some(author))) else { return };
        let (node, stamp) = (self.node.clone(), self.stamp());
        self.node.spawn(async move { goodbye(&node, &own, Some(author), stamp, task.holders).await });
    }
}

async fn nearest_known(node: &Rc<Context>, place: Key) -> Vec<NodeId> {
    node.doors().routing.closest(place, HOLDERS).await.into_iter().map(|contact| contact.node).collect()
}

/// Finds the nearest live replicas, which only others know where the place is far from here, and sends them a record.
async fn renew(node: &Rc<Context>, own: &Own, author: Option<AccountId>, stamp: Hlc, lookups: &Semaphore) {
    let place = own.place(author);
    // The semaphore is never closed, so acquiring only waits; a holder that is silent keeps no other lookup waiting.
    let turn = lookups.acquire().await.ok();
    let found = find_closest(node, place).await.closest;
    drop(turn);
    let holders: Vec<Contact> = found.into_iter().map(|(contact, ())| contact).take(HOLDERS).collect();
    node.doors().presence.moved(author, Some(holders.clone()), nearest_known(node, place).await).await;
    let record = own.record(node, author, true, stamp);
    let taken = !holders.is_empty() && send(node.clone(), place, record, holders).await;
    node.doors().presence.renewed(author, taken).await;
}

async fn goodbye(node: &Rc<Context>, own: &Own, author: Option<AccountId>, stamp: Hlc, holders: Vec<Contact>) {
    let record = own.record(node, author, false, stamp);
    send(node.clone(), own.place(author), record, holders).await;
}

impl Handler<End> for PresenceActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, _: &mut Ctx<Self>) -> Self::Result {
        let tasks = std::mem::take(&mut self.tasks);
        self.followers.clear();
        let (node, own, stamp) = (self.node.clone(), self.own.take(), self.stamp());
        Box::pin(async move {
            let Some(own) = own else { return };
            let all = tasks.into_iter().map(|(author, task)| goodbye(&node, &own, author, stamp, task.holders));
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

    fn handle(&mut self, Moved { author, holders, known }: Moved, _: &mut Ctx<Self>) {
        let renew = if author.is_some() { RENEW_INTEREST } else { RENEW_PRESENCE };
        if let Some(task) = self.tasks.get_mut(&author) {
            let holders = holders.unwrap_or_else(|| std::mem::take(&mut task.holders));
            *task = Task { holders, known, due: Instant::now() + renew };
        }
    }
}

impl Handler<Renew> for PresenceActor {
    type Result = ();

    fn handle(&mut self, _: Renew, _: &mut Ctx<Self>) {
        self.ask_at = Instant::now();
        self.tasks.values_mut().for_each(|task| task.due = Instant::now());
        self.tick();
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
