//! What a person looks for among posts: words, or a tag. Case and the form of a letter make no difference.

use unicode_normalization::UnicodeNormalization;

use super::text::{folded_tag, tags};

/// Most characters of a search.
const LONGEST: usize = 200;
/// Most words of a search; each costs a look through every text.
const WORDS: usize = 16;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Texts that contain each of these words, in whatever order.
    Words(Vec<String>),
    /// Texts that carry this tag.
    Tag(String),
}

impl Query {
    /// Reads what a person typed; `None` when it is nothing, or too long.
    pub fn words(text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST {
            return None;
        }
        let words: Vec<String> = folded(text).split_whitespace().map(str::to_owned).collect();
        (!words.is_empty() && words.len() <= WORDS).then_some(Query::Words(words))
    }

    /// Reads the name of a tag, with or without the mark; `None` when no text can carry it.
    pub fn tag(name: &str) -> Option<Self> {
        if name.chars().count() > LONGEST {
            return None;
        }
        let tag = folded_tag(name);
        (tags(&format!("#{tag}")) == [tag.clone()]).then_some(Query::Tag(tag))
    }

    /// Tells whether a text is among what is looked for.
    pub fn finds(&self, text: &str) -> bool {
        match self {
            Query::Words(words) => {
                let text = folded(text);
                words.iter().all(|word| text.contains(word.as_str()))
            }
            Query::Tag(tag) => text.contains('#') && tags(text).contains(tag),
        }
    }
}

/// Returns a text in lower case and Unicode normal form C.
fn folded(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case_and_form() {
        let check = |query: &str, text: &str, expected: bool| {
            let query = Query::words(query).expect("a query");
            assert_eq!(query.finds(text), expected, "{query:?} in {text:?}");
        };
        check("WORLD hello", "Hello, world", true);
        check("hello mars", "Hello, world", false);
        check("\u{c5}ngstr\u{f6}m", "a\u{30a}ngstro\u{308}m", true);
        check("ÉCOLE", "une école", true);
        check("日本", "これは日本語です", true);
        for nothing in ["", "  \n", &"a".repeat(201), &"a ".repeat(17)] {
            assert_eq!(Query::words(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn tags_are_whole_words() {
        let rust = Query::tag("#Rust").expect("a tag");
        assert_eq!(Some(&rust), Query::tag("rust").as_ref());
        assert!(rust.finds("I like #RUST!") && !rust.finds("#rusty rust"));
        for nothing in ["", "#", "two words", "100", "a-b", &"x".repeat(51)] {
            assert_eq!(Query::tag(nothing), None, "{nothing:?}");
        }
    }
}
