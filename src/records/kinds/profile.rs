//! Profiles: how an account wants to be shown.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hlc, RecordKind};

/// Most characters, and bytes, of a display name.
const NAME: (usize, usize) = (40, 96);
/// Most characters, and bytes, of a bio: with everything else they fit the record's limit.
const BIO: (usize, usize) = (160, 200);

/// Display name and bio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device that signs.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The display name; may be empty.
    #[serde(rename = "N")]
    pub name: String,
    /// A few words about the account; may be empty.
    #[serde(rename = "B")]
    pub bio: String,
}

impl Known for ProfileBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "H", "N", "B"];
}

impl Body for ProfileBody {
    const KIND: RecordKind = RecordKind::Profile;
    const CONTEXT: &'static str = "timeline 1 profile";

    fn check(&self) -> Result<(), RecordError> {
        let fine = is_nfc(&self.name) && is_nfc(&self.bio) && checked_profile(&self.name, &self.bio).is_ok();
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}

/// Why a profile cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// The display name is too long.
    #[error("a display name has at most {} characters and {} bytes", NAME.0, NAME.1)]
    NameTooLong,
    /// The bio is too long.
    #[error("a bio has at most {} characters and {} bytes", BIO.0, BIO.1)]
    BioTooLong,
    /// A control character, or a line break in the name.
    #[error("a profile has no control characters, and a display name no line breaks")]
    Control,
}

/// Brings display name and bio into Unicode normal form C and checks them.
///
/// # Errors
/// Which of them is not allowed, and why.
pub fn checked_profile(name: &str, bio: &str) -> Result<(String, String), ProfileError> {
    // Normalising costs in proportion, so what is far too long is refused first.
    let far = |text: &str, most: usize| text.len() > 4 * most;
    if far(name, NAME.1) {
        return Err(ProfileError::NameTooLong);
    }
    if far(bio, BIO.1) {
        return Err(ProfileError::BioTooLong);
    }
    let (name, bio): (String, String) = (name.nfc().collect(), bio.nfc().collect());
    let long = |text: &str, most: (usize, usize)| text.chars().count() > most.0 || text.len() > most.1;
    if long(&name, NAME) {
        return Err(ProfileError::NameTooLong);
    }
    if long(&bio, BIO) {
        return Err(ProfileError::BioTooLong);
    }
    if name.chars().any(char::is_control) || bio.chars().any(|c| c.is_control() && c != '\n') {
        return Err(ProfileError::Control);
    }
    Ok((name, bio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bios_have_their_limits() {
        let check = |name: &str, bio: &str, expected: Result<(), ProfileError>| {
            assert_eq!(checked_profile(name, bio).map(drop), expected, "{name:?} {bio:?}");
        };
        check("", "", Ok(()));
        check("Alice Ångström", "line\nline", Ok(()));
        check(&"a".repeat(41), "", Err(ProfileError::NameTooLong));
        check(&"\u{1F600}".repeat(25), "", Err(ProfileError::NameTooLong));
        check("", &"a".repeat(161), Err(ProfileError::BioTooLong));
        check("a\nb", "", Err(ProfileError::Control));
        check("", "a\u{7}", Err(ProfileError::Control));
        check(&"a".repeat(1 << 20), "", Err(ProfileError::NameTooLong));
    }
}
