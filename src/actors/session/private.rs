//! Mutes and blocks: sealed entries of the account's own, the same on all of its devices.
//!
//! A block hides, refuses and delivers nothing, and leaves alone who follows whom: taking it back brings everything back.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::follow::find_account;
use super::messages::{HiddenPerson, PrivateRelation};
use super::state::{Session, Shared};
use crate::actors::context::{Context, Hidden};
use crate::actors::outbox::Item;
use crate::actors::storage::account_of;
use crate::keys::SealKey;
use crate::records::{Entry, Known, PrivateBody, PrivateKind, Record, Signed, from_bytes, to_bytes};
use crate::seam::{Batch, Op, Space};
use crate::types::{AccountId, Code, Hlc, Problem, Username};

/// Most entries of an account, taken-back ones included: as many as it may follow.
const MOST: usize = 5000;
/// Names looked up in one go; the others are found the next time.
const AT_ONCE: usize = 64;

/// An entry as this device keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Number of a [`PrivateKind`].
    #[serde(rename = "K")]
    kind: u8,
    /// Whom it is about.
    #[serde(rename = "S")]
    pub subject: AccountId,
    /// Whether it holds.
    #[serde(rename = "O")]
    pub on: bool,
    /// When this was said.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The name, once it is known.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    username: Option<Username>,
}

impl Known for Kept {
    const FIELDS: &'static [&'static str] = &["K", "S", "O", "H", "n"];
}

impl Kept {
    /// Returns the change that keeps it.
    pub fn keep(&self) -> Op {
        Op::SetLocal(Space::Private, row(self.kind, &self.subject), to_bytes(self).into())
    }

    /// Returns the entry as it is sealed.
    pub fn entry(&self) -> Entry {
        Entry { kind: self.kind, subject: self.subject, on: self.on, position: None, logs: Vec::new() }
    }
}

fn row(kind: u8, subject: &AccountId) -> Bytes {
    [&[kind][..], &subject.0].concat().into()
}

/// All entries, by kind and subject.
#[derive(Clone, Debug, Default)]
pub struct Privates(BTreeMap<(u8, AccountId), Kept>);

impl Privates {
    /// Reads what is on disk.
    pub fn load(node: &Context) -> Self {
        let rows = node.store.local(Space::Private, &[], None, 2 * MOST).unwrap_or_default();
        let all = rows.into_iter().filter_map(|(_, value)| from_bytes::<Kept>(&value).ok());
        Self(all.map(|kept| ((kept.kind, kept.subject), kept)).collect())
    }

    /// Opens what an account's home has of them.
    pub fn open(account: &AccountId, records: &[Record], key: &SealKey) -> Self {
        let mut all = Self::default();
        for record in records {
            let Record::Private(sealed) = record else { continue };
            let Some(entry) = sealed.body.open(key).filter(|_| sealed.body.account == *account) else { continue };
            all.put(Kept {
                kind: entry.kind,
                subject: entry.subject,
                on: entry.on,
                hlc: sealed.body.hlc,
                username: None,
            });
        }
        all
    }

    /// Returns every entry.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.values()
    }

    /// Returns whom they hide.
    pub fn hidden(&self) -> Hidden {
        let of = |kind| self.on(kind).map(|kept| kept.subject).collect();
        Hidden { muted: of(PrivateKind::Mute), blocked: of(PrivateKind::Block) }
    }

    fn on(&self, kind: PrivateKind) -> impl Iterator<Item = &Kept> {
        self.0.values().filter(move |kept| kept.kind == kind as u8 && kept.on)
    }

    fn of(&self, kind: PrivateKind, subject: &AccountId) -> Option<&Kept> {
        self.0.get(&(kind as u8, *subject))
    }

    /// Takes an entry unless a later one is here; tells whether it was taken.
    fn put(&mut self, new: Kept) -> bool {
        let (place, full) = ((new.kind, new.subject), self.0.len() >= 2 * MOST);
        let hides = PrivateKind::from_number(new.kind).is_some_and(|kind| kind != PrivateKind::ReadPosition);
        match self.0.get_mut(&place) {
            _ if !hides => false,
            Some(held) if held.hlc >= new.hlc => false,
            Some(held) => {
                *held = Kept { username: new.username.or(held.username.take()), ..new };
                true
            }
            None if full => false,
            None => self.0.insert(place, new).is_none(),
        }
    }
}

