//! What every store does with records and local values.

use timeline::seam::{Op, Outcome, Space, StoreError, Stored, Usage};
use timeline::types::{Hash, Section, SectionSet, WallTime};

use crate::fixture::{Fixture, for_both};
use crate::records::{DAY, NOW, StoreExt, bytes, key, place, record, walk};

for_both!(
    records_come_back_exactly,
    a_known_record_keeps_when_it_was_first_stored,
    the_merge_decides_who_stays,
    slots_and_keys_and_sections_do_not_compete,
    ended_records_do_not_compete_and_go,
    a_record_that_has_ended_is_not_stored,
    reads_are_ordered_and_paged,
    reads_take_the_sections_asked_for,
    reads_leave_out_what_has_ended,
    batches_apply_in_order_and_each_change_sees_the_last,
    deletes_take_one_record,
    expire_takes_what_has_ended_and_nothing_else,
    what_never_ends_never_goes,
    times_beyond_never_are_never,
    empty_slots_and_bodies_are_ordinary,
    usage_follows_every_change,
    walks_go_over_everything_in_order,
    a_measure_is_what_a_read_would_find,
    local_values_are_ordered_maps,
    set_local_once_has_one_winner,
    a_full_disk_changes_nothing,
);

async fn records_come_back_exactly(fixture: impl Fixture) {
    let store = fixture.store();
    let stored = record(Section::Device, "slot", "text");
    assert_eq!(store.put(stored.clone()).await, Outcome::Done);
    assert_eq!(store.all_of(&key(1)), [stored]);
    assert_eq!(store.all_of(&key(2)), []);
}

async fn a_known_record_keeps_when_it_was_first_stored(fixture: impl Fixture) {
    let store = fixture.store();
    let first = record(Section::Heads, "slot", "text");
    store.put(first.clone()).await;
    let again = Stored { stored_at: WallTime(NOW + 5), ..first.clone() };
    assert_eq!(store.put(again).await, Outcome::Known);
    assert_eq!(store.all_of(&key(1)), [first]);
}

async fn the_merge_decides_who_stays(fixture: impl Fixture) {
    let store = fixture.store();
    let heads = |text| record(Section::Heads, "h", text);
    assert_eq!(store.put(heads("b")).await, Outcome::Done);
    assert_eq!(store.put(heads("a")).await, Outcome::Superseded);
    assert_eq!(store.put(heads("c")).await, Outcome::Done);
    assert_eq!(store.texts(Section::Heads), ["c"]);
    for text in ["5", "3", "4"] {
        assert_eq!(store.put(record(Section::Post, "p", text)).await, Outcome::Done);
    }
    assert_eq!(store.put(record(Section::Post, "p", "2")).await, Outcome::Superseded);
    assert_eq!(store.put(record(Section::Post, "p", "9")).await, Outcome::Done);
    assert_eq!(store.texts(Section::Post), ["4", "5", "9"]);
}

async fn slots_and_keys_and_sections_do_not_compete(fixture: impl Fixture) {
    let store = fixture.store();
    store.put(record(Section::Heads, "a", "9")).await;
    assert_eq!(store.put(record(Section::Heads, "", "1")).await, Outcome::Done);
    assert_eq!(store.put(record(Section::Heads, "a\0", "1")).await, Outcome::Done);
    assert_eq!(store.put(record(Section::Device, "a", "1")).await, Outcome::Done);
    let elsewhere = Stored { key: key(2), ..record(Section::Heads, "a", "1") };
    assert_eq!(store.put(elsewhere).await, Outcome::Done);
    assert_eq!(store.usage().records, 5);
}

async fn ended_records_do_not_compete_and_go(fixture: impl Fixture) {
    let store = fixture.store();
    let strong = Stored { expires_at: WallTime(NOW + 10), ..record(Section::Heads, "h", "z") };
    store.put(strong.clone()).await;
    let at = |stored_at, text| Stored { stored_at: WallTime(stored_at), ..record(Section::Heads, "h", text) };
    assert_eq!(store.put(at(NOW + 9, "a")).await, Outcome::Superseded);
    assert_eq!(store.put(at(NOW + 10, "a")).await, Outcome::Done);
    assert_eq!(store.usage(), Usage { records: 1, bytes: 1 });
    assert_eq!(store.scan_all(), [at(NOW + 10, "a")]);
}

