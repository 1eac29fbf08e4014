//! Group commit: many batches, few transactions, each batch on its own.

use std::rc::Rc;

use futures_util::future::join_all;
use timeline::seam::{Applied, Batch, Op, Outcome, Space, Store, StoreError, Stored};
use timeline::store::{Setup, SqliteStore};
use timeline::types::{Section, SectionSet, WallTime};

use crate::fixture::{file, on_arbiter, open_in};
use crate::records::{NOW, StoreExt, bytes, key, merge, record};

fn put(slot: &str, text: &str) -> Batch {
    Batch(vec![Op::Put(record(Section::Device, slot, text))])
}

#[test]
fn a_thousand_commits_at_once_share_transactions() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store = open_in(folder.path()).expect("opened");
        let commits: Vec<_> = (0..1000).map(|n| store.commit(put("s", &n.to_string()))).collect();
        for result in join_all(commits).await {
            assert_eq!(result, Ok(Applied(vec![Outcome::Done])));
        }
        assert_eq!(store.usage().records, 1000);
        assert!((1..1000).contains(&store.transactions()), "{} transactions", store.transactions());
        assert_eq!(store.commits(), store.transactions());
        assert_eq!(store.commit(Batch::default()).await, Ok(Applied::default()));
        assert_eq!(store.commits() + 1, store.transactions(), "nothing was written");
        let found = store.read(&key(1), SectionSet::all(), None, 2000, WallTime(NOW)).expect("read");
        assert_eq!(found.len(), 1000);
    });
}

#[test]
fn more_commits_than_the_queue_holds_wait_for_room_and_keep_their_order() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        let last = |n: u32| {
            let number = bytes(&n.to_string());
            Batch(vec![
                Op::SetLocalOnce(Space::Feed, bytes("first"), number.clone()),
                Op::SetLocal(Space::Node, bytes("last"), number),
            ])
        };
        let mut commits: Vec<_> = (0..5000).map(|n| store.commit(last(n))).collect();
        commits.reverse();
        assert!(join_all(commits).await.iter().all(Result::is_ok));
        assert_eq!(store.locals(Space::Feed), [(bytes("first"), bytes("0"))]);
        assert_eq!(store.locals(Space::Node), [(bytes("last"), bytes("4999"))]);
    });
}

#[test]
fn a_batch_that_fails_fails_alone() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let setup = Setup { max_pages: Some(100), ..Setup::default() };
        let store: Rc<dyn Store> =
            Rc::new(SqliteStore::open_with(&file(folder.path(), ""), merge, &setup).expect("opened"));
        let large = || {
            let large = Stored { bytes: vec![7; 1 << 20].into(), ..record(Section::Post, "p", "large") };
            Batch(vec![Op::Put(record(Section::Post, "p", "half")), Op::Put(large)])
        };
        let batches = (0..60).map(|n| if n % 3 == 1 { large() } else { put("s", &n.to_string()) });
        let commits: Vec<_> = batches.map(|batch| store.commit(batch)).collect();
        for (n, result) in join_all(commits).await.into_iter().enumerate() {
            let expected = if n % 3 == 1 { Err(StoreError::DiskFull) } else { Ok(Applied(vec![Outcome::Done])) };
            assert_eq!(result, expected, "batch {n}");
        }
        assert_eq!(store.usage().records, 40);
        assert_eq!(store.scan_all().len(), 40, "nothing is left of those that failed");
        store.make(vec![Op::Expire(WallTime::NEVER)]).await.expect("there is room again");
        assert_eq!(store.put(record(Section::Post, "p", "after")).await, Outcome::Done);
    });
}

#[test]
fn a_merge_that_panics_closes_the_store_and_leaves_nobody_waiting() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let bad: timeline::store::Merge = |_, held, _| panic!("a test's merge of {}", held.len());
        let store = SqliteStore::open(&file(folder.path(), ""), bad).expect("opened");
        let commits: Vec<_> = (0..3000).map(|n| store.commit(put("s", &n.to_string()))).collect();
        for result in join_all(commits).await {
            assert_eq!(result, Err(StoreError::Closed));
        }
        assert_eq!(store.commit(put("s", "later")).await, Err(StoreError::Closed));
        store.close().await;
        drop(store);
        assert_eq!(open_in(folder.path()).expect("opened").usage().records, 0);
    });
}