/// Mutes or blocks somebody, or takes it back; waits for the network no longer than `within`.
pub async fn relate_privately(
    shared: Rc<Shared>,
    kind: PrivateKind,
    username: Username,
    on: bool,
    within: Option<Duration>,
) -> Result<PrivateRelation, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let session = shared.session()?;
    if session.username == username || kind == PrivateKind::ReadPosition {
        return Err(Problem::new(Code::FollowSelf, "nobody mutes or blocks themselves"));
    }
    key_of(&session)?;
    let named = |kept: &&Kept| kept.username.as_ref() == Some(&username);
    let known = shared.privates.borrow().iter().find(named).map(|kept| kept.subject);
    let subject = match known {
        Some(subject) => subject,
        None => find_account(&shared, &username, deadline).await?,
    };
    let done = |queued| PrivateRelation { username: username.clone(), kind, on, queued };
    let Some(item) = change(&shared, &session, kind, subject, &username, on).await? else {
        let held = shared.privates.borrow().of(kind, &subject).map(|kept| kept.hlc);
        let said = |record: &Record| matches!(record, Record::Private(r) if Some(r.body.hlc) == held);
        return Ok(done(shared.is_queued(said).await));
    };
    let progress = shared.dispatch_until(item, deadline).await;
    Ok(done(!progress.published))
}

fn key_of(session: &Session) -> Result<SealKey, Problem> {
    let old = || {
        Problem::new(Code::NotLoggedIn, "this login was made by a version that did not keep the key of private entries")
            .hint("`timeline logout`, then `timeline login NAME`")
    };
    session.settings_key().ok_or_else(old)
}

/// Seals the entry and puts it on disk; it holds here at once. `None` when there is nothing to change.
async fn change(
    shared: &Rc<Shared>,
    asked: &Session,
    kind: PrivateKind,
    subject: AccountId,
    username: &Username,
    on: bool,
) -> Result<Option<Item>, Problem> {
    let _turn = shared.turn.lock().await;
    let mut session = shared.session()?;
    if session.device_id() != asked.device_id() {
        return Err(Problem::new(Code::NotLoggedIn, "another account logged in meanwhile"));
    }
    let held = shared.privates.borrow().of(kind, &subject).cloned();
    if held.as_ref().is_some_and(|held| held.on) == on {
        return Ok(None);
    }
    if held.is_none() && shared.privates.borrow().0.len() >= MOST {
        return Err(Problem::new(Code::Quota, format!("an account mutes and blocks at most {MOST} others")));
    }
    // Another device whose clock is ahead may have spoken last: what is said now has to win over it.
    session.hlc = session.hlc.max(held.map_or(Hlc::default(), |held| held.hlc));
    let hlc = session.stamp(&shared.node);
    let kept = Kept { kind: kind as u8, subject, on, hlc, username: Some(username.clone()) };
    let (record, item) = seal(shared, &session, &kept)?;
    shared.commit(std::slice::from_ref(&record), &item, vec![session.keep(), kept.keep()]).await?;
    *shared.session.borrow_mut() = Some(session);
    // Said anew by a device whose stamps started anew: it holds whatever was held before.
    shared.privates.borrow_mut().0.insert((kept.kind, subject), kept);
    shared.node.hide(shared.privates.borrow().hidden());
    Ok(Some(item))
}

/// Seals an entry as it is kept.
pub fn seal(shared: &Shared, session: &Session, kept: &Kept) -> Result<(Record, Item), Problem> {
    let (node, key) = (&shared.node, key_of(session)?);
    let mut rng = node.rng(&format!("private {} {} {:?}", kept.kind, kept.subject, kept.hlc));
    let body = PrivateBody::seal(session.account, session.device_id(), kept.hlc, &kept.entry(), &key, &mut rng);
    let record = Record::Private(Signed::sign(body, &session.device(), &node.network.id));
    let item = Item::pack("private", record.hash(), std::slice::from_ref(&record), node.now());
    Ok((record, item))
}

