//! Posts, numbered and hash-linked per device, and the heads that say how far a device's log goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, MAX_TTL, MIN_TTL, RecordKind, WallTime};

/// Why a text cannot be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing, or nothing but white space.
    #[error("a post needs some text")]
    Empty,
    /// Too many characters.
    #[error("a post has at most 500 characters, this one has {0}")]
    Characters(usize),
    /// Too many bytes.
    #[error("a post has at most 2000 bytes, this one has {0}")]
    Bytes(usize),
    /// A control character but newline.
    #[error("a post has no control characters but line breaks")]
    Control,
}

/// Brings a text into Unicode normal form C and checks it.
pub fn checked_text(text: &str) -> Result<String, TextError> {
    // Normalising costs time and memory in proportion, so what is far too long is refused first.
    if text.len() > 64 * 1024 {
        return Err(TextError::Bytes(text.len()));
    }
    let text = if is_normal(text) { text.to_owned() } else { text.nfc().collect::<String>() };
    let characters = text.chars().count();
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(TextError::Control);
    }
    if characters > 500 {
        return Err(TextError::Characters(characters));
    }
    if text.len() > 2000 {
        return Err(TextError::Bytes(text.len()));
    }
    Ok(text)
}

/// Tells whether a text is in normal form C, as most are; of plain ASCII that is plain to see.
fn is_normal(text: &str) -> bool {
    text.is_ascii() || is_nfc(text)
}

/// The post that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyTo {
    /// Its author.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// Its hash.
    #[serde(rename = "P")]
    pub post: Hash,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostBody {
    /// The author.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The author's device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// 1, 2, 3 … per device.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The hash of the device's post before; absent in the first.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Hash>,
    /// What it says.
    #[serde(rename = "T")]
    pub text: String,
    /// How long it lives, in milliseconds.
    #[serde(rename = "L")]
    pub lifetime_ms: u64,
    /// What it answers.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
}

impl Known for PostBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "Q", "H", "P", "T", "L", "r"];
}

impl Body for PostBody {
    const KIND: RecordKind = RecordKind::Post;
    const CONTEXT: &'static str = "timeline 1 post";

    fn check(&self) -> Result<(), RecordError> {
        let life = (MIN_TTL.as_millis() as u64)..=(MAX_TTL.as_millis() as u64);
        let fine = self.seq > 0
            && (self.seq == 1) == self.prev.is_none()
            && life.contains(&self.lifetime_ms)
            && is_normal(&self.text)
            && checked_text(&self.text).is_ok();
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}

impl PostBody {
    /// Returns when the post ends.
    pub fn expires_at(&self) -> WallTime {
        self.hlc.wall().plus(Duration::from_millis(self.lifetime_ms))
    }
}

/// The most ranges of collected numbers that heads may list.
const MAX_RANGES: usize = 16;

/// The most ranges of numbers that heads call collected before their end: with those above the floor they fit into a record.
pub const MAX_EARLY: usize = 8;

/// State of a device's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// Grows with every change.
    #[serde(rename = "V")]
    pub version: u64,
    /// When it was made.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The number of the last post; zero when there is none.
    #[serde(rename = "Q")]
    pub last_seq: u64,
    /// The hash of the last post; absent when there is none.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub last_hash: Option<Hash>,
    /// The number up to which all posts are collected or expired.
    #[serde(rename = "F")]
    pub floor: u64,
    /// What is collected above the floor: first and last number of each range, ascending.
    #[serde(rename = "C", default, skip_serializing_if = "Vec::is_empty")]
    pub collected: Vec<(u64, u64)>,
    /// The number from which on the author says why numbers are gone; absent where it says that of none.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub why_from: Option<u64>,
    /// What of it was collected before its end, ascending; what else is gone has ended.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub early: Vec<(u64, u64)>,
}

impl Known for HeadsBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "V", "H", "Q", "P", "F", "C", "w", "c"];
}

impl Body for HeadsBody {
    const KIND: RecordKind = RecordKind::Heads;
    const CONTEXT: &'static str = "timeline 1 heads";

    fn check(&self) -> Result<(), RecordError> {
        let ascend = |from: u64, ranges: &[(u64, u64)]| {
            let mut from = from;
            let ascending = ranges.iter().all(|(first, last)| {
                let fine = *first > from && first <= last;
                from = *last;
                fine
            });
            ascending && from <= self.last_seq
        };
        let why = match self.why_from {
            Some(from) => {
                from > 0 && self.early.len() <= MAX_EARLY && { self.early.is_empty() || ascend(from - 1, &self.early) }
            }
            None => self.early.is_empty(),
        };
        let fine = (self.last_seq == 0) == self.last_hash.is_none()
            && self.collected.len() <= MAX_RANGES
            && ascend(self.floor, &self.collected)
            && why;
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}

#[cfg(test)]
mod tests;
