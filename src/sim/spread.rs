//! Laying records on the disks of their replicas, as if they had been there for long.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::simulation::Simulation;
use crate::overlay::replicas::preferred;
use crate::seam::{Batch, Op, Store, Stored};
use crate::types::{Contact, Key, NodeId};

/// Changes of one disk made at once.
const BATCH: usize = 500;
/// Times as many as a replica set has are compared by their distance: those of crowded prefixes are passed over.
const LOOKED_AT: usize = 4;

impl Simulation {
    /// Says whether nodes have time for comparing what they hold with others.
    pub(super) fn set_repairing(&self, repairing: bool) {
        self.repairing.set(repairing);
    }

    /// Lays all records that the bootpeers hold on the disks of their replicas, and takes them from bootpeers that are neither
    /// replicas nor anchors. No node may run.
    ///
    /// # Panics
    /// When a node runs.
    pub(super) fn spread(&self) {
        let machines = self.machines.borrow();
        assert!(machines.iter().all(|machine| machine.running.is_none()), "nodes run");
        let bootpeers = self.config.bootpeers;
        let mut numbers: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut contacts: Vec<Contact> = Vec::with_capacity(machines.len());
        for (number, machine) in machines.iter().enumerate() {
            numbers.insert(machine.id, number);
            contacts.push(Contact::hint(machine.id, machine.address));
        }
        drop(machines);
        contacts.sort_by_key(|contact| contact.node);
        let mut batches: Vec<Vec<Op>> = vec![Vec::new(); contacts.len()];
        let (mut at, mut replicas) = (None, Vec::new());
        for row in self.rows_of(0..bootpeers) {
            if at != Some(row.key) {
                at = Some(row.key);
                replicas = nearest(&contacts, &row.key, self.config.k).iter().map(|node| numbers[node]).collect();
            }
            replicas.iter().for_each(|number| batches[*number].push(Op::Put(row.clone())));
            for number in (0..bootpeers).filter(|number| !self.config.anchors && !replicas.contains(number)) {
                batches[number].push(Op::Delete { key: row.key, section: row.section, hash: row.hash });
            }
            let full = (0..bootpeers).chain(replicas.iter().copied()).filter(|number| batches[*number].len() >= BATCH);
            full.collect::<Vec<_>>().into_iter().for_each(|number| self.write(number, &mut batches[number]));
        }
        batches.iter_mut().enumerate().for_each(|(number, ops)| self.write(number, ops));
    }

    fn write(&self, number: usize, ops: &mut Vec<Op>) {
        // Made at the call: nobody has to wait for a memory disk.
        drop(self.store(number).commit(Batch(std::mem::take(ops))));
    }

    /// Returns what some nodes hold, each record once, in order.
    fn rows_of(&self, nodes: std::ops::Range<usize>) -> Vec<Stored> {
        let mut all = BTreeMap::new();
        for number in nodes {
            let Ok(mut reader) = self.store(number).reader() else { continue };
            let walked = reader.walk(None, &mut |row| {
                all.insert(row.place(), Stored::from(row));
                ControlFlow::Continue(())
            });
            walked.expect("a memory disk can be read");
        }
        all.into_values().collect()
    }
}

/// Returns the replicas of a key among contacts in the order of their ids: more than `overlay::Nearby` takes, which is as
/// many as a table has.
fn nearest(sorted: &[Contact], key: &Key, k: usize) -> Vec<NodeId> {
    let enough = (LOOKED_AT * k).min(sorted.len());
    let mut near = sorted;
    // The longest prefix of the key that enough ids have: whoever has it is nearer than whoever has not.
    for bit in 0..8 * key.0.len() {
        let one = |contact: &Contact| contact.node.0[bit / 8] >> (7 - bit % 8) & 1 == 1;
        let split = near.partition_point(|contact| !one(contact));
        let half = if key.0[bit / 8] >> (7 - bit % 8) & 1 == 1 { &near[split..] } else { &near[..split] };
        if half.len() < enough {
            break;
        }
        near = half;
    }
    let mut near = near.to_vec();
    near.sort_by_cached_key(|contact| contact.node.distance(key));
    preferred(&near, k).into_iter().map(|contact| contact.node).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn the_nearest_are_found_among_many() {
        let mut contacts: Vec<Contact> = (0..500_u32)
            .map(|n| {
                let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n);
                Contact::hint(NodeId(crate::keys::hash(&n.to_be_bytes()).0), SocketAddr::new(ip.into(), 1))
            })
            .collect();
        contacts.sort_by_key(|contact| contact.node);
        for n in 0..100_u32 {
            let key = Key(crate::keys::hash(format!("key {n}").as_bytes()).0);
            let mut all: Vec<NodeId> = contacts.iter().map(|contact| contact.node).collect();
            all.sort_by_key(|node| node.distance(&key));
            assert_eq!(nearest(&contacts, &key, 20), all[..20]);
        }
        assert_eq!(nearest(&contacts[..3], &Key([0; 32]), 20).len(), 3, "fewer than a set");
    }
}
