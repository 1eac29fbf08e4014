//! A small machine: nodes with 512 MiB each, in a network whose passwords cost what they cost everywhere.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::scope;

use serde_json::Value;

use crate::support::{PASSWORD, Running, SOON, Said, bare, eventually, folder, free_port, run, timeline};

const MIB: u64 = 1024;
/// What a node may use, in KiB.
const MEMORY: u64 = 512 * MIB;
/// What trying a password takes outside of test networks, in KiB.
const ARGON2: u64 = 256 * MIB;

/// Starts a program with less memory.
///
/// The limit is one of data: all that the process may write to and no file backs. It is stricter than a limit of what is
/// resident, since memory that was never touched counts too; a limit of the address space would also count what is only
/// reserved, which grows with the number of processors and costs nothing.
fn limited(program: &str) -> Command {
    let mut command = bare("sh");
    command.args(["-c", &format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\""), program]);
    command
}

/// Returns false, and says why, where memory cannot be limited.
fn can_limit(test: &str) -> bool {
    let status = limited("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let can = cfg!(target_os = "linux") && status.is_ok_and(|status| status.success());
    if !can {
        // Not captured, so that a run says so even where all tests pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: this machine cannot limit the memory of a process");
    }
    can
}

/// A node with little memory.
struct Small {
    dir: PathBuf,
    running: Running,
}

impl Small {
    fn start(dir: &Path, words: &[&str]) -> Self {
        let mut command = limited(env!("CARGO_BIN_EXE_timeline"));
        command.args(["--json", "--set", "clock.servers=[]", "--data-dir"]).arg(dir).args(words);
        let mut running = Running::spawn(command);
        running.lines.until("ready line", SOON, |v| v["ready"] == true);
        Self { dir: dir.to_owned(), running }
    }

    fn run(&self, words: &[&str]) -> Said {
        run(&self.dir, &[&["--timeout", "60"], words].concat(), "")
    }

    /// Does two things with passwords at the same time.
    fn both(&self, one: (&[&str], &str), other: (&[&str], &str)) -> [Said; 2] {
        let dir = &self.dir;
        scope(|scope| {
            let other = scope.spawn(|| with_password(dir, other.0, other.1));
            [with_password(dir, one.0, one.1), other.join().expect("no panic")]
        })
    }

    /// Returns a line of numbers that the system has about the process.
    fn told(&self, file: &str, line: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.running.child.id())).expect("it runs");
        let rest = text.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_else(|| panic!("no {line}: {text}"));
        rest.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{rest}"))
    }

    /// Returns the most that was resident at any time, in KiB.
    fn peak(&self) -> u64 {
        assert_eq!(self.told("limits", "Max data size"), MEMORY * 1024);
        self.told("status", "VmHWM:")
    }

    /// Returns how many threads try passwords: how many could be tried at once, also when somebody stops waiting for one.
    fn tries(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.running.child.id())).expect("it runs");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.expect("listed").path().join("comm")).ok());
        names.filter(|name| name.starts_with("password-")).count()
    }
}

fn with_password(dir: &Path, words: &[&str], password: &str) -> Said {
    run(dir, &[&["--timeout", "60"], words, &["--password-stdin"]].concat(), password)
}

/// Founds a network as people do, not one for tests, and starts its only bootpeer and two peers.
fn campus(dir: &Path) -> [Small; 3] {
    let out = dir.join("campus");
    let mut command = timeline();
    command.args(["--json", "network", "new", "campus", "--out"]).arg(&out);
    let made = command.arg("--bootpeer").arg(format!("one=127.0.0.1:{}", free_port())).output().expect("runs");
    assert!(made.status.success(), "{made:?}");
    let config = out.join("one.toml");
    let boot = Small::start(&out.join("one"), &["bootpeer", "--config", config.to_str().expect("UTF-8")]);
    let shown = boot.run(&["network", "show"]).ok();
    let invite = shown["invite"].as_str().expect("an invite");
    let peer = |name: &str| {
        let home = dir.join(name);
        run(&home, &["join", invite], "").ok();
        Small::start(&home, &["peer", "--headless", "--listen", "127.0.0.1:0"])
    };
    let (alice, bob) = (peer("alice"), peer("bob"));
    [boot, alice, bob]
}

#[test]
fn half_a_gibibyte_is_enough_for_everything_with_one_password_at_a_time() {
    if !can_limit("half_a_gibibyte_is_enough_for_everything_with_one_password_at_a_time") {
        return;
    }
    let dir = folder();
    let [boot, alice, bob] = campus(dir.path());
    with_password(&alice.dir, &["register", "alice"], PASSWORD).ok();
    with_password(&bob.dir, &["register", "bob"], PASSWORD).ok();
    bob.run(&["follow", "alice"]).ok();
    let post = alice.run(&["post", "from a small machine"]).ok();
    assert_eq!(post["state"], "published", "{post}");
    let texts = |feed: &Value| feed["posts"][0]["text"] == "from a small machine";
    eventually("bob reads it", || texts(&bob.run(&["feed"]).json));

    // Two at once would need all the memory there is.
    alice.run(&["logout"]).ok();
    for said in alice.both((&["login", "alice"], "not her password"), (&["login", "bob"], "nor his one")) {
        said.refused(6, "wrong_password");
    }
    for said in alice.both((&["login", "alice"], PASSWORD), (&["login", "alice"], PASSWORD)) {
        assert_eq!(said.ok()["username"], "alice");
    }
    bob.run(&["logout"]).ok();
    let said = bob.both((&["register", "carol"], PASSWORD), (&["register", "dave"], PASSWORD));
    assert!(said.iter().any(|said| said.exit == 0), "{said:?}");
    let fine = |said: &Said| said.exit == 0 || said.json["error"]["code"] == "already_logged_in";
    assert!(said.iter().all(fine), "{said:?}");
    assert_eq!(alice.run(&["post", "and again"]).ok()["state"], "published");

    for node in [&alice, &bob] {
        let peak = node.peak();
        assert!((ARGON2..MEMORY).contains(&peak), "{peak} KiB");
        assert_eq!(node.tries(), 1);
    }
    assert!(boot.peak() < ARGON2, "a bootpeer tries no passwords of others");
}
