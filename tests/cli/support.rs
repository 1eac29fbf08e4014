//! A running network of processes, and its commands.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A deadline for states that are reached in a second or two on a quiet machine.
pub const SOON: Duration = Duration::from_secs(30);
/// The password of everybody.
pub const PASSWORD: &str = "velvet otter canyon marble";

/// Returns the command under test.
pub fn timeline() -> Command {
    bare(env!("CARGO_BIN_EXE_timeline"))
}

/// Returns a command without the settings of whoever runs the tests.
pub fn bare(program: &str) -> Command {
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("TIMELINE_")) {
        command.env_remove(key);
    }
    command
}

/// What a command said.
#[derive(Debug)]
#[allow(dead_code, reason = "standard error is for the message of a failed test")]
pub struct Said {
    /// Exit code.
    pub exit: i32,
    /// The one object on standard output; null when there was none.
    pub json: Value,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Returns the object of a command that has to succeed.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.exit, 0, "{self:?}");
        self.json
    }

    /// Checks the code of a command that has to fail.
    #[track_caller]
    pub fn refused(self, exit: i32, code: &str) {
        assert_eq!((self.exit, self.json["error"]["code"].as_str()), (exit, Some(code)), "{self:?}");
        assert!(self.json["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{self:?}");
        // Where the message alone does not say what to do, a hint does.
        let hinted = ["no_such_user", "no_such_post", "name_malformed", "wrong_password", "no_node", "bad_config"];
        assert!(!hinted.contains(&code) || self.json["error"]["hint"].is_string(), "{self:?}");
    }
}

/// Runs a command in a data dir with `--json`, giving it `stdin`.
pub fn run(dir: &Path, words: &[&str], stdin: &str) -> Said {
    run_as(timeline(), dir, words, stdin)
}

/// Runs a command as [`run`] does, with `program` in the place of [`timeline`].
pub fn run_as(mut program: Command, dir: &Path, words: &[&str], stdin: &str) -> Said {
    let mut child = program
        .arg("--data-dir")
        .arg(dir)
        .arg("--json")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("piped");
    // A command that reads nothing may be gone already.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("the command ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 1, "more than one object: {text}");
    let json = lines.first().map_or(Value::Null, |line| serde_json::from_str(line).expect("one JSON object"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Said { exit: output.status.code().unwrap_or(-1), json, stderr }
}

/// Lines that a process writes, read as they come.
pub struct Lines {
    lines: Receiver<String>,
    /// Lines so far.
    pub read: Vec<Value>,
}

impl Lines {
    /// Reads what a process writes.
    pub fn of(stdout: ChildStdout) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, read: Vec::new() }
    }

    /// Waits for a line that `wanted` accepts.
    #[track_caller]
    pub fn until(&mut self, what: &str, within: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let value: Value = serde_json::from_str(&line).expect("one JSON object a line");
                    self.read.push(value.clone());
                    if wanted(&value) {
                        return value;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what} within {within:?}; so far: {:?}", self.read),
                Err(RecvTimeoutError::Disconnected) => panic!("no {what}: the process ended; so far: {:?}", self.read),
            }
        }
    }

    /// Takes everything that comes until the process ends.
    pub fn rest(&mut self) -> &[Value] {
        while let Ok(line) = self.lines.recv_timeout(SOON) {
            self.read.push(serde_json::from_str(&line).expect("one JSON object a line"));
        }
        &self.read
    }
}

/// A process that writes lines until it is ended.
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it writes.
    pub lines: Lines,
    ended: bool,
}

impl Running {
    /// Starts a command with `--json`.
    pub fn start(dir: Option<&Path>, words: &[&str]) -> Self {
        let mut command = timeline();
        if let Some(dir) = dir {
            command.arg("--data-dir").arg(dir);
        }
        command.arg("--json").args(words);
        Self::spawn(command)
    }

    /// Starts a command as it is.
    pub fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let lines = Lines::of(child.stdout.take().expect("piped"));
        drain(child.stderr.take().expect("piped"));
        Self { child, lines, ended: false }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Sends a signal and waits for the end; returns the exit code.
    pub fn end(&mut self, name: &str) -> Option<i32> {
        self.signal(name);
        self.wait()
    }

    /// Waits until the process ends by itself; returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.ended = true;
        self.child.wait().expect("the process can be waited for").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.end("TERM");
        }
    }
}

/// Reads standard error away, so that no process waits for room in the pipe; shown when a test fails.
pub fn drain(stderr: std::process::ChildStderr) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
        }
    });
}

/// Sends a signal by name.
pub fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: not every machine has one as a program.
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid} 2>/dev/null")]).status();
    assert!(sent.is_ok(), "a shell can be run");
}

/// How many networks run, and whether one of them has the machine for itself.
static MACHINE: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

/// A share of the machine, given back when dropped. Whoever wants all of it waits until nobody has a share, and keeps
/// nobody waiting meanwhile, so that a test may start a second network.
struct Share {
    alone: bool,
}

