//! Which keys a record belongs to.

use super::kinds::users_key;
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
    /// Returns everywhere the record is kept; for lists, their first page.
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
            Record::Profile(r) => vec![at(home(&r.body.account), Section::Profile)],
            Record::Tombstone(r) => vec![at(home(&r.body.account), Section::Post)],
            Record::Watermark(r) => vec![at(home(&r.body.author), Section::Seen)],
            Record::Private(r) => vec![at(home(&r.body.account), Section::Private)],
            Record::Mention(r) => vec![at(home(&r.body.mentioned), Section::Inbox)],
            Record::Directory(r) => {
                let name = r.body.username.as_str();
                (0..=name.len()).map(|end| at(users_key(&name[..end]), Section::Directory)).collect()
            }
        }
    }
}

/// Returns the section in which a record is kept at `key`; `None` when it does not belong there.
///
/// Where a record belongs to a list, every page on the way to it will do.
pub fn section_at(record: &Record, key: &Key) -> Option<Section> {
    let first = record.destinations().into_iter().find(|d| d.key == *key).map(|d| d.section);
    first.or_else(|| record.page_at(key).map(|page| page.section))
}
