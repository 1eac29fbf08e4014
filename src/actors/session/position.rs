//! How far the account has read, as a sealed entry at its home: a device writes it now and then, and the others read it.
//!
//! What it means is the feed's; watermarks say the same to authors, where the user lets them.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::compare::Standing;
use super::state::{Session, Shared};
use crate::actors::outbox::Item;
use crate::keys::SealKey;
use crate::records::{Entry, PrivateBody, PrivateKind, Record, Signed, entry_tag, home};
use crate::timeline::Positions;
use crate::types::{AccountId, Hash, Section, SectionSet};

/// A device writes it no oftener: a reader goes from post to post.
const LEAST: Duration = Duration::from_secs(60);

/// Names it in the outbox.
const LABEL: &str = "position";

/// Reads how far the account has read out of what its home has.
pub fn open(account: &AccountId, records: &[Record], key: &SealKey) -> Positions {
    let mut out = Positions::default();
    for record in records {
        if let Record::Private(sealed) = record
            && sealed.body.account == *account
            && let Some(entry) = sealed.body.open(key).filter(|e| e.kind == PrivateKind::ReadPosition as u8)
        {
            out.join(&Positions::read(&entry.logs));
        }
    }
    out
}

/// Tells the feed what other devices of the account have read.
pub async fn take_over(shared: &Rc<Shared>, session: &Session, records: &[Record]) {
    let Some(key) = session.settings_key() else { return };
    let positions = open(&session.account, records, &key);
    if shared.session().is_ok_and(|now| now.device_id() == session.device_id()) {
        shared.node.doors().feed.read_elsewhere(positions).await;
    }
}

/// Writes how far the account has read, where that is news; `at_once` also when it was written just now.
pub async fn write(shared: Rc<Shared>, at_once: bool) {
    let recent = shared.position_at.get().is_some_and(|at| at.elapsed() < LEAST);
    if shared.session.borrow().is_none() || recent && !at_once {
        return;
    }
    // One that still waits says nearly as much, and without the network more of them help nobody.
    if Item::all(&*shared.node.store).iter().any(|item| item.label == LABEL) {
        return;
    }
    let _turn = shared.turn.lock().await;
    let Ok(mut session) = shared.session() else { return };
    let Some((record, item)) = sign(&shared, &mut session).await else { return };
    if let Err(error) = shared.commit(std::slice::from_ref(&record), &item, vec![session.keep()]).await {
        return tracing::warn!(%error, "how far was read could not be written");
    }
    *shared.session.borrow_mut() = Some(session);
    drop(_turn);
    shared.dispatch(item).await;
}

/// Seals how far the account has read; `None` where that is known at its home.
pub async fn sign(shared: &Shared, session: &mut Session) -> Option<(Record, Item)> {
    let (node, key) = (&shared.node, session.settings_key()?);
    // A stamp of a doubtful clock may be refused everywhere.
    if node.clock.in_doubt() || shared.standing.get() == Standing::Retired {
        return None;
    }
    let read = node.doors().feed.read_up_to().await;
    let held = stored(shared, session, &key);
    let mut known =
        held.as_ref().map(|held| open(&session.account, std::slice::from_ref(held), &key)).unwrap_or_default();
    let mut all = read.all;
    all.join(&known);
    let all = all.cut(&read.here);
    if !known.join(&all) {
        return None;
    }
    shared.position_at.set(Some(Instant::now()));
    session.hlc = held.and_then(|held| held.hlc()).map_or(session.hlc, |held| held.max(session.hlc));
    let hlc = session.stamp(node);
    let kind = PrivateKind::ReadPosition as u8;
    let entry = Entry { kind, subject: session.account, on: true, position: None, logs: all.list() };
    let mut rng = node.rng(&format!("position {hlc:?}"));
    let body = PrivateBody::seal(session.account, session.device_id(), hlc, &entry, &key, &mut rng);
    let record = Record::Private(Signed::sign(body, &session.device(), &node.network.id));
    let item = Item::pack(LABEL, record.hash(), std::slice::from_ref(&record), node.now());
    Some((record, item))
}

/// Returns the newest one that lies on this disk, unless its stamp is of a time that has not come.
fn stored(shared: &Shared, session: &Session, key: &SealKey) -> Option<Record> {
    let (node, tag) = (&shared.node, entry_tag(key, PrivateKind::ReadPosition, &session.account));
    let slot = Bytes::copy_from_slice(tag.as_bytes());
    let before = (Section::Private, slot.clone(), Hash([0; 32]));
    let sections = SectionSet::of(&[Section::Private]);
    let rows = node.store.read(&home(&session.account), sections, Some(&before), 1, node.horizon()).ok()?;
    let row = rows.into_iter().next().filter(|row| row.slot == slot)?;
    Record::decode(row.bytes).ok().filter(|record| record.hlc().is_some_and(|hlc| hlc.wall() <= node.now()))
}
