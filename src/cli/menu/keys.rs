//! Keys, read from the bytes that a terminal sends (ECMA-48, section 5.4; xterm's bracketed paste).
//!
//! Bytes that are no key known here are dropped: nothing typed by accident may end up in a text.

/// The longest unfinished sequence that is kept: real ones have some ten bytes.
const MAX_SEQUENCE: usize = 32;
const ESCAPE: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"[200~";
const PASTE_ENDS: &[u8] = b"[201~";

/// What a person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character of text.
    Char(char),
    /// Enter, as CR, LF or both.
    Enter,
    /// Deletes before the cursor.
    Backspace,
    /// Deletes after the cursor.
    Delete,
    /// Moves to the left.
    Left,
    /// Moves to the right.
    Right,
    /// Moves to the beginning.
    Home,
    /// Moves to the end.
    End,
    /// Ctrl-U: deletes everything before the cursor.
    DeleteToStart,
    /// Ctrl-K: deletes everything after the cursor.
    DeleteToEnd,
    /// Ctrl-W: deletes the word before the cursor.
    DeleteWord,
    /// Escape.
    Escape,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfText,
}

/// Turns bytes into keys, however they are cut into pieces.
#[derive(Debug, Default)]
pub struct KeyReader {
    /// The beginning of a character or a sequence; at most [`MAX_SEQUENCE`] bytes.
    pending: Vec<u8>,
    pasting: bool,
    after_return: bool,
}

impl KeyReader {
    /// Takes bytes and returns the keys that are complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        bytes.iter().filter_map(|byte| self.take(*byte)).collect()
    }

    /// Tells whether the last byte was an Escape that may be a key or the beginning of one.
    pub fn may_be_escape(&self) -> bool {
        self.pending == [ESCAPE]
    }

    /// Decides that an Escape stands alone, since nothing followed it.
    pub fn nothing_followed(&mut self) -> Option<Key> {
        let alone = self.may_be_escape();
        if alone {
            self.pending.clear();
        }
        (alone && !self.pasting).then_some(Key::Escape)
    }

    fn take(&mut self, byte: u8) -> Option<Key> {
        let after_return = std::mem::take(&mut self.after_return);
        match self.pending.first() {
            Some(&ESCAPE) => self.in_sequence(byte),
            Some(_) => self.in_character(byte),
            None if byte == ESCAPE || byte >= 0x80 => {
                self.pending.push(byte);
                None
            }
            None if self.pasting => Some(Key::Char(if byte < 0x20 || byte == 0x7f { ' ' } else { byte.into() })),
            None if byte == b'\n' && after_return => None,
            None => {
                self.after_return = byte == b'\r';
                plain(byte)
            }
        }
    }

    fn in_character(&mut self, byte: u8) -> Option<Key> {
        if !(0x80..0xc0).contains(&byte) {
            // The character was cut off: it is dropped, and this byte begins anew.
            self.pending.clear();
            return self.take(byte);
        }
        self.pending.push(byte);
        let length = match self.pending[0] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        if self.pending.len() < length {
            return None;
        }
        let bytes = std::mem::take(&mut self.pending);
        let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
        (!character.is_control()).then_some(Key::Char(character))
    }

    fn in_sequence(&mut self, byte: u8) -> Option<Key> {
        self.pending.push(byte);
        let rest = &self.pending[1..];
        let is_complete = match rest {
            [b'['] | [b'O'] => false,
            [b'[', .., last] => (0x40..=0x7e).contains(last),
            // Alt with a key, or two Escapes.
            _ => true,
        };
        if !is_complete {
            if self.pending.len() > MAX_SEQUENCE {
                self.pending.clear();
            }
            return None;
        }
        let sequence = std::mem::take(&mut self.pending);
        let rest = &sequence[1..];
        match rest {
            PASTE_BEGINS => self.pasting = true,
            PASTE_ENDS => self.pasting = false,
            [ESCAPE] => self.pending.push(ESCAPE),
            _ => return named(rest).filter(|_| !self.pasting),
        }
        (rest == [ESCAPE] && !self.pasting).then_some(Key::Escape)
    }
}

fn plain(byte: u8) -> Option<Key> {
    Some(match byte {
        b'\r' | b'\n' => Key::Enter,
        0x7f | 0x08 => Key::Backspace,
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfText,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x0b => Key::DeleteToEnd,
        0x15 => Key::DeleteToStart,
        0x17 => Key::DeleteWord,
        b'\t' => Key::Char(' '),
        0x20..0x7f => Key::Char(byte.into()),
        _ => return None,
    })
}

fn named(sequence: &[u8]) -> Option<Key> {
    Some(match sequence {
        b"[C" | b"OC" => Key::Right,
        b"[D" | b"OD" => Key::Left,
        b"[H" | b"OH" | b"[1~" | b"[7~" => Key::Home,
        b"[F" | b"OF" | b"[4~" | b"[8~" => Key::End,
        b"[3~" => Key::Delete,
        [0x7f] => Key::DeleteWord,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut reader = KeyReader::default();
        let mut keys = reader.feed(bytes);
        keys.extend(reader.nothing_followed());
        keys
    }

    fn typed(text: &str) -> Vec<Key> {
        text.chars().map(Key::Char).collect()
    }

    #[test]
    fn keys_are_told_from_text() {
        let check = |bytes: &[u8], expected: &[Key]| assert_eq!(keys(bytes), expected, "{bytes:?}");
        check("aß語🦀".as_bytes(), &typed("aß語🦀"));
        check(b"\r", &[Key::Enter]);
        check(b"\n", &[Key::Enter]);
        check(b"\r\n\r\n", &[Key::Enter, Key::Enter]);
        check(b"\r\r\n\n", &[Key::Enter, Key::Enter, Key::Enter]);
        check(b"\x03\x04", &[Key::Interrupt, Key::EndOfText]);
        check(b"\x1b[D\x1bOC\x1b[3~\x7f", &[Key::Left, Key::Right, Key::Delete, Key::Backspace]);
        check(b"\x1b", &[Key::Escape]);
        check(b"\x1b\x1b", &[Key::Escape, Key::Escape]);
        check(b"\x1b[1;5A\x1bxa", &typed("a"));
        check(b"\xe8\xaa\x41", &typed("A"));
        check(b"\xff\x41\xc0\xaf", &typed("A"));
        check("\u{85}a".as_bytes(), &typed("a"));
    }

    #[test]
    fn what_is_pasted_does_nothing_but_stand_there() {
        assert_eq!(keys(b"\x1b[200~a\r\n\x03\x1b[Db\x1b[201~\r"), [typed("a   b"), vec![Key::Enter]].concat());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..80) {
            let mut reader = KeyReader::default();
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let mut pieces = reader.feed(one);
            pieces.extend(reader.feed(two));
            pieces.extend(reader.nothing_followed());
            prop_assert_eq!(pieces, keys(&bytes));
        }

        #[test]
        fn no_control_character_gets_into_a_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for key in keys(&bytes) {
                if let Key::Char(c) = key {
                    prop_assert!(!c.is_control());
                }
            }
        }
    }
}
