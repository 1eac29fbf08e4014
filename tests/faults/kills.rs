//! Nodes are killed at any moment, over and over, while somebody posts and follows: what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::json;
use timeline::types::Rng;

use crate::crew::Crew;
use crate::support::{SOON, eventually, run, within};

/// Commands that are under way at once.
const WRITERS: u64 = 3;
const AUTHOR: &str = "peer-1";
const FOLLOWER: &str = "peer-2";
const ALL: [&str; 4] = ["boot-1", "boot-2", AUTHOR, FOLLOWER];
/// The last moment of a start in which a node is killed.
const START_MS: u64 = 600;

/// What one round acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Texts by id, of posts that were "published".
    published: BTreeMap<String, String>,
    /// The same of those that were "queued".
    queued: BTreeMap<String, String>,
    /// Whether the author follows the other, where the last word about it was acknowledged.
    follows: Option<bool>,
}

impl Acknowledged {
    fn posts(&self) -> usize {
        self.published.len() + self.queued.len()
    }
}

#[test]
fn what_was_acknowledged_survives_kills_at_any_moment() {
    let mut rng = crate::random();
    let mut crew = Crew::found(2, &["alice", "bob"]);
    crew.start(&ALL, &[]);
    eventually("bob follows alice", || crew.run(FOLLOWER, &["follow", "alice"]).json["queued"] == false);
    let mut all = BTreeMap::new();
    for round in 0..crate::rounds(8) {
        // The author dies most often; sometimes all do at once.
        let victims: &[&str] = match round % 4 {
            0 | 2 => &[AUTHOR],
            1 => &[["boot-1", FOLLOWER][rng.below(2) as usize]],
            _ => &ALL,
        };
        let said = write_and_kill(&mut crew, victims, round, &mut rng);
        if !victims.contains(&"boot-2") {
            for (id, text) in &said.published {
                let post = crew.run("boot-2", &["show", id]).ok();
                assert_eq!(&post["post"]["text"], text, "readable while {victims:?} are dead");
            }
        }
        start_again(&mut crew, victims, &mut rng);
        check(&crew, &said, round);
        all.extend(said.published);
        all.extend(said.queued);
    }
    eventually("nothing waits at the author's", || crew.run(AUTHOR, &["outbox"]).ok()["items"] == json!([]));
    let missing = |name: &str| -> Vec<String> {
        let feed = crew.feed(name);
        all.iter()
            .filter(|(id, text)| feed.get(*id).is_none_or(|p| p["text"] != **text))
            .map(|(id, _)| id.clone())
            .collect()
    };
    let mut lost = Vec::new();
    let whole = within(SOON, || {
        lost = missing(FOLLOWER);
        lost.is_empty()
    });
    assert!(whole, "bob's feed lacks {lost:?} of {}", all.len());
    assert_eq!(missing(AUTHOR), Vec::<String>::new());
    eprintln!("{} posts were acknowledged", all.len());
}

/// Lets several commands post, and one follow and unfollow, until nodes are killed; returns what was acknowledged.
fn write_and_kill(crew: &mut Crew, victims: &[&str], round: u64, rng: &mut Rng) -> Acknowledged {
    let dir = crew.folder(AUTHOR).to_owned();
    let dies = victims.contains(&AUTHOR);
    let (ended, said) = (AtomicBool::new(false), Mutex::new(Acknowledged::default()));
    let (wanted, moment) = (rng.below(8) as usize, Duration::from_micros(rng.below(40_000)));
    let so_far = || said.lock().expect("no panic").posts();
    scope(|scope| {
        for writer in 0..WRITERS {
            let (dir, ended, said) = (&dir, &ended, &said);
            scope.spawn(move || write(dir, writer, round, dies, ended, said));
        }
        scope.spawn(|| turn(&dir, dies, &ended, &said));
        let reached = within(SOON, || so_far() >= wanted);
        sleep(moment);
        for name in victims {
            crew.end(name, "KILL");
        }
        // Others are still there to take what comes after.
        let goes_on = dies || within(SOON, || so_far() > wanted + 2);
        ended.store(true, Ordering::Relaxed);
        assert!(reached && goes_on, "round {round}: posts go on; {wanted} wanted, {} are there", so_far());
    });
    said.into_inner().expect("no panic")
}

/// Posts until it ends, or the node is gone.
fn write(dir: &Path, writer: u64, round: u64, dies: bool, ended: &AtomicBool, said: &Mutex<Acknowledged>) {
    for n in 0.. {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("round {round}, writer {writer}, post {n}");
        let answer = run(dir, &["post", &text], "");
        if answer.exit != 0 && dies {
            return;
        }
        let answer = answer.ok();
        let id = answer["id"].as_str().expect("an id").to_owned();
        let mut said = said.lock().expect("no panic");
        match answer["state"].as_str() {
            Some("published") => said.published.insert(id, text),
            Some("queued") => said.queued.insert(id, text),
            _ => panic!("neither published nor queued: {answer}"),
        };
    }
}

/// Follows and unfollows until it ends, or the node is gone.
fn turn(dir: &Path, dies: bool, ended: &AtomicBool, said: &Mutex<Acknowledged>) {
    for follows in [true, false].into_iter().cycle() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        // What is not acknowledged may have been done, or not.
        said.lock().expect("no panic").follows = None;
        let answer = run(dir, &[if follows { "follow" } else { "unfollow" }, "bob"], "");
        if answer.exit != 0 && dies {
            return;
        }
        answer.ok();
        said.lock().expect("no panic").follows = Some(follows);
    }
}

/// Starts what was killed, after killing some of it again in the middle of its start.
fn start_again(crew: &mut Crew, victims: &[&str], rng: &mut Rng) {
    for name in victims.iter().filter(|_| rng.below(2) == 0).copied().collect::<BTreeSet<_>>() {
        crew.launch(name, &[]);
        sleep(Duration::from_millis(rng.below(START_MS)));
        crew.end(name, "KILL");
    }
    crew.start(victims, &[]);
}

/// Checks that everything acknowledged in a round is on the author's node.
fn check(crew: &Crew, said: &Acknowledged, round: u64) {
    let feed = crew.feed(AUTHOR);
    for (id, text) in said.published.iter().chain(&said.queued) {
        assert_eq!(feed.get(id).map(|post| &post["text"]), Some(&json!(text)), "round {round}: {id} is lost");
    }
    if let Some(follows) = said.follows {
        let list = crew.run(AUTHOR, &["following"]).ok();
        assert_eq!(list["count"], u64::from(follows), "round {round}: {list}");
    }
}
