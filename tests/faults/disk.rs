//! Disks that are full, and disks that cannot be written.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::crew::Crew;
use crate::lan::HEALED;
use crate::skipped;
use crate::support::{Said, eventually, within};

/// Room on a small disk: some times what a node with a few posts takes.
const SMALL: &str = "size=8m,mode=700";
/// How many posts it takes at most until nothing more fits: what is free inside of files is used first.
const UNTIL_FULL: usize = 200;
/// Small disks have less room than nodes usually leave to others.
const SETTINGS: [&str; 2] = ["--set", "store.min_free=0B"];

/// A small disk in the place of a node's data dir, with its content.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one; where this machine does not allow it, says so and returns `None`.
    fn under(test: &str, folder: &Path) -> Option<Self> {
        let content = folder.with_extension("content");
        fs::rename(folder, &content).expect("renamed");
        fs::create_dir(folder).expect("made");
        let folder = folder.to_owned();
        let mounted = call("mount", &["-t", "tmpfs", "-o", SMALL, "tmpfs", path(&folder)]);
        if let Err(why) = mounted {
            skipped(test, &format!("no file system can be mounted here: {why}"));
            return None;
        }
        let disk = Self { folder };
        call("cp", &["-a", &format!("{}/.", path(&content)), path(&disk.folder)]).expect("copied");
        Some(disk)
    }

    fn remount(&self, how: &str) {
        call("mount", &["-o", &format!("remount,{how}"), path(&self.folder)]).expect("mounted again");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Fills the disk to its last byte.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("made");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for a test that failed while a node still runs there.
        let _ = call("umount", &["-l", path(&self.folder)]);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn call(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(words).output().map_err(|error| format!("{program}: {error}"))?;
    let why = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(why()) }
}

/// Checks that a refusal has this code and says what to do.
#[track_caller]
fn refused(said: Said, exit: i32, code: &str) {
    let hint = said.json["error"]["hint"].as_str().unwrap_or_default().to_owned();
    assert!(!hint.is_empty(), "no cure: {said:?}");
    said.refused(exit, code);
}

/// Posts until there is no room; returns the ids of what was acknowledged.
fn post_until_full(crew: &Crew, name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..UNTIL_FULL {
        let said = crew.run(name, &["post", &format!("does this one fit? {n}")]);
        if said.exit != 0 {
            refused(said, 1, "disk_full");
            return ids;
        }
        ids.push(said.ok()["id"].as_str().expect("an id").to_owned());
    }
    panic!("{UNTIL_FULL} posts fitted on a full disk");
}

#[test]
fn a_node_lives_on_a_full_disk_and_goes_on_when_there_is_room() {
    let test = "a_node_lives_on_a_full_disk_and_goes_on_when_there_is_room";
    let mut crew = Crew::found(1, &["alice", "bob", "carol"]);
    let Some(disk) = SmallDisk::under(test, crew.folder("peer-1")) else { return };
    crew.start(&["boot-1", "peer-1", "peer-2", "peer-3"], &SETTINGS);
    // Else a full disk may be half of a replica set.
    crew.meet();
    for (name, whom) in [("peer-1", "bob"), ("peer-2", "alice")] {
        eventually("they follow each other", || crew.run(name, &["follow", whom]).json["queued"] == false);
    }
    let before = crew.run("peer-1", &["post", "before"]).ok();
    assert_eq!(before["state"], "published", "{before}");

    disk.fill();
    let mut kept = post_until_full(&crew, "peer-1");
    kept.push(before["id"].as_str().expect("an id").to_owned());
    refused(crew.run("peer-1", &["unfollow", "bob"]), 1, "disk_full");
    refused(crew.run("peer-1", &["profile", "--bio", "no room"]), 1, "disk_full");
    // It reads, says what is the matter, and others do not wait for it.
    let status = crew.run("peer-1", &["status"]).ok();
    let warned = |code: &str| status["warnings"].as_array().into_iter().flatten().any(|w| w["code"] == code);
    assert!(warned("disk_nearly_full"), "{status}");
    let feed = crew.feed("peer-1");
    assert!(kept.iter().all(|id| feed.contains_key(id)), "what was acknowledged is shown");
    assert_eq!(crew.run("peer-1", &["user", "bob"]).ok()["username"], "bob");
    let of_bob = crew.run("peer-2", &["post", "while alice has no room"]).ok();
    assert_eq!(of_bob["state"], "published", "{of_bob}");
    let id = of_bob["id"].as_str().expect("an id");
    assert!(!crew.feed("peer-1").contains_key(id), "it cannot be kept");

    disk.make_room();
    let arrived = within(HEALED, || crew.feed("peer-1").contains_key(id));
    assert!(arrived, "not within {HEALED:?} after there is room: what came meanwhile");
    let after = crew.run("peer-1", &["post", "after"]).ok();
    assert_eq!(after["state"], "published", "{after}");
    kept.push(after["id"].as_str().expect("an id").to_owned());
    eventually("nothing waits", || crew.run("peer-1", &["outbox"]).ok()["items"] == json!([]));
    eventually("bob has all of it", || {
        let feed = crew.feed("peer-2");
        kept.iter().all(|id| feed.contains_key(id))
    });

    // A start on a full disk is refused and changes nothing.
    crew.end("peer-1", "KILL");
    disk.fill();
    refused(crew.refused("peer-1", &SETTINGS), 1, "disk_full");
    disk.make_room();
    crew.start(&["peer-1"], &SETTINGS);
    let feed = crew.feed("peer-1");
    assert!(kept.iter().all(|id| feed.contains_key(id)), "nothing is lost");
    assert_eq!(crew.run("peer-1", &["following"]).ok()["count"], 1);
    crew.end("peer-1", "TERM");
}