impl Share {
    fn take(alone: bool) -> Self {
        let (state, changed) = (MACHINE.0.lock().unwrap_or_else(PoisonError::into_inner), &MACHINE.1);
        let busy = |(running, taken): &mut (usize, bool)| *taken || (alone && *running > 0);
        let mut state = changed.wait_while(state, busy).unwrap_or_else(PoisonError::into_inner);
        (state.0, state.1) = (state.0 + 1, alone);
        Self { alone }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = MACHINE.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.0, state.1) = (state.0 - 1, state.1 && !self.alone);
        MACHINE.1.notify_all();
    }
}

/// A network of processes.
pub struct Net {
    running: Running,
    nodes: Vec<Value>,
    // Behind the processes: these end first.
    _share: Share,
}

impl Net {
    /// Starts a network in `dir`.
    pub fn start(dir: &Path, words: &[&str]) -> Self {
        Self::start_with(dir, words, Share::take(false))
    }

    /// Starts a network of more nodes than fit beside those of other tests.
    pub fn start_alone(dir: &Path, words: &[&str]) -> Self {
        Self::start_with(dir, words, Share::take(true))
    }

    fn start_with(dir: &Path, words: &[&str], share: Share) -> Self {
        let mut all = vec!["net", "--headless", "--dir", dir.to_str().expect("UTF-8")];
        all.extend_from_slice(words);
        let mut running = Running::start(None, &all);
        let ready = running.lines.until("ready line", Duration::from_secs(90), |v| v["ready"] == true);
        let nodes = ready["nodes"].as_array().expect("a list of nodes").clone();
        Self { running, nodes, _share: share }
    }

    fn node(&self, name: &str) -> &Value {
        self.nodes.iter().find(|n| n["name"] == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Returns the names of all nodes.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().filter_map(|n| n["name"].as_str()).map(str::to_owned).collect()
    }

    /// Returns the data dir of a node.
    pub fn dir(&self, name: &str) -> PathBuf {
        self.node(name)["data_dir"].as_str().expect("a path").into()
    }

    /// Returns the process of a node.
    pub fn pid(&self, name: &str) -> u32 {
        self.node(name)["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a pid")
    }

    /// Returns where a node is reached by others.
    pub fn quic(&self, name: &str) -> String {
        self.node(name)["quic"].as_str().expect("an address").to_owned()
    }

    /// Returns what a node has logged.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.node(name)["log"].as_str().expect("a path")).expect("a log")
    }

    /// Runs a command on a node.
    pub fn run(&self, name: &str, words: &[&str]) -> Said {
        run(&self.dir(name), words, "")
    }

    /// Registers somebody on a node.
    #[track_caller]
    pub fn register(&self, name: &str, who: &str) -> Value {
        run(&self.dir(name), &["--timeout", "30", "register", who, "--password-stdin"], &format!("{PASSWORD}\n")).ok()
    }

    /// Logs somebody in on a node.
    pub fn login(&self, name: &str, who: &str) -> Said {
        run(&self.dir(name), &["login", who, "--password-stdin"], &format!("{PASSWORD}\n"))
    }

    /// Watches the feed of a node; ready when the watcher is connected.
    pub fn watch(&self, name: &str) -> Running {
        Running::start(Some(&self.dir(name)), &["feed", "--watch"])
    }

    /// Kills a node without a goodbye.
    pub fn kill(&self, name: &str) {
        let pid = self.node(name)["pid"].as_u64().expect("a pid");
        signal(pid as u32, "KILL");
        eventually("the killed node is gone", || !self.run(name, &["whoami"]).json["error"]["code"].is_null());
    }

    /// Ends the network cleanly.
    pub fn stop(mut self) {
        assert_eq!(self.running.end("TERM"), Some(0), "net ends cleanly");
    }

    /// Waits until a post is in the feed of a node, and returns it.
    #[track_caller]
    pub fn post_in_feed(&self, name: &str, id: &str) -> Value {
        let mut found = Value::Null;
        eventually(&format!("post {id} in the feed of {name}"), || {
            let feed = self.run(name, &["feed", "--peek"]);
            let posts = feed.json["posts"].as_array().cloned().unwrap_or_default();
            found = posts.into_iter().find(|p| p["id"] == id).unwrap_or_default();
            !found.is_null()
        });
        found
    }
}

/// Restarts one node of the network in `dir`, running or not.
pub fn restart(dir: &Path, name: &str) -> Said {
    let output = timeline().args(["--json", "net", "restart", name, "--dir"]).arg(dir).output().expect("runs");
    let json = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Said { exit: output.status.code().unwrap_or(-1), json, stderr }
}

/// Waits for a state, looking again and again until a deadline.
#[track_caller]
pub fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    assert!(within(SOON, &mut reached), "not within {SOON:?}: {what}");
}

/// Looks up to 600 times whether a state is reached; false when it is not by the end of `limit`.
pub fn within(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !reached() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(limit / 600);
    }
    true
}

/// Makes a folder for a test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Starts a node on its own, on any port, and waits until it is ready.
pub fn lone_peer(dir: &Path) -> Running {
    let mut running = Running::start(Some(dir), &["peer", "--headless", "--listen", "127.0.0.1:0"]);
    running.lines.until("ready line", SOON, |v| v["ready"] == true);
    running
}

/// Returns a UDP port that is free now.
pub fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}
