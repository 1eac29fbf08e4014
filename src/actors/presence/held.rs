//! Presence and interest that others put here: in memory, bounded, ended by time.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::records::{Merged, Record, merge, section_at, slot};
use crate::types::{Key, Section, SectionSet, WallTime};

/// Most records held: 64 bytes of key and 512 of record each make 12 MiB.
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub struct HeldRecords {
    records: BTreeMap<(Key, Section, Bytes), (WallTime, Bytes)>,
}

impl HeldRecords {
    /// Merges a verified record in; false when there is no room.
    pub fn put(&mut self, key: Key, bytes: Bytes, now: WallTime) -> bool {
        let Ok(record) = Record::decode(bytes) else { return false };
        let Some(section) = section_at(&record, &key) else { return false };
        let place = (key, section, slot(&record, section));
        let held: Vec<Bytes> = self.records.get(&place).map(|(_, b)| b.clone()).into_iter().collect();
        if merge(section, &held, record.bytes()) == Merged::Superseded {
            return true;
        }
        if self.records.len() >= MOST && held.is_empty() {
            self.expire(now);
            if self.records.len() >= MOST {
                return false;
            }
        }
        self.records.insert(place, (record.expires_at(), record.bytes().clone()));
        true
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
