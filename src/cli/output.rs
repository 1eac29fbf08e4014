//! The way out: one object for scripts or a sentence for people on standard output, the rest on standard error.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::problem::{self, Failure, Outcome};
use crate::types::Problem;

/// How answers are written.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object a line.
    pub json: bool,
    /// Nothing on standard error but errors.
    pub quiet: bool,
    /// Colour on standard output.
    pub style: Style,
}

/// Emphasis for people; off wherever it would end up in a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style(bool);

impl Output {
    /// Decides how to write, from what was typed and where standard output leads.
    pub fn new(json: bool, quiet: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let style = Style(!json && !refused && io::stdout().is_terminal());
        Self { json, quiet, style }
    }

    /// Writes the answer and flushes it.
    ///
    /// # Errors
    ///
    /// [`Failure::OutputClosed`] when nobody reads any more.
    pub fn answer(&self, value: &Value, people: impl FnOnce(Style) -> String) -> Outcome {
        let line = if self.json { value.to_string() } else { people(self.style) };
        write_line(&mut io::stdout().lock(), &line).map_err(|error| Failure::of_output(&error))
    }

    /// Writes advice for people to standard error; scripts and `--quiet` do not get it.
    pub fn advice(&self, text: &str) {
        if !self.json && !self.quiet {
            self.warn(text);
        }
    }

    /// Writes a line to standard error. That it cannot be written is nothing a command fails for.
    pub fn warn(&self, text: &str) {
        let _ = write_line(&mut io::stderr().lock(), text);
    }

    /// Reports a problem where its reader looks: scripts on standard output, people on standard error.
    pub fn problem(&self, problem: &Problem) {
        if self.json {
            let _ = write_line(&mut io::stdout().lock(), &problem::to_json(problem).to_string());
        } else {
            self.warn(&problem::to_text(problem));
        }
    }
}

fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

impl Style {
    /// Makes the text stand out.
    pub fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Makes the text recede.
    pub fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasis_is_only_for_terminals() {
        assert_eq!(Style(false).strong("a"), "a");
        assert_eq!(Style(true).faint("a"), "\u{1b}[2ma\u{1b}[0m");
        assert_eq!(Output::new(true, false).style.strong("a"), "a");
    }

    #[test]
    fn an_answer_is_one_line_and_is_flushed() {
        let mut out = io::BufWriter::new(Vec::new());
        write_line(&mut out, &serde_json::json!({ "text": "two\nlines" }).to_string()).expect("memory");
        assert_eq!(out.get_ref(), b"{\"text\":\"two\\nlines\"}\n");
    }
}
