//! Any sequence of changes gives the same outcomes and the same reads from memory and from SQLite.

use std::rc::Rc;

use bytes::Bytes;
use proptest::prelude::*;
use timeline::actors::state_hash;
use timeline::seam::{Batch, Op, Space, Store, Stored, Usage};
use timeline::store::MemoryStore;
use timeline::types::{Hash, Section, SectionSet, WallTime};

use crate::fixture::{Fixture, Sqlite, on_arbiter};
use crate::records::{StoreExt, key, merge};

const SECTIONS: [Section; 4] = [Section::Device, Section::Heads, Section::Post, Section::Followers];

/// Few keys, slots, hashes and times, so that they meet.
fn ops() -> impl Strategy<Value = Op> {
    let small = || prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xff]), 0..3).prop_map(Bytes::from);
    let section = || prop::sample::select(SECTIONS.to_vec());
    let space = || prop::sample::select(vec![Space::Node, Space::Feed]);
    let time = || prop_oneof![8 => 0u64..20, 1 => Just(WallTime::NEVER.0), 1 => Just(u64::MAX)].prop_map(WallTime);
    let record = (0u8..3, section(), small(), 0u8..6, 0usize..4, time(), 0u64..12).prop_map(
        |(at, section, slot, hash, length, expires_at, stored_at)| {
            Op::Put(Stored {
                key: key(at),
                section,
                slot,
                hash: Hash([hash; 32]),
                bytes: vec![hash; length].into(),
                expires_at,
                stored_at: WallTime(stored_at),
            })
        },
    );
    prop_oneof![
        12 => record,
        2 => (0u8..3, section(), 0u8..6).prop_map(|(at, section, hash)| Op::Delete { key: key(at), section, hash: Hash([hash; 32]) }),
        1 => time().prop_map(Op::Expire),
        2 => (space(), small(), small()).prop_map(|(space, key, value)| Op::SetLocal(space, key, value)),
        2 => (space(), small(), small()).prop_map(|(space, key, value)| Op::SetLocalOnce(space, key, value)),
        1 => (space(), small()).prop_map(|(space, key)| Op::DropLocal(space, key)),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Op>),
    Close,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let commit = prop::collection::vec(ops(), 0..8).prop_map(Step::Commit);
    prop::collection::vec(prop_oneof![20 => commit, 1 => Just(Step::Close), 1 => Just(Step::Crash)], 1..16)
}

/// What a caller can see of a store, through pages of `page`.
fn view(store: &Rc<dyn Store>, page: usize, now: WallTime) -> Vec<Stored> {
    let mut seen = Vec::new();
    for at in 0..3 {
        let mut after = None;
        loop {
            let found = store.read(&key(at), SectionSet::all(), after.as_ref(), page, now).expect("read");
            let Some(last) = found.last() else { break };
            after = Some((last.section, last.slot.clone(), last.hash));
            seen.extend(found);
        }
    }
    seen
}

/// Compares each measure with the records that a read finds.
fn measures_say_what_reads_find(store: &Rc<dyn Store>, now: WallTime) {
    for (at, section) in (0..3).flat_map(|at| Section::ALL.iter().map(move |section| (at, *section))) {
        let found = store.read(&key(at), SectionSet::of(&[section]), None, usize::MAX, now).expect("read");
        for below in [None].into_iter().chain(found.iter().map(|row| Some(&*row.slot))) {
            let fitting = found.iter().filter(|row| below.is_none_or(|below| *row.slot < *below));
            let (mut records, mut bytes) = (0, 0);
            fitting.for_each(|row| (records, bytes) = (records + 1, bytes + row.bytes.len() as u64));
            assert_eq!(store.measure(&key(at), section, below, now), Ok(Usage { records, bytes }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree(steps in steps(), page in 1usize..5, now in 0u64..20, prefix in prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xff]), 0..2)) {
        on_arbiter(async {
            let memory: Rc<dyn Store> = Rc::new(MemoryStore::new(merge));
            let mut sqlite = Sqlite::open();
            for step in steps {
                match step {
                    Step::Commit(ops) => {
                        let expected = memory.commit(Batch(ops.clone())).await;
                        assert_eq!(sqlite.store().commit(Batch(ops)).await, expected);
                    }
                    Step::Close => sqlite.reopen_after_close().await,
                    Step::Crash => sqlite.reopen_after_crash(),
                }
                let file = sqlite.store();
                assert_eq!(file.usage(), memory.usage());
                assert_eq!(view(&file, page, WallTime(now)), view(&memory, page, WallTime(now)));
                assert_eq!(file.scan_all(), memory.scan_all());
                measures_say_what_reads_find(&file, WallTime(now));
                measures_say_what_reads_find(&memory, WallTime(now));
                let state = |store: &Rc<dyn Store>| state_hash(&**store, WallTime(now), None).expect("read");
                assert_eq!(state(&file), state(&memory));
                for space in [Space::Node, Space::Feed] {
                    let all = memory.local(space, &prefix, None, usize::MAX);
                    assert_eq!(file.local(space, &prefix, None, usize::MAX), all);
                    for (after, _) in all.expect("read") {
                        let read = |store: &Rc<dyn Store>| store.local(space, &prefix, Some(&after), page);
                        assert_eq!(read(&file), read(&memory));
                    }
                }
            }
            let scanned = memory.scan_all();
            let bytes: u64 = scanned.iter().map(|r| r.bytes.len() as u64).sum();
            assert_eq!((memory.usage().records, memory.usage().bytes), (scanned.len() as u64, bytes));
        });
    }
}