/// Returns an entry with a new stamp; the caller keeps it.
pub fn restamp(shared: &Shared, session: &mut Session, old: &Record) -> Option<Kept> {
    let Record::Private(sealed) = old else { return None };
    let entry = sealed.body.open(&session.settings_key()?)?;
    let privates = shared.privates.borrow();
    let held = privates.0.get(&(entry.kind, entry.subject)).filter(|held| held.hlc == sealed.body.hlc)?;
    Some(Kept { hlc: session.stamp(&shared.node), ..held.clone() })
}

/// Replaces an entry by the same one whose stamp was spoilt: its new one may be earlier.
pub fn amended(shared: &Shared, kept: Kept) {
    shared.privates.borrow_mut().0.insert((kept.kind, kept.subject), kept);
}

/// Replaces an entry by the same one with a later stamp.
pub fn replace(shared: &Shared, kept: Kept) {
    shared.privates.borrow_mut().put(kept);
}

/// Takes over what other devices of the account have said meanwhile.
pub async fn take_over(shared: &Rc<Shared>, session: &Session, records: &[Record]) {
    let Some(key) = session.settings_key() else { return };
    let news = Privates::open(&session.account, records, &key);
    let _turn = shared.turn.lock().await;
    if !shared.session().is_ok_and(|now| now.device_id() == session.device_id()) {
        return;
    }
    let mut next = shared.privates.borrow().clone();
    let taken: Vec<Kept> = news.0.into_values().filter(|kept| next.put(kept.clone())).collect();
    if taken.is_empty() {
        return;
    }
    // On disk before it is shown; what was not kept is taken over another time.
    let ops = taken.iter().filter_map(|kept| next.0.get(&(kept.kind, kept.subject)).map(Kept::keep)).collect();
    if let Err(error) = shared.node.store.commit(Batch(ops)).await {
        return tracing::warn!(%error, "mutes and blocks of another device were not kept");
    }
    for kept in taken {
        shared.privates.borrow_mut().put(kept);
    }
    shared.node.hide(shared.privates.borrow().hidden());
}

/// Returns who is muted or blocked, by name; those whose names are not known and cannot be found now are left out.
pub async fn list(shared: Rc<Shared>, kind: PrivateKind) -> Result<Vec<HiddenPerson>, Problem> {
    shared.session()?;
    let on: Vec<Kept> = shared.privates.borrow().on(kind).cloned().collect();
    let mut out = Vec::new();
    let mut looked_up = 0;
    for kept in on {
        let username = match kept.username {
            Some(username) => Some(username),
            None if looked_up < AT_ONCE => {
                looked_up += 1;
                account_of(&shared.node, kept.subject).await.map(|chain| chain.username().clone())
            }
            None => None,
        };
        let Some(username) = username else { continue };
        if let Some(held) = shared.privates.borrow_mut().0.get_mut(&(kept.kind, kept.subject)) {
            held.username = Some(username.clone());
        }
        out.push(HiddenPerson { username, account: kept.subject, since: kept.hlc.wall() });
    }
    out.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_whichever_comes_first() {
        let kept = |ms: u64, on: bool, kind: PrivateKind| Kept {
            kind: kind as u8,
            subject: AccountId([1; 32]),
            on,
            hlc: Hlc(ms),
            username: None,
        };
        let mut all = Privates::default();
        assert!(all.put(kept(2, true, PrivateKind::Block)) && !all.put(kept(1, false, PrivateKind::Block)));
        assert!(all.hidden().blocks(&AccountId([1; 32])));
        assert!(all.put(kept(3, false, PrivateKind::Block)) && !all.put(kept(3, true, PrivateKind::Block)));
        assert!(all.put(kept(1, true, PrivateKind::Mute)));
        let hidden = all.hidden();
        assert!(hidden.hides(&AccountId([1; 32])) && !hidden.blocks(&AccountId([1; 32])));
        assert!(!all.put(kept(9, true, PrivateKind::ReadPosition)), "the feed keeps that");
    }
}
