//! The logged-in device, in memory and on disk.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, timeout_at};

use super::compare::Standing;
use super::mention::Named;
use super::messages::{LoggedIn, WhoAmI};
use super::private::Privates;
use crate::actors::context::Context;
use crate::actors::feed::Followee;
use crate::actors::glance::Familiar;
use crate::actors::outbox::{Item, Progress};
use crate::actors::storage::put_op;
use crate::keys::{SealKey, SecretKey};
use crate::records::{Destination, HeadsBody, Known, Record, Signed, from_bytes, to_bytes};
use crate::seam::{Batch, Op, Space, StoreError};
use crate::timeline::Rate;
use crate::types::{AccountId, Code, DeviceId, Hash, Hlc, Problem, Username, WallTime};

/// A device and the state of its log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "U")]
    pub username: Username,
    #[serde(rename = "A")]
    pub account: AccountId,
    #[serde(rename = "K", with = "serde_bytes")]
    secret: Vec<u8>,
    #[serde(rename = "T")]
    pub since: WallTime,
    #[serde(rename = "H")]
    pub hlc: Hlc,
    #[serde(rename = "Q")]
    pub last_seq: u64,
    #[serde(rename = "P", default)]
    pub last_hash: Option<Hash>,
    #[serde(rename = "V")]
    pub version: u64,
    #[serde(rename = "F")]
    pub floor: u64,
    /// What has ended above the floor, as the heads say it.
    #[serde(rename = "C", default)]
    pub ended: Vec<(u64, u64)>,
    /// From which number on it is known why numbers are gone; zero in a session of a version that did not note it.
    #[serde(rename = "w", default)]
    pub why_from: u64,
    /// What of it was collected before its end.
    #[serde(rename = "c", default)]
    pub early: Vec<(u64, u64)>,
    /// The key of the account's private entries; empty in a session of a version that did not keep it.
    #[serde(rename = "g", default, with = "serde_bytes")]
    settings: Vec<u8>,
}

impl Known for Session {
    const FIELDS: &'static [&'static str] = &["U", "A", "K", "T", "H", "Q", "P", "V", "F", "C", "w", "c", "g"];
}

impl Drop for Session {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
        zeroize::Zeroize::zeroize(&mut self.settings);
    }
}

const SESSION: Bytes = Bytes::from_static(b"session");

impl Session {
    /// Starts a session with a fresh device; `settings` is the key of the account's private entries.
    pub fn new(
        username: Username,
        account: AccountId,
        device: &SecretKey,
        since: WallTime,
        settings: Option<&[u8]>,
    ) -> Self {
        let secret = device.to_bytes().to_vec();
        Self {
            username,
            account,
            secret,
            since,
            hlc: Hlc::default(),
            last_seq: 0,
            last_hash: None,
            version: 0,
            floor: 0,
            ended: Vec::new(),
            why_from: 1,
            early: Vec::new(),
            settings: settings.unwrap_or_default().to_vec(),
        }
    }

    /// Reads the session of the last run.
    pub fn load(node: &Context) -> Option<Self> {
        let rows = node.store.local(Space::Session, &SESSION, None, 1).ok()?;
        rows.first().and_then(|(_, value)| from_bytes(value).ok())
    }

    /// Returns the change that keeps it.
    pub fn keep(&self) -> Op {
        Op::SetLocal(Space::Session, SESSION, to_bytes(self).into())
    }

    /// Returns the device's key.
    pub fn device(&self) -> SecretKey {
        let secret = <[u8; 32]>::try_from(self.secret.as_slice()).unwrap_or_default();
        SecretKey::from_bytes(&zeroize::Zeroizing::new(secret))
    }

    /// Returns the key of the account's private entries, where the login kept it.
    pub fn settings_key(&self) -> Option<SealKey> {
        <[u8; 32]>::try_from(self.settings.as_slice()).ok().map(SealKey::new)
    }

    /// Returns the device.
    pub fn device_id(&self) -> DeviceId {
        DeviceId(self.device().public().0)
    }

    /// Returns the next stamp and remembers it.
    pub fn stamp(&mut self, node: &Context) -> Hlc {
        self.hlc = node.stamp(self.hlc);
        self.hlc
    }

