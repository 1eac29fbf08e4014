//! Cases, and what holds for any records in any order.

use proptest::prelude::*;

use super::*;
use crate::records::fixtures::{NOW, at, secret};
use crate::records::{EdgeBody, HeadsBody, PostBody, Record, Signed, TombstoneBody, WatermarkBody};
use crate::types::{AccountId, Hash, NetworkId, WallTime};

const NET: NetworkId = NetworkId([7; 32]);
const AUTHOR: AccountId = AccountId([1; 32]);
const RULES: Rules = Rules { collect_seen: true, kept: 10 };
const MINUTE: i64 = 60_000;

fn device(n: u8) -> DeviceId {
    DeviceId(secret(&format!("device {n}")).public().0)
}

fn follower(n: u8) -> AccountId {
    AccountId([100 + n; 32])
}

/// Post `seq` of a device, made so many minutes after now.
fn post(n: u8, seq: u64, minute: i64) -> Signed<PostBody> {
    let body = PostBody {
        account: AUTHOR,
        device: device(n),
        seq,
        hlc: at(minute * MINUTE),
        prev: (seq > 1).then(|| Hash([seq as u8 - 1; 32])),
        text: format!("post {seq}"),
        lifetime_ms: 7 * 24 * 3_600_000,
        reply_to: None,
    };
    Signed::sign(body, &secret(&format!("device {n}")), &NET)
}

fn edge(who: u8, minute: i64, since: i64, follows: bool) -> Record {
    let (hlc, since) = (at(minute * MINUTE), at(since * MINUTE).wall());
    let body = EdgeBody { follower: follower(who), device: device(who), followed: AUTHOR, hlc, follows, since };
    Record::Edge(Signed::sign(body, &secret(&format!("device {who}")), &NET))
}

fn mark(who: u8, log: u8, seen: u64, seen_hash: Option<Hash>) -> Record {
    let (follower, log, hlc) = (follower(who), device(log), at(0));
    let body = WatermarkBody {
        follower,
        device: device(who),
        hlc,
        author: AUTHOR,
        log,
        received: seen.max(1),
        seen,
        seen_hash,
    };
    Record::Watermark(Signed::sign(body, &secret(&format!("device {who}")), &NET))
}

fn heads(n: u8, version: u64, last_seq: u64, floor: u64, collected: &[(u64, u64)]) -> Record {
    let (hlc, last_hash) = (at(version as i64), (last_seq > 0).then_some(Hash([last_seq as u8; 32])));
    let collected = collected.to_vec();
    let body = HeadsBody {
        account: AUTHOR,
        device: device(n),
        version,
        hlc,
        last_seq,
        last_hash,
        floor,
        collected,
        why_from: None,
        early: vec![],
    };
    Record::Heads(Signed::sign(body, &secret(&format!("device {n}")), &NET))
}

fn shelf(records: &[Record]) -> Shelf {
    let mut shelf = Shelf::default();
    records.iter().for_each(|record| shelf.note(&AUTHOR, record, true));
    shelf
}

fn posts(n: u8, seqs: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    seqs.map(|seq| Record::Post(post(n, seq, seq as i64))).collect()
}

/// Checks which numbers of device 1 are collected, and why.
fn check(records: &[Record], rules: Rules, expected: &[(u64, Why)]) {
    let found: Vec<_> = shelf(records).collectable(rules).iter().map(|c| (c.piece.seq, c.why)).collect();
    assert_eq!(found, expected);
}

fn with(mut records: Vec<Record>, more: &[Record]) -> Vec<Record> {
    records.extend(more.iter().cloned());
    records
}

#[test]
fn what_every_follower_has_seen_goes() {
    let two = with(posts(1, 1..=3), &[edge(1, -9, -9, true), edge(2, -9, -9, true)]);
    check(&two, RULES, &[]);
    let one_saw = with(two.clone(), &[mark(1, 1, 3, None)]);
    check(&one_saw, RULES, &[]);
    let both_saw = with(one_saw, &[mark(2, 1, 2, None)]);
    check(&both_saw, RULES, &[(1, Why::Seen), (2, Why::Seen)]);
    check(&both_saw, Rules { collect_seen: false, ..RULES }, &[]);
    let one_left = with(both_saw, &[edge(2, 1, 1, false)]);
    check(&one_left, RULES, &[(1, Why::Seen), (2, Why::Seen), (3, Why::Seen)]);
}

