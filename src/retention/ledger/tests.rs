//! Cases of the ledger, and that it says what collection decides by.

use proptest::prelude::*;

use super::*;
use crate::records::fixtures::{at, secret};
use crate::records::{EdgeBody, HeadsBody, PostBody, Signed, WatermarkBody};
use crate::retention::Rules;
use crate::types::{DeviceId, NetworkId};

const NET: NetworkId = NetworkId([7; 32]);
const AUTHOR: AccountId = AccountId([1; 32]);
const MINUTE: i64 = 60_000;

fn follower(n: u8) -> AccountId {
    AccountId([100 + n; 32])
}

fn log() -> DeviceId {
    DeviceId(secret("author").public().0)
}

/// The post with this number, made at the minute of its number.
fn post(seq: u64) -> Signed<PostBody> {
    let body = PostBody {
        account: AUTHOR,
        device: log(),
        seq,
        hlc: at(seq as i64 * MINUTE),
        prev: None,
        text: format!("post {seq}"),
        lifetime_ms: 7 * 24 * 3_600_000,
        reply_to: None,
    };
    Signed::sign(body, &secret("author"), &NET)
}

fn piece(seq: u64) -> Piece {
    let post = post(seq);
    Piece { hlc: post.body.hlc, device: log(), seq, hash: post.hash(), ends: post.body.expires_at() }
}

fn edge(who: u8, since: i64, follows: bool) -> Record {
    let stamp = at(since * MINUTE);
    let device = DeviceId(secret("follower").public().0);
    let body = EdgeBody { follower: follower(who), device, followed: AUTHOR, hlc: stamp, follows, since: stamp.wall() };
    Record::Edge(Signed::sign(body, &secret("follower"), &NET))
}

fn mark(who: u8, received: u64, seen: u64, seen_hash: Option<Hash>) -> Record {
    let device = DeviceId(secret("follower").public().0);
    let (follower, log) = (follower(who), log());
    let body = WatermarkBody { follower, device, hlc: at(0), author: AUTHOR, log, received, seen, seen_hash };
    Record::Watermark(Signed::sign(body, &secret("follower"), &NET))
}

fn heads(last_seq: u64, floor: u64) -> Record {
    let body = HeadsBody {
        account: AUTHOR,
        device: log(),
        version: 1,
        hlc: at(0),
        last_seq,
        last_hash: None,
        floor,
        collected: vec![],
        why_from: None,
        early: vec![],
    };
    Record::Heads(Signed::sign(body, &secret("author"), &NET))
}

fn ledger(seq: u64, records: &[Record]) -> Ledger {
    let mut ledger = Ledger::of(piece(seq));
    records.iter().for_each(|record| ledger.note(&AUTHOR, record));
    ledger
}

/// Checks how many follow, have received and have seen post 3, and who is owed it.
fn check(records: &[Record], counts: (u64, u64, u64), owed: &[u8]) {
    let found = ledger(3, records).receipts();
    let owed: Vec<AccountId> = owed.iter().map(|n| follower(*n)).collect();
    let found_owed: Vec<AccountId> = found.owed.iter().map(|(account, _)| *account).collect();
    assert_eq!(((found.followers, found.received, found.seen), found_owed), (counts, owed));
}

#[test]
fn whoever_has_signed_for_it_is_not_owed_it() {
    let three = [edge(1, 0, true), edge(2, 0, true), edge(3, 0, true), heads(4, 0)];
    let with = |more: &[Record]| [&three[..], more].concat();
    check(&three, (3, 0, 0), &[1, 2, 3]);
    check(&with(&[mark(1, 3, 3, None), mark(2, 4, 2, None), mark(3, 2, 2, None)]), (3, 2, 1), &[3]);
    check(&with(&[mark(1, 4, 4, None), mark(1, 3, 3, None), mark(9, 4, 4, None)]), (3, 1, 1), &[2, 3]);
}

#[test]
fn those_who_left_or_came_later_are_not_counted() {
    check(&[edge(1, 0, true), edge(1, 1, false), edge(2, 8, true), edge(3, 9, true)], (1, 0, 0), &[2]);
    check(&[], (0, 0, 0), &[]);
}

#[test]
fn a_word_that_cannot_be_true_does_not_count() {
    let bob = edge(1, 0, true);
    check(&[bob.clone(), mark(1, 3, 3, Some(post(3).hash()))], (1, 1, 1), &[]);
    check(&[bob.clone(), mark(1, 3, 3, Some(post(2).hash()))], (1, 0, 0), &[1]);
    check(&[bob.clone(), mark(1, 9, 9, None)], (1, 0, 0), &[1]);
    check(&[bob.clone(), mark(1, 9, 3, None)], (1, 1, 1), &[]);
    check(&[bob, mark(1, 9, 2, None)], (1, 0, 0), &[1]);
}

#[test]
fn what_was_collected_everywhere_is_still_known_to_have_been_seen() {
    let seen = ledger(3, &[edge(1, 0, true), mark(1, 3, 3, Some(post(3).hash())), heads(3, 3)]);
    assert!(seen.is_final());
    assert_eq!((seen.receipts().seen, seen.receipts().followers), (1, 1));
    assert!(!ledger(3, &[heads(3, 2)]).is_final());
}

proptest! {
    #[test]
    fn all_have_seen_what_may_be_collected_and_nothing_else(
        words in prop::collection::vec((0u8..4, -3i64..12, any::<bool>(), 1u64..6, 0u64..6), 0..12),
        seed in any::<u64>(),
    ) {
        let mut records: Vec<Record> = (1..=4).map(|seq| Record::Post(post(seq))).collect();
        for (who, since, follows, received, seen) in words {
            records.push(edge(who, since, follows));
            records.push(mark(who, received.max(seen), seen, None));
        }
        let mut shelf = Shelf::default();
        records.iter().for_each(|record| shelf.note(&AUTHOR, record, true));
        let collected = shelf.collectable(Rules { collect_seen: true, kept: 10 });
        let mut turned = records.clone();
        turned.rotate_left(seed as usize % records.len());
        for seq in 1..=4 {
            let all = ledger(seq, &records).receipts();
            prop_assert_eq!(&ledger(seq, &turned).receipts(), &all, "in any order");
            let is_seen = all.followers > 0 && all.seen == all.followers;
            prop_assert_eq!(is_seen, collected.iter().any(|c| c.piece.seq == seq));
            prop_assert!(all.seen <= all.received);
            prop_assert_eq!(all.received + all.owed.len() as u64, all.followers);
        }
    }
}
