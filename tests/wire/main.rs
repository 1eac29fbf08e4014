//! Fixed vectors of what nodes sign and send: today's code reads every vector that was ever written.
//!
//! `tests/vectors/records.json` is for people who write a peer, too; `docs/PROTOCOL.md` explains it. Vectors are added,
//! never edited: with `TIMELINE_ADD_VECTORS=1` those of `make.rs` that the file lacks are appended to it.

// The fixtures name the crate's modules; this is what they are called here.
use timeline::{keys, records, types};

mod check;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/records/fixtures.rs"]
mod fixtures;
mod make;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/records.json")
}

fn vectors() -> &'static [Value] {
    static VECTORS: OnceLock<Vec<Value>> = OnceLock::new();
    VECTORS.get_or_init(|| {
        if std::env::var_os("TIMELINE_ADD_VECTORS").is_some() {
            append();
        }
        let text = std::fs::read_to_string(file()).expect("the vectors are part of the project");
        serde_json::from_str(&text).expect("a list of vectors")
    })
}

fn name(vector: &Value) -> &str {
    vector["name"].as_str().expect("every vector has a name")
}

#[test]
fn every_vector_is_read_as_it_was_written() {
    for vector in vectors() {
        check::check(vector, vectors());
    }
}

#[test]
fn names_are_unique_and_nothing_is_missing() {
    let vectors = vectors();
    let names: BTreeSet<&str> = vectors.iter().map(name).collect();
    assert_eq!(names.len(), vectors.len());
    let missing: Vec<String> =
        make::all().iter().map(|v| name(v).to_owned()).filter(|n| !names.contains(n.as_str())).collect();
    assert!(missing.is_empty(), "run once with TIMELINE_ADD_VECTORS=1 to add {missing:?}");
    let kinds: BTreeSet<u64> =
        vectors.iter().filter(|v| v["verdict"] == "valid").filter_map(|v| v["kind"].as_u64()).collect();
    let all: BTreeSet<u64> = types::RecordKind::ALL.iter().map(|k| u64::from(k.number())).collect();
    assert_eq!(kinds, all, "every kind has a valid vector");
}

/// Appends what is missing; existing lines stay byte for byte.
fn append() {
    let old = std::fs::read_to_string(file()).unwrap_or_else(|_| "[\n]\n".to_owned());
    let held: Vec<Value> = serde_json::from_str(&old).expect("a list of vectors");
    let held: BTreeSet<&str> = held.iter().map(name).collect();
    let mut body = old.trim_end().strip_suffix(']').expect("a list").trim_end().to_owned();
    for vector in make::all().iter().filter(|v| !held.contains(name(v))) {
        body.push_str(if body.ends_with('[') { "\n" } else { ",\n" });
        body.push_str(&vector.to_string());
    }
    body.push_str("\n]\n");
    std::fs::write(file(), body).expect("the file can be written");
}