#[test]
fn nobody_has_seen_what_has_no_followers() {
    check(&posts(1, 1..=10), RULES, &[]);
    check(&posts(1, 1..=12), RULES, &[(1, Why::Room), (2, Why::Room)]);
    // The watermark of somebody who does not follow counts for nothing.
    check(&with(posts(1, 1..=3), &[mark(1, 1, 3, None)]), RULES, &[]);
}

#[test]
fn those_who_come_later_hold_nothing_back() {
    // Post n is made in minute n; who follows in minute 7 is awaited from post 2 on, as clocks differ by five minutes.
    let late = [edge(1, -9, -9, true), mark(1, 1, 4, None), edge(2, 7, 7, true)];
    check(&with(posts(1, 1..=4), &late), RULES, &[(1, Why::Seen)]);
    // Following again later is following from then on.
    let again = with(late.to_vec(), &[edge(2, 60, 60, true)]);
    check(&with(posts(1, 1..=4), &again), RULES, &[1, 2, 3, 4].map(|seq| (seq, Why::Seen)));
    // A renewed edge keeps its beginning.
    let renewed = with(late.to_vec(), &[edge(2, 60, -9, true)]);
    check(&with(posts(1, 1..=4), &renewed), RULES, &[]);
}

#[test]
fn the_cap_takes_those_seen_by_most_and_of_equals_the_older() {
    let followers = [edge(1, -9, -9, true), edge(2, -9, -9, true)];
    let nobody = with(posts(1, 1..=11), &followers);
    check(&nobody, RULES, &[(1, Why::Room)]);
    // Half of the followers have seen device 2's posts, which are younger than any of device 1.
    let younger = (1..=3).map(|seq| Record::Post(post(2, seq, 100 + seq as i64)));
    let all: Vec<Record> = posts(1, 1..=9).into_iter().chain(younger).chain(followers).collect();
    let seen = with(all, &[mark(1, 2, 2, None)]);
    let collected = shelf(&seen).collectable(RULES);
    let which: Vec<_> = collected.iter().map(|c| (c.piece.device, c.piece.seq, c.why)).collect();
    assert_eq!(which, [(device(2), 1, Why::Room), (device(2), 2, Why::Room)]);
}

#[test]
fn what_is_not_ripe_waits_and_counts() {
    let mut shelf = Shelf::default();
    let records = with(posts(1, 1..=12), &[edge(1, -9, -9, true), mark(1, 1, 1, None)]);
    for record in &records {
        let young = matches!(record, Record::Post(post) if post.body.seq < 3);
        shelf.note(&AUTHOR, record, !young);
    }
    // Posts 1 and 2 are first in turn and wait; nothing goes in their stead.
    assert!(shelf.collectable(RULES).is_empty());
    shelf.note(&AUTHOR, &records[0], true);
    let found: Vec<_> = shelf.collectable(RULES).iter().map(|c| (c.piece.seq, c.why)).collect();
    // Eleven are left, of which the second waits.
    assert_eq!(found, [(1, Why::Seen)]);
}

#[test]
fn a_watermark_that_cannot_be_true_does_not_count() {
    let base = with(posts(1, 1..=3), &[edge(1, -9, -9, true)]);
    let third = post(1, 3, 3).hash();
    for lie in [mark(1, 1, 4, None), mark(1, 1, u64::MAX, None), mark(1, 1, 3, Some(Hash([9; 32])))] {
        check(&with(base.clone(), &[lie]), RULES, &[]);
    }
    check(&with(base.clone(), &[mark(1, 1, 3, Some(third))]), RULES, &[1, 2, 3].map(|n| (n, Why::Seen)));
    // Of another log it says nothing about this one.
    check(&with(base.clone(), &[mark(1, 2, 3, None)]), RULES, &[]);
    // A post that is gone is known by its successor's link, by heads, and by a tombstone.
    let gone = with(posts(1, 3..=3), &[edge(1, -9, -9, true), mark(1, 1, 2, Some(Hash([9; 32])))]);
    check(&gone, RULES, &[]);
    // Heads say that there are more.
    let heads = heads(1, 1, 5, 0, &[]);
    check(&with(base.clone(), &[heads.clone(), mark(1, 1, 5, Some(Hash([9; 32])))]), RULES, &[]);
    let fits = with(base, &[heads, mark(1, 1, 5, Some(Hash([5; 32])))]);
    check(&fits, RULES, &[1, 2, 3].map(|n| (n, Why::Seen)));
}

