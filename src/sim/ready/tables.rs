//! Routing tables as they are after hours: of every distance as many contacts as a bucket holds, and all of the near ones.

use std::time::Duration;

use crate::keys::hash;
use crate::records::sign_contact;
use crate::sim::Simulation;
use crate::sim::world::BEGINNING;
use crate::types::{Contact, Key, NodeId};

/// All nodes that run, in the order of their ids.
pub(super) struct Everybody(Vec<Contact>);

impl Everybody {
    /// Signs a contact for each node.
    pub(super) fn of(sim: &Simulation) -> Self {
        let network = sim.network().id;
        let machines = sim.machines.borrow();
        let seq = BEGINNING.0;
        let mut all: Vec<Contact> =
            machines.iter().map(|machine| sign_contact(&machine.key, &network, &[machine.address], seq)).collect();
        all.sort_unstable_by_key(|contact| contact.node);
        Self(all)
    }

    /// Returns the contact of a node.
    pub(super) fn contact(&self, node: &NodeId) -> Option<&Contact> {
        self.0.binary_search_by_key(node, |contact| contact.node).ok().map(|at| &self.0[at])
    }

    /// Returns the `n` nearest to a key, the nearest first.
    pub(super) fn nearest(&self, key: &Key, n: usize) -> Vec<Contact> {
        let mut near = &self.0[..];
        for bit in 0..256 {
            let (zeros, ones) = halves(near, bit);
            let half = if is_set(&key.0, bit) { ones } else { zeros };
            if half.len() < n {
                break;
            }
            near = half;
        }
        let mut near = near.to_vec();
        near.sort_by_cached_key(|contact| contact.node.distance(key));
        near.truncate(n);
        near
    }

    /// Returns whom a node has in its table: of every bucket `k`, others for each node.
    pub(super) fn table_of(&self, node: &NodeId, k: usize) -> Vec<Contact> {
        let (mut table, mut near) = (Vec::new(), &self.0[..]);
        for bit in 0..256 {
            if near.len() <= 1 {
                break;
            }
            let (zeros, ones) = halves(near, bit);
            let (own, others) = if is_set(&node.0, bit) { (ones, zeros) } else { (zeros, ones) };
            let start = hash(&[&node.0[..], &[bit as u8]].concat()).0[..8].try_into().map_or(0, u64::from_le_bytes);
            let step = (others.len() / k).max(1);
            let chosen =
                (0..k.min(others.len())).map(|i| (start as usize % others.len().max(1) + i * step) % others.len());
            table.extend(chosen.map(|at| others[at].clone()));
            near = own;
        }
        table
    }

    /// Fills the tables of all nodes.
    pub(super) async fn fill_tables(&self, sim: &Simulation, k: usize, round_trip: Duration) {
        for number in 0..sim.count() {
            let table = self.table_of(&sim.id(number), k);
            sim.ready(number).fill_table(table, round_trip).await;
        }
    }
}

fn halves(contacts: &[Contact], bit: usize) -> (&[Contact], &[Contact]) {
    contacts.split_at(contacts.partition_point(|contact| !is_set(&contact.node.0, bit)))
}

fn is_set(bytes: &[u8; 32], bit: usize) -> bool {
    bytes[bit / 8] >> (7 - bit % 8) & 1 == 1
}
