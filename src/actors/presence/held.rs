//! Presence and interest that others put here: in memory, bounded, ended by time.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::records::{Merged, Record, merge, section_at, slot};
use crate::types::{AccountId, Key, Section, SectionSet, WallTime};

/// Most records held: 64 bytes of key and 512 of record each make 12 MiB.
const MOST: usize = 20_000;
/// Most records of one account at one key: as many as it may have devices, so that no follower crowds out the others.
const MOST_OF_ACCOUNT: usize = 64;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is held now.
    Merged,
    /// It cannot be read, or what is held wins over it.
    Superseded,
    /// There is no room.
    NoRoom,
}

#[derive(Debug, Default)]
pub struct HeldRecords {
    records: BTreeMap<(Key, Section, Bytes), (WallTime, Bytes)>,
}

impl HeldRecords {
    /// Merges a verified record in.
    pub fn put(&mut self, key: Key, bytes: Bytes, now: WallTime) -> Taken {
        let Ok(record) = Record::decode(bytes) else { return Taken::Superseded };
        let Some(section) = section_at(&record, &key) else { return Taken::Superseded };
        let place = (key, section, slot(&record, section));
        let held: Vec<Bytes> = self.records.get(&place).map(|(_, b)| b.clone()).into_iter().collect();
        if merge(section, &held, record.bytes()) == Merged::Superseded {
            return Taken::Superseded;
        }
        if held.is_empty() && self.is_full(&place, record.account()) {
            self.expire(now);
            if self.is_full(&place, record.account()) {
                return Taken::NoRoom;
            }
        }
        self.records.insert(place, (record.expires_at(), record.bytes().clone()));
        Taken::Merged
    }

    fn is_full(&self, (key, section, _): &(Key, Section, Bytes), account: Option<AccountId>) -> bool {
        let own = || {
            // In the slots of interest the follower comes first; presence is of the one account whose home it is.
            let first = match section {
                Section::Interest => account.map(|a| Bytes::copy_from_slice(&a.0)).unwrap_or_default(),
                _ => Bytes::new(),
            };
            let of_account = self.records.range((*key, *section, first.clone())..);
            of_account.take_while(|((k, s, slot), _)| k == key && s == section && slot.starts_with(&first)).count()
        };
        self.records.len() >= MOST || own() >= MOST_OF_ACCOUNT
    }

    /// Returns what is held at a key.
    pub fn at(&self, key: &Key, sections: SectionSet, now: WallTime) -> Vec<Bytes> {
        sections
            .iter()
            .filter(|s| s.in_memory())
            .flat_map(|section| {
                let from = (*key, section, Bytes::new());
                self.records.range(from..).take_while(move |((k, s, _), _)| k == key && *s == section)
            })
            .filter(|(_, (ends, _))| *ends > now)
            .map(|(_, (_, bytes))| bytes.clone())
            .collect()
    }

    /// Removes what has ended.
    pub fn expire(&mut self, now: WallTime) {
        self.records.retain(|_, (ends, _)| *ends > now);
    }
}
