//! What a store promises about closing, crashing and dropping.

use std::rc::Rc;

use timeline::seam::{Batch, Op, Outcome, Space, Store, StoreError, Stored, Usage};
use timeline::types::{Section, SectionSet, WallTime};

use crate::fixture::{Fixture, file, for_both, on_arbiter, open_in};
use crate::records::{NOW, StoreExt, bytes, key, record};

for_both!(
    everything_is_there_after_a_close,
    everything_is_there_after_a_crash,
    a_closed_store_says_so,
    commits_called_before_the_close_are_made,
);

async fn fill(store: &Rc<dyn Store>) -> Vec<Stored> {
    for n in 0..100u8 {
        let put = Op::Put(Stored { key: key(n / 2), ..record(Section::Device, "s", &n.to_string()) });
        store.make(vec![put, Op::SetLocal(Space::Feed, bytes(&n.to_string()), bytes("v"))]).await.expect("committed");
    }
    store.make(vec![Op::DropLocal(Space::Feed, bytes("7"))]).await.expect("committed");
    store.scan_all()
}

fn check(store: &Rc<dyn Store>, expected: &[Stored]) {
    assert_eq!(store.scan_all(), expected);
    assert_eq!(store.locals(Space::Feed).len(), 99);
    assert_eq!(store.usage(), Usage { records: 100, bytes: 190 });
}

async fn everything_is_there_after_a_close(mut fixture: impl Fixture) {
    let expected = fill(&fixture.store()).await;
    for _ in 0..2 {
        fixture.reopen_after_close().await;
        check(&fixture.store(), &expected);
    }
    let known = Stored { stored_at: WallTime(NOW + 1), ..expected[0].clone() };
    assert_eq!(fixture.store().put(known).await, Outcome::Known);
}

async fn everything_is_there_after_a_crash(mut fixture: impl Fixture) {
    let expected = fill(&fixture.store()).await;
    for _ in 0..2 {
        fixture.reopen_after_crash();
        check(&fixture.store(), &expected);
        let more = record(Section::Heads, "h", "more");
        fixture.store().put(more.clone()).await;
        fixture.reopen_after_crash();
        assert_eq!(fixture.store().texts(Section::Heads), ["more"]);
        let delete = Op::Delete { key: more.key, section: more.section, hash: more.hash };
        fixture.store().make(vec![delete]).await.expect("committed");
    }
    fixture.reopen_after_close().await;
    check(&fixture.store(), &expected);
}

async fn a_closed_store_says_so(fixture: impl Fixture) {
    let store = fixture.store();
    store.put(record(Section::Device, "s", "t")).await;
    let mut reader = store.reader().expect("reader");
    store.close().await;
    store.close().await;
    assert_eq!(store.read(&key(1), SectionSet::all(), None, 1, WallTime(NOW)), Err(StoreError::Closed));
    assert_eq!(store.local(Space::Node, b"", None, 1), Err(StoreError::Closed));
    assert_eq!(store.make(vec![]).await, Err(StoreError::Closed));
    assert_eq!(store.reader().err(), Some(StoreError::Closed));
    assert_eq!(store.measure(&key(1), Section::Device, None, WallTime(NOW)), Err(StoreError::Closed));
    assert_eq!(crate::records::walk(&mut *reader, None, 1), Err(StoreError::Closed));
}

async fn commits_called_before_the_close_are_made(mut fixture: impl Fixture) {
    let store = fixture.store();
    let put = |n: u32| Batch(vec![Op::Put(record(Section::Device, "s", &n.to_string()))]);
    let commits: Vec<_> = (0..200).map(|n| store.commit(put(n))).collect();
    store.close().await;
    for result in futures_util::future::join_all(commits).await {
        assert_eq!(result.expect("committed").0, [Outcome::Done]);
    }
    fixture.reopen_after_close().await;
    assert_eq!(fixture.store().usage().records, 200);
}

#[test]
fn dropping_loses_nothing_acknowledged_and_does_not_hang() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store = open_in(folder.path()).expect("opened");
        let put = |n: u32| Batch(vec![Op::Put(record(Section::Device, "s", &n.to_string()))]);
        store.commit(put(0)).await.expect("committed");
        // More than the queue holds, so that some still wait for room; none is ever polled again.
        let commits: Vec<_> = (1..3000).map(|n| store.commit(put(n))).collect();
        drop(store);
        let results = futures_util::future::join_all(commits).await;
        let acknowledged = results.iter().filter(|result| result.is_ok()).count();
        assert!(results.iter().all(|result| result.is_ok() || *result == Err(StoreError::Closed)));
        assert!(acknowledged >= 1024, "what was queued is made: {acknowledged}");
        let store = open_in(folder.path()).expect("opened");
        assert_eq!(store.usage().records, acknowledged as u64 + 1);
    });
}

#[test]
fn a_futures_end_does_not_take_back_a_queued_commit() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        drop(store.commit(Batch(vec![Op::Put(record(Section::Heads, "h", "a"))])));
        assert_eq!(store.put(record(Section::Heads, "h", "a")).await, Outcome::Known);
    });
}

#[test]
fn counts_are_right_whether_the_last_close_was_clean_or_not() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        let expected = fill(&store).await;
        store.close().await;
        let clean = || {
            let raw = rusqlite::Connection::open(file(folder.path(), "")).expect("opened");
            raw.query_row("SELECT count(*) FROM clean_close", [], |row| row.get::<_, i64>(0)).expect("counted")
        };
        assert_eq!(clean(), 1);
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        assert_eq!(clean(), 0, "a store in use is not cleanly closed");
        check(&store, &expected);
        let image = crate::fixture::crash_image(folder.path());
        let crashed: Rc<dyn Store> = Rc::new(open_in(image.path()).expect("opened"));
        check(&crashed, &expected);
    });
}

#[test]
fn expiry_gives_room_back() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        let large = |n: u32| Stored { bytes: vec![1; 10_000].into(), ..record(Section::Device, "s", &n.to_string()) };
        store.make((0..200).map(|n| Op::Put(large(n))).collect()).await.expect("committed");
        store.close().await;
        let length = || std::fs::metadata(file(folder.path(), "")).expect("there").len();
        assert!(length() > 2_000_000);
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        store.make(vec![Op::Expire(WallTime::NEVER)]).await.expect("committed");
        store.close().await;
        assert!(length() < 200_000, "{} bytes are left", length());
    });
}
