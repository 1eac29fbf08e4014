//! A process that is killed at any moment loses nothing that it was told is on disk.
//!
//! The child is this test binary again, told by its environment to be one; it names what was acknowledged on its
//! standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use timeline::seam::{Batch, Op, Space, Store};
use timeline::types::{Rng, Section};

use crate::fixture::{on_arbiter, open_in};
use crate::records::{StoreExt, bytes, record};

const FOLDER: &str = "TIMELINE_TEST_STORE";
/// In which folder a process works whose files may not grow as they have to.
const NO_ROOM: &str = "TIMELINE_TEST_NO_ROOM";
const ROUND: &str = "TIMELINE_TEST_ROUND";
/// After how many commits of each worker the child closes its store and ends by itself.
const COMMITS: &str = "TIMELINE_TEST_COMMITS";
const WORKERS: u32 = 8;
/// How many kills, where [`crate::ROUNDS`] does not say.
const KILLS: u32 = 40;
/// A child opens the store within this time, most often.
const OPENING_US: u64 = 40_000;

/// When a child is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// After it has acknowledged some commits.
    Working,
    /// While it starts and opens the store, which recovers from the last kill.
    Opening,
    /// While it finishes and closes the store.
    Closing,
}

impl Moment {
    fn of(round: u32) -> Self {
        match round % 5 {
            1 => Moment::Opening,
            3 => Moment::Closing,
            _ => Moment::Working,
        }
    }
}

/// Two records and a counter, made together.
fn batch(round: u32, worker: u32, n: u32) -> Batch {
    let name = format!("{round}.{worker}.{n}");
    let put = |section| Op::Put(record(section, &name, &name));
    // Padded, so that some batches need more pages than one.
    let padding = vec![b'.'; (n as usize * 977) % 9000];
    let last = [name.as_bytes(), &padding].concat();
    Batch(vec![
        put(Section::Device),
        Op::SetLocal(Space::Feed, bytes(&worker.to_string()), last.into()),
        put(Section::Followers),
    ])
}

/// Not a test of its own: what the killed process does. Without a parent it has nothing to do.
#[test]
fn child() {
    let (Ok(folder), Ok(round)) = (env::var(FOLDER), env::var(ROUND)) else { return };
    let round = round.parse().expect("a number");
    let commits = env::var(COMMITS).map_or(u32::MAX, |commits| commits.parse().expect("a number"));
    on_arbiter(async {
        let store = Rc::new(open_in(Path::new(&folder)).expect("opened"));
        let work = (0..WORKERS).map(|worker| {
            let store = Rc::clone(&store);
            async move {
                for n in 0..commits {
                    store.commit(batch(round, worker, n)).await.expect("committed");
                    writeln!(io::stderr(), "{worker} {n}").expect("the parent listens");
                }
            }
        });
        futures_util::future::join_all(work).await;
        store.close().await;
    });
}

fn spawn(folder: &Path, round: u32, moment: Moment, rng: &mut Rng) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    if moment == Moment::Closing {
        command.env(COMMITS, (1 + rng.below(30)).to_string());
    }
    command
        .args(["--exact", "crash::child", "--nocapture", "--test-threads", "1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started")
}

/// Runs a child, kills it, and returns the last number acknowledged to each worker.
fn run_and_kill(folder: &Path, round: u32, rng: &mut Rng) -> BTreeMap<u32, u32> {
    let moment = Moment::of(round);
    let mut child = spawn(folder, round, moment, rng);
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    if moment == Moment::Opening {
        kill_within(&mut child, rng.below(OPENING_US));
    }
    let mut acknowledged = BTreeMap::new();
    let wanted = 1 + rng.below(300);
    let mut line = String::new();
    for heard in 1.. {
        line.clear();
        said.read_line(&mut line).expect("read");
        // A line without its end was cut off by the kill.
        let Some(whole) = line.strip_suffix('\n') else { break };
        let numbers = whole.split_once(' ').and_then(|(worker, n)| Some((worker.parse().ok()?, n.parse().ok()?)));
        let (worker, n) = numbers.unwrap_or_else(|| panic!("the child said {whole:?}"));
        acknowledged.insert(worker, n);
        if heard == wanted && moment != Moment::Opening {
            kill_within(&mut child, rng.below(1500));
        }
    }
    let status = child.wait().expect("ended");
    assert!(!status.success() || moment == Moment::Closing, "the child ended by itself");
    acknowledged
}

