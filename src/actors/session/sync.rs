//! Whom the account follows and what it hides, kept in step with what its home says: other devices of the account change it too, and at
//! a login not everything could be read.

use std::rc::Rc;

use super::amend::amend;
use super::state::{Once, Session, Shared};
use super::{position, private};
use crate::actors::feed::Followee;
use crate::actors::glance::is_news as has_news;
use crate::actors::storage::{account_of, read};
use crate::records::{EdgeBody, Record, Signed, home};
use crate::seam::Batch;
use crate::types::{AccountId, Hash, Hlc, Section, SectionSet};

/// Most changes taken over in one go; the others are found the next time.
const AT_ONCE: usize = 64;

/// Reads the own home, and follows and unfollows here whom the account follows and unfollowed elsewhere.
pub async fn sync_follows(shared: Rc<Shared>) {
    let Some(_once) = Once::begin(&shared.syncing) else { return };
    amend(&shared).await;
    let Ok(session) = shared.session() else { return };
    let changing = SectionSet::of(&[Section::Device, Section::Following, Section::Private]);
    if !has_news(&shared.node, session.account, changing, &shared.familiar).await {
        return;
    }
    let sections = SectionSet::of(&[Section::Account, Section::Device, Section::Following, Section::Private]);
    let reading = read(&shared.node, home(&session.account), sections).await;
    shared.node.doors().storage.absorb(&reading.records).await;
    private::take_over(&shared, &session, &reading.records).await;
    position::take_over(&shared, &session, &reading.records).await;
    let edges = reading.records.iter().filter_map(|record| match record {
        Record::Edge(edge) if edge.body.follower == session.account => Some(&edge.body),
        _ => None,
    });
    for edge in edges.clone().filter(|edge| is_news(&shared, edge)).take(AT_ONCE) {
        take_over(&shared, &session, edge).await;
    }
    // What could not be taken over is tried again.
    let settled = reading.complete && !edges.clone().any(|edge| is_news(&shared, edge));
    let mut familiar = shared.familiar.borrow_mut();
    if settled { familiar.read(session.account, &reading.records) } else { familiar.forget() }
}

/// Tells whether an edge says something else than what is kept here, and later.
fn is_news(shared: &Shared, edge: &EdgeBody) -> bool {
    let followees = shared.followees.borrow();
    match followees.iter().find(|f| f.account == edge.followed) {
        Some(followee) => !edge.follows && edge.hlc > followee.hlc,
        None => edge.follows,
    }
}

async fn take_over(shared: &Rc<Shared>, session: &Session, edge: &EdgeBody) {
    let node = &shared.node;
    let Some(chain) = account_of(node, edge.followed).await else { return };
    let _turn = shared.turn.lock().await;
    let same = shared.session().is_ok_and(|now| now.device_id() == session.device_id());
    if !same || !is_news(shared, edge) || newest_edge(shared, session, &edge.followed) > edge.hlc {
        return;
    }
    let followee = Followee::new(chain.account, chain.username().clone(), edge.since, edge.hlc);
    let change = if edge.follows { followee.keep() } else { Followee::forget(&edge.followed) };
    if let Err(error) = node.store.commit(Batch(vec![change])).await {
        return tracing::warn!(%error, "a change of another device was not taken over");
    }
    shared.relate(followee, edge.follows).await;
}

/// Returns the stamp of the newest edge to an account that is known here; what is said next has to be later.
pub fn newest_edge(shared: &Shared, session: &Session, followed: &AccountId) -> Hlc {
    let kept = shared.followees.borrow().iter().find(|f| f.account == *followed).map_or(Hlc::default(), |f| f.hlc);
    stored_edge(shared, session, followed).map_or(kept, |edge| edge.body.hlc.max(kept))
}

/// Returns the edge to an account that lies on this disk.
pub fn stored_edge(shared: &Shared, session: &Session, followed: &AccountId) -> Option<Signed<EdgeBody>> {
    let node = &shared.node;
    let before = (Section::Following, bytes::Bytes::copy_from_slice(&followed.0), Hash([0; 32]));
    let stored = node.store.read(
        &home(&session.account),
        SectionSet::of(&[Section::Following]),
        Some(&before),
        1,
        node.horizon(),
    );
    match Record::decode(stored.ok()?.into_iter().next()?.bytes) {
        Ok(Record::Edge(edge)) if edge.body.followed == *followed => Some(edge),
        _ => None,
    }
}
