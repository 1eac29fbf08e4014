//! The terminal: lines that scroll up, and one row at the bottom that can be replaced.
//!
//! Uses carriage returns and one erasing sequence only, so it works wherever there is a terminal at all.

use std::io::{self, Stdout, Write};

use crossterm::terminal;
use unicode_width::UnicodeWidthStr;

/// The size of a terminal that does not say.
const USUAL: (usize, usize) = (80, 24);
/// Asks the terminal to mark what is pasted, so that a pasted line end is not taken for Enter.
const MARK_PASTES: &str = "\u{1b}[?2004h";
const MARK_PASTES_NO_MORE: &str = "\u{1b}[?2004l";
const ERASE_REST: &str = "\u{1b}[K";

/// The screen, in raw mode while this exists.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    /// The terminal knows no sequences.
    dumb: bool,
    row: Row,
    closed: bool,
}

#[derive(Debug, Default)]
struct Row {
    text: String,
    column: usize,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    ///
    /// Those of the system, when standard input is no terminal.
    pub fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let mut screen = Self { out: io::stdout(), dumb, row: Row::default(), closed: false };
        if !dumb {
            screen.write(MARK_PASTES)?;
        }
        Ok(screen)
    }

    /// Returns columns and rows.
    pub fn size() -> (usize, usize) {
        match terminal::size() {
            Ok((columns, rows)) if columns > 0 && rows > 0 => (columns.into(), rows.into()),
            _ => USUAL,
        }
    }

    /// Writes lines above the row.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        let row = std::mem::take(&mut self.row);
        let erase = if row.text.is_empty() { String::new() } else { self.erase(row.text.width()) };
        self.write(&format!("{erase}{}\r\n", text.replace('\n', "\r\n")))?;
        self.show(&row.text, row.column)
    }

    /// Replaces the row, and puts the cursor into a column of it.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn show(&mut self, text: &str, column: usize) -> io::Result<()> {
        let old = std::mem::replace(&mut self.row, Row { text: text.to_owned(), column });
        let at_end = column == text.width();
        let continues = text.strip_prefix(&old.text).filter(|_| at_end && old.column == old.text.width());
        match continues {
            // A terminal may draw a character anew when another one joins it; it is then redrawn as a whole.
            Some(more) if more.is_ascii() || old.text.is_empty() => self.write(more),
            _ => {
                let erase = self.erase(old.text.width());
                let start = if at_end { String::new() } else { format!("\r{}", columns(text, column)) };
                self.write(&format!("{erase}{text}{start}"))
            }
        }
    }

    /// Draws the row again, after something happened to it that is not known here.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn redraw(&mut self) -> io::Result<()> {
        let row = std::mem::take(&mut self.row);
        let erase = self.erase(Self::size().0.saturating_sub(1));
        self.write(&erase)?;
        self.show(&row.text, row.column)
    }

    /// Leaves the row where it is and begins a new one.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn accept(&mut self) -> io::Result<()> {
        self.row = Row::default();
        self.write("\r\n")
    }

    /// Takes the row away.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn clear(&mut self) -> io::Result<()> {
        self.show("", 0)
    }

    /// Gives the terminal back, the cursor at the beginning of a line.
    pub fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let end = if self.row.text.is_empty() { "" } else { "\r\n" };
        let marks = if self.dumb { "" } else { MARK_PASTES_NO_MORE };
        // A terminal that is gone needs nothing back.
        let _ = self.write(&format!("{end}{marks}"));
        restore();
    }

    fn erase(&self, width: usize) -> String {
        if self.dumb { format!("\r{}\r", " ".repeat(width)) } else { format!("\r{ERASE_REST}") }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

/// Gives the terminal back to the shell's way of reading; also from another thread, when there is no time for more.
pub fn restore() {
    let _ = terminal::disable_raw_mode();
}

/// Returns the beginning of a text that fills `width` columns, or less where a wide character would not fit.
pub fn columns(text: &str, width: usize) -> &str {
    use unicode_segmentation::UnicodeSegmentation;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if text[..at + grapheme.len()].width() > width {
            break;
        }
        end = at + grapheme.len();
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let check = |text: &str, width: usize, expected: &str| assert_eq!(columns(text, width), expected);
        check("abc", 2, "ab");
        check("abc", 9, "abc");
        check("語語", 3, "語");
        check("e\u{301}e", 1, "e\u{301}");
        check("", 0, "");
    }
}
