//! Files of a data dir that lost a bit or their end: a node refuses them with a code, or loses nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use timeline::types::Rng;

use crate::crew::Crew;
use crate::support::{Said, eventually};

/// What the person posted.
const POSTS: usize = 30;

/// Returns the files of a folder that a start reads.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file() && !path.ends_with("log")).collect();
    files.sort();
    files
}

/// Damages bytes in one place.
fn damage(good: &[u8], rng: &mut Rng) -> (Vec<u8>, String) {
    let mut bytes = good.to_vec();
    let at = rng.below(bytes.len() as u64) as usize;
    if rng.below(4) == 0 {
        bytes.truncate(at);
        return (bytes, format!("cut to {at} of {} bytes", good.len()));
    }
    let bit = rng.below(8);
    bytes[at] ^= 1 << bit;
    (bytes, format!("bit {bit} of byte {at} flipped"))
}

#[test]
fn a_damaged_file_is_refused_with_a_code_or_costs_nothing_else() {
    let mut rng = crate::random();
    let mut crew = Crew::found(1, &["alice"]);
    crew.start(&["boot-1", "peer-1"], &[]);
    let ids: Vec<String> = (0..POSTS)
        .map(|n| crew.run("peer-1", &["post", &text(n)]).ok()["id"].as_str().expect("an id").to_owned())
        .collect();
    let node_id = crew.run("peer-1", &["status"]).ok()["node_id"].clone();
    crew.end("peer-1", "TERM");
    let dir = crew.folder("peer-1").to_owned();
    let good: Vec<(PathBuf, Vec<u8>)> =
        files(&dir).into_iter().map(|path| (path.clone(), fs::read(path).expect("readable"))).collect();
    let store = |(path, _): &&(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "db" || e == "sqlite");
    let store = good.iter().find(store).expect("a store").clone();
    for round in 0..crate::rounds(16) {
        // The store is the largest of them, and is damaged most often.
        let some: Vec<&(PathBuf, Vec<u8>)> = good.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        let (path, bytes) = if round % 2 == 0 { &store } else { some[rng.below(some.len() as u64) as usize] };
        let (damaged, how) = damage(bytes, &mut rng);
        fs::write(path, &damaged).expect("writable");
        let what = format!("{}: {how}", path.display());
        eprintln!("{what}");
        let (started, line) = crew.try_start("peer-1");
        if started {
            assert_eq!(line["node_id"], node_id, "{what}: no other key takes the place of its own");
            check(&crew, &ids, &what);
            crew.end("peer-1", "TERM");
        } else {
            refused(line, &what);
            let is_store = *path == store.0;
            assert!(!is_store || fs::read(path).expect("readable") == damaged, "{what}: it is left as it is");
        }
        for path in files(&dir).iter().filter(|path| good.iter().all(|(known, _)| known != *path)) {
            fs::remove_file(path).expect("removable");
        }
        // Written over, so that nobody else may read them.
        good.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("writable"));
    }
    crew.start(&["peer-1"], &[]);
    assert_eq!(crew.feed("peer-1").len(), POSTS);
    crew.end("peer-1", "TERM");
}

fn text(n: usize) -> String {
    format!("post {n} of many, each with a text of its own")
}

/// A refusal has a code that people can look up, and says what to do.
fn refused(said: Value, what: &str) {
    let error = &said["error"];
    let code = error["code"].as_str().unwrap_or_default();
    let documented = ["store_damaged", "store_newer", "bad_config"];
    assert!(documented.contains(&code), "{what}: {said}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{what}: no cure: {said}");
}

/// A node that started shows nothing that was not posted, and at most the damaged post is missing.
fn check(crew: &Crew, ids: &[String], what: &str) {
    let whoami: Said = crew.run("peer-1", &["whoami"]);
    assert!(whoami.exit == 0 || whoami.exit == 3, "{what}: {whoami:?}");
    let feed = crew.feed("peer-1");
    for (id, post) in &feed {
        let n = ids.iter().position(|known| known == id).unwrap_or_else(|| panic!("{what}: nobody posted {post}"));
        assert_eq!(post["text"], text(n), "{what}");
    }
    assert!(feed.len() + 1 >= ids.len(), "{what}: {} of {} posts are there", feed.len(), ids.len());
}

#[test]
fn a_node_says_what_the_disk_cut_off_its_log_and_gets_it_back_from_others() {
    let mut crew = Crew::found(1, &["alice", "bob"]);
    crew.start(&["boot-1", "peer-1", "peer-2"], &[]);
    eventually("bob follows alice", || crew.run("peer-2", &["follow", "alice"]).json["queued"] == false);
    let ids: Vec<String> = (0..POSTS)
        .map(|n| crew.run("peer-1", &["post", &text(n)]).ok())
        .map(|posted| posted["id"].as_str().expect("an id").to_owned())
        .collect();
    eventually("bob has them all", || ids.iter().all(|id| crew.feed("peer-2").contains_key(id)));
    crew.end("peer-2", "KILL");
    let wal = files(crew.folder("peer-2")).into_iter().find(|path| path.to_string_lossy().ends_with("-wal"));
    let wal = wal.expect("it did not close its store");
    let mut bytes = fs::read(&wal).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&wal, &bytes).expect("writable");
    crew.start(&["peer-2"], &[]);
    let status = crew.run("peer-2", &["status"]).ok();
    assert!(status["store"]["cut"].as_u64().is_some_and(|frames| frames > 0), "{status}");
    let warnings = status["warnings"].as_array().expect("warnings");
    assert!(warnings.iter().any(|warning| warning["code"] == "store_cut"), "{status}");
    eventually("bob has them again", || ids.iter().all(|id| crew.feed("peer-2").contains_key(id)));
    crew.end("peer-2", "TERM");
    crew.start(&["peer-2"], &[]);
    let status = crew.run("peer-2", &["status"]).ok();
    assert_eq!(status["store"]["cut"], 0, "it was said once: {status}");
    for name in ["peer-1", "peer-2", "boot-1"] {
        crew.end(name, "TERM");
    }
}
