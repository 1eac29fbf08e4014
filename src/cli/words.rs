//! Numbers, times and strangers' texts in words for people.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local, Utc};
use serde_json::Value;

/// Shortens an id to what people compare and commands accept.
pub fn short_id(id: &str) -> String {
    match id.get(..8) {
        Some(start) if id.len() > 8 => format!("{start}…"),
        _ => id.to_owned(),
    }
}

/// Puts a number before its noun: `1 post`, `2 posts`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Writes a size with three digits at most.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = size as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && scaled < 9.95);
    format!("{scaled:.digits$} {}", UNITS[unit])
}

/// Writes a span in its largest unit: `12 s`, `3 min`, `2 h`, `6 d`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Writes an RFC 3339 time as people say it, seen from now: `just now`, `3 min ago`, `in 6 d`, or the local date.
pub fn when(time: &str) -> String {
    when_seen_from(time, SystemTime::now().into())
}

fn when_seen_from(time: &str, now: DateTime<Utc>) -> String {
    let Ok(time) = DateTime::parse_from_rfc3339(time) else { return printable(time) };
    let ahead = time.with_timezone(&Utc) - now;
    let local = || time.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string();
    match ahead.to_std() {
        // Clocks of two machines differ a little: a post from the near future is new, not strange.
        Ok(ahead) if ahead < Duration::from_secs(5) => "just now".into(),
        Ok(ahead) if ahead < Duration::from_secs(60 * 86_400) => format!("in {}", span(ahead)),
        Ok(_) => local(),
        Err(_) => match (-ahead).to_std().unwrap_or_default() {
            past if past < Duration::from_secs(5) => "just now".into(),
            past if past < Duration::from_secs(86_400) => format!("{} ago", span(past)),
            _ => local(),
        },
    }
}

/// Makes a stranger's text harmless for a terminal: what could move the cursor, or reorder the line, becomes U+FFFD.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && is_treacherous(c) { '\u{fffd}' } else { c }).collect()
}

fn is_treacherous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text at a path of an answer, empty when there is none.
pub fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the whole number at a path of an answer, 0 when there is none.
pub fn number_at(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Returns the list at a path of an answer, empty when there is none.
pub fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Lays rows out in columns, two spaces between; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_keep_few_digits() {
        for (size, expected) in
            [(0, "0 B"), (999, "999 B"), (1024, "1.0 KiB"), (48 << 10, "48 KiB"), (1 << 30, "1.0 GiB")]
        {
            assert_eq!(bytes(size), expected);
        }
        assert_eq!(bytes(u64::MAX), "16777216 TiB");
        for (seconds, expected) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (86_400 * 6, "6 d")] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        assert_eq!((count(1, "post"), count(0, "post")), ("1 post".into(), "0 posts".into()));
    }

    #[test]
    fn times_are_relative_while_they_are_near() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").expect("valid").with_timezone(&Utc);
        let check = |time: &str, expected: &str| assert_eq!(when_seen_from(time, now), expected, "{time}");
        check("2026-11-20T11:59:58.000Z", "just now");
        check("2026-11-20T12:00:03Z", "just now");
        check("2026-11-20T11:57:00Z", "3 min ago");
        check("2026-11-19T13:00:00Z", "23 h ago");
        check("2026-11-27T12:00:00Z", "in 7 d");
        check("not a\u{7} time", "not a\u{fffd} time");
        assert!(when_seen_from("2026-11-01T12:00:00Z", now).starts_with("2026-11-0"));
    }

    #[test]
    fn a_strangers_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\nb\u{1b}[31m\u{202e}c\r"), "a\nb\u{fffd}[31m\u{fffd}c\u{fffd}");
    }

    #[test]
    fn ids_are_shortened_and_columns_aligned() {
        assert_eq!(short_id(&"ab".repeat(32)), "abababab…");
        assert_eq!(short_id("ab"), "ab");
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(table(&[row("a", "b"), row("ccc", "")]), "a    b\nccc");
        assert_eq!(table(&[]), "");
    }
}
