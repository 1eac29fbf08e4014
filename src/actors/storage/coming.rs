//! Places in limited lists that records on their way to the disk have taken, where a read does not find them yet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::types::{Key, Section};

type Spot = (Key, Section, Bytes);

/// The places taken, each by so many records and for so many bytes; no more than the puts under way bring.
#[derive(Clone, Default)]
pub struct Coming(Rc<RefCell<BTreeMap<Spot, (usize, usize)>>>);

/// A place in a list, given back when the record is on disk or refused.
pub struct Place {
    of: Coming,
    spot: Spot,
}

impl Coming {
    /// Returns the slots of a list that are taken, each with the bytes of the longest record for it.
    pub fn slots(&self, key: &Key, section: Section) -> BTreeMap<Bytes, usize> {
        let taken = self.0.borrow();
        let from = (*key, section, Bytes::new());
        let list = taken.range(from..).take_while(|((k, s, _), _)| k == key && *s == section);
        list.map(|((_, _, slot), (_, bytes))| (slot.clone(), *bytes)).collect()
    }

    /// Takes a place for a record of so many bytes.
    pub fn take(&self, key: Key, section: Section, slot: Bytes, bytes: usize) -> Place {
        let spot = (key, section, slot);
        let mut taken = self.0.borrow_mut();
        let (count, most) = taken.entry(spot.clone()).or_default();
        (*count, *most) = (*count + 1, (*most).max(bytes));
        drop(taken);
        Place { of: self.clone(), spot }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.0.borrow_mut();
        if let Some((count, _)) = taken.get_mut(&self.spot) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.spot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_until_the_last_record_for_it_is_gone() {
        let coming = Coming::default();
        let (here, there) = (Key([1; 32]), Key([2; 32]));
        let slot = Bytes::from_static(b"slot");
        let check = |expected: usize| assert_eq!(coming.slots(&here, Section::Device).len(), expected);
        let first = coming.take(here, Section::Device, slot.clone(), 1);
        let again = coming.take(here, Section::Device, slot.clone(), 2);
        let _elsewhere = coming.take(there, Section::Device, slot.clone(), 1);
        let _other = coming.take(here, Section::Following, slot, 1);
        check(1);
        drop(first);
        check(1);
        drop(again);
        check(0);
    }
}
