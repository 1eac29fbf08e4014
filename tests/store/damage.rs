//! Files that cannot be opened: each is refused with its reason and left as it was.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use timeline::seam::{Batch, Op, Store, StoreError};
use timeline::store::{Setup, SqliteStore};
use timeline::types::Section;

use crate::fixture::{file, on_arbiter, open_in};
use crate::records::{merge, record, walk};

/// Makes a cleanly closed store with some records.
fn closed_store(records: u32) -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    on_arbiter(async {
        let store = open_in(folder.path()).expect("opened");
        let put = |n: u32| Op::Put(record(Section::Device, "s", &format!("record {n}")));
        store.commit(Batch((0..records).map(put).collect())).await.expect("committed");
        store.close().await;
    });
    folder
}

/// Writes `content` as a store and opens it; after a refusal, checks that nothing was changed.
fn open_bytes(content: &[u8]) -> Result<(SqliteStore, TempDir), StoreError> {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(file(folder.path(), ""), content).expect("written");
    match open_in(folder.path()) {
        Ok(store) => Ok((store, folder)),
        Err(error) => {
            assert!(fs::read(file(folder.path(), "")).expect("read") == content, "a refused file was changed");
            assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "something was left beside the file");
            Err(error)
        }
    }
}

/// Returns why `content` is refused as a store.
fn refusal(content: &[u8]) -> Option<StoreError> {
    open_bytes(content).err()
}

fn is_damaged(error: Option<StoreError>) -> bool {
    matches!(error, Some(StoreError::Damaged(_)))
}

#[test]
fn a_file_that_is_not_a_store_is_damaged() {
    let other = {
        let folder = tempfile::tempdir().expect("folder");
        let raw = rusqlite::Connection::open(folder.path().join("other")).expect("opened");
        raw.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").expect("made");
        raw.close().expect("closed");
        fs::read(folder.path().join("other")).expect("read")
    };
    for content in [b"".as_slice(), b"x", b"SQLite format 3\0", &[0; 4096], &[0xff; 100_000], &other] {
        assert!(is_damaged(refusal(content)), "{} bytes", content.len());
    }
}

#[test]
fn a_truncated_file_is_damaged() {
    let folder = closed_store(500);
    let whole = fs::read(file(folder.path(), "")).expect("read");
    assert_eq!(refusal(&whole), None);
    for length in [1, 99, 100, 512, 4095, 4096, 8192, 12_000, whole.len() - 4096, whole.len() - 1] {
        assert!(is_damaged(refusal(&whole[..length])), "cut to {length}");
    }
}

#[test]
fn a_flipped_bit_in_the_header_is_found_or_harmless() {
    let folder = closed_store(20);
    let whole = fs::read(file(folder.path(), "")).expect("read");
    for bit in 0..100 * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match open_bytes(&flipped) {
            Err(StoreError::Damaged(_) | StoreError::Newer { .. }) => {}
            Err(other) => panic!("bit {bit}: {other:?}"),
            Ok((store, _folder)) => {
                let found = walk(&mut *store.reader().expect("reader"), None, usize::MAX).expect("walked");
                assert_eq!(found.len(), 20, "bit {bit}");
            }
        }
    }
}

#[test]
fn damage_within_is_found_after_an_unclean_end_and_the_wal_stays() {
    let folder = closed_store(2000);
    on_arbiter(async {
        let store = open_in(folder.path()).expect("opened");
        store.commit(Batch(vec![Op::Put(record(Section::Heads, "h", "in the WAL"))])).await.expect("committed");
        let image = crate::fixture::crash_image(folder.path());
        let path = file(image.path(), "");
        let mut content = fs::read(&path).expect("read");
        let middle = content.len() / 2 / 4096 * 4096;
        content[middle..middle + 4096].fill(0x55);
        fs::write(&path, &content).expect("written");
        let wal = fs::read(file(image.path(), "-wal")).expect("read");
        assert!(is_damaged(open_in(image.path()).err()));
        assert!(fs::read(&path).expect("read") == content);
        assert!(fs::read(file(image.path(), "-wal")).expect("read") == wal);
    });
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    fn add(transaction: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch("CREATE TABLE added (x)")
    }
    static NEWER: [timeline::store::Step; 3] = [timeline::store::STEPS[0], timeline::store::STEPS[1], add];
    let setup = Setup { steps: &NEWER, max_pages: None };
    on_arbiter(async {
        let folder = tempfile::tempdir().expect("folder");
        let newer = SqliteStore::open_with(&file(folder.path(), ""), merge, &setup).expect("opened");
        newer.commit(Batch(vec![Op::Put(record(Section::Heads, "h", "in the WAL"))])).await.expect("committed");
        let image = crate::fixture::crash_image(folder.path());
        let content = |suffix| fs::read(file(image.path(), suffix)).expect("read");
        let before = (content(""), content("-wal"));
        assert_eq!(open_in(image.path()).err(), Some(StoreError::Newer { found: 3, known: 2 }));
        assert!((content(""), content("-wal")) == before);
        assert_eq!(fs::read_dir(image.path()).expect("listed").count(), 2);
    });
}

#[test]
fn what_cannot_be_reached_is_an_access_error() {
    let folder = tempfile::tempdir().expect("folder");
    let check = |path: &Path| {
        let error = SqliteStore::open(path, merge).err();
        assert!(matches!(error, Some(StoreError::Access(_))), "{error:?}");
    };
    check(&folder.path().join("missing").join("store.db"));
    check(folder.path());
    fs::write(folder.path().join("file"), b"").expect("written");
    check(&folder.path().join("file").join("store.db"));
}

#[cfg(unix)]
#[test]
fn a_read_only_store_is_an_access_error() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    let folder = closed_store(1);
    let path = file(folder.path(), "");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600, "only its owner may read it");
    let content = fs::read(&path).expect("read");
    for (file_mode, folder_mode) in [(0o400, 0o500), (0o600, 0o500), (0o400, 0o700)] {
        mode(&path, file_mode);
        mode(folder.path(), folder_mode);
        // Permissions do not bind the superuser, who runs some test machines.
        let bound =
            fs::OpenOptions::new().write(true).open(&path).is_err() || fs::write(folder.path().join("x"), "").is_err();
        let error = open_in(folder.path()).err();
        mode(folder.path(), 0o700);
        if bound {
            assert!(matches!(error, Some(StoreError::Access(_))), "{file_mode:o} {folder_mode:o}: {error:?}");
            assert!(fs::read(&path).expect("read") == content);
        } else {
            assert_eq!(error, None);
        }
    }
}
