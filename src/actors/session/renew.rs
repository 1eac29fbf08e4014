//! Keeping what the account has said alive: edges, private entries, heads and the profile are renewed when half of their time has passed,
//! and everything that this device has signed is published again every 22 hours.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::compare::Standing;
use super::private::{self, Kept};
use super::state::{Once, Session, Shared};
use super::sync::newest_edge;
use crate::actors::outbox::Item;
use crate::keys::hash;
use crate::records::{EdgeBody, ProfileBody, Record, Signed, bundle_key, home};
use crate::seam::{Batch, Op, Space};
use crate::types::{Hash, Hlc, Section, SectionSet, WallTime};

/// Edges, private entries and heads live for a year.
const HALF_OF_A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600 / 2);
/// Profiles live for 90 days.
const HALF_OF_A_PROFILE: Duration = Duration::from_secs(90 * 24 * 3600 / 2);
/// Most records renewed in one go; the others are renewed the next time.
const RENEWED: usize = 100;
/// How often everything is published again.
const REPUBLISH: Duration = Duration::from_secs(22 * 3600);
/// Records published again at once, and the pause behind them: holders take 600 a minute, and other things wait as well.
const AT_ONCE: usize = 16;
const PAUSE: Duration = Duration::from_secs(10);
/// Records read at once.
const READ: usize = 1000;

const REPUBLISHED: Bytes = Bytes::from_static(b"republished");
const LABEL: &str = "republish";

/// Does what it is time for.
pub async fn renew(shared: Rc<Shared>) {
    let Some(_once) = Once::begin(&shared.renewing) else { return };
    // Whoever does not know the time does not know either what is old.
    if shared.standing.get() != Standing::Level || shared.node.clock.in_doubt() {
        return;
    }
    renew_old(&shared).await;
    let Ok(session) = shared.session() else { return };
    let (now, last) = (shared.node.now(), last_time(&shared, &session));
    // A time ahead of now was noted by a clock that was wrong.
    if last <= now && now.since(last) < REPUBLISH {
        return;
    }
    if republish(&shared, &session).await {
        let note = Op::SetLocal(Space::Session, REPUBLISHED, Bytes::copy_from_slice(&now.0.to_be_bytes()));
        if let Err(error) = shared.node.store.commit(Batch(vec![note])).await {
            tracing::warn!(%error, "the time of publishing again was not noted");
        }
    }
}

fn last_time(shared: &Shared, session: &Session) -> WallTime {
    let rows = shared.node.store.local(Space::Session, &REPUBLISHED, None, 1).unwrap_or_default();
    let noted = rows.first().and_then(|(_, value)| <[u8; 8]>::try_from(value.as_ref()).ok());
    noted.map_or(session.since, |bytes| WallTime(u64::from_be_bytes(bytes)))
}

/// Signs anew what is half a year old.
async fn renew_old(shared: &Rc<Shared>) {
    let _turn = shared.turn.lock().await;
    let (node, Ok(mut session)) = (&shared.node, shared.session()) else { return };
    let now = node.now();
    let old = |hlc: Hlc| now.since(hlc.wall()) > HALF_OF_A_YEAR;
    let mut records = Vec::new();
    let followees = shared.followees.borrow().clone();
    let aged = followees.iter().filter(|f| old(newest_edge(shared, &session, &f.account)));
    for followee in aged.take(RENEWED).collect::<Vec<_>>() {
        let (follower, device) = (session.account, session.device_id());
        let (followed, since, hlc) = (followee.account, followee.since, session.stamp(node));
        let body = EdgeBody { follower, device, followed, hlc, follows: true, since: since.min(hlc.wall()) };
        records.push(Record::Edge(Signed::sign(body, &session.device(), &node.network.id)));
    }
    let heads = read_own(shared, &session, Section::Heads);
    if session.last_seq > 0 && heads.iter().filter_map(Record::hlc).max().is_some_and(old) {
        records.push(Record::Heads(session.heads(node)));
    }
    if let Some(profile) = profile(shared, &session).filter(|p| now.since(p.hlc.wall()) > HALF_OF_A_PROFILE) {
        // Whichever device made it.
        let body = ProfileBody { device: session.device_id(), hlc: session.stamp(node), ..profile };
        records.push(Record::Profile(Signed::sign(body, &session.device(), &node.network.id)));
    }
    let privates: Vec<Kept> =
        shared.privates.borrow().iter().filter(|kept| kept.on && old(kept.hlc)).take(RENEWED).cloned().collect();
    let mut ops = Vec::new();
    for kept in privates {
        let mut kept = kept;
        kept.hlc = session.stamp(node);
        if let Ok((record, _)) = private::seal(shared, &session, &kept) {
            records.push(record);
            ops.push(kept.clone());
        }
    }
    for record in records {
        let item = Item::pack("renew", record.hash(), std::slice::from_ref(&record), now);
        let kept = match &record {
            Record::Private(sealed) => ops.iter().find(|kept| kept.hlc == sealed.body.hlc),
            _ => None,
        };
        let local = std::iter::once(session.keep()).chain(kept.map(Kept::keep)).collect();
        if let Err(error) = shared.commit(std::slice::from_ref(&record), &item, local).await {
            return tracing::warn!(%error, "what is old was not renewed");
        }
        kept.iter().for_each(|kept| private::replace(shared, (*kept).clone()));
        *shared.session.borrow_mut() = Some(session.clone());
        let sender = shared.clone();
        node.spawn(async move {
            sender.dispatch(item).await;
        });
    }
}

