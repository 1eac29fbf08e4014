//! Who of many accounts is online: holders are found, asked in batches, and believed for a few seconds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::liveness::{HOLDERS, SILENCE, Standing};
use super::nearest::nearest;
use super::verdict::{Verdict, verdict};
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::records::home;
use crate::types::{AccountId, Contact, NodeId};
use crate::wire::{CheckOnline, MAX_CHECKED, OnlineStanding};

/// An answer is given after this, with what came by then.
const LONGEST: Duration = Duration::from_millis(1900);
/// A holder that has not answered by then is passed over; a lookup for another still fits before [`LONGEST`].
const PATIENCE: Duration = Duration::from_millis(1200);
/// When enough is known of every account, the rest of the holders get this long.
const REST: Duration = Duration::from_millis(150);
/// Answers that are enough to know of an account, where none of them says online.
const ENOUGH: usize = 2;
/// "Online" is believed for so long without asking again: a list drawn twice asks once, and a logout shows.
const ONLINE: Duration = Duration::from_secs(2);
/// "Offline" is believed for longer: nobody minds to appear some seconds after a login.
const OFFLINE: Duration = Duration::from_secs(5);
/// The holders of an account are remembered for so long.
const FOUND: Duration = Duration::from_secs(120);
/// Most accounts of which an answer, and holders, are remembered: several long lists.
const REMEMBERED: usize = 20_000;
/// Requests, and lookups, under way at once.
const AT_ONCE: usize = 32;

/// One account that is asked about, and what this node knows by itself.
pub struct Question {
    /// Who.
    pub account: AccountId,
    /// Whether it is the own account.
    pub own: bool,
    /// Its holders, where this node put interest there.
    pub holders: Vec<Contact>,
    /// What this node judges as a holder.
    pub held: Standing,
}

/// An answer of before.
struct Believed {
    verdict: Verdict,
    at: Instant,
    until: Instant,
}

/// What is known of one account so far, within one question.
struct Tally {
    holders: Vec<Contact>,
    /// Whether the holders were looked up of late: others need not be looked for.
    fresh: bool,
    /// Whether this node's own judgement is among the answers.
    own: bool,
    answers: Vec<(Standing, Instant)>,
}

impl Tally {
    fn verdict(&self) -> Verdict {
        let aged = |(standing, at): &(Standing, Instant)| match *standing {
            Standing::Unknown => Standing::Unknown,
            Standing::Offline(silent) => Standing::Offline(silent + at.elapsed()),
            Standing::Online(silent) => Standing::Online(silent + at.elapsed()),
        };
        verdict(&self.answers.iter().map(aged).collect::<Vec<_>>())
    }

    /// Tells whether nobody that was asked knows the account, or too few were to say that it is offline, and others may.
    ///
    /// One holder may know of one device alone: each device's node counts itself out when it looks for holders.
    fn is_lost(&self) -> bool {
        let nobody = self.answers.iter().all(|(standing, _)| *standing == Standing::Unknown);
        let few = self.answers.len() < ENOUGH;
        self.is_alone() || (nobody && (few || !self.fresh)) || (few && !matches!(self.verdict(), Verdict::Online(_)))
    }

    /// Tells whether this node has its own word alone: it may be no holder any more, and have missed the goodbye.
    fn is_alone(&self) -> bool {
        self.own && self.answers.len() < ENOUGH && !self.fresh
    }

    fn is_enough(&self) -> bool {
        self.answers.len() >= ENOUGH || (!self.is_alone() && matches!(self.verdict(), Verdict::Online(_)))
    }
}

/// What one question has brought so far; shared by who asks and who waits.
#[derive(Default)]
struct Gathered {
    tallies: RefCell<BTreeMap<AccountId, Tally>>,
    changed: Notify,
    done: Cell<bool>,
}

/// Asks holders who is online, and remembers for a moment what they said.
pub struct Lookout {
    node: Rc<Context>,
    believed: RefCell<BTreeMap<AccountId, Believed>>,
    found: RefCell<BTreeMap<AccountId, (Vec<Contact>, Instant)>>,
    turns: Semaphore,
}

impl Lookout {
    /// Builds one that knows nothing.
    pub fn new(node: Rc<Context>) -> Rc<Self> {
        let (believed, found) = Default::default();
        Rc::new(Self { node, believed, found, turns: Semaphore::new(AT_ONCE) })
    }