async fn a_record_that_has_ended_is_not_stored(fixture: impl Fixture) {
    let store = fixture.store();
    let ends = |at| Stored { expires_at: WallTime(at), ..record(Section::Device, "s", "t") };
    assert_eq!(store.put(ends(NOW)).await, Outcome::Superseded);
    assert_eq!(store.put(ends(0)).await, Outcome::Superseded);
    assert_eq!(store.usage(), Usage::default());
    assert_eq!(store.put(ends(NOW + 1)).await, Outcome::Done);
}

/// Puts 40 records in a scrambled order and returns them in the order of reading.
async fn forty(fixture: &impl Fixture) -> Vec<Stored> {
    let sections = [Section::Account, Section::Device, Section::Following, Section::Followers];
    let mut all: Vec<Stored> = (0..40u8)
        .map(|n| Stored {
            hash: Hash([n.wrapping_mul(37); 32]),
            slot: bytes(["", "a", "a\0", "b"][usize::from(n / 4 % 4)]),
            ..record(sections[usize::from(n % 4)], "", &n.to_string())
        })
        .collect();
    fixture.store().make(all.iter().cloned().map(Op::Put).collect()).await.expect("committed");
    all.sort_by(|a, b| (a.section, &a.slot, a.hash).cmp(&(b.section, &b.slot, b.hash)));
    all
}

async fn reads_are_ordered_and_paged(fixture: impl Fixture) {
    let all = forty(&fixture).await;
    let store = fixture.store();
    let read = |after: Option<&Stored>, limit| {
        let after = after.map(|r| (r.section, r.slot.clone(), r.hash));
        store.read(&key(1), SectionSet::all(), after.as_ref(), limit, WallTime(NOW)).expect("read")
    };
    assert_eq!(read(None, usize::MAX), all);
    assert_eq!(read(None, 0), []);
    for (index, last) in all.iter().enumerate() {
        assert_eq!(read(Some(last), 7), all[index + 1..].iter().take(7).cloned().collect::<Vec<_>>());
    }
    // A place need not be held to continue behind it.
    let between = Stored { hash: Hash([0xff; 32]), ..record(Section::Device, "a\0", "") };
    let expected: Vec<Stored> =
        all.iter().filter(|r| (r.section, r.slot.as_ref()) > (Section::Device, b"a\0".as_slice())).cloned().collect();
    assert_eq!(read(Some(&between), 100), expected);
}

async fn reads_take_the_sections_asked_for(fixture: impl Fixture) {
    let all = forty(&fixture).await;
    let store = fixture.store();
    let sections = SectionSet::of(&[Section::Account, Section::Bundle, Section::Followers]);
    let expected: Vec<&Stored> = all.iter().filter(|r| sections.contains(r.section)).collect();
    let read = |after, limit| store.read(&key(1), sections, after, limit, WallTime(NOW)).expect("read");
    assert_eq!(read(None, 100).iter().collect::<Vec<_>>(), expected);
    // Behind a place in a section that was not asked for.
    let after = (Section::Device, bytes(""), Hash([0; 32]));
    assert_eq!(read(Some(&after), 3).iter().collect::<Vec<_>>(), expected[10..13]);
    let none = store.read(&key(1), SectionSet::default(), None, 100, WallTime(NOW));
    assert_eq!(none, Ok(vec![]));
}

async fn reads_leave_out_what_has_ended(fixture: impl Fixture) {
    let store = fixture.store();
    for n in 1..=9 {
        store.put(Stored { expires_at: WallTime(NOW + n), ..record(Section::Device, "s", &n.to_string()) }).await;
    }
    let read = |now, limit| {
        let found = store.read(&key(1), SectionSet::all(), None, limit, WallTime(now)).expect("read");
        let mut ends: Vec<u64> = found.iter().map(|r| r.expires_at.0 - NOW).collect();
        ends.sort_unstable();
        ends
    };
    assert_eq!(read(NOW + 6, 100), [7, 8, 9]);
    assert_eq!(read(NOW + 6, 3), [7, 8, 9], "ended records do not use up the limit");
    assert_eq!(read(NOW + 9, 100), [0; 0]);
    assert_eq!(store.usage().records, 9, "reading removes nothing");
}

