//! Fixed vectors of what nodes sign and send: today's code reads every vector that was ever written.
//!
//! `tests/vectors/` is for people who write a peer, too; `docs/PROTOCOL.md` explains it. Vectors are added, never edited:
//! with `TIMELINE_ADD_VECTORS=1` those of `make.rs` and its neighbours that a file lacks are appended to it.

// The fixtures name the crate's modules; this is what they are called here.
use timeline::{keys, records, types, wire};

mod check;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/records/fixtures.rs"]
mod fixtures;
mod frames;
mod make;
mod make_frames;
mod merges;
mod parts;
mod plain;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use fixtures::TestNet;

/// A file of vectors.
struct File {
    name: &'static str,
    make: fn() -> Vec<Value>,
    held: OnceLock<Vec<Value>>,
}

static RECORDS: File = File { name: "records.json", make: make::all, held: OnceLock::new() };
static REQUESTS: File = File { name: "requests.json", make: requests, held: OnceLock::new() };

fn requests() -> Vec<Value> {
    let net = TestNet::new("vectors", 4);
    [make_frames::all(&net), parts::all(&net), merges::all(&net)].concat()
}

impl File {
    fn path(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(self.name)
    }

    fn vectors(&self) -> &[Value] {
        self.held.get_or_init(|| {
            if std::env::var_os("TIMELINE_ADD_VECTORS").is_some() {
                self.append();
            }
            let text = std::fs::read_to_string(self.path()).expect("the vectors are part of the project");
            serde_json::from_str(&text).expect("a list of vectors")
        })
    }

    /// Appends what is missing; existing lines stay byte for byte.
    fn append(&self) {
        let old = std::fs::read_to_string(self.path()).unwrap_or_else(|_| "[\n]\n".to_owned());
        let held: Vec<Value> = serde_json::from_str(&old).expect("a list of vectors");
        let held: BTreeSet<&str> = held.iter().map(name).collect();
        let mut body = old.trim_end().strip_suffix(']').expect("a list").trim_end().to_owned();
        for vector in (self.make)().iter().filter(|v| !held.contains(name(v))) {
            body.push_str(if body.ends_with('[') { "\n" } else { ",\n" });
            body.push_str(&vector.to_string());
        }
        body.push_str("\n]\n");
        std::fs::write(self.path(), body).expect("the file can be written");
    }
}

fn name(vector: &Value) -> &str {
    vector["name"].as_str().expect("every vector has a name")
}

#[test]
fn every_record_is_read_as_it_was_written() {
    for vector in RECORDS.vectors() {
        check::check(vector, RECORDS.vectors());
    }
}

#[test]
fn every_frame_and_everything_else_is_read_as_it_was_written() {
    let network = TestNet::new("vectors", 4).network;
    for vector in REQUESTS.vectors() {
        let known = frames::check(vector) || parts::check(vector, &network) || merges::check(vector);
        assert!(known, "a vector of type {}", vector["type"]);
    }
}

#[test]
fn names_are_unique_and_nothing_is_missing() {
    for file in [&RECORDS, &REQUESTS] {
        let vectors = file.vectors();
        let names: BTreeSet<&str> = vectors.iter().map(name).collect();
        assert_eq!(names.len(), vectors.len());
        let missing: Vec<String> =
            (file.make)().iter().map(|v| name(v).to_owned()).filter(|n| !names.contains(n.as_str())).collect();
        assert!(missing.is_empty(), "run once with TIMELINE_ADD_VECTORS=1 to add {missing:?}");
    }
    let valid = RECORDS.vectors().iter().filter(|v| v["verdict"] == "valid");
    let kinds: BTreeSet<u64> = valid.filter_map(|v| v["kind"].as_u64()).collect();
    let all: BTreeSet<u64> = types::RecordKind::ALL.iter().map(|k| u64::from(k.number())).collect();
    assert_eq!(kinds, all, "every kind has a valid vector");
    let merges = REQUESTS.vectors().iter().filter(|v| v["type"] == "merge");
    let merged: BTreeSet<u64> = merges.filter_map(|v| v["section"].as_u64()).collect();
    let all: BTreeSet<u64> = types::Section::ALL.iter().map(|s| u64::from(s.number())).collect();
    assert_eq!(merged, all, "every section has vectors of merging");
    for side in ["request", "answer"] {
        let of_side = REQUESTS.vectors().iter().filter(|v| v["type"] == side);
        let numbers: BTreeSet<u64> = of_side.filter_map(|v| v["number"].as_u64()).collect();
        assert_eq!(numbers, (1..=16).collect(), "every {side} has a vector");
    }
}