    /// Forgets what was said of an account: this node sees a change itself.
    pub fn forget(&self, account: &AccountId) {
        self.believed.borrow_mut().remove(account);
    }

    /// Says of each account whether it is online, `None` where too few holders answered; takes [`LONGEST`] at most.
    pub async fn online(self: &Rc<Self>, questions: Vec<Question>) -> Vec<(AccountId, Option<bool>)> {
        let order: Vec<AccountId> = questions.iter().map(|question| question.account).collect();
        let mut answers: BTreeMap<AccountId, Option<bool>> = BTreeMap::new();
        let gathered = Rc::new(Gathered::default());
        for Question { account, own, holders, held } in questions {
            if own {
                answers.insert(account, Some(true));
            } else if let Some(believed) = self.believed(&account) {
                answers.insert(account, Some(believed));
            } else {
                let remembered = self.remembered(&account);
                let (fresh, holders) = (remembered.is_some(), remembered.unwrap_or(holders));
                let own = self.counts(&account, &holders, held);
                let answers = own.then(|| (held, Instant::now())).into_iter().collect();
                let tally = Tally { holders, fresh, own, answers };
                gathered.tallies.borrow_mut().insert(account, tally);
            }
        }
        if !gathered.tallies.borrow().is_empty() {
            // A task of its own: what comes too late for this answer is there for the next.
            let (lookout, work) = (self.clone(), gathered.clone());
            self.node.spawn(async move { lookout.gather(&work).await });
            gathered.wait().await;
        }
        for (account, tally) in gathered.tallies.borrow().iter() {
            answers.insert(*account, shown(tally.verdict()));
        }
        order.into_iter().map(|account| (account, answers.get(&account).copied().flatten())).collect()
    }

    /// Tells whether this node's own judgement is one of a holder: it knows something, or would be expected to.
    fn counts(&self, account: &AccountId, holders: &[Contact], held: Standing) -> bool {
        let place = home(account);
        let nearer = |holder: &Contact| holder.node.distance(&place) < self.node.me.distance(&place);
        held != Standing::Unknown || holders.len() == HOLDERS && !holders.iter().all(nearer)
    }

    fn believed(&self, account: &AccountId) -> Option<bool> {
        let believed = self.believed.borrow();
        let before = believed.get(account).filter(|before| Instant::now() < before.until)?;
        match before.verdict {
            Verdict::Online(heard) => Some(heard + before.at.elapsed() < SILENCE),
            verdict => shown(verdict),
        }
    }

    fn remembered(&self, account: &AccountId) -> Option<Vec<Contact>> {
        let found = self.found.borrow();
        found.get(account).filter(|(_, at)| at.elapsed() < FOUND).map(|(holders, _)| holders.clone())
    }

    /// Takes in who is nearest to an account's home, the nearest first, from whoever looked; fewer than the holders say
    /// nothing.
    pub fn found(&self, account: AccountId, nearest: &[Contact]) {
        if let Some(holders) = nearest.get(..HOLDERS) {
            self.note(account, holders.to_vec());
        }
    }

    fn note(&self, account: AccountId, holders: Vec<Contact>) {
        let mut found = self.found.borrow_mut();
        if found.len() >= REMEMBERED {
            found.retain(|_, (_, at)| at.elapsed() < FOUND);
        }
        if found.len() < REMEMBERED {
            found.insert(account, (holders, Instant::now()));
        }
    }

    async fn gather(&self, gathered: &Gathered) {
        let with_holders: Vec<AccountId> =
            gathered.tallies.borrow().iter().filter(|(_, t)| !t.holders.is_empty()).map(|(a, _)| *a).collect();
        self.ask(gathered, &with_holders).await;
        let lost: Vec<AccountId> =
            gathered.tallies.borrow().iter().filter(|(_, t)| t.is_lost()).map(|(a, _)| *a).collect();
        let groups = lost.chunks(AT_ONCE).map(|some| async {
            let again = join_all(some.iter().map(|account| self.find(gathered, *account))).await;
            let again: Vec<AccountId> = again.into_iter().flatten().collect();
            self.ask(gathered, &again).await;
        });
        stream::iter(groups).buffer_unordered(2).for_each(async |()| ()).await;
        gathered.done.set(true);
        gathered.changed.notify_one();
        self.remember(gathered);
    }