async fn batches_apply_in_order_and_each_change_sees_the_last(fixture: impl Fixture) {
    let store = fixture.store();
    let one = record(Section::Heads, "h", "1");
    let local = |value: &str| Op::SetLocalOnce(Space::Node, bytes("k"), bytes(value));
    let outcomes = store
        .make(vec![
            Op::Put(one.clone()),
            Op::Put(one.clone()),
            Op::Put(record(Section::Heads, "h", "0")),
            Op::Put(record(Section::Heads, "h", "2")),
            Op::Put(one.clone()),
            Op::Delete { key: one.key, section: one.section, hash: record(Section::Heads, "h", "2").hash },
            Op::Put(one.clone()),
            local("first"),
            local("second"),
            Op::DropLocal(Space::Node, bytes("k")),
            local("third"),
        ])
        .await
        .expect("committed");
    use Outcome::{Done, Held, Known, Superseded};
    let expected =
        [Done, Known, Superseded, Done, Superseded, Done, Done, Done, Held(bytes("first")), Done, Done].to_vec();
    assert_eq!(outcomes, expected);
    assert_eq!(store.all_of(&key(1)), [one]);
    assert_eq!(store.locals(Space::Node), [(bytes("k"), bytes("third"))]);
    assert_eq!(store.make(vec![]).await, Ok(vec![]));
}

async fn deletes_take_one_record(fixture: impl Fixture) {
    let store = fixture.store();
    for (section, slot, text) in [(Section::Device, "a", "1"), (Section::Device, "b", "2"), (Section::Bundle, "a", "1")]
    {
        store.put(record(section, slot, text)).await;
    }
    let hash = record(Section::Device, "a", "1").hash;
    let delete = |key, section| Op::Delete { key, section, hash };
    let ops = vec![delete(key(1), Section::Device), delete(key(1), Section::Device), delete(key(9), Section::Bundle)];
    assert_eq!(store.make(ops).await, Ok(vec![Outcome::Done; 3]));
    assert_eq!(store.texts(Section::Device), ["2"]);
    assert_eq!(store.texts(Section::Bundle), ["1"]);
    assert_eq!(store.usage(), Usage { records: 2, bytes: 2 });
}

async fn expire_takes_what_has_ended_and_nothing_else(fixture: impl Fixture) {
    let store = fixture.store();
    for n in 1..=9u8 {
        let ends = WallTime(NOW + u64::from(n));
        store.put(Stored { key: key(n), expires_at: ends, ..record(Section::Post, "s", "text") }).await;
    }
    store
        .make(vec![Op::SetLocal(Space::Feed, bytes("k"), bytes("v")), Op::Expire(WallTime(NOW + 6))])
        .await
        .expect("ok");
    let left: Vec<_> = store.scan_all().iter().map(|r| r.key).collect();
    assert_eq!(left, [key(7), key(8), key(9)]);
    assert_eq!(store.usage(), Usage { records: 3, bytes: 12 });
    assert_eq!(store.locals(Space::Feed).len(), 1);
}

async fn what_never_ends_never_goes(fixture: impl Fixture) {
    let store = fixture.store();
    let forever = Stored { expires_at: WallTime::NEVER, ..record(Section::Account, "s", "a") };
    let nearly = Stored { expires_at: WallTime(WallTime::NEVER.0 - 1), ..record(Section::Account, "s", "b") };
    store.make(vec![Op::Put(forever.clone()), Op::Put(nearly), Op::Expire(WallTime(u64::MAX))]).await.expect("ok");
    assert_eq!(store.read(&key(1), SectionSet::all(), None, 9, WallTime::NEVER), Ok(vec![forever]));
}

async fn times_beyond_never_are_never(fixture: impl Fixture) {
    let store = fixture.store();
    let beyond =
        Stored { expires_at: WallTime(u64::MAX), stored_at: WallTime(u64::MAX), ..record(Section::Post, "", "") };
    assert_eq!(store.put(beyond.clone()).await, Outcome::Done);
    let kept = Stored { expires_at: WallTime::NEVER, stored_at: WallTime::NEVER, ..beyond };
    assert_eq!(store.read(&key(1), SectionSet::all(), None, 9, WallTime(u64::MAX)), Ok(vec![kept]));
}

