//! One bit, or the end, of a file of a store is wrong: it is refused, or costs no more than what lay there.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;
use timeline::seam::{Batch, Op, Place, Space, Store, StoreError, Stored};
use timeline::store::SqliteStore;
use timeline::types::{Key, Rng, Section, SectionSet, WallTime};

use crate::fixture::{crash_image, file, on_arbiter, open_in};
use crate::records::{NOW, bytes, place, record, walk};

const RECORDS: u32 = 800;
/// How many files are damaged, where [`crate::ROUNDS`] does not say.
const FLIPS: u32 = 60;
const BATCHES: u32 = 40;

fn key_of(n: u32) -> Key {
    Key(*blake3::hash(&(n % 100).to_le_bytes()).as_bytes())
}

fn nth(n: u32) -> Stored {
    Stored {
        key: key_of(n),
        ..record(Section::Device, &format!("slot {n}"), &format!("{n} {}", "x".repeat(n as usize % 300)))
    }
}

/// Damages one place, in a page chosen first, so that each part of the file has its turn.
fn flip(good: &[u8], rng: &mut Rng) -> (Vec<u8>, String) {
    let mut content = good.to_vec();
    let at = rng.below(good.len() as u64) as usize;
    let bit = rng.below(8);
    content[at] ^= 1 << bit;
    (content, format!("bit {bit} of byte {} in page {}", at % 4096, at / 4096))
}

/// Opens a copy of a store with this content in its file.
fn open_bytes(content: &[u8]) -> (Result<SqliteStore, StoreError>, TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(file(folder.path(), ""), content).expect("written");
    (open_in(folder.path()), folder)
}

/// Everything that is found, by a walk and by asking for each: what the two say differently is missing.
fn found(store: &SqliteStore, all: &BTreeMap<Place, Stored>) -> (BTreeMap<Place, Stored>, Vec<Place>) {
    let walked = walk(&mut *store.reader().expect("reader"), None, usize::MAX).expect("walked");
    let mut asked = BTreeMap::new();
    for n in 0..100 {
        let rows = store.read(&key_of(n), SectionSet::all(), None, usize::MAX, WallTime(NOW)).expect("read");
        asked.extend(rows.into_iter().map(|row| (place(&row), row)));
    }
    let walked: BTreeMap<Place, Stored> = walked.into_iter().map(|row| (place(&row), row)).collect();
    let lost = all.iter().filter(|(place, row)| walked.get(*place) != Some(row) || asked.get(*place) != Some(row));
    let lost = lost.map(|(place, _)| place.clone()).collect();
    (walked, lost)
}

#[test]
fn a_flipped_bit_anywhere_costs_one_record_at_most() {
    let folder = tempfile::tempdir().expect("folder");
    let all: BTreeMap<Place, Stored> = (0..RECORDS).map(nth).map(|record| (place(&record), record)).collect();
    on_arbiter(async {
        let store = open_in(folder.path()).expect("opened");
        for n in 0..RECORDS {
            // Not in the order of their places, so that the file is as one that grew.
            let ops = vec![Op::Put(nth(n)), Op::SetLocal(Space::Feed, bytes(&format!("{n}")), bytes("row"))];
            store.commit(Batch(ops)).await.expect("committed");
        }
        store.close().await;
    });
    let good = fs::read(file(folder.path(), "")).expect("read");
    let mut rng = Rng::from_seed([43; 32]);
    let (mut refused, mut harmless, mut mended) = (0, 0, 0);
    for _ in 0..crate::rounds(FLIPS) {
        let (content, what) = flip(&good, &mut rng);
        let (opened, copy) = open_bytes(&content);
        match opened {
            Err(StoreError::Damaged(_) | StoreError::Newer { .. }) => {
                assert!(
                    fs::read(file(copy.path(), "")).expect("read") == content,
                    "{what}: a refused file was changed"
                );
                refused += 1;
            }
            Err(other) => panic!("{what}: {other:?}"),
            Ok(store) => {
                let (walked, lost) = found(&store, &all);
                assert!(lost.len() <= 1, "{what}: {} records are lost", lost.len());
                let strange = walked.iter().filter(|(place, row)| all.get(*place) != Some(row)).count();
                assert_eq!(strange, 0, "{what}: a record is not what it was");
                harmless += usize::from(lost.is_empty());
                for place in lost {
                    on_arbiter(store.commit(Batch(vec![Op::Put(all[&place].clone())]))).expect("committed");
                    mended += 1;
                }
                assert_eq!(found(&store, &all), (all.clone(), vec![]), "{what}: what was lost can be written again");
            }
        }
    }
    let counted = format!("{refused} refused, {harmless} harmless, {mended} lost and written again");
    assert!(refused > 0 && harmless > 0 && mended > 0, "{counted}");
    eprintln!("{counted}");
}

#[test]
fn a_damaged_wal_gives_a_state_that_once_was() {
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let store = open_in(folder.path()).expect("opened");
        for n in 0..BATCHES {
            let put = |section| Op::Put(record(section, &format!("{n:03}"), &format!("{n} {}", "x".repeat(600))));
            store.commit(Batch(vec![put(Section::Device), put(Section::Followers)])).await.expect("committed");
        }
        let image = crash_image(folder.path());
        let (main, wal) = (file(image.path(), ""), file(image.path(), "-wal"));
        let (good, good_wal) = (fs::read(&main).expect("read"), fs::read(&wal).expect("read"));
        let mut rng = Rng::from_seed([44; 32]);
        for round in 0..crate::rounds(FLIPS) {
            let (mut content, what) = flip(&good_wal, &mut rng);
            if round % 3 == 0 {
                content.truncate(rng.below(good_wal.len() as u64) as usize);
            }
            let copy = tempfile::tempdir().expect("folder");
            fs::write(file(copy.path(), ""), &good).expect("written");
            fs::write(file(copy.path(), "-wal"), &content).expect("written");
            let store = match open_in(copy.path()) {
                Ok(store) => store,
                Err(StoreError::Damaged(_)) => continue,
                Err(other) => panic!("{what}: {other:?}"),
            };
            let all = walk(&mut *store.reader().expect("reader"), None, usize::MAX).expect("walked");
            let slots = |section: Section| -> Vec<String> {
                let of = all.iter().filter(|row| row.section == section);
                of.map(|row| String::from_utf8_lossy(&row.slot).into_owned()).collect()
            };
            let one = slots(Section::Device);
            let first: Vec<String> = (0..one.len()).map(|n| format!("{n:03}")).collect();
            assert_eq!(one, first, "{what}: what is there are the first batches");
            assert_eq!(one, slots(Section::Followers), "{what}: batches are whole");
        }
        store.close().await;
    });
}