#[test]
fn posts_wait_for_the_only_bootpeer_to_have_room() {
    let test = "posts_wait_for_the_only_bootpeer_to_have_room";
    let mut crew = Crew::found(1, &["alice", "bob"]);
    let Some(disk) = SmallDisk::under(test, crew.folder("boot-1")) else { return };
    crew.start(&["boot-1", "peer-1", "peer-2"], &SETTINGS);
    eventually("bob follows alice", || crew.run("peer-2", &["follow", "alice"]).json["queued"] == false);
    disk.fill();
    let mut ids = Vec::new();
    let queued = (0..UNTIL_FULL).any(|n| {
        let said = crew.run("peer-1", &["--timeout", "3", "post", &format!("is there room? {n}")]).ok();
        ids.push(said["id"].as_str().expect("an id").to_owned());
        said["state"] == "queued"
    });
    assert!(queued, "nothing is published that no bootpeer can keep");
    eventually("bob has all of it nevertheless", || {
        let feed = crew.feed("peer-2");
        ids.iter().all(|id| feed.contains_key(id))
    });
    for id in &ids[..ids.len() - 1] {
        crew.run("boot-1", &["show", id]).ok();
    }
    disk.make_room();
    let done = within(HEALED, || crew.run("peer-1", &["outbox"]).ok()["items"] == json!([]));
    assert!(done, "not within {HEALED:?} after there is room: nothing waits");
    // The bootpeer has them by itself, also after it was killed.
    for name in ["peer-1", "peer-2", "boot-1"] {
        crew.end(name, "KILL");
    }
    crew.start(&["boot-1"], &SETTINGS);
    for id in &ids {
        crew.run("boot-1", &["show", id]).ok();
    }
    crew.end("boot-1", "TERM");
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_left_alone() {
    let test = "a_folder_that_cannot_be_written_is_named_and_left_alone";
    let mut crew = Crew::found(1, &["alice"]);
    let Some(disk) = SmallDisk::under(test, crew.folder("peer-1")) else { return };
    crew.start(&["boot-1", "peer-1"], &SETTINGS);
    let post = crew.run("peer-1", &["post", "kept"]).ok();
    crew.end("peer-1", "KILL");
    disk.remount("ro");
    for _ in 0..2 {
        let said = crew.refused("peer-1", &SETTINGS);
        assert!(said.json["error"]["message"].to_string().contains(path(crew.folder("peer-1"))), "{said:?}");
        refused(said, 2, "bad_config");
    }
    disk.remount("rw");
    crew.start(&["peer-1"], &SETTINGS);
    assert!(crew.feed("peer-1").contains_key(post["id"].as_str().expect("an id")));
    crew.end("peer-1", "TERM");
}