#[test]
fn what_the_author_says_is_final() {
    let all = with(posts(1, 1..=9), &[edge(1, -9, -9, true), heads(1, 2, 9, 2, &[(5, 6)])]);
    check(&all, RULES, &[1, 2, 5, 6].map(|n| (n, Why::Author)));
    // A newer version counts whole, and the floor never falls.
    let later = with(all, &[heads(1, 3, 9, 1, &[(8, 8)])]);
    check(&later, RULES, &[1, 2, 8].map(|n| (n, Why::Author)));
    let mut young = Shelf::default();
    later.iter().for_each(|record| young.note(&AUTHOR, record, false));
    assert_eq!(young.final_ones().len(), 3);
}

fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (1u8..3, 1u64..9, -3i64..9).prop_map(|(n, seq, minute)| Record::Post(post(n, seq, minute))),
        (1u8..5, -9i64..9, -9i64..9, any::<bool>()).prop_map(|(who, m, since, f)| edge(who, m.max(since), since, f)),
        (1u8..5, 1u8..3, 0u64..10).prop_map(|(who, log, n)| mark(who, log, n, None)),
        (1u8..5, 1u8..3, 1u64..9, any::<u8>()).prop_map(|(w, l, n, h)| mark(w, l, n, Some(Hash([h % 9; 32])))),
        (1u8..3, 1u64..4, 0u64..9, 0u64..4).prop_map(|(n, v, last, floor)| heads(n, v, last, floor.min(last), &[])),
        (1u8..3, 1u64..9).prop_map(|(n, seq)| {
            let (account, post, post_ends) = (AUTHOR, Hash([seq as u8; 32]), WallTime(NOW.0 + 1));
            let body = TombstoneBody { account, device: device(n), hlc: at(0), of: device(n), seq, post, post_ends };
            Record::Tombstone(Signed::sign(body, &secret(&format!("device {n}")), &NET))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_order_and_no_repetition_changes_a_decision(
        (records, shuffled) in prop::collection::vec(any_record(), 0..60).prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle())),
        again in any::<prop::sample::Index>(),
        kept in 0usize..12,
        collect_seen: bool,
    ) {
        let rules = Rules { collect_seen, kept };
        let mut other = shelf(&shuffled);
        if !records.is_empty() {
            other.note(&AUTHOR, again.get(&records), true);
        }
        prop_assert_eq!(shelf(&records).collectable(rules), other.collectable(rules));
    }

    #[test]
    fn nothing_goes_that_somebody_waits_for_but_for_the_cap(
        records in prop::collection::vec(any_record(), 0..60),
        kept in 0usize..12,
    ) {
        let shelf = shelf(&records);
        let collected = shelf.collectable(Rules { collect_seen: true, kept });
        let by = |why| collected.iter().filter(move |c| c.why == why);
        let (room, author) = (by(Why::Room).count(), by(Why::Author).count());
        let (seen, all) = (by(Why::Seen).count(), shelf.posts().count());
        // The cap leaves as many as are kept, no fewer.
        prop_assert!(room == 0 || all - seen - room - author == kept);
        for gone in by(Why::Seen) {
            let readers = shelf.readers(&gone.piece.device);
            let due: Vec<_> = readers.iter().filter(|(since, _)| *since <= latest_since(gone.piece.hlc)).collect();
            prop_assert!(!due.is_empty() && due.iter().all(|(_, seen)| *seen >= gone.piece.seq));
        }
    }

    #[test]
    fn a_watermark_or_an_edge_dated_back_only_holds_back(records in prop::collection::vec(any_record(), 0..40), who in 10u8..12) {
        let before = shelf(&records).collectable(Rules { collect_seen: true, kept: 100 });
        // Somebody claims to have followed since ever: no post goes that did not go before.
        let after = shelf(&with(records, &[edge(who, 0, -1000, true)])).collectable(Rules { collect_seen: true, kept: 100 });
        prop_assert!(after.iter().all(|c| before.contains(c)));
    }
}
