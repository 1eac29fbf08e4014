//! Setting the machine's clock: refused without the right to, and really done only where somebody says that it may be.

use std::fs;
use std::process::Command;
use std::time::{Instant, SystemTime};

use timeline::clock::Sntp;
use timeline::seam::{SetClockError, TimeSource};

use crate::process::status_where;
use crate::servers::{Manner, Server};
use crate::skipped;
use crate::support::{SOON, folder, run, signal, timeline};

/// The bit of `CAP_SYS_TIME` in a set of capabilities (linux/capability.h).
const SYS_TIME: u64 = 1 << 25;

/// Reads from a `/proc/…/status` whether a process may set the clock; `None` where there is no such file.
fn may_set(status: Option<String>) -> Option<bool> {
    let line = status?.lines().find_map(|line| line.strip_prefix("CapEff:").map(str::to_owned))?;
    u64::from_str_radix(line.trim(), 16).ok().map(|set| set & SYS_TIME != 0)
}

/// Returns the start of a command line that runs the rest without the right to set the clock; `None` where there is no way.
fn without_the_right() -> Option<Vec<&'static str>> {
    if may_set(fs::read_to_string("/proc/self/status").ok()) == Some(false) {
        return Some(vec![]);
    }
    let words = vec!["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"];
    let tried = Command::new(words[0]).args(&words[1..]).args(["cat", "/proc/self/status"]).output().ok()?;
    (may_set(String::from_utf8(tried.stdout).ok()) == Some(false)).then_some(words)
}

#[test]
fn a_node_that_may_not_set_the_clock_says_so_and_goes_on() {
    let Some(before) = without_the_right() else {
        eprintln!(
            "SKIPPED a_node_that_may_not_set_the_clock_says_so_and_goes_on: no way to give up the right to set it"
        );
        return;
    };
    let dir = folder();
    let home = dir.path().join("home");
    let server = Server::start(Manner::Ahead(3_600_000));
    let node = timeline();
    let mut command = match before.first() {
        Some(program) => {
            let mut command = Command::new(program);
            command.args(&before[1..]).arg(node.get_program());
            command
        }
        None => node,
    };
    let servers = format!("clock.servers=[\"{}\"]", server.name());
    let mut peer = command
        .arg("--data-dir")
        .arg(&home)
        .args(["--json", "peer", "--headless", "--listen", "127.0.0.1:0", "--set", &servers])
        .args(["--set", "clock.set_system=true"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let status = status_where(&home, "the server is believed", |clock| clock["source"] == "time servers");
    let warned = status["warnings"].as_array().is_some_and(|all| all.iter().any(|w| w["code"] == "clock_not_set"));
    assert!(warned, "{status}");
    assert!(status["clock"]["offset_ms"].as_i64().is_some_and(|ms| ms > 3_590_000), "its own clock is right: {status}");
    run(&home, &["whoami"], "").refused(3, "not_logged_in");
    signal(peer.id(), "TERM");
    assert!(peer.wait().expect("ends").success(), "within {SOON:?}");
}

#[test]
fn the_clock_of_a_machine_that_may_be_changed_is_set() {
    const NAME: &str = "the_clock_of_a_machine_that_may_be_changed_is_set";
    if std::env::var("TIMELINE_TEST_MAY_SET_CLOCK").as_deref() != Ok("1") {
        return skipped(NAME, "TIMELINE_TEST_MAY_SET_CLOCK=1 says that it may be changed");
    }
    let (began, wall) = (Instant::now(), SystemTime::now());
    match Sntp.set_system(2_000) {
        Ok(()) => {}
        Err(SetClockError::Denied) => return skipped(NAME, "this process may not"),
        Err(error) => panic!("{error}"),
    }
    let moved = SystemTime::now().duration_since(wall).expect("ahead").saturating_sub(began.elapsed());
    Sntp.set_system(-2_000).expect("set back");
    assert!((1_900..2_100).contains(&moved.as_millis()), "{moved:?}");
}
