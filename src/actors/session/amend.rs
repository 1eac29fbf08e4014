//! What waits in the outbox with a stamp that nobody takes, made while the clock was ahead: signed again, or let go of where
//! something else is wished for by now.

use std::rc::Rc;

use super::private::{self, Kept};
use super::state::{Session, Shared};
use super::sync::stored_edge;
use crate::actors::context::Context;
use crate::actors::feed::Followee;
use crate::actors::outbox::Item;
use crate::actors::storage::put_op;
use crate::records::{
    Body, Destination, EdgeBody, FUTURE_TOLERANCE, MentionBody, ProfileBody, Record, Signed, TombstoneBody,
};
use crate::seam::{Batch, Op};
use crate::types::{AccountId, Hash, Hlc};

/// Tells whether a stamp lies further ahead than anybody takes.
pub fn is_spoilt(node: &Context, hlc: Hlc) -> bool {
    !node.clock.in_doubt() && hlc.wall() > node.now().plus(FUTURE_TOLERANCE)
}

/// What a new wish about somebody overtakes: edges that wait, and one that is stored with a stamp of the future. They would
/// win over the new one, or be sent for nothing.
pub fn overtaken(shared: &Shared, session: &Session, followed: &AccountId) -> (Vec<Op>, Vec<Hash>) {
    let about = |record: &Record| matches!(record, Record::Edge(e) if e.body.followed == *followed && e.body.follower == session.account);
    let items = Item::all(&*shared.node.store).into_iter();
    let waiting: Vec<Item> = items.filter(|item| item.records().iter().all(about)).collect();
    let mut ops: Vec<Op> = waiting.iter().map(Item::let_go).collect();
    if let Some(edge) = stored_edge(shared, session, followed).filter(|edge| is_spoilt(&shared.node, edge.body.hlc)) {
        ops.extend(removal(&Record::Edge(edge)));
    }
    (ops, waiting.iter().map(|item| item.id).collect())
}

/// Returns the changes that remove a record from this disk.
fn removal(record: &Record) -> Vec<Op> {
    let hash = record.hash();
    let delete = |Destination { key, section }| Op::Delete { key, section, hash };
    record.destinations().into_iter().map(delete).collect()
}

/// Signs again what is spoilt; posts are left alone, as others build on their hashes.
pub async fn amend(shared: &Rc<Shared>) {
    let spoilt = |item: &Item| {
        let records = item.records();
        !item.held
            && !records.is_empty()
            && records.iter().all(|r| r.hlc().is_some_and(|hlc| is_spoilt(&shared.node, hlc)))
    };
    if !Item::all(&*shared.node.store).iter().any(spoilt) {
        return;
    }
    let _turn = shared.turn.lock().await;
    for item in Item::all(&*shared.node.store).into_iter().filter(spoilt) {
        let (Ok(mut session), records) = (shared.session(), item.records()) else { return };
        let ours = records.iter().all(|r| r.device() == Some(session.device_id()) && can_be_amended(r));
        if !ours {
            continue;
        }
        let new: Vec<Option<Amended>> = records.iter().map(|r| sign_again(shared, &mut session, r)).collect();
        if let Err(error) = replace(shared, session, &item, &records, new.into_iter().flatten().collect()).await {
            return tracing::warn!(%error, "what waits with a wrong stamp was not signed again");
        }
    }
}

fn can_be_amended(record: &Record) -> bool {
    matches!(
        record,
        Record::Edge(_) | Record::Private(_) | Record::Tombstone(_) | Record::Mention(_) | Record::Profile(_)
    )
}

async fn replace(
    shared: &Rc<Shared>,
    session: Session,
    item: &Item,
    old: &[Record],
    new: Vec<Amended>,
) -> Result<(), crate::seam::StoreError> {
    let node = &shared.node;
    let (new, entries): (Vec<Record>, Vec<Option<Kept>>) = new.into_iter().unzip();
    let mut ops: Vec<Op> = old.iter().flat_map(removal).collect();
    ops.extend([item.let_go(), session.keep()]);
    let mut followees = Vec::new();
    for record in &new {
        // Mentions are kept by whoever is named.
        if !matches!(record, Record::Mention(_)) {
            ops.extend(record.destinations().into_iter().map(|d| put_op(record, d.key, d.section, node.horizon())));
        }
        if let Record::Edge(edge) = record
            && let Some(known) = shared.followees.borrow().iter().find(|f| f.account == edge.body.followed)
        {
            followees.push(Followee { since: edge.body.since, hlc: edge.body.hlc, ..known.clone() });
        }
    }
    ops.extend(followees.iter().map(Followee::keep));
    ops.extend(entries.iter().flatten().map(Kept::keep));
    let next = new.first().map(|first| Item::pack(&item.label, first.hash(), &new, node.now()));
    ops.extend(next.as_ref().map(Item::keep));
    node.store.commit(Batch(ops)).await?;
    *shared.session.borrow_mut() = Some(session);
    entries.into_iter().flatten().for_each(|kept| private::amended(shared, kept));
    node.doors().outbox.withdraw(vec![item.id]).await;
    for followee in followees {
        shared.relate(followee, true).await;
    }
    if let Some(next) = next {
        let sender = shared.clone();
        node.spawn(async move {
            sender.dispatch(next).await;
        });
    }
    Ok(())
}

/// A record that was signed again, and where it is an entry of the account's own, how it is kept.
type Amended = (Record, Option<Kept>);

/// Signs a record with a good stamp; `None` where it says what is not wished for any more.
fn sign_again(shared: &Shared, session: &mut Session, record: &Record) -> Option<Amended> {
    let node = &shared.node;
    let new = match record {
        Record::Edge(r) => {
            let follows = shared.followees.borrow().iter().any(|f| f.account == r.body.followed);
            if follows != r.body.follows {
                return None;
            }
            let hlc = session.stamp(node);
            let body = EdgeBody { hlc, since: r.body.since.min(hlc.wall()), ..r.body.clone() };
            signed(node, session, body).map(Record::Edge)
        }
        Record::Tombstone(r) => {
            let body = TombstoneBody { hlc: session.stamp(node), ..r.body.clone() };
            signed(node, session, body).map(Record::Tombstone)
        }
        Record::Mention(r) => {
            let body = MentionBody { hlc: session.stamp(node), ..r.body.clone() };
            signed(node, session, body).map(Record::Mention)
        }
        Record::Profile(r) => {
            let body = ProfileBody { hlc: session.stamp(node), ..r.body.clone() };
            signed(node, session, body).map(Record::Profile)
        }
        Record::Private(_) => {
            let kept = private::restamp(shared, session, record)?;
            return private::seal(shared, session, &kept).ok().map(|(record, _)| (record, Some(kept)));
        }
        _ => None,
    };
    new.map(|record| (record, None))
}

/// Signs a body; `None` where it is not allowed with its new stamp.
fn signed<B: Body>(node: &Context, session: &Session, body: B) -> Option<Signed<B>> {
    body.check().ok()?;
    Some(Signed::sign(body, &session.device(), &node.network.id))
}