async fn empty_slots_and_bodies_are_ordinary(fixture: impl Fixture) {
    let store = fixture.store();
    let empty = Stored { hash: Hash([0; 32]), key: key(0), ..record(Section::Account, "", "") };
    assert_eq!(store.put(empty.clone()).await, Outcome::Done);
    store.make(vec![Op::SetLocal(Space::Node, bytes(""), bytes(""))]).await.expect("committed");
    assert_eq!(store.all_of(&key(0)), std::slice::from_ref(&empty));
    assert_eq!(store.scan_all(), [empty]);
    assert_eq!(store.usage(), Usage { records: 1, bytes: 0 });
    assert_eq!(store.locals(Space::Node), [(bytes(""), bytes(""))]);
}

async fn usage_follows_every_change(fixture: impl Fixture) {
    let store = fixture.store();
    let check = |records, bytes| assert_eq!(store.usage(), Usage { records, bytes });
    check(0, 0);
    store.put(record(Section::Heads, "h", "12")).await;
    check(1, 2);
    store.put(record(Section::Heads, "h", "12")).await;
    store.put(record(Section::Heads, "h", "11")).await;
    check(1, 2);
    store.put(record(Section::Heads, "h", "22222")).await;
    check(1, 5);
    store.put(record(Section::Device, "d", "333")).await;
    check(2, 8);
    let hash = record(Section::Heads, "h", "22222").hash;
    store.make(vec![Op::Delete { key: key(1), section: Section::Heads, hash }]).await.expect("committed");
    check(1, 3);
    store.make(vec![Op::Expire(WallTime(NOW + DAY))]).await.expect("committed");
    check(0, 0);
}

async fn walks_go_over_everything_in_order(fixture: impl Fixture) {
    let store = fixture.store();
    let mut all = forty(&fixture).await;
    // More than are read at once.
    let others =
        (0..1200u32).map(|n| Stored { key: key(n as u8 % 9 * 30), ..record(Section::Post, &n.to_string(), "text") });
    let ended = Stored { key: key(2), expires_at: WallTime(NOW + 1), ..record(Section::Post, "", "old") };
    let others: Vec<Stored> = others.chain([ended]).collect();
    store.make(others.iter().cloned().map(Op::Put).collect()).await.expect("committed");
    all.extend(others);
    all.sort_by(|a, b| (a.key, a.section, &a.slot, a.hash).cmp(&(b.key, b.section, &b.slot, b.hash)));
    let mut reader = store.reader().expect("reader");
    for (from, most) in [(0, 1), (0, 7), (1, 1000), (999, 2), (1000, 5), (500, usize::MAX), (all.len(), 1)] {
        let after = from.checked_sub(1).map(|last| place(&all[last]));
        let expected = &all[from..from.saturating_add(most).min(all.len())];
        assert_eq!(walk(&mut *reader, after.as_ref(), most).expect("walked"), expected);
    }
    #[allow(clippy::disallowed_methods, reason = "a reader is for threads, so it is used on one")]
    let elsewhere = std::thread::spawn(move || walk(&mut *reader, None, 3)).join().expect("joined");
    assert_eq!(elsewhere, Ok(all[..3].to_vec()), "a reader may go to another thread");
}

async fn a_measure_is_what_a_read_would_find(fixture: impl Fixture) {
    let store = fixture.store();
    let at = |slot: &str, text: &str| record(Section::Followers, slot, text);
    let ended = Stored { expires_at: WallTime(NOW + 1), ..at("c", "four") };
    let others = [record(Section::Following, "a", "other"), Stored { key: key(2), ..at("a", "other") }];
    let here = [at("", ""), at("a", "1"), at("b", "22"), at("b", "333"), ended];
    store.make(here.into_iter().chain(others).map(Op::Put).collect()).await.expect("committed");
    let check = |below: Option<&str>, now, records, bytes| {
        let measured = store.measure(&key(1), Section::Followers, below.map(str::as_bytes), WallTime(now));
        assert_eq!(measured, Ok(Usage { records, bytes }), "below {below:?} at {now}");
    };
    check(None, NOW, 5, 10);
    check(None, NOW + 1, 4, 6);
    check(None, NOW + DAY, 0, 0);
    check(Some("d"), NOW, 5, 10);
    check(Some("c"), NOW, 4, 6);
    check(Some("b"), NOW, 2, 1);
    check(Some("ab"), NOW, 2, 1);
    check(Some("a"), NOW, 1, 0);
    check(Some(""), NOW, 0, 0);
    assert_eq!(store.measure(&key(3), Section::Followers, None, WallTime(NOW)), Ok(Usage::default()));
}

