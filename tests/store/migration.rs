//! Files of older schemas: migrated on a copy, whole or not at all.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use rusqlite::Transaction;
use tempfile::TempDir;
use timeline::seam::{Op, Space, Store, StoreError, Stored};
use timeline::store::{STEPS, Setup, SqliteStore, Step};
use timeline::types::Section;

use crate::fixture::{crash_image, file, on_arbiter, open_in};
use crate::records::{StoreExt, bytes, merge, record};

fn add_column(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("ALTER TABLE record ADD COLUMN added INTEGER NOT NULL DEFAULT 7")
}

/// A step that changes how much is held.
fn drop_bundles(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM record WHERE section = ?1", [Section::Bundle.number()]).map(drop)
}

fn fail(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM record; SELECT no_such_function()")
}

/// Two more than this program has.
static NEXT: [Step; 4] = [STEPS[0], STEPS[1], add_column, drop_bundles];
static FAILING: [Step; 4] = [STEPS[0], STEPS[1], add_column, fail];

fn open_with(folder: &Path, steps: &'static [Step]) -> Result<Rc<dyn Store>, StoreError> {
    let store = SqliteStore::open_with(&file(folder, ""), merge, &Setup { steps, max_pages: None })?;
    Ok(Rc::new(store))
}

/// Makes a store of this program; its last changes are in the WAL only, as after a crash.
async fn old_store() -> (TempDir, Vec<Stored>) {
    let folder = tempfile::tempdir().expect("folder");
    let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
    store.make((0..300).map(|n| Op::Put(record(Section::Device, "s", &n.to_string()))).collect()).await.expect("ok");
    store.put(record(Section::Bundle, "b", "to be dropped")).await;
    store.close().await;
    let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
    store.make(vec![Op::SetLocal(Space::Node, bytes("k"), bytes("v"))]).await.expect("committed");
    store.put(record(Section::Heads, "h", "in the WAL")).await;
    let expected = store.scan_all().into_iter().filter(|r| r.section != Section::Bundle).collect();
    (crash_image(folder.path()), expected)
}