    /// Looks for the holders of an account; returns it when they are others than those that were asked.
    async fn find(&self, gathered: &Gathered, account: AccountId) -> Option<AccountId> {
        // The semaphore is never closed, so acquiring only waits.
        let turn = self.turns.acquire().await.ok();
        let holders = nearest(&self.node, home(&account), HOLDERS).await;
        drop(turn);
        self.note(account, holders.clone());
        let mut tallies = gathered.tallies.borrow_mut();
        let tally = tallies.get_mut(&account)?;
        if holders.len() < HOLDERS && !tally.own {
            // So few are left that this node is a holder itself.
            tally.own = true;
            tally.answers.push((Standing::Unknown, Instant::now()));
        }
        let before: Vec<NodeId> = tally.holders.iter().map(|holder| holder.node).collect();
        let new: Vec<Contact> = holders.into_iter().filter(|holder| !before.contains(&holder.node)).collect();
        let any = !new.is_empty();
        tally.holders = new;
        any.then_some(account)
    }

    /// Asks all holders of some accounts, each once for as many as fit.
    async fn ask(&self, gathered: &Gathered, accounts: &[AccountId]) {
        let mut by_holder: BTreeMap<NodeId, (Contact, Vec<AccountId>)> = BTreeMap::new();
        for (account, tally) in gathered.tallies.borrow().iter().filter(|(a, _)| accounts.binary_search(a).is_ok()) {
            for holder in tally.holders.iter().filter(|h| h.node != self.node.me && !self.node.is_absent(h)) {
                by_holder.entry(holder.node).or_insert_with(|| (holder.clone(), Vec::new())).1.push(*account);
            }
        }
        let asks = by_holder.into_values().flat_map(|(holder, accounts)| {
            let chunks: Vec<Vec<AccountId>> = accounts.chunks(MAX_CHECKED).map(<[_]>::to_vec).collect();
            chunks.into_iter().map(move |some| (holder.clone(), some))
        });
        let asks = asks.map(|(holder, some)| async move {
            let Some(standings) = self.ask_holder(&holder, &some).await else { return };
            let now = Instant::now();
            for (account, standing) in some.iter().zip(standings) {
                if let Some(tally) = gathered.tallies.borrow_mut().get_mut(account) {
                    tally.answers.push((standing, now));
                }
            }
            gathered.changed.notify_one();
        });
        stream::iter(asks).buffer_unordered(AT_ONCE).for_each(async |()| ()).await;
    }

    async fn ask_holder(&self, holder: &Contact, accounts: &[AccountId]) -> Option<Vec<Standing>> {
        let request = CheckOnline { accounts: accounts.to_vec(), here: false };
        let call = timeout(PATIENCE, self.node.call(holder, &request, Patience::Read)).await;
        let standings = call.ok()?.ok()?.standings;
        if standings.len() != accounts.len() {
            return None;
        }
        Some(standings.into_iter().map(opened).collect())
    }

    fn remember(&self, gathered: &Gathered) {
        let (now, mut believed) = (Instant::now(), self.believed.borrow_mut());
        if believed.len() >= REMEMBERED {
            believed.retain(|_, before| now < before.until);
        }
        for (account, tally) in gathered.tallies.borrow().iter() {
            let verdict = tally.verdict();
            let lasts = match verdict {
                Verdict::Unknown => continue,
                Verdict::Offline => OFFLINE,
                Verdict::Online(_) => ONLINE,
            };
            if believed.len() < REMEMBERED {
                believed.insert(*account, Believed { verdict, at: now, until: now + lasts });
            }
        }
    }
}

impl Gathered {
    /// Waits until all is gathered, or enough and a moment more, or the time is up.
    async fn wait(&self) {
        let mut deadline = Instant::now() + LONGEST;
        let mut enough = false;
        while !self.done.get() {
            if !enough && self.tallies.borrow().values().all(Tally::is_enough) {
                enough = true;
                deadline = deadline.min(Instant::now() + REST);
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(deadline) => return,
            }
        }
    }
}

fn shown(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Unknown => None,
        Verdict::Offline => Some(false),
        Verdict::Online(_) => Some(true),
    }
}

fn opened(standing: OnlineStanding) -> Standing {
    let silent = Duration::from_secs(u64::from(standing.seconds));
    match standing.state {
        OnlineStanding::ONLINE => Standing::Online(silent),
        OnlineStanding::OFFLINE => Standing::Offline(silent),
        _ => Standing::Unknown,
    }
}