/// Kills a child after so many microseconds, so that the kill falls into any part of what it does; what is asserted does not
/// depend on it.
fn kill_within(child: &mut Child, micros: u64) {
    #[allow(clippy::disallowed_methods, reason = "the instant of the kill is random on purpose")]
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().expect("killed");
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let folder = tempfile::tempdir().expect("folder");
    let mut rng = Rng::from_seed([41; 32]);
    let mut total = 0;
    for round in 0..crate::rounds(KILLS) {
        let acknowledged = run_and_kill(folder.path(), round, &mut rng);
        assert!(!acknowledged.is_empty() || Moment::of(round) == Moment::Opening);
        total += acknowledged.values().map(|n| u64::from(*n) + 1).sum::<u64>();
        on_arbiter(check(folder.path(), round, &acknowledged, total));
    }
}

async fn check(folder: &Path, round: u32, acknowledged: &BTreeMap<u32, u32>, total: u64) {
    let store: Rc<dyn Store> = Rc::new(open_in(folder).expect("opened after a kill"));
    let (one, other) = (texts(&store, Section::Device), texts(&store, Section::Followers));
    assert_eq!(one, other, "batches are whole");
    assert_eq!(store.usage().records, 2 * one.len() as u64);
    assert!(one.len() as u64 >= total);
    let held: BTreeSet<&str> = one.iter().map(String::as_str).collect();
    for (worker, last) in acknowledged {
        for n in 0..=*last {
            assert!(held.contains(&*format!("{round}.{worker}.{n}")), "round {round}, worker {worker}: {n} is lost");
        }
        let locals = store.local(Space::Feed, worker.to_string().as_bytes(), None, 1).expect("read");
        let counter = String::from_utf8_lossy(&locals[0].1);
        let n: u32 = counter.trim_end_matches('.').rsplit('.').next().and_then(|n| n.parse().ok()).expect("a number");
        assert!(n >= *last);
        assert!(n <= *last + 1, "a worker waits for each acknowledgement");
    }
    if round.is_multiple_of(2) {
        store.close().await;
    }
}

fn texts(store: &Rc<dyn Store>, section: Section) -> Vec<String> {
    let all = store.scan_all();
    let mut texts: Vec<String> =
        all.iter().filter(|r| r.section == section).map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
    texts.sort();
    texts
}

/// Not a test of its own: a process whose files may not grow as they have to. Without a parent it has nothing to do.
#[test]
fn child_without_room() {
    let Ok(folder) = env::var(NO_ROOM) else { return };
    on_arbiter(async {
        let store = open_in(Path::new(&folder)).expect("opened");
        for n in 0.. {
            match store.commit(batch(0, 0, n)).await {
                Ok(_) => writeln!(io::stderr(), "{n}").expect("the parent listens"),
                Err(error) => return writeln!(io::stderr(), "{error:?}").expect("the parent listens"),
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_what_was_acknowledged_stays() {
    let folder = tempfile::tempdir().expect("folder");
    // The signal that comes with it would end the child; nodes take it.
    let limited = "trap '' XFSZ; ulimit -f 500; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(env::current_exe().expect("this test"))
        .args(["--exact", "crash::child_without_room", "--nocapture", "--test-threads", "1"])
        .env(NO_ROOM, folder.path())
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    let (last, acknowledged) = lines.split_last().expect("it says something");
    assert_eq!(*last, "DiskFull", "{said}");
    assert!(acknowledged.len() > 5, "{said}");
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.retain(|name| name.ends_with(".room"));
    assert_eq!(names, Vec::<String>::new(), "what was tried is not left behind");
    let store = open_in(folder.path()).expect("opened");
    let found = crate::records::walk(&mut *store.reader().expect("reader"), None, usize::MAX).expect("walked");
    assert_eq!(found.len(), 2 * acknowledged.len(), "{said}");
}