/// Returns the profile as this disk has it.
fn profile(shared: &Shared, session: &Session) -> Option<ProfileBody> {
    let (node, sections) = (&shared.node, SectionSet::of(&[Section::Profile]));
    let stored = node.store.read(&home(&session.account), sections, None, 1, node.horizon()).ok()?;
    match Record::decode(stored.into_iter().next()?.bytes) {
        Ok(Record::Profile(profile)) => Some(profile.body),
        _ => None,
    }
}

fn read_own(shared: &Shared, session: &Session, section: Section) -> Vec<Record> {
    let (node, device) = (&shared.node, session.device_id());
    let key = match section {
        Section::Bundle => bundle_key(&session.username),
        _ => home(&session.account),
    };
    let (mut out, mut after) = (Vec::new(), None);
    loop {
        let rows =
            node.store.read(&key, SectionSet::of(&[section]), after.as_ref(), READ, node.horizon()).unwrap_or_default();
        let Some(last) = rows.last() else { return out };
        after = Some((last.section, last.slot.clone(), last.hash));
        let records = rows.into_iter().filter_map(|row| Record::decode(row.bytes).ok());
        out.extend(records.filter(|record| record.device().is_none_or(|of| of == device)));
    }
}

/// Publishes again what this device has signed, and what proves it; true when all of it is published.
async fn republish(shared: &Rc<Shared>, session: &Session) -> bool {
    let node = &shared.node;
    let waiting = node.doors().outbox.items().await;
    if waiting.map_or(true, |items| items.iter().any(|item| item.label == LABEL)) {
        return false;
    }
    let sections = [
        Section::Account,
        Section::Bundle,
        Section::Device,
        Section::Profile,
        Section::Heads,
        Section::Post,
        Section::Following,
        Section::Private,
    ];
    let mut records: Vec<Record> = sections.iter().flat_map(|section| read_own(shared, session, *section)).collect();
    records.retain(|record| !is_collected(session, record));
    for some in records.chunks(AT_ONCE) {
        if !shared.session().is_ok_and(|now| now.device_id() == session.device_id()) {
            return false;
        }
        let item = Item::pack(LABEL, name(some, node.now()), some, node.now());
        if let Err(error) = shared.commit(&[], &item, Vec::new()).await {
            tracing::warn!(%error, "nothing more is published again for now");
            return false;
        }
        if !shared.dispatch(item).await.published {
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
    true
}

/// Tells whether the network is right not to have a post any more.
fn is_collected(session: &Session, record: &Record) -> bool {
    let Record::Post(post) = record else { return false };
    let seq = post.body.seq;
    seq <= session.floor || session.ended.iter().any(|(first, last)| (*first..=*last).contains(&seq))
}

/// Returns a name for records that travel together: another one than they had before.
fn name(records: &[Record], now: WallTime) -> Hash {
    let hashes = records.iter().flat_map(|record| record.hash().0);
    hash(&now.0.to_be_bytes().into_iter().chain(hashes).collect::<Vec<u8>>())
}
