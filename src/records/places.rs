//! Which keys a record belongs to.

use super::record::Record;
use crate::keys::place;
use crate::types::{AccountId, Key, Section, Username};

/// Returns the home of an account: H("home", AccountId).
pub fn home(account: &AccountId) -> Key {
    place("home", &[account.as_bytes()])
}

/// Returns the key of a name: H("name", username).
pub fn name_key(name: &Username) -> Key {
    place("name", &[name.as_str().as_bytes()])
}

/// Returns the key of a name's password bundle: H("bundle", username).
pub fn bundle_key(name: &Username) -> Key {
    place("bundle", &[name.as_str().as_bytes()])
}

/// A key and the section of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// The key.
    pub key: Key,
    /// The section.
    pub section: Section,
}

impl Record {
    /// Returns everywhere the record is kept.
    pub fn destinations(&self) -> Vec<Destination> {
        let at = |key, section| Destination { key, section };
        match self {
            Record::Account(chain) => {
                vec![at(name_key(chain.username()), Section::Account), at(home(&chain.account), Section::Account)]
            }
            Record::Bundle(r) => vec![at(bundle_key(&r.body.username), Section::Bundle)],
            Record::Device(r) => vec![at(home(&r.body.account), Section::Device)],
            Record::Retirement(r) => vec![at(home(&r.body.account), Section::Retirement)],
            Record::Heads(r) => vec![at(home(&r.body.account), Section::Heads)],
            Record::Post(r) => vec![at(home(&r.body.account), Section::Post)],
            Record::Edge(r) => {
                vec![at(home(&r.body.follower), Section::Following), at(home(&r.body.followed), Section::Followers)]
            }
            Record::Presence(r) => vec![at(home(&r.body.account), Section::Presence)],
            Record::Interest(r) => vec![at(home(&r.body.author), Section::Interest)],
        }
    }
}

/// Returns the section in which a record is kept at `key`; `None` when it does not belong there.
pub fn section_at(record: &Record, key: &Key) -> Option<Section> {
    record.destinations().into_iter().find(|d| d.key == *key).map(|d| d.section)
}