async fn local_values_are_ordered_maps(fixture: impl Fixture) {
    let store = fixture.store();
    let keys: [&[u8]; 8] = [b"", b"a", b"a\0", b"ab", b"ac", b"b", b"\xff", b"\xff\xff"];
    let set = |space, key: &[u8], value: &str| Op::SetLocal(space, bytes::Bytes::copy_from_slice(key), bytes(value));
    let ops = keys.iter().rev().map(|key| set(Space::Feed, key, "old")).chain([set(Space::Outbox, b"a", "other")]);
    store.make(ops.collect()).await.expect("committed");
    store.make(keys.iter().map(|key| set(Space::Feed, key, "new")).collect()).await.expect("committed");
    let read = |prefix: &[u8], after: Option<&[u8]>, limit: usize| {
        let found = store.local(Space::Feed, prefix, after, limit).expect("read");
        assert!(found.iter().all(|(_, value)| value == "new"));
        found.into_iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(read(b"", None, 100), keys);
    assert_eq!(read(b"a", None, 100), keys[1..5]);
    assert_eq!(read(b"a", None, 2), keys[1..3]);
    assert_eq!(read(b"a", Some(b"a"), 100), keys[2..5]);
    assert_eq!(read(b"a", Some(b"aa"), 100), keys[3..5]);
    assert_eq!(read(b"a", Some(b""), 100), keys[1..5], "a place before the prefix");
    assert_eq!(read(b"a", Some(b"b"), 100), keys[..0], "a place behind the prefix");
    assert_eq!(read(b"\xff", None, 100), keys[6..]);
    assert_eq!(read(b"", Some(b"\xff"), 100), keys[7..]);
    assert_eq!(read(b"", None, 0), keys[..0]);
    assert_eq!(store.locals(Space::Outbox), [(bytes("a"), bytes("other"))]);
    store.make(vec![Op::DropLocal(Space::Feed, bytes("a"))]).await.expect("committed");
    assert_eq!(read(b"a", None, 100), keys[2..5]);
    assert_eq!(store.locals(Space::Outbox).len(), 1);
    assert_eq!(store.usage(), Usage::default(), "local values are not records");
}

async fn set_local_once_has_one_winner(fixture: impl Fixture) {
    let store = fixture.store();
    let set = |n: usize| Op::SetLocalOnce(Space::Finals, bytes("name"), bytes(&n.to_string()));
    // Polled last to first: the order of calls counts, not that of polls.
    let mut racers: Vec<_> = (0..50).map(|n| store.commit(timeline::seam::Batch(vec![set(n)]))).collect();
    racers.reverse();
    let mut outcomes = futures_util::future::join_all(racers).await;
    outcomes.reverse();
    assert_eq!(outcomes[0].as_ref().expect("committed").0, [Outcome::Done]);
    for outcome in &outcomes[1..] {
        assert_eq!(outcome.as_ref().expect("committed").0, [Outcome::Held(bytes("0"))]);
    }
    assert_eq!(store.locals(Space::Finals), [(bytes("name"), bytes("0"))]);
}

async fn a_full_disk_changes_nothing(mut fixture: impl Fixture) {
    let kept = record(Section::Post, "p", "text");
    fixture.store().put(kept.clone()).await;
    fixture.fill();
    let store = fixture.store();
    let large = Stored { bytes: vec![7; 1 << 20].into(), ..record(Section::Post, "p", "large") };
    let ops = vec![Op::SetLocal(Space::Node, bytes("k"), bytes("v")), Op::Put(large)];
    assert_eq!(store.make(ops).await, Err(StoreError::DiskFull));
    assert_eq!(store.all_of(&key(1)), [kept]);
    assert_eq!(store.locals(Space::Node), []);
    assert_eq!(store.usage(), Usage { records: 1, bytes: 4 });
}
