//! One line that is being typed: its text, its cursor, and what of it fits on the screen.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;
use zeroize::Zeroizing;

use super::keys::Key;
use crate::cli::words;

/// The longest line, in bytes: twice what a post may have, so that the node counts and refuses.
pub const MAX_LINE_BYTES: usize = 4096;

/// The line.
#[derive(Debug)]
pub struct Line {
    /// It may be a password, so it is wiped, and never grows into another place in memory.
    text: Zeroizing<String>,
    /// Where the next character goes, as a byte index between two characters as people see them.
    cursor: usize,
}

/// What shows of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// What is written.
    pub text: String,
    /// The column of the cursor.
    pub column: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { text: Zeroizing::new(String::with_capacity(MAX_LINE_BYTES)), cursor: 0 }
    }
}

impl Line {
    /// Does what the key says; keys that mean nothing to a line are passed over.
    pub fn apply(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.text.len() + c.len_utf8() <= MAX_LINE_BYTES => {
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
            Key::Backspace => self.delete(self.before(), self.cursor),
            Key::Delete | Key::EndOfText => self.delete(self.cursor, self.after()),
            Key::DeleteToStart => self.delete(0, self.cursor),
            Key::DeleteToEnd => self.delete(self.cursor, self.text.len()),
            Key::DeleteWord => {
                let kept = self.text[..self.cursor].trim_end().trim_end_matches(|c: char| !c.is_whitespace()).len();
                self.delete(kept, self.cursor);
            }
            Key::Left => self.cursor = self.before(),
            Key::Right => self.cursor = self.after(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Char(_) | Key::Enter | Key::Escape | Key::Interrupt => {}
        }
    }

    /// Tells whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns how many characters there are, as a post counts them.
    pub fn characters(&self) -> usize {
        self.text.chars().count()
    }

    /// Returns the text.
    pub fn into_text(self) -> Zeroizing<String> {
        self.text
    }

    /// Returns what of the line shows in `width` columns, with the cursor in sight.
    pub fn view(&self, width: usize) -> View {
        // The cursor needs a column of its own after the last character.
        let room = width.saturating_sub(1).max(1);
        let shown = |text: &str| words::printable(text);
        let before = &self.text[..self.cursor];
        let mut start = 0;
        if shown(before).width() > room {
            // Half of the room stays free, so that not every character moves the line.
            start = self.cursor;
            for (at, _) in before.grapheme_indices(true).rev() {
                if shown(&before[at..]).width() > room / 2 {
                    break;
                }
                start = at;
            }
        }
        let mut text = String::new();
        for grapheme in self.text[start..].graphemes(true) {
            let next = shown(grapheme);
            if text.width() + next.width() > room {
                break;
            }
            text.push_str(&next);
        }
        View { column: shown(&self.text[start..self.cursor]).width(), text }
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(keys: &[Key]) -> Line {
        let mut line = Line::default();
        keys.iter().for_each(|key| line.apply(*key));
        line
    }

    fn typed(text: &str, keys: &[Key]) -> Line {
        let typed: Vec<Key> = text.chars().map(Key::Char).chain(keys.iter().copied()).collect();
        line(&typed)
    }

    #[test]
    fn keys_edit_what_people_see_as_characters() {
        let check = |text: &str, keys: &[Key], expected: &str| {
            assert_eq!(*typed(text, keys).into_text(), expected, "{text} {keys:?}");
        };
        check("abc", &[Key::Backspace], "ab");
        check("abc", &[Key::Left, Key::Left, Key::Char('x')], "axbc");
        check("abc", &[Key::Home, Key::Delete, Key::End, Key::Char('d')], "bcd");
        check("e\u{301}🧑‍🚀", &[Key::Backspace], "e\u{301}");
        check("e\u{301}🧑‍🚀", &[Key::Backspace, Key::Backspace], "");
        check("two words ", &[Key::DeleteWord], "two ");
        check("two words", &[Key::Left, Key::DeleteToStart], "s");
        check("two words", &[Key::Home, Key::Right, Key::DeleteToEnd], "t");
        check("", &[Key::Backspace, Key::Delete, Key::Left, Key::DeleteWord], "");
    }

    #[test]
    fn the_cursor_stays_in_sight_also_of_wide_characters() {
        let check = |line: &Line, width: usize, text: &str, column: usize| {
            assert_eq!(line.view(width), View { text: text.into(), column });
        };
        check(&typed("abc", &[]), 10, "abc", 3);
        check(&typed("abc", &[Key::Left]), 10, "abc", 2);
        check(&typed("0123456789", &[]), 6, "89", 2);
        check(&typed("0123456789", &[Key::Home]), 6, "01234", 0);
        check(&typed("語語語", &[]), 7, "語語語", 6);
        check(&typed("語語語", &[]), 6, "語", 2);
        check(&typed("語語語", &[]), 3, "", 0);
        check(&typed(" ¡\u{1ce9}", &[]), 0, "", 0);
        check(&typed("a\u{202e}b", &[]), 9, "a\u{fffd}b", 3);
    }

    #[test]
    fn a_line_has_an_end() {
        let long = "é".repeat(MAX_LINE_BYTES);
        assert_eq!(typed(&long, &[]).characters(), MAX_LINE_BYTES / 2);
    }

    proptest! {
        #[test]
        fn any_keys_leave_a_line_that_can_be_shown(
            keys in proptest::collection::vec(
                prop_oneof![
                    any::<char>().prop_map(Key::Char), Just(Key::Backspace), Just(Key::Delete), Just(Key::Left),
                    Just(Key::Right), Just(Key::Home), Just(Key::DeleteWord), Just(Key::DeleteToEnd),
                ],
                0..60,
            ),
            width in 0usize..40,
        ) {
            let view = line(&keys).view(width);
            prop_assert!(view.text.width() <= width.max(2));
            prop_assert!(view.column <= width.max(2));
        }
    }
}
