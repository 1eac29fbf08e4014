//! Posts that are held back until the own log was compared with the network's: on disk in the outbox, and nowhere else.

use std::rc::Rc;

use super::compare::{Standing, as_post};
use super::deliver::deliver;
use super::ends::keep_end;
use super::mention::Owed;
use super::state::{Session, Shared};
use crate::actors::outbox::Item;
use crate::actors::storage::put_op;
use crate::records::{Destination, PostBody, Record, Signed, home};
use crate::seam::{Batch, Op, Space};
use crate::timeline::{FeedRow, Via};
use crate::types::{Hash, Section, SectionSet};

/// A post that is held back, with the item that will carry it.
pub struct Held {
    /// The post.
    pub post: Signed<PostBody>,
    item: Item,
}

impl Held {
    /// Reads all that is held, by number.
    pub fn load(shared: &Shared) -> Vec<Self> {
        let held = Item::all(&*shared.node.store).into_iter().filter(|item| item.held);
        let mut all: Vec<Self> = held
            .filter_map(|item| Some(Self { post: item.records().iter().find_map(as_post)?.clone(), item }))
            .collect();
        all.sort_by_key(|held| held.post.body.seq);
        all
    }

    /// Returns the end of the log before this post.
    pub fn base(&self) -> (u64, Option<Hash>) {
        (self.post.body.seq - 1, self.post.body.prev)
    }
}

/// A post on its way out.
struct Ready {
    post: Signed<PostBody>,
    item: Item,
    /// Whether it was signed again, and is new to this node.
    anew: bool,
}

/// Keeps a session whose log is level, and sends what was held: as it is, or signed again where numbers were taken.
pub async fn release(shared: &Rc<Shared>, mut session: Session, held: Vec<Held>, again: bool) {
    let node = &shared.node;
    let (mut ops, mut ready, mut withdrawn) = (Vec::new(), Vec::new(), Vec::new());
    for Held { post, item } in held {
        if !again {
            let item = Item { held: false, ..item };
            ops.extend(records_to_store(shared, &item.records()));
            ops.push(item.keep());
            ready.push(Ready { post, item, anew: false });
            continue;
        }
        ops.extend([item.let_go(), Op::DropLocal(Space::Feed, row(&session, &post).key()), Owed::settle(&post.hash())]);
        withdrawn.push(item.id);
        if is_deleted(shared, &post) {
            continue;
        }
        let new = sign_again(shared, &mut session, &post);
        let records = [Record::Post(new.clone()), Record::Heads(session.heads(node))];
        let item = Item::pack("post", new.hash(), &records, node.now());
        ops.extend(records_to_store(shared, &records));
        let row = row(&session, &new);
        ops.extend([item.keep(), Op::SetLocal(Space::Feed, row.key(), row.to_bytes()), Owed::keep(&new)]);
        ops.push(keep_end(&new.body));
        ready.push(Ready { post: new, item, anew: true });
    }
    ops.push(session.keep());
    if let Err(error) = node.store.commit(Batch(ops)).await {
        return tracing::warn!(%error, "the comparison of the log could not be kept");
    }
    *shared.session.borrow_mut() = Some(session);
    shared.standing.set(Standing::Level);
    node.doors().outbox.withdraw(withdrawn).await;
    for Ready { post, item, anew } in ready {
        if anew {
            node.doors().feed.posted(post.bytes().clone());
        }
        drop(deliver(node.clone(), Record::Post(post)));
        let sender = shared.clone();
        node.spawn(async move {
            sender.dispatch(item).await;
        });
    }
}

fn row(session: &Session, post: &Signed<PostBody>) -> FeedRow {
    FeedRow { post: post.clone(), author: session.username.clone(), via: Via::Local, shown: true }
}

/// Signs the same text behind the end of the log.
fn sign_again(shared: &Shared, session: &mut Session, post: &Signed<PostBody>) -> Signed<PostBody> {
    let node = &shared.node;
    let (seq, prev) = (session.last_seq + 1, session.last_hash);
    let body = PostBody { seq, prev, hlc: session.stamp(node), ..post.body.clone() };
    let new = Signed::sign(body, &session.device(), &node.network.id);
    (session.last_seq, session.last_hash) = (seq, Some(new.hash()));
    new
}

fn records_to_store(shared: &Shared, records: &[Record]) -> Vec<Op> {
    let now = shared.node.horizon();
    let places = records.iter().flat_map(|r| r.destinations().into_iter().map(move |d| (r, d)));
    places.map(|(record, Destination { key, section })| put_op(record, key, section, now)).collect()
}

/// Tells whether a tombstone of the post lies here.
fn is_deleted(shared: &Shared, post: &Signed<PostBody>) -> bool {
    /// Most rows looked at: the slot of a post keeps two records.
    const SLOT: usize = 2;
    let node = &shared.node;
    let slot = crate::records::slot(&Record::Post(post.clone()), Section::Post);
    let before = (Section::Post, slot, Hash([0; 32]));
    let sections = SectionSet::of(&[Section::Post]);
    let rows =
        node.store.read(&home(&post.body.account), sections, Some(&before), SLOT, node.horizon()).unwrap_or_default();
    rows.into_iter().filter_map(|row| Record::decode(row.bytes).ok()).any(|record| match record {
        Record::Tombstone(tombstone) => tombstone.body.post == post.hash(),
        _ => false,
    })
}
