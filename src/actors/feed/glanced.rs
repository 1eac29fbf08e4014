//! Looking at authors' homes when their time has come: a glance at one holder first, and a whole read where that shows
//! something that is not here.

use std::rc::Rc;
use std::time::Duration;

use actix::{Context as Ctx, Handler, MessageResult};
use bytes::Bytes;
use tokio::time::Instant;

use super::actor::FeedActor;
use super::author::Author;
use super::catch_up::{catch_up, state_of};
use super::messages::{Glanced, HoldersChanged, Hurry, PeersKnown, Woke};
use super::pace::Look;
use super::state::FeedState;
use crate::actors::context::Context;
use crate::actors::glance::{glance, in_turn};
use crate::records::Record;
use crate::types::{AccountId, Section, SectionSet, WallTime};

/// Deletions and posts themselves are looked at each so many glances; else heads, which are small and name every post.
const WITH_POSTS: u32 = 4;

/// The own home is read as a whole this often.
const OWN_WHOLE: Duration = Duration::from_secs(600);

/// An author whose home is to be looked at.
pub struct Errand {
    /// Whose.
    pub account: AccountId,
    /// How.
    pub look: Look,
    /// Whether anything of its log is known here.
    pub something: bool,
    /// Whose watermarks are read as well.
    pub reader: Option<AccountId>,
}

/// Looks at a home.
pub async fn look(node: Rc<Context>, errand: Errand) {
    let Errand { account, look, something, reader } = errand;
    if let Look::Glance(turn) = look {
        let heads = SectionSet::of(&[Section::Heads]);
        let posts = if turn % WITH_POSTS == 0 { SectionSet::of(&[Section::Post]) } else { SectionSet::default() };
        let visit = in_turn(node.doors().presence.visiting(account).await, turn);
        if let Some(records) = glance(&node, account, heads.with(posts), visit, something).await {
            let records = records.iter().map(|record| record.bytes().clone()).collect();
            if !node.doors().feed.glanced(Glanced { account, records }).await {
                return;
            }
        }
    }
    catch_up(node, account, reader).await;
}

impl FeedState {
    /// Returns the homes that are to be looked at now.
    pub fn errands(&mut self) -> Vec<Errand> {
        let (now, hidden) = (Instant::now(), self.node.hidden());
        let (me, authors) = (self.me.as_ref().map(|(me, _)| *me), self.authors.len());
        let due =
            self.authors.iter_mut().filter(|(account, _)| !hidden.blocks(account)).filter_map(|(account, author)| {
                let due = author.pace.begin(now, author.complete, authors)?;
                // What replicas have collected of the own posts is for this node to sign, and a glance shows too little of it.
                let owed = Some(*account) == me && author.pace.read_at.is_none_or(|at| now - at >= OWN_WHOLE);
                let look = if owed { Look::Whole } else { due };
                let reader = me.filter(|_| !author.followee.met);
                Some(Errand { account: *account, look, something: !author.logs.is_empty(), reader })
            });
        due.collect()
    }

    /// Asks for a look at every home, as something may have been missed.
    pub fn hurry(&mut self) {
        let now = Instant::now();
        self.authors.values_mut().for_each(|author| author.pace.hurry(now));
    }

    /// Notes that a look at a home has ended; `missed` says that it brought what should have come by itself.
    pub fn looked(&mut self, account: &AccountId, missed: bool) {
        let authors = self.authors.len();
        if let Some(author) = self.authors.get_mut(account) {
            author.pace.looked(Instant::now(), missed, authors, &mut self.rng);
        }
    }

    /// Tells whether a glance shows anything that is not here.
    fn is_news(&self, account: &AccountId, records: &[Bytes]) -> bool {
        let Some(author) = self.authors.get(account) else { return false };
        let records = records.iter().filter_map(|bytes| Record::decode(bytes.clone()).ok());
        let now = self.node.horizon();
        let mut records = records.filter(|record| record.account() == Some(*account));
        records.any(|record| match &record {
            Record::Tombstone(tombstone) => !self.is_gone(account, &tombstone.body.post),
            record => author.lacks(record, now),
        })
    }
}

impl Author {
    /// Tells whether a record of its home speaks of posts that did not come, and of which that was not known.
    fn lacks(&self, record: &Record, now: WallTime) -> bool {
        let log = |device| self.followee.logs.get(device).cloned().unwrap_or_default();
        let (device, state) = match record {
            Record::Post(post) => return !log(&post.body.device).has(post.body.seq),
            Record::Heads(heads) => (heads.body.device, state_of(&heads.body, now)),
            _ => return false,
        };
        let (log, known) = (log(&device), self.logs.get(&device).cloned().unwrap_or_default());
        let mut said = known.clone();
        said.join(state);
        let missing = log.missing(&said);
        // What nobody had is asked for again and again; what is gone for good is told once.
        missing.unreachable > 0 || missing != log.missing(&known)
    }
}

impl Handler<Glanced> for FeedActor {
    type Result = bool;

    fn handle(&mut self, Glanced { account, records }: Glanced, _: &mut Ctx<Self>) -> bool {
        let news = self.state.is_news(&account, &records);
        if !news {
            self.state.looked(&account, false);
        }
        news
    }
}

impl Handler<Woke> for FeedActor {
    type Result = ();

    fn handle(&mut self, _: Woke, _: &mut Ctx<Self>) {
        self.state.authors.values_mut().for_each(|author| author.pace.restart());
        self.look_at_all();
    }
}

impl Handler<Hurry> for FeedActor {
    type Result = ();

    fn handle(&mut self, _: Hurry, _: &mut Ctx<Self>) {
        self.look_at_all();
    }
}

impl Handler<HoldersChanged> for FeedActor {
    type Result = ();

    fn handle(&mut self, HoldersChanged(account): HoldersChanged, _: &mut Ctx<Self>) {
        let author = self.state.authors.get_mut(&account);
        author.into_iter().for_each(|author| author.pace.hurry(Instant::now()));
    }
}

impl Handler<PeersKnown> for FeedActor {
    type Result = MessageResult<PeersKnown>;

    fn handle(&mut self, peers: PeersKnown, _: &mut Ctx<Self>) -> Self::Result {
        if self.crowd.is_back(&peers) {
            self.look_at_all();
        }
        MessageResult(())
    }
}

/// How many peers there are, as far as it says whether this node was cut off.
#[derive(Debug, Default)]
pub struct Crowd {
    least: usize,
    anchors: usize,
}

impl Crowd {
    /// Tells whether this node comes back into the network: an anchor answers again, or twice as many peers are known as
    /// there were left. That some come and others go is usual, and means nothing.
    pub fn is_back(&mut self, now: &PeersKnown) -> bool {
        let back = now.anchors > self.anchors || now.known >= 2 * self.least.max(1);
        self.anchors = now.anchors;
        self.least = if back { now.known } else { self.least.min(now.known) };
        back
    }
}
