//! Usernames: `[a-z0-9_]{3,20}`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a username.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Upper-case letters are refused, so that two names never differ by case alone.
    #[error("names are written in lower case: try `{0}`")]
    UpperCase(String),
    /// Shorter than 3 or longer than 20 characters.
    #[error("a name has 3 to 20 characters, this one has {0}")]
    Length(usize),
    /// A character outside `[a-z0-9_]`.
    #[error("a name is made of a-z, 0-9 and _ only")]
    Character,
}

/// A well-formed username; whether it is reserved or owned is for others to say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

impl Username {
    /// Returns the name without `@`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = NameError;

    /// Takes a name, with or without a leading `@`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_prefix('@').unwrap_or(text);
        let length = text.chars().count();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if text.chars().any(|c| c.is_ascii_uppercase()) {
            let lower = text.to_lowercase();
            return Err(if lower.chars().all(allowed) { NameError::UpperCase(lower) } else { NameError::Character });
        }
        if !text.chars().all(allowed) {
            return Err(NameError::Character);
        }
        if !(3..=20).contains(&length) {
            return Err(NameError::Length(length));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Username {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.starts_with('@') { Err(NameError::Character) } else { text.parse() }
    }
}

impl From<Username> for String {
    fn from(name: Username) -> String {
        name.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_digits_and_underscores() {
        for good in ["abc", "@abc", "a_1", "abcdefghij0123456789"] {
            assert!(good.parse::<Username>().is_ok(), "{good}");
        }
        assert_eq!("Alice".parse::<Username>(), Err(NameError::UpperCase("alice".into())));
        assert_eq!("ab".parse::<Username>(), Err(NameError::Length(2)));
        assert_eq!("a".repeat(21).parse::<Username>(), Err(NameError::Length(21)));
        for bad in ["a-b", "a b c", "ünï", "a\nb", "@@abc", "Ünï"] {
            assert_eq!(bad.parse::<Username>(), Err(NameError::Character), "{bad}");
        }
    }
}
