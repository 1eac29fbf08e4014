//! Names, ids, texts and passwords as they are typed, checked before anybody is asked.

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use super::problem::usage;
use crate::keys::MAX_PASSWORD_BYTES;
use crate::node::config::parse_duration;
use crate::types::{Code, NameError, Problem, Rng, Username};

/// How much of standard input is read as a post: far more than any post may have, so that the node counts and refuses.
const MAX_TEXT_BYTES: u64 = 64 * 1024;
/// How much of standard input is read as a password line: over the limit of a password, so that the excess is noticed.
const MAX_LINE_BYTES: u64 = MAX_PASSWORD_BYTES as u64 + 3;
/// The most characters of a name.
const MAX_NAME: usize = 20;
/// The shortest prefix of an id that is accepted.
const MIN_ID_DIGITS: usize = 8;

/// Reads a username, with or without `@`.
pub fn username(text: &str) -> Result<Username, Problem> {
    text.parse().map_err(|error| {
        let problem = Problem::new(Code::NameMalformed, format!("`{text}` is no name"));
        match error {
            NameError::UpperCase(lower) => problem.hint(format!("names are written in lower case: {lower}")),
            other => problem.hint(other.to_string()),
        }
    })
}

/// Reads the beginning of a username, with or without `@`.
pub fn name_prefix(text: &str) -> Result<String, Problem> {
    let prefix = text.strip_prefix('@').unwrap_or(text);
    let is_fine =
        |text: &str| text.len() <= MAX_NAME && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let malformed = || Problem::new(Code::NameMalformed, format!("no name begins with `{text}`"));
    let lower = prefix.to_ascii_lowercase();
    match (is_fine(prefix), is_fine(&lower)) {
        (true, _) => Ok(lower),
        (false, true) => Err(malformed().hint(format!("names are written in lower case: {lower}"))),
        (false, false) => Err(malformed().hint("a name is made of a-z, 0-9 and _ only, at most 20 of them")),
    }
}

/// Reads a tag, with or without `#`; which case it is written in does not matter.
pub fn tag(text: &str) -> Result<String, Problem> {
    let tag = text.strip_prefix('#').unwrap_or(text);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if !tag.is_empty() && tag.chars().all(is_word) {
        return Ok(tag.to_owned());
    }
    Err(usage(format!("`{text}` is no tag"), "a tag is one word of letters, digits and _"))
}

/// Reads an id, or the beginning of one.
pub fn id(text: &str) -> Result<String, Problem> {
    let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex && (MIN_ID_DIGITS..=64).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(usage(format!("`{text}` is no id"), "an id has 64 digits of 0-9 and a-f; its first 8 or more are enough"))
}

/// Reads `--ttl` into milliseconds; whether a post may live that long is for the node to say.
pub fn ttl_ms(text: &str) -> Result<u64, Problem> {
    let wrong = |reason: String| usage(format!("--ttl {text}: {reason}"), "for example --ttl 2h, from 10s to 30d");
    let ttl = parse_duration(text).map_err(|error| wrong(error.to_string()))?;
    u64::try_from(ttl.as_millis()).map_err(|_| wrong("too long".into()))
}

/// Returns the text of a post: what was typed, or standard input for `-`.
pub fn text(typed: &str) -> Result<String, Problem> {
    if typed == "-" { text_from(io::stdin().lock()) } else { Ok(typed.to_owned()) }
}

fn text_from(input: impl Read) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    input.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(Problem::new(Code::TextTooLong, "standard input is far longer than a post may be")
            .hint("a post has at most 500 characters"));
    }
    let end = bytes.len() - line_end(&bytes);
    bytes.truncate(end);
    String::from_utf8(bytes).map_err(|_| usage("standard input is not UTF-8", "send the text as UTF-8"))
}

/// Returns how many bytes of a final line end there are.
fn line_end(bytes: &[u8]) -> usize {
    match bytes {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

fn unreadable(error: &io::Error) -> Problem {
    usage(format!("standard input cannot be read: {error}"), "check what standard input is connected to")
}

/// Starts a random stream from the operating system.
pub fn system_rng() -> Result<Rng, Problem> {
    let mut seed = [0; 32];
    let failed = |error| Problem::new(Code::Internal, format!("the system gives no random numbers: {error}"));
    getrandom::fill(&mut seed).map_err(failed)?;
    Ok(Rng::from_seed(seed))
}

/// Where the password will come from; known before anything is asked or sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordSource {
    /// The first line of standard input.
    Stdin,
    /// The person at the terminal.
    Terminal,
}

impl PasswordSource {
    /// Decides; without `--password-stdin` and without a terminal there is no way to get one.
    pub fn choose(stdin: bool) -> Result<Self, Problem> {
        match (stdin, io::stdin().is_terminal()) {
            (true, _) => Ok(Self::Stdin),
            (false, true) => Ok(Self::Terminal),
            (false, false) => {
                Err(Problem::new(Code::PasswordRequired, "a password is needed and there is no terminal to ask on")
                    .hint("give it on the first line of standard input, with --password-stdin"))
            }
        }
    }

    /// Gets the password, asking `twice` when a mistyped one would lock its owner out.
    pub fn password(self, name: &Username, twice: bool) -> Result<Zeroizing<String>, Problem> {
        match self {
            Self::Stdin => line_from(io::stdin().lock()),
            Self::Terminal => {
                let first = ask(&format!("Password for @{name}: "))?;
                if twice && *ask("The same again: ")? != *first {
                    return Err(usage("the two passwords differ", "try again"));
                }
                Ok(first)
            }
        }
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Problem> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        Problem::new(Code::PasswordRequired, format!("the terminal cannot be asked for a password: {error}"))
            .hint("give it on the first line of standard input, with --password-stdin")
    })
}