/// Checks a migrated store, closes it and checks that nothing is left beside it.
async fn check_migrated(store: Rc<dyn Store>, folder: &Path, expected: &[Stored]) {
    assert_eq!(store.scan_all(), expected);
    assert_eq!(store.usage().records, expected.len() as u64);
    assert_eq!(store.locals(Space::Node), [(bytes("k"), bytes("v"))]);
    store.put(record(Section::Heads, "new", "new")).await;
    store.close().await;
    assert_eq!(files(folder), ["store.db"]);
    let raw = rusqlite::Connection::open(file(folder, "")).expect("opened");
    let number = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("read");
    assert_eq!(number("PRAGMA user_version"), 4);
    assert_eq!(number("PRAGMA auto_vacuum"), 2);
    assert_eq!(number("SELECT count(*) FROM record WHERE added = 7"), expected.len() as i64 + 1);
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("listed");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_old_store_is_migrated_with_all_it_holds() {
    on_arbiter(async {
        let (folder, expected) = old_store().await;
        let store = open_with(folder.path(), &NEXT).expect("migrated");
        check_migrated(store, folder.path(), &expected).await;
        let again = open_with(folder.path(), &NEXT).expect("opened");
        assert_eq!(again.usage().records, expected.len() as u64 + 1);
        again.close().await;
        assert_eq!(open_in(folder.path()).err(), Some(StoreError::Newer { found: 4, known: 2 }));
    });
}

#[test]
fn a_migrated_store_is_as_private_as_before() {
    #[cfg(unix)]
    on_arbiter(async {
        use std::os::unix::fs::PermissionsExt;
        let (folder, _) = old_store().await;
        let _store = open_with(folder.path(), &NEXT).expect("migrated");
        for name in files(folder.path()) {
            let mode = fs::metadata(folder.path().join(&name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    });
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    on_arbiter(async {
        let (folder, expected) = old_store().await;
        for _ in 0..2 {
            assert!(open_with(folder.path(), &FAILING).is_err());
        }
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("the old program still opens it"));
        assert_eq!(store.scan_all().len(), expected.len() + 1);
        store.close().await;
        let store = open_with(folder.path(), &NEXT).expect("migrated");
        check_migrated(store, folder.path(), &expected).await;
    });
}

#[test]
fn an_interrupted_migration_starts_afresh() {
    // What a crash leaves at each point, given the folder of an old store.
    let half_a_copy: fn(&Path) = |folder| {
        let whole = fs::read(file(folder, "")).expect("read");
        fs::write(file(folder, ".migrating"), &whole[..whole.len() / 2]).expect("written");
        fs::write(file(folder, ".migrating-journal"), b"half a journal").expect("written");
        fs::write(file(folder, ".migrating-wal"), b"half a WAL").expect("written");
    };
    let before_the_second_rename: fn(&Path) = |folder| {
        // The WAL was played into the file before the renames.
        let raw = rusqlite::Connection::open(file(folder, "")).expect("opened");
        raw.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0)).expect("counted");
        raw.close().expect("closed");
        fs::copy(file(folder, ""), file(folder, ".migrating")).expect("copied");
        fs::rename(file(folder, ""), file(folder, ".v2")).expect("renamed");
    };
    let before_the_original_was_removed: fn(&Path) = |folder| {
        fs::copy(file(folder, ""), file(folder, ".v2")).expect("copied");
        drop(open_with(folder, &NEXT).expect("migrated"));
        fs::write(file(folder, ".v2"), b"the original").expect("written");
    };
    for interrupt in [half_a_copy, before_the_second_rename, before_the_original_was_removed] {
        on_arbiter(async {
            let (folder, expected) = old_store().await;
            interrupt(folder.path());
            let store = open_with(folder.path(), &NEXT).expect("migrated");
            check_migrated(store, folder.path(), &expected).await;
        });
    }
}

#[test]
fn an_interrupted_creation_starts_afresh_and_a_lost_files_wal_is_not_played() {
    on_arbiter(async {
        let (folder, _) = old_store().await;
        fs::rename(file(folder.path(), ""), file(folder.path(), ".migrating")).expect("renamed");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("opened"));
        assert_eq!(store.scan_all(), []);
        store.close().await;
        assert_eq!(files(folder.path()), ["store.db"]);
    });
}

#[test]
fn a_store_of_the_first_schema_is_read_and_written() {
    static FIRST: [Step; 1] = [STEPS[0]];
    let folder = tempfile::tempdir().expect("folder");
    on_arbiter(async {
        open_with(folder.path(), &FIRST).expect("made").close().await;
        // Written as the program of then wrote: it summed nothing.
        let raw = rusqlite::Connection::open(file(folder.path(), "")).expect("opened");
        for n in 0..2500 {
            let new = record(Section::Device, &format!("slot {n}"), &n.to_string());
            let times = [new.expires_at.0 as i64, new.stored_at.0 as i64];
            raw.execute(
                "INSERT INTO record (key, section, slot, hash, bytes, expires_at, stored_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (&new.key.0, new.section.number(), &*new.slot, &new.hash.0, &*new.bytes, times[0], times[1]),
            )
            .expect("inserted");
            let local = (Space::Node as u8, format!("{n:05}").into_bytes(), b"v".to_vec());
            raw.execute("INSERT INTO local (space, key, value) VALUES (?1, ?2, ?3)", local).expect("inserted");
        }
        raw.execute("DELETE FROM clean_close", []).expect("deleted");
        raw.close().expect("closed");
        let store: Rc<dyn Store> = Rc::new(open_in(folder.path()).expect("migrated"));
        assert_eq!(store.scan_all().len(), 2500);
        assert_eq!(store.locals(Space::Node).len(), 2500);
        store.put(record(Section::Heads, "new", "new")).await;
        assert_eq!(store.usage().records, 2501);
        store.close().await;
    });
}
