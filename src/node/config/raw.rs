//! From texts to assignments: which key gets which value, and where that stands. Meaning comes later.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::keys;

/// The most characters of a refused value that an error repeats.
const MAX_SHOWN_CHARS: usize = 60;

/// A value without its meaning.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Text(String),
    List(Vec<(usize, Raw)>),
    Table(Vec<Entry>),
    /// A number, a date, a truth: its text.
    Other(String),
}

/// A field of a table, with its line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub line: usize,
    pub value: Raw,
}

/// One key, one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    pub key: String,
    pub value: Raw,
    pub origin: Origin,
}

impl Raw {
    /// Returns the text, `None` for anything else.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Raw::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the truth value, also where it is written as a text; `None` for anything else.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Raw::Text(text) | Raw::Other(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the value as an error shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Raw::Text(text) if text.chars().count() > MAX_SHOWN_CHARS => {
                format!("{:?}…", text.chars().take(MAX_SHOWN_CHARS).collect::<String>())
            }
            Raw::Text(text) => format!("{text:?}"),
            Raw::List(items) => format!("a list of {}", items.len()),
            Raw::Table(_) => "a table".into(),
            Raw::Other(text) => text.clone(),
        }
    }
}

/// Reads a configuration file's text.
pub(super) fn from_document(text: &str, path: &Path) -> Result<Vec<Assignment>, ConfigError> {
    let file = Origin::File { path: path.to_owned(), line: 1 };
    let document = DeTable::parse(text).map_err(|error| syntax(&error, text, &file))?;
    let mut out = Vec::new();
    for (name, value) in document.get_ref() {
        let (name, origin) = (name.get_ref(), file.at(line_of(text, name.span().start)));
        match value.get_ref() {
            DeValue::Table(table) if keys::find(name).is_none() => {
                let section = format!("{name}.");
                if !keys::KEYS.iter().any(|key| key.name.starts_with(&section)) {
                    return Err(unknown(name, &origin));
                }
                out.extend(entries(table, text).into_iter().map(|entry| Assignment {
                    key: format!("{name}.{}", entry.key),
                    origin: origin.at(entry.line),
                    value: entry.value,
                }));
            }
            // A quoted key with a dot in it is not a key in a section.
            _ if name.contains('.') => return Err(unknown(name, &origin)),
            value => out.push(Assignment { key: name.to_string(), value: raw(value, text), origin }),
        }
    }
    Ok(out)
}

/// Reads one value from the environment or from `--set`: a list as TOML, anything else as it stands or quoted.
pub(super) fn from_text(key: &str, text: &str, origin: Origin) -> Result<Assignment, ConfigError> {
    let info = keys::find(key).ok_or_else(|| unknown(key, &origin))?;
    let quoted = text.starts_with(['"', '\'']);
    let value = if info.list || quoted {
        let value = DeValue::parse(text).map_err(|error| syntax(&error, text, &origin))?;
        raw(value.get_ref(), text)
    } else {
        Raw::Text(text.to_owned())
    };
    Ok(Assignment { key: key.to_owned(), value, origin })
}

/// Splits `section.key=value`.
pub(super) fn from_set(text: &str) -> Result<Assignment, ConfigError> {
    let origin = Origin::Set { text: text.chars().take(MAX_SHOWN_CHARS).collect() };
    let Some((key, value)) = text.split_once('=') else { return Err(ConfigError::NoValue { origin }) };
    from_text(key.trim(), value.trim(), origin)
}

pub(super) fn unknown(key: &str, origin: &Origin) -> ConfigError {
    ConfigError::UnknownKey { origin: origin.clone(), key: key.to_owned(), allowed: keys::alternatives(key) }
}

fn syntax(error: &toml::de::Error, text: &str, origin: &Origin) -> ConfigError {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    ConfigError::Syntax { origin: origin.at(line), message: error.message().to_owned() }
}

fn entries(table: &DeTable<'_>, text: &str) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| Entry {
        key: std::borrow::Cow::to_string(key.get_ref()),
        line: line_of(text, key.span().start),
        value: raw(value.get_ref(), text),
    };
    table.iter().map(entry).collect()
}

fn raw(value: &DeValue<'_>, text: &str) -> Raw {
    match value {
        DeValue::String(value) => Raw::Text(value.to_string()),
        DeValue::Array(items) => {
            Raw::List(items.iter().map(|item| (line_of(text, item.span().start), raw(item.get_ref(), text))).collect())
        }
        DeValue::Table(table) => Raw::Table(entries(table, text)),
        DeValue::Integer(number) => Raw::Other(format!("the number {}", number.as_str())),
        DeValue::Float(number) => Raw::Other(format!("the number {}", number.as_str())),
        DeValue::Boolean(value) => Raw::Other(value.to_string()),
        DeValue::Datetime(_) => Raw::Other("a date".into()),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
