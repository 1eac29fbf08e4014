//! Server-sent events (WHATWG HTML, section 9.2), as far as the node uses them.

use std::io::{self, BufRead, Read};

/// The longest event: a post's JSON, six times escaped, with room to spare.
const MAX_EVENT_BYTES: u64 = 256 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Event {
    /// What it is about; empty when the node does not say.
    pub name: String,
    /// Its data, lines joined by newlines.
    pub data: String,
}

/// A stream of events. Comments, which only keep the connection alive, are passed over.
#[derive(Debug)]
pub struct Events<R> {
    input: R,
}

impl<R: BufRead> Events<R> {
    /// Reads events from `input`.
    pub fn new(input: R) -> Self {
        Self { input }
    }

    /// Returns the next event, `None` when the stream has ended; an event cut off by the end is dropped.
    ///
    /// # Errors
    ///
    /// Those of the input; [`io::ErrorKind::InvalidData`] for an event over the limit or one that is not UTF-8.
    pub fn next_event(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut has_data = false;
        let mut left = MAX_EVENT_BYTES;
        loop {
            let mut line = Vec::new();
            let length = (&mut self.input).take(left).read_until(b'\n', &mut line)? as u64;
            if line.pop_if(|b| *b == b'\n').is_none() {
                let too_long = length == left;
                return if too_long { Err(invalid("an event is too long")) } else { Ok(None) };
            }
            let _ = line.pop_if(|b| *b == b'\r');
            if line.is_empty() {
                if has_data {
                    return Ok(Some(event));
                }
                (event, left) = (Event::default(), MAX_EVENT_BYTES);
                continue;
            }
            left -= length;
            let line = String::from_utf8(line).map_err(|_| invalid("an event is not UTF-8"))?;
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => event.name = value.to_owned(),
                "data" if has_data => event.data.extend(["\n", value]),
                "data" => (event.data, has_data) = (value.to_owned(), true),
                _ => {}
            }
        }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> io::Result<Vec<Event>> {
        let mut events = Events::new(text);
        std::iter::from_fn(|| events.next_event().transpose()).collect()
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into() }
    }

    #[test]
    fn events_are_told_apart_and_comments_passed_over() {
        let check =
            |text: &str, expected: &[Event]| assert_eq!(all(text.as_bytes()).expect("valid"), expected, "{text}");
        check(": hi\n\nevent: post\ndata: {\"a\":1}\n\n:\n\ndata:b\n\n", &[event("post", "{\"a\":1}"), event("", "b")]);
        check("event: post\r\ndata: a\r\ndata: b\r\nid: 7\r\n\r\n", &[event("post", "a\nb")]);
        check("event: lonely\n\ndata: cut off", &[]);
        check("event: post\ndata: cut off\n", &[]);
        check("data\n\n", &[event("", "")]);
        check("", &[]);
    }

    #[test]
    fn a_long_event_is_refused_and_a_long_silence_of_comments_is_not() {
        let long = vec![b'a'; MAX_EVENT_BYTES as usize + 1];
        assert_eq!(all(&long).expect_err("too long").kind(), io::ErrorKind::InvalidData);
        let lines = "data: 0123456789\n".repeat(20_000);
        assert!(all(lines.as_bytes()).is_err());
        let comments = ": still here\n\n".repeat(50_000) + "data: a\n\n";
        assert_eq!(all(comments.as_bytes()).expect("valid"), [event("", "a")]);
        assert!(all(b"data: \xff\n\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = all(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(lines in proptest::collection::vec("[^\r\n]{0,20}", 1..4)) {
            let data: String = lines.iter().map(|line| format!("data: {line}\n")).collect();
            let read = all(format!("{data}\n").as_bytes()).expect("valid");
            prop_assert_eq!(read, [event("", &lines.join("\n"))]);
        }
    }
}