fn line_from(mut input: impl Read) -> Result<Zeroizing<String>, Problem> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES as usize));
    let mut byte = [0; 1];
    // Byte by byte: what follows the line is left for whoever reads next.
    while (line.len() as u64) < MAX_LINE_BYTES && line.last() != Some(&b'\n') {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    if line.is_empty() {
        return Err(Problem::new(Code::PasswordRequired, "standard input holds no password")
            .hint("give it on the first line, with --password-stdin"));
    }
    let end = line.len() - line_end(&line);
    if end > MAX_PASSWORD_BYTES {
        return Err(usage(format!("a password has at most {MAX_PASSWORD_BYTES} bytes"), "choose a shorter one"));
    }
    let text = std::str::from_utf8(&line[..end]).map_err(|_| usage("the password is not UTF-8", "send it as UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_name_says_what_to_write_instead() {
        let problem = username("@Alice").expect_err("upper case");
        assert_eq!(problem.code, Code::NameMalformed);
        assert!(problem.hint.expect("a hint").contains("alice"));
        assert_eq!(username("ab").expect_err("short").code, Code::NameMalformed);
        assert_eq!(username("@alice").map(|name| name.to_string()), Ok("alice".into()));
    }

    #[test]
    fn the_beginning_of_a_name_is_checked_like_a_name() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(name_prefix(text).ok().as_deref(), expected, "{text}");
        check("al", Some("al"));
        check("@a", Some("a"));
        check("", Some(""));
        check("A", None);
        check("a-", None);
        check("é", None);
        check(&"a".repeat(21), None);
        assert!(name_prefix("Al").expect_err("upper case").hint.expect("a hint").ends_with("al"));
        assert_eq!(name_prefix("a b").map_err(|problem| problem.code), Err(Code::NameMalformed));
    }

    #[test]
    fn tags_are_single_words_of_any_script() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(tag(text).ok().as_deref(), expected, "{text}");
        check("rust", Some("rust"));
        check("#Rust", Some("Rust"));
        check("語", Some("語"));
        for bad in ["", "#", "two words", "a-b", "##a"] {
            check(bad, None);
        }
    }

    #[test]
    fn ids_are_hex_and_may_be_cut_to_eight_digits() {
        assert!(id("0123abcd").is_ok() && id(&"f".repeat(64)).is_ok());
        for bad in ["", "0123abc", "0123ABCD", "0123abcg", &"f".repeat(65), "ääää"] {
            assert_eq!(id(bad).map_err(|problem| problem.code), Err(Code::Usage), "{bad}");
        }
    }

    #[test]
    fn a_ttl_is_a_number_and_a_unit() {
        assert_eq!(ttl_ms("2h"), Ok(7_200_000));
        for bad in ["2", "h", "-2h", "99999999999999999999s"] {
            assert_eq!(ttl_ms(bad).map_err(|problem| problem.code), Err(Code::Usage), "{bad}");
        }
    }

    #[test]
    fn standard_input_loses_one_final_line_end() {
        let check = |input: &str, expected: &str| assert_eq!(text_from(input.as_bytes()), Ok(expected.to_owned()));
        check("hello\n", "hello");
        check("hello\r\n", "hello");
        check("a\nb\n\n", "a\nb\n");
        check("", "");
        check("-- not an option", "-- not an option");
        assert_eq!(text_from(&[0xff][..]).map_err(|problem| problem.code), Err(Code::Usage));
        let long = vec![b'a'; 70_000];
        assert_eq!(text_from(&long[..]).map_err(|problem| problem.code), Err(Code::TextTooLong));
    }

    #[test]
    fn a_password_is_one_line_and_the_rest_is_left() {
        let mut input: &[u8] = b"open sesame\r\nrest";
        assert_eq!(line_from(&mut input).map(|line| line.to_string()), Ok("open sesame".into()));
        assert_eq!(input, b"rest");
        assert_eq!(line_from(&b"no end"[..]).map(|line| line.to_string()), Ok("no end".into()));
        assert_eq!(line_from(&b"\n"[..]).map(|line| line.to_string()), Ok(String::new()));
        assert_eq!(line_from(&b""[..]).map_err(|problem| problem.code), Err(Code::PasswordRequired));
        let longest = vec![b'a'; MAX_PASSWORD_BYTES];
        assert!(line_from(&longest[..]).is_ok());
        assert!(line_from(&vec![b'a'; MAX_PASSWORD_BYTES + 1][..]).is_err());
    }
}
