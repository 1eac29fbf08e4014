//! Looking into a simulation from outside: what lies on disks, what went over the wires.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::simulation::Simulation;
use super::trace::Trace;
use crate::actors::{Ready, state_hash};
use crate::records::Record;
use crate::seam::{Space, Store, Stored, Usage};
use crate::store::{MemoryDisk, MemoryStore};
use crate::types::{Hash, Key, Section, SectionSet};

impl Simulation {
    /// Copies what a node has on its disk now, as a backup of its folder would.
    pub fn back_up(&self, number: usize) -> MemoryDisk {
        self.machines.borrow()[number].disk.copy()
    }

    /// Puts a copy in the place of the disk of a node that does not run; the copy can be used again.
    pub fn restore(&self, number: usize, copy: &MemoryDisk) {
        let mut machines = self.machines.borrow_mut();
        assert!(machines[number].running.is_none(), "node {number} runs");
        machines[number].disk = copy.copy();
    }

    /// Puts an empty disk in the place of that of a node that does not run.
    pub fn blank(&self, number: usize) {
        self.restore(number, &self.empty_disk());
    }

    /// Shows every record on a node's disk to `look`: its key, section, hash and bytes.
    pub fn each_record(&self, number: usize, look: impl FnMut(&Key, Section, &Hash, &Bytes)) {
        self.machines.borrow()[number].disk.each(look);
    }

    /// Returns the posts that a node has collected and still remembers.
    pub fn marks(&self, number: usize) -> Vec<Hash> {
        let rows = self.store(number).local(Space::Marks, &[], None, usize::MAX).unwrap_or_default();
        let hash = |key: Bytes| Some(Hash(key.get(key.len().checked_sub(32)?..)?.try_into().ok()?));
        rows.into_iter().filter_map(|(key, _)| hash(key)).collect()
    }

    /// Returns the records on a node's disk at a key that have not ended.
    pub fn records_at(&self, number: usize, key: &Key) -> Vec<Stored> {
        let sections = SectionSet::of(Section::ALL);
        self.store(number).read(key, sections, None, usize::MAX, self.now()).expect("a memory disk can be read")
    }

    /// Returns the state of a node at a key, what it has collected included: what replicas have to agree on.
    pub fn replica_state(&self, number: usize, key: &Key) -> Hash {
        state_hash(&self.store(number), self.now(), Some(key)).expect("a memory disk can be read")
    }

    /// Returns how much lies on a node's disk.
    pub fn usage(&self, number: usize) -> Usage {
        self.machines.borrow()[number].disk.usage()
    }

    /// Returns the way to set up a node that runs as it is after hours in a network.
    pub(super) fn ready(&self, number: usize) -> Ready {
        let machines = self.machines.borrow();
        let running = machines[number].running.as_ref().unwrap_or_else(|| panic!("node {number} does not run"));
        running.node.ready()
    }

    /// Returns how many nodes there are, those that do not run included.
    pub fn count(&self) -> usize {
        self.machines.borrow().len()
    }

    /// Reads what a node has on its disk at a key, tells nothing of what is in memory.
    pub fn stored(&self, number: usize, key: &Key, section: Section) -> Vec<Record> {
        const MOST: usize = 10_000;
        let store = self.store(number);
        let rows = store.read(key, SectionSet::of(&[section]), None, MOST, self.now()).unwrap_or_default();
        rows.into_iter().filter_map(|row| Record::decode(row.bytes).ok()).collect()
    }

    /// Tells whether a node's disk holds a record for others, whether it runs or not.
    pub fn holds(&self, number: usize, record: &Hash) -> bool {
        let mut found = false;
        self.each_record(number, |_, _, hash, _| found |= hash == record);
        found
    }

    /// Returns the fingerprint of the run so far.
    pub fn trace(&self) -> Trace {
        self.wire.trace()
    }

    /// Returns how many requests of each number a node has sent so far, HELLOs (1) included.
    pub fn requests_of(&self, number: usize) -> BTreeMap<u8, u64> {
        self.wire.requests_of(&self.id(number))
    }

    /// Returns how many bytes a node sent and received so far in requests of each number and their answers.
    pub fn bytes_of(&self, number: usize) -> BTreeMap<u8, u64> {
        self.wire.bytes_of(&self.id(number))
    }

    /// Opens the disk of a node, whether it runs or not.
    pub(super) fn store(&self, number: usize) -> MemoryStore {
        MemoryStore::on(self.machines.borrow()[number].disk.clone(), self.config.merge)
    }
}
