//! Private entries: mutes, blocks and settings that only the account's own devices can read.
//!
//! Each entry is a record of its own, so that two devices never overwrite each other's. Replicas see how many there
//! are and when they change, and nothing else: the entry's name is a keyed hash, its content is sealed.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::keys::{self, SealKey};
use crate::records::codec::{Known, from_bytes, to_bytes};
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, RecordKind, Rng};

/// A sealed entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device that signs.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// Which entry: [`entry_tag`].
    #[serde(rename = "E")]
    pub tag: Hash,
    /// 24 bytes of nonce, then the sealed [`Entry`].
    #[serde(rename = "C", with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

impl Known for PrivateBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "H", "E", "C"];
}

/// Nonce and tag of the cipher.
const OVERHEAD: usize = 24 + 16;

impl Body for PrivateBody {
    const KIND: RecordKind = RecordKind::Private;
    const CONTEXT: &'static str = "timeline 1 private";

    fn check(&self) -> Result<(), RecordError> {
        if self.sealed.len() > OVERHEAD { Ok(()) } else { Err(RecordError::Value) }
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum PrivateKind {
    /// The subject's posts are not shown.
    Mute = 1,
    /// The subject's posts are not shown, stored for it or delivered to it.
    Block = 2,
    /// How far the account has read its feed.
    ReadPosition = 3,
}

impl PrivateKind {
    /// Returns the kind with this number; `None` for one of a later version.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(PrivateKind::Mute),
            2 => Some(PrivateKind::Block),
            3 => Some(PrivateKind::ReadPosition),
            _ => None,
        }
    }
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of a [`PrivateKind`].
    #[serde(rename = "K")]
    pub kind: u8,
    /// Whom it is about; the own account for the read position.
    #[serde(rename = "S")]
    pub subject: AccountId,
    /// Whether it holds, or is taken back.
    #[serde(rename = "O")]
    pub on: bool,
    /// A stamp that goes with it: the read position.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Hlc>,
    /// The read position: the first 16 bytes of devices, and up to which number their posts were shown.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<(ByteBuf, u64)>,
}

impl Known for Entry {
    const FIELDS: &'static [&'static str] = &["K", "S", "O", "p", "l"];
}

/// Returns the name of an entry as replicas see it.
pub fn entry_tag(key: &SealKey, kind: PrivateKind, subject: &AccountId) -> Hash {
    key.tag(&[&[kind as u8][..], subject.as_bytes()].concat())
}

impl PrivateBody {
    /// Seals an entry.
    pub fn seal(account: AccountId, device: DeviceId, hlc: Hlc, entry: &Entry, key: &SealKey, rng: &mut Rng) -> Self {
        let name = [&[entry.kind][..], entry.subject.as_bytes()].concat();
        let tag = key.tag(&name);
        let sealed = key.seal(&to_bytes(entry), &bound_to(&account, &tag), rng);
        Self { account, device, hlc, tag, sealed }
    }

    /// Opens the entry; `None` when the key is another or the content is not that of this tag.
    pub fn open(&self, key: &keys::SealKey) -> Option<Entry> {
        let plain = key.open(&self.sealed, &bound_to(&self.account, &self.tag))?;
        from_bytes(&plain).ok()
    }
}

fn bound_to(account: &AccountId, tag: &Hash) -> Vec<u8> {
    [account.0, tag.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_settings_key_opens_an_entry_and_only_under_its_name() {
        let (account, device) = (AccountId([1; 32]), DeviceId([2; 32]));
        let key = SealKey::new([7; 32]);
        let entry = Entry {
            kind: PrivateKind::Block as u8,
            subject: AccountId([3; 32]),
            on: true,
            position: None,
            logs: vec![],
        };
        let mut rng = Rng::from_seed([9; 32]);
        let body = PrivateBody::seal(account, device, Hlc::default(), &entry, &key, &mut rng);
        assert_eq!(body.tag, entry_tag(&key, PrivateKind::Block, &entry.subject));
        assert_eq!(body.open(&key), Some(entry.clone()));
        assert_eq!(body.open(&SealKey::new([8; 32])), None);
        let renamed = PrivateBody { tag: Hash([0; 32]), ..body.clone() };
        assert_eq!(renamed.open(&key), None);
        let again = PrivateBody::seal(account, device, Hlc::default(), &entry, &key, &mut rng);
        assert_ne!(again.sealed, body.sealed, "nonces differ");
        assert_ne!(entry_tag(&key, PrivateKind::Mute, &entry.subject), body.tag);
    }
}
