//! How many replicas have each own post: while it is on its way the outbox knows, afterwards the disk does, until the post ends.
//!
//! These rows lie beside the session and go with it: whoever logs in next has a log of its own.

use bytes::Bytes;

use super::item::Item;
use super::messages::Progress;
use crate::records::{PostBody, Record, Signed};
use crate::seam::{Op, Space, Store};
use crate::types::{DeviceId, WallTime};

/// Of each post: its end, its device and its number; so those that have ended come first.
const PREFIX: &[u8] = b"puts ";
/// Ended rows removed at once: each note removes more than it adds.
const REMOVED: usize = 64;

fn key(ends: WallTime, device: &DeviceId, seq: u64) -> Bytes {
    [PREFIX, &ends.0.to_be_bytes(), &device.0, &seq.to_be_bytes()].concat().into()
}

/// Returns the changes that note how far the posts of an item have come, now that the outbox lets go of it.
pub fn note(store: &dyn Store, item: &Item, now: WallTime) -> Vec<Op> {
    let posts = item.parcels.iter().flat_map(|parcel| {
        let progress = Progress { published: parcel.published, acked: parcel.replicas_acked, ..Progress::default() };
        let progress = Progress { wanted: parcel.wanted, ..progress };
        parcel.records.iter().filter_map(move |blob| match Record::decode(blob.0.clone()).ok()? {
            Record::Post(post) => Some((post, progress)),
            _ => None,
        })
    });
    let mut ops: Vec<Op> = posts.map(|(post, progress)| keep(&post, progress)).collect();
    if !ops.is_empty() {
        let rows = store.local(Space::Session, PREFIX, None, REMOVED).unwrap_or_default();
        let ended = rows.into_iter().map(|(at, _)| at).take_while(|at| *at < key(now, &DeviceId([0; 32]), 0));
        ops.extend(ended.map(|at| Op::DropLocal(Space::Session, at)));
    }
    ops
}

fn keep(post: &Signed<PostBody>, progress: Progress) -> Op {
    let Progress { published, acked, wanted, .. } = progress;
    let value = [&[u8::from(published)][..], &acked.to_be_bytes(), &wanted.to_be_bytes()].concat();
    Op::SetLocal(Space::Session, key(post.body.expires_at(), &post.body.device, post.body.seq), value.into())
}

/// Returns how far a post had come when the outbox let go of it; `None` of a post that it never had.
pub fn noted(store: &dyn Store, ends: WallTime, device: &DeviceId, seq: u64) -> Option<Progress> {
    let rows = store.local(Space::Session, &key(ends, device, seq), None, 1).ok()?;
    let (published, numbers) = rows.first()?.1.split_first()?;
    let number = |part: Option<&[u8]>| Some(u32::from_be_bytes(part?.try_into().ok()?));
    let (acked, wanted) = (number(numbers.get(..4))?, number(numbers.get(4..))?);
    Some(Progress { published: *published == 1, acked, wanted, hopeful: false })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::records::fixtures::{NOW, at, secret};
    use crate::seam::Batch;
    use crate::store::{MemoryStore, Verdict};
    use crate::types::{AccountId, Hash, NetworkId};

    fn post(seq: u64, lifetime_ms: u64) -> Signed<PostBody> {
        let body = PostBody {
            account: AccountId([1; 32]),
            device: DeviceId(secret("author").public().0),
            seq,
            hlc: at(0),
            prev: (seq > 1).then_some(Hash([9; 32])),
            text: "hello".into(),
            lifetime_ms,
            reply_to: None,
        };
        Signed::sign(body, &secret("author"), &NetworkId([7; 32]))
    }

    #[test]
    fn what_was_acknowledged_is_known_until_a_post_has_ended() {
        let store = MemoryStore::new(|_, _, _| Verdict::Keep { drop: vec![] });
        let put = |post: &Signed<PostBody>, acked, now| {
            let mut item = Item::pack("post", post.hash(), &[Record::Post(post.clone())], NOW);
            (item.parcels[0].published, item.parcels[0].replicas_acked, item.parcels[0].wanted) = (true, acked, 14);
            let done = store.commit(Batch(note(&store, &item, now))).now_or_never();
            assert!(done.is_some_and(|done| done.is_ok()));
        };
        let known = |post: &Signed<PostBody>| {
            noted(&store, post.body.expires_at(), &post.body.device, post.body.seq)
                .map(|p| (p.published, p.acked, p.wanted))
        };
        let (first, second, third) = (post(1, 10_000), post(2, 90_000), post(3, 90_000));
        put(&first, 14, NOW);
        put(&second, 14, NOW);
        put(&second, 15, NOW);
        assert_eq!((known(&first), known(&second), known(&third)), (Some((true, 14, 14)), Some((true, 15, 14)), None));
        put(&third, 20, first.body.expires_at().plus(std::time::Duration::from_millis(1)));
        assert_eq!((known(&first), known(&second), known(&third)), (None, Some((true, 15, 14)), Some((true, 20, 14))));
    }

    #[test]
    fn what_is_no_post_leaves_no_note() {
        let store = MemoryStore::new(|_, _, _| Verdict::Keep { drop: vec![] });
        let mut item = Item::pack("post", post(1, 10_000).hash(), &[Record::Post(post(1, 10_000))], NOW);
        item.parcels[0].records.clear();
        assert!(note(&store, &item, NOW).is_empty());
    }
}
