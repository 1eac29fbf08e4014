//! What a post's text names: people and tags. Derived on reading, never carried.

use unicode_normalization::UnicodeNormalization;

use crate::types::Username;

/// Most people, and most tags, that one text names: what comes after them is text like any other.
const MOST: usize = 20;
/// Most characters of a tag.
const TAG: usize = 50;

/// Returns whom a text names as `@name`, each once, in the order of the text.
///
/// A name begins behind a character that is no letter, digit or underscore, so that addresses of mail are not names, and
/// goes as far as letters of names go; where upper case or a longer word follows, nobody is named.
pub fn mentions(text: &str) -> Vec<Username> {
    let named = marked(text, '@').filter_map(|word| word.parse().ok());
    each_once(named)
}

/// Returns the tags of a text, written as `#tag`, each once, in lower case and Unicode normal form C, without the mark.
///
/// A tag is letters, digits and underscores of any script, at most 50, and not digits alone.
pub fn tags(text: &str) -> Vec<String> {
    let fine = |word: &&str| word.chars().count() <= TAG && word.chars().any(|c| !c.is_numeric());
    each_once(marked(text, '#').filter(fine).map(folded_tag))
}

/// Returns a tag as [`tags`] writes it, from what a person typed, with or without the mark.
pub fn folded_tag(tag: &str) -> String {
    tag.strip_prefix('#').unwrap_or(tag).nfc().flat_map(char::to_lowercase).collect()
}

/// Returns the words that follow a mark which follows no word.
fn marked(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.match_indices(mark).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + mark.len_utf8()..];
        let end = after.find(|c: char| !is_word(c)).unwrap_or(after.len());
        let joined = before.is_some_and(|c| is_word(c) || c == mark || c == '/');
        (!joined && end > 0).then(|| &after[..end])
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn each_once<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut out = Vec::new();
    for one in all {
        if out.len() < MOST && !out.contains(&one) {
            out.push(one);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_where_people_mean_them() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = mentions(text).iter().map(|n| n.as_str().to_owned()).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("@alice hi @bob, and (@carol)!", &["alice", "bob", "carol"]);
        check("@alice @alice", &["alice"]);
        check("mail me: bob@example.org", &[]);
        check("@Alice is not a name, nor is @ab", &[]);
        check("@alice_99's", &["alice_99"]);
        check("@aliceå @@dora https://x.example/@erin", &[]);
        check("@", &[]);
        let many: String = (100..140).map(|i| format!("@user_{i} ")).collect();
        assert_eq!(mentions(&many).len(), MOST);
    }

    #[test]
    fn tags_are_words_of_any_script() {
        let check = |text: &str, expected: &[&str]| assert_eq!(tags(text), expected, "{text:?}");
        check("#Rust and #rust #100 #2024_goals", &["rust", "2024_goals"]);
        check("#Straße, #日本語!", &["straße", "日本語"]);
        check("a#b ##c C#", &[]);
        check(&format!("#{}", "x".repeat(51)), &[]);
        assert_eq!(folded_tag("#Rust"), "rust");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            prop_assert!(mentions(&text).len() <= MOST && tags(&text).len() <= MOST);
        }
    }
}
