//! A log that was damaged on the disk: what lies before that is there, and the store says how much is not.

use std::fs;

use tempfile::TempDir;
use timeline::seam::{Batch, Op, Space, Store};
use timeline::store::SqliteStore;
use timeline::types::{Rng, Section};

use crate::fixture::{crash_image, file, on_arbiter, open_in};
use crate::records::{bytes, record, walk};

const FRAME: usize = 24 + 4096;
const HEADER: usize = 32;
/// Transactions in the log.
const COMMITS: u32 = 30;
/// How many logs are damaged, where [`crate::ROUNDS`] does not say.
const FLIPS: u32 = 80;

fn batch(n: u32) -> Batch {
    let long = vec![b'.'; (n as usize * 977) % 9000];
    Batch(vec![
        Op::Put(record(Section::Device, &format!("{n:03}"), &format!("record {n}"))),
        Op::SetLocal(Space::Feed, bytes(&n.to_string()), long.into()),
    ])
}

/// What a process that is killed after some commits leaves behind, with the length of its log after each of them.
fn killed() -> (TempDir, Vec<usize>) {
    let folder = tempfile::tempdir().expect("folder");
    on_arbiter(async {
        let store = open_in(folder.path()).expect("opened");
        let mut ends = Vec::new();
        for n in 0..COMMITS {
            store.commit(batch(n)).await.expect("committed");
            ends.push(fs::metadata(file(folder.path(), "-wal")).expect("a log").len() as usize);
        }
        (crash_image(folder.path()), ends)
    })
}

/// Returns how many records of the log are there: always the first ones.
fn there(store: &SqliteStore) -> usize {
    let found = walk(&mut *store.reader().expect("reader"), None, usize::MAX).expect("walked");
    for (n, row) in found.iter().enumerate() {
        assert_eq!(row.slot, format!("{n:03}"), "they are in the order of their commits");
    }
    found.len()
}

/// Opens a copy of a store with another log.
fn open_with(image: &TempDir, wal: &[u8]) -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    fs::copy(file(image.path(), ""), file(folder.path(), "")).expect("copied");
    fs::write(file(folder.path(), "-wal"), wal).expect("written");
    (open_in(folder.path()).expect("what lies before is sound"), folder)
}

#[test]
fn a_log_whose_end_is_torn_lost_nothing_that_was_acknowledged() {
    let (image, ends) = killed();
    let whole = fs::read(file(image.path(), "-wal")).expect("a log");
    assert_eq!(*ends.last().expect("commits"), whole.len());
    let last = ends[ends.len() - 2];
    let check = |wal: &[u8], expected: u32, what: &str| {
        let (store, folder) = open_with(&image, wal);
        assert_eq!((there(&store) as u32, store.cut()), (expected, 0), "{what}");
        assert!(!file(folder.path(), "-wal.damaged").exists(), "{what}");
    };
    check(&whole, COMMITS, "whole");
    for length in [last, last + 1, last + 24, last + FRAME, whole.len() - FRAME, whole.len() - 1] {
        check(&whole[..length], COMMITS - 1, &format!("cut to {length}"));
    }
    check(&[], 0, "nothing was written");
    check(&whole[..HEADER - 1], 0, "half a header");
    // Frames of one transaction may reach the disk in any order.
    let mut hole = whole.clone();
    hole[last..last + FRAME].fill(0);
    check(&hole, COMMITS - 1, "the first frame of the last transaction is missing");
}

#[test]
fn a_log_that_is_damaged_in_its_middle_says_how_much_is_lost_and_loses_nothing_else() {
    let (image, ends) = killed();
    let whole = fs::read(file(image.path(), "-wal")).expect("a log");
    // The header, the first and the last frame of a transaction, its page, and the last but one that can be told.
    for (at, what) in [
        (20, "the salt of the header"),
        (HEADER + 16, "the sum of the first frame"),
        (ends[9] + 100, "a page"),
        (ends[9] - FRAME + 30, "the page of a last frame"),
        (ends[9] + 9, "the salt of a frame"),
        (ends[COMMITS as usize - 3] + 24, "the last transaction but one"),
    ] {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        let before = ends.iter().take_while(|end| **end <= at).count();
        let (store, folder) = open_with(&image, &damaged);
        assert_eq!(there(&store), before, "{what}");
        let lost = (whole.len() - HEADER) / FRAME - (at.max(HEADER) - HEADER) / FRAME;
        assert_eq!(store.cut(), lost as u64, "{what}");
        assert!(fs::read(file(folder.path(), "-wal.damaged")).expect("a copy is kept") == damaged, "{what}");
        // It goes on from there, and the next opening finds nothing wrong.
        on_arbiter(async {
            store.commit(batch(before as u32)).await.expect("committed");
            store.close().await;
        });
        let again = open_in(folder.path()).expect("opened");
        assert_eq!((there(&again), again.cut()), (before + 1, 0), "{what}");
    }
}

#[test]
fn what_is_left_of_an_older_log_is_no_damage() {
    let folder = tempfile::tempdir().expect("folder");
    on_arbiter(async {
        let store = open_in(folder.path()).expect("opened");
        for n in 0..COMMITS {
            store.commit(batch(n)).await.expect("committed");
        }
        // The log begins anew, over the old one.
        let other = rusqlite::Connection::open(file(folder.path(), "")).expect("opened");
        other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).expect("played");
        store.commit(batch(COMMITS)).await.expect("committed");
        store.commit(batch(COMMITS + 1)).await.expect("committed");
        let image = crash_image(folder.path());
        let wal = fs::read(file(image.path(), "-wal")).expect("a log");
        let salts: std::collections::BTreeSet<&[u8]> =
            wal[HEADER..].chunks_exact(FRAME).map(|frame| &frame[8..16]).collect();
        assert_eq!(salts.len(), 2, "both logs are in the file");
        let (store, _folder) = open_with(&image, &wal);
        assert_eq!((there(&store) as u32, store.cut()), (COMMITS + 2, 0));
    });
}

#[test]
fn a_flipped_bit_anywhere_in_a_log_is_noticed_or_costs_the_last_transaction_at_most() {
    let (image, ends) = killed();
    let whole = fs::read(file(image.path(), "-wal")).expect("a log");
    let mut rng = Rng::from_seed([44; 32]);
    let mut noticed = 0;
    for _ in 0..crate::rounds(FLIPS) {
        let (at, bit) = (rng.below(whole.len() as u64) as usize, rng.below(8));
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << bit;
        let (store, _folder) = open_with(&image, &damaged);
        let before = ends.iter().take_while(|end| **end <= at).count();
        assert_eq!(there(&store), before, "bit {bit} of byte {at}");
        // Where a frame says of itself that it ends nothing, or belongs to an older log, one more transaction looks torn.
        assert!(store.cut() > 0 || before + 2 >= COMMITS as usize, "bit {bit} of byte {at}: {before} are left");
        noticed += u32::from(store.cut() > 0);
    }
    assert!(noticed > crate::rounds(FLIPS) / 2, "{noticed}");
}
