//! A terminal with somebody in front of it: a real pseudo-terminal, what is typed into it, and what it shows.

use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

use crate::support::{SOON, signal};

/// The usual size.
pub const USUAL: (u16, u16) = (80, 24);

/// A process in a terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that the terminal can be looked at after the process has ended.
    _slave: Box<dyn SlavePty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Everything that was written.
    pub written: String,
    /// How far the test has read, in what was written without sequences.
    read: usize,
    ended: bool,
}

impl Terminal {
    /// Starts a command, with the environment of a plain terminal and what is named.
    pub fn start(size: (u16, u16), dir: Option<&Path>, words: &[&str], environment: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(of(size)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_timeline"));
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("TIMELINE_")) {
            command.env_remove(key);
        }
        command.env_remove("NO_COLOR");
        command.env("TERM", "xterm");
        environment.iter().for_each(|(key, value)| command.env(key, value));
        command.cwd(std::env::current_dir().expect("a folder"));
        if let Some(dir) = dir {
            command.args(["--data-dir".as_ref(), dir.as_os_str()]);
        }
        command.args(words);
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        let mut reader = pair.master.try_clone_reader().expect("readable");
        let keyboard = pair.master.take_writer().expect("writable");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                match reader.read(&mut piece) {
                    // The whole process was stopped for a while, and goes on.
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(length) if length > 0 && sender.send(piece[..length].to_vec()).is_ok() => {}
                    _ => return,
                }
            }
        });
        let screen = vt100::Parser::new(rows(size), columns(size), 0);
        Self {
            child,
            master: pair.master,
            _slave: pair.slave,
            keyboard,
            output,
            screen,
            written: String::new(),
            read: 0,
            ended: false,
        }
    }

    /// Opens the menu of a node, and waits for it.
    pub fn menu(dir: &Path) -> Self {
        let mut terminal = Self::start(USUAL, Some(dir), &["menu"], &[]);
        terminal.until("> ");
        terminal
    }

    /// Types something, as it is.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("somebody reads");
        self.keyboard.flush().expect("somebody reads");
    }

    /// Types a line, and waits for a text.
    #[track_caller]
    pub fn enter(&mut self, line: &str, expected: &str) -> String {
        self.press(&format!("{line}\r"));
        self.until(expected)
    }

    /// Chooses an entry and answers its questions, then waits for the menu to come back; returns what was written.
    #[track_caller]
    pub fn choose(&mut self, entry: &str, answers: &[(&str, &str)]) -> String {
        self.press(&format!("{entry}\r"));
        let mut said = String::new();
        for (question, answer) in answers {
            said += &self.until(question);
            self.press(&format!("{answer}\r"));
        }
        said += &self.until("[0] ");
        said += &self.until("\n> ");
        said
    }

    /// Waits for a text, and returns what was written up to it. What was read once is not found again.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let plain = self.plain();
            if let Some(at) = plain[self.read..].find(text) {
                let end = self.read + at + text.len();
                let found = plain[self.read..end].to_owned();
                self.read = end;
                return found;
            }
            assert!(self.take(deadline), "no {text:?}; since the last one: {:?}", &plain[self.read..]);
        }
    }

    /// Waits until the screen shows what is wanted, and returns its rows.
    #[track_caller]
    pub fn shows(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + SOON;
        loop {
            let width = self.screen.screen().size().1.get();
            let rows: Vec<String> = self.screen.screen().rows(0, width).collect();
            if wanted(&rows) {
                return rows;
            }
            assert!(self.take(deadline), "the screen does not show {what}: {rows:#?}");
        }
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, size: (u16, u16)) {
        self.master.resize(of(size)).expect("resizable");
        self.screen.screen_mut().set_size(rows(size), columns(size));
    }

    /// Tells how the terminal treats what is typed.
    pub fn mode(&self) -> String {
        format!("{:?}", self.master.get_termios().expect("a mode"))
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        signal(self.child.process_id().expect("a process"), name);
    }

    /// Waits for the end, and returns the exit code.
    #[track_caller]
    pub fn end(&mut self) -> u32 {
        let deadline = Instant::now() + SOON;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waitable") {
                break status;
            }
            let _ = self.take(Instant::now() + Duration::from_millis(20));
            assert!(
                Instant::now() < deadline,
                "the process goes on; since the last text: {:?}",
                &self.plain()[self.read..]
            );
        };
        self.ended = true;
        while self.take(Instant::now() + Duration::from_millis(200)) {}
        assert!(status.signal().is_none(), "{status:?}");
        status.exit_code()
    }

    /// Takes output; false when there is none until the deadline.
    fn take(&mut self, deadline: Instant) -> bool {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.screen.process(&bytes);
                // A character may be cut in two; the texts that tests wait for are written at once.
                self.written.push_str(&String::from_utf8_lossy(&bytes));
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Returns what was written, without sequences and carriage returns.
    fn plain(&self) -> String {
        let mut out = String::new();
        let mut rest = self.written.chars();
        while let Some(c) = rest.next() {
            match c {
                '\u{1b}' => {
                    let _ = rest.by_ref().find(|c| *c != '[' && ('@'..='~').contains(c));
                }
                '\r' => {}
                c => out.push(c),
            }
        }
        out
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            // A test that failed leaves nothing behind.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn of((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn columns((columns, _): (u16, u16)) -> NonZeroU16 {
    NonZeroU16::new(columns).expect("some columns")
}

fn rows((_, rows): (u16, u16)) -> NonZeroU16 {
    NonZeroU16::new(rows).expect("some rows")
}