    /// Signs the state of the log as it is now, one version further.
    pub fn heads(&mut self, node: &Context) -> Signed<HeadsBody> {
        self.version += 1;
        let body = HeadsBody {
            account: self.account,
            device: self.device_id(),
            version: self.version,
            hlc: self.stamp(node),
            last_seq: self.last_seq,
            last_hash: self.last_hash,
            floor: self.floor,
            collected: self.ended.clone(),
            why_from: (self.why_from > 0).then_some(self.why_from),
            early: self.early.clone(),
        };
        Signed::sign(body, &self.device(), &node.network.id)
    }

    /// Returns the session as people see it.
    pub fn who(&self) -> WhoAmI {
        WhoAmI { device: self.logged_in(), since: self.since }
    }

    /// Returns the device as people see it.
    pub fn logged_in(&self) -> LoggedIn {
        LoggedIn { username: self.username.clone(), account: self.account, device: self.device_id() }
    }
}

/// What the handlers of the session share.
pub struct Shared {
    /// The node.
    pub node: Rc<Context>,
    /// The session, `None` before login.
    pub session: RefCell<Option<Session>>,
    /// Whom the account follows, as on disk.
    pub followees: RefCell<Vec<Followee>>,
    /// Times of the latest posts.
    pub rate: RefCell<Rate>,
    /// One change of the log or of the login at a time: its records are chained.
    pub turn: Mutex<()>,
    /// Whether pending registrations are being pursued.
    pub pursuing: Rc<Cell<bool>>,
    /// Whether the followees are being brought in step with the home.
    pub syncing: Rc<Cell<bool>>,
    /// What is known of the own home since it was read for that.
    pub familiar: RefCell<Familiar>,
    /// Whether names of posts are being looked up.
    pub telling: Rc<Cell<bool>>,
    /// Whether records are being renewed.
    pub renewing: Rc<Cell<bool>>,
    /// Where the own log stands against the network's.
    pub standing: Cell<Standing>,
    /// One comparison of the log at a time.
    pub comparing: Mutex<()>,
    /// The account's mutes and blocks.
    pub privates: RefCell<Privates>,
    /// When it was written how far the account has read.
    pub position_at: Cell<Option<Instant>>,
    /// When whom was named in posts.
    pub named: RefCell<Named>,
}

/// Something that is done once at a time; over when this is dropped.
pub struct Once(Rc<Cell<bool>>);

