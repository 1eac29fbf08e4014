//! One node as a process: started, waited for, ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::plan::{Planned, PlannedRole, io_problem};
use crate::types::{Code, Problem};

/// How long a node may take to say that it is ready: a machine with two busy cores and a large store needs some seconds.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The longest first line that is read from a node; real ones have some hundred bytes.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// How much of the end of a log is shown when a node dies.
const TAIL_BYTES: u64 = 2048;
/// A log that is larger is put aside when its node starts, so that two of them are kept at most.
const MAX_LOG_BYTES: u64 = 8 << 20;
/// How often a waiting loop looks around.
pub const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a node says when it is up.
#[derive(Clone, Debug, Deserialize)]
pub struct Up {
    /// Its QUIC address.
    pub quic: String,
    /// Its API.
    pub api: String,
}

/// What a node's first line can be.
#[derive(Deserialize)]
#[serde(untagged)]
enum FirstLine {
    Up(Up),
    Refused { error: Problem },
}

/// How a node is tied to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It ends when this process ends, however that happens.
    Bound,
    /// It goes on.
    Free,
}

/// A node's process.
#[derive(Debug)]
pub struct Node {
    /// What was planned.
    pub plan: Planned,
    /// Its data dir.
    pub data_dir: PathBuf,
    /// Its log.
    pub log: PathBuf,
    process: Child,
    /// Its end is the signal to stop; the system closes it even when this process is killed.
    stdin: Option<ChildStdin>,
    first_line: Receiver<Vec<u8>>,
}

impl Node {
    /// Starts the process.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn start(folder: &Path, plan: &Planned, tie: Tie, words: &[String]) -> Result<Self, Problem> {
        let (data_dir, log) = (plan.data_dir(folder), plan.log(folder));
        let failed =
            |error: &io::Error| Problem::new(Code::Internal, format!("{} cannot be started: {error}", plan.name));
        let mut command = Command::new(std::env::current_exe().map_err(|error| failed(&error))?);
        command.args(["--json", "--data-dir"]).arg(&data_dir).args(words).arg(plan.role.word());
        if plan.role == PlannedRole::Peer {
            command.arg("--headless");
        }
        if tie == Tie::Bound {
            command.arg("--exit-with-stdin");
        }
        // What differs from node to node stands in its file, and the environment would win over that.
        for name in
            ["NET__LISTEN", "NET__ADVERTISE", "NETWORK__ID", "NETWORK__FILE", "BOOTPEER", "API__LISTEN", "DATA_DIR"]
        {
            command.env_remove(format!("TIMELINE_{name}"));
        }
        own_group(&mut command);
        let output = open_log(&log).map_err(|error| io_problem(&log, &error))?;
        let stdin = if tie == Tie::Bound { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(output);
        let mut process = command.spawn().map_err(|error| failed(&error))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().expect("standard output was asked for");
        let first_line = read_first_line(stdout).map_err(|error| failed(&error))?;
        Ok(Self { plan: plan.clone(), data_dir, log, process, stdin, first_line })
    }

    /// Returns the process number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the node says that it is up; `None` when `is_stopped` came first.
    ///
    /// # Errors
    ///
    /// The node's own problem, or the end of its log when it dies or says nothing.
    pub fn wait_until_up(&mut self, is_stopped: impl Fn() -> bool) -> Result<Option<Up>, Problem> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match self.first_line.recv_timeout(LOOK_AGAIN) {
                Ok(line) => return self.understand(&line).map(Some),
                Err(RecvTimeoutError::Disconnected) => return Err(self.died()),
                Err(RecvTimeoutError::Timeout) if is_stopped() => return Ok(None),
                Err(RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                    return Err(self.trouble(&format!("is not ready after {} s", READY_WITHIN.as_secs())));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Tells whether the process has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Asks the process to end; it does so at once.
    pub fn ask_to_end(&mut self) {
        drop(self.stdin.take());
    }

    /// Waits for the end of a process that was asked to, and kills it at the deadline; tells whether it went by itself.
    pub fn wait_for_end(&mut self, deadline: Instant) -> bool {
        while self.ended().is_none() {
            if Instant::now() > deadline {
                // It fails only for a process that ended in between.
                let _ = self.process.kill();
                let _ = self.process.wait();
                return false;
            }
            thread::sleep(LOOK_AGAIN);
        }
        true
    }

    fn understand(&mut self, line: &[u8]) -> Result<Up, Problem> {
        match serde_json::from_slice(line) {
            Ok(FirstLine::Up(up)) => Ok(up),
            Ok(FirstLine::Refused { error }) => {
                let message = format!("{}: {}", self.plan.name, error.message);
                Err(Problem { message, ..error })
            }
            Err(_) => Err(self.died()),
        }
    }

    fn died(&mut self) -> Problem {
        let ended = self.wait_for_end(Instant::now() + Duration::from_secs(1));
        let status =
            self.ended().filter(|_| ended).map_or_else(|| "is not usable".into(), |status| format!("ended: {status}"));
        self.trouble(&status)
    }

    fn trouble(&self, what: &str) -> Problem {
        let tail = tail(&self.log).unwrap_or_default();
        Problem::new(Code::Internal, format!("{} {what}", self.plan.name))
            .hint(format!("the end of its log, {}:\n{tail}", self.log.display()))
    }
}

/// Keeps the terminal's Ctrl-C from the nodes: they end when this process tells them to.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
        fs::rename(path, path.with_added_extension("old"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// Reads the first line in a thread of its own, which then takes and drops whatever else comes, so that the node never blocks.
fn read_first_line(stdout: ChildStdout) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    let read = move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        let got = stdout.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        if got.is_ok_and(|bytes| bytes > 0) {
            let _ = sender.send(line);
        }
        drop(sender);
        let _ = io::copy(&mut stdout, &mut io::sink());
    };
    thread::Builder::new().name("node output".into()).spawn(read)?;
    Ok(receiver)
}

/// Returns the last lines of a log.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let whole_lines = if length > TAIL_BYTES { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok(whole_lines.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, "one\ntwo\n").expect("writable");
        assert_eq!(tail(&path).expect("readable"), "one\ntwo");
        fs::write(&path, (0..1000).map(|n| format!("line {n}\n")).collect::<String>()).expect("writable");
        let end = tail(&path).expect("readable");
        assert!(end.len() < TAIL_BYTES as usize && end.starts_with("line ") && end.ends_with("line 999"), "{end}");
        assert!(tail(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_large_log_is_put_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        File::create(&path).and_then(|file| file.set_len(MAX_LOG_BYTES + 1)).expect("writable");
        open_log(&path).expect("writable");
        assert_eq!(fs::metadata(&path).expect("there").len(), 0);
        assert!(folder.path().join("log.old").exists());
    }

    #[test]
    fn a_first_line_is_readiness_or_a_problem() {
        let up =
            serde_json::from_str(r#"{"ready":true,"node_id":"ab","quic":"127.0.0.1:1","api":"http://127.0.0.1:2"}"#);
        assert!(matches!(up.expect("valid"), FirstLine::Up(up) if up.quic == "127.0.0.1:1"));
        let refused = serde_json::from_str(r#"{"error":{"code":"port_in_use","message":"taken","hint":null}}"#);
        assert!(matches!(refused.expect("valid"), FirstLine::Refused { error } if error.code == Code::PortInUse));
        assert!(serde_json::from_str::<FirstLine>("{}").is_err());
    }
}