impl Once {
    /// Begins; `None` when it is under way.
    pub fn begin(under_way: &Rc<Cell<bool>>) -> Option<Self> {
        (!under_way.replace(true)).then(|| Self(under_way.clone()))
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Shared {
    /// Loads what the last run left.
    pub fn load(node: Rc<Context>) -> Rc<Self> {
        let session = Session::load(&node);
        let mut followees = followees(&node);
        if let Some(session) = &session {
            followees.retain(|f| f.account != session.account);
        }
        let privates = if session.is_some() { Privates::load(&node) } else { Privates::default() };
        node.hide(privates.hidden());
        let (session, followees) = (RefCell::new(session), RefCell::new(followees));
        Rc::new(Self {
            node,
            session,
            followees,
            rate: RefCell::default(),
            turn: Mutex::new(()),
            pursuing: Rc::default(),
            syncing: Rc::default(),
            familiar: RefCell::default(),
            telling: Rc::default(),
            renewing: Rc::default(),
            standing: Cell::new(Standing::Unknown),
            comparing: Mutex::new(()),
            privates: RefCell::new(privates),
            position_at: Cell::default(),
            named: RefCell::default(),
        })
    }

    /// Returns a copy of the session.
    ///
    /// # Errors
    /// `not_logged_in`.
    pub fn session(&self) -> Result<Session, Problem> {
        let problem =
            || Problem::new(Code::NotLoggedIn, "nobody is logged in on this node").hint("timeline login NAME");
        self.session.borrow().clone().ok_or_else(problem)
    }

    /// Begins with a new device, whose log is nowhere but here, and with what the account hides.
    pub fn start_level(&self, privates: Privates) {
        self.standing.set(Standing::Level);
        self.node.hide(privates.hidden());
        *self.privates.borrow_mut() = privates;
        *self.named.borrow_mut() = Named::default();
        *self.rate.borrow_mut() = Rate::default();
        self.position_at.set(None);
    }

    /// Tells feed and presence who is logged in.
    pub async fn begin(&self) {
        let Ok(session) = self.session() else { return };
        let followees = self.followees.borrow().clone();
        let authors = followees.iter().map(|f| f.account).collect();
        let doors = self.node.doors();
        self.node.attended.set(true);
        self.node.account.set(Some(session.account));
        doors.feed.begin(session.account, session.username.clone(), followees).await;
        doors.seen.begin(session.account, session.device()).await;
        doors.presence.begin(session.account, session.device(), authors).await;
    }

    /// Lets memory, feed and presence know of a change that is on disk: the account follows somebody, or no longer.
    pub async fn relate(&self, followee: Followee, follows: bool) {
        let (account, doors) = (followee.account, self.node.doors());
        self.followees.borrow_mut().retain(|f| f.account != account);
        if follows {
            self.followees.borrow_mut().push(followee.clone());
            doors.feed.followed(followee).await;
        } else {
            doors.feed.unfollowed(account).await;
        }
        doors.presence.interested(account, follows).await;
    }

    /// Puts records, local changes and the outbox item on disk in one transaction.
    pub async fn commit(&self, records: &[Record], item: &Item, mut ops: Vec<Op>) -> Result<(), StoreError> {
        let now = self.node.horizon();
        self.node.learn(records);
        for record in records {
            for Destination { key, section } in record.destinations() {
                ops.push(put_op(record, key, section, now));
            }
        }
        ops.push(item.keep());
        self.node.store.commit(Batch(ops)).await?;
        // What this device adds may let other posts of the account go, on this node as well.
        for record in records {
            let stored = |Destination { section, .. }| self.node.homes.stored(record, section);
            record.destinations().into_iter().for_each(stored);
        }
        Ok(())
    }

    /// Tells whether something that was asked for before is still on its way.
    pub async fn is_queued(&self, is_it: impl Fn(&Record) -> bool) -> bool {
        let all = Item::all(&*self.node.store).into_iter();
        let waiting = all.filter(|item| !item.is_published() && item.records().iter().any(&is_it));
        for item in waiting {
            if self.node.doors().outbox.progress(item.id).await.is_some_and(|progress| !progress.published) {
                return true;
            }
        }
        false
    }

    /// Sends an item that was committed.
    pub async fn dispatch(&self, item: Item) -> Progress {
        self.node.doors().outbox.dispatch(item).await
    }

    /// Sends an item that was committed, and returns how far it has come by the deadline, or once it cannot be published soon
    /// because nobody who is to have it is there; sending goes on after it.
    pub async fn dispatch_until(&self, item: Item, deadline: Option<Instant>) -> Progress {
        let Some(deadline) = deadline else { return self.dispatch(item).await };
        let (id, so_far) = (item.id, Progress::of(&item));
        // A task of its own: a message whose sender gives up before the actor looks at it is not looked at.
        let (told, progress) = oneshot::channel();
        let outbox = self.node.doors().outbox.clone();
        self.node.spawn(async move {
            // Nobody listens any more when the deadline has passed.
            let _ = told.send(outbox.dispatch(item).await);
        });
        let outbox = &self.node.doors().outbox;
        let Ok(Ok(mut progress)) = timeout_at(deadline, progress).await else {
            return outbox.progress(id).await.unwrap_or(so_far);
        };
        while !progress.published && progress.hopeful {
            match timeout_at(deadline, outbox.next_attempt(id)).await {
                Ok(Some(next)) => progress = next,
                _ => return outbox.progress(id).await.unwrap_or(progress),
            }
        }
        progress
    }
}

/// Most followees read from disk: the most a network allows, with room.
const FOLLOWEES: usize = 100_000;

fn followees(node: &Context) -> Vec<Followee> {
    let rows = node.store.local(Space::Followees, &[], None, FOLLOWEES).unwrap_or_default();
    rows.into_iter().filter_map(|(_, value)| Followee::read(&value)).collect()
}
