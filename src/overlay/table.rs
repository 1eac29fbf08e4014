//! The routing table: up to k live contacts for every distance, and what is remembered of those that failed.
//!
//! Peers named by others are candidates: nobody is in here whom we did not reach ourselves, because an address that
//! somebody else vouches for proves nothing. Sending the requests that prove it is not done here.
//!
//! `now` is everywhere the time since some moment that stays the same, on a clock that nobody sets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::{Bucket, Entry, Loss};
use super::dead::Dead;
use super::replicas::{is_crowded, preferred};
use crate::types::{Contact, Distance, Key, NodeId, Rng};

/// What became of a peer that answered our request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    /// It is new in the table.
    Added,
    /// It was in the table already.
    Known,
    /// Its bucket is full of live contacts; it waits for one of them to fail.
    Waiting,
    /// It is this node itself, which is never in its own table.
    Ourselves,
}

/// What became of a peer that did not answer our request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// It was not in the table; it will not be probed for a while.
    Stranger,
    /// It stays until it fails once more.
    Questionable,
    /// It was removed, and will not be probed for a while.
    Removed,
}

/// A contact of the table, for people to look at and for the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInfo {
    /// Who and where.
    pub contact: Contact,
    /// floor(log2) of its distance.
    pub bucket: u8,
    /// The round trip when it was last reached.
    pub rtt: Duration,
    /// When it was last reached, on the clock of whoever keeps the table.
    pub last_seen: Duration,
}

/// The contacts of one node, in 256 buckets by distance.
#[derive(Debug)]
pub struct RoutingTable {
    me: NodeId,
    k: usize,
    /// At most 256; buckets without a contact are left out.
    buckets: BTreeMap<u8, Bucket>,
    dead: Dead,
    /// The last lookup in every bucket, at most 256.
    looked_up: BTreeMap<u8, Duration>,
    looked_up_ourselves: Option<Duration>,
}

impl RoutingTable {
    /// Makes an empty table for the node `me` with buckets of `k`, at least 1.
    pub fn new(me: NodeId, k: usize) -> Self {
        Self {
            me,
            k: k.max(1),
            buckets: BTreeMap::new(),
            dead: Dead::default(),
            looked_up: BTreeMap::new(),
            looked_up_ourselves: None,
        }
    }

    /// Tells whether a contact that somebody named is worth a probe; it stays out of the table until it is reached.
    ///
    /// Worth it are unknown nodes where there is room to hold them, and known ones that have signed newer addresses;
    /// not those that failed within the last 10 minutes at these addresses. Far away, where any few will do, half of a bucket is
    /// enough: the rest comes by itself, as lookups reach them.
    pub fn heard(&self, contact: &Contact, now: Duration) -> bool {
        let Some(index) = self.index(&contact.node) else { return false };
        let Some(bucket) = self.buckets.get(&index) else { return !self.dead.shuns(contact, now) };
        let enough = || bucket.is_enough(contact, self.k) && self.is_far(index);
        !self.dead.shuns(contact, now) && bucket.wants(contact, self.k) && !enough()
    }

    /// Tells whether k contacts are nearer than all of a bucket.
    fn is_far(&self, index: u8) -> bool {
        self.buckets.range(..index).map(|(_, bucket)| bucket.live().len()).sum::<usize>() >= self.k
    }

    /// Takes in a peer that answered a request of ours, and forgives its failures.
    ///
    /// A newer `seq` replaces the addresses we know, an older one never does.
    pub fn reached(&mut self, contact: Contact, rtt: Duration, now: Duration) -> Reached {
        let Some(index) = self.index(&contact.node) else { return Reached::Ourselves };
        self.dead.remove(&contact.node);
        let (reached, gave_way) = self.buckets.entry(index).or_default().reached(contact, rtt, now, self.k);
        if let Some(out) = gave_way {
            self.dead.insert(out.node, Some(out), now);
        }
        reached
    }

    /// Notes that a peer did not answer a request of ours.
    ///
    /// Two failures in a row remove it; one is enough when another waits for the place, and then the freshest of those
    /// that wait gets it. Removed peers and failed candidates are remembered for 10 minutes.
    pub fn failed(&mut self, node: &NodeId, now: Duration) -> Failed {
        let Some(index) = self.index(node) else { return Failed::Stranger };
        let loss = self.buckets.get_mut(&index).map_or(Loss::Absent, |b| b.failed(node));
        let failed = match loss {
            Loss::Questionable => return Failed::Questionable,
            Loss::Removed(contact) => {
                self.dead.insert(*node, Some(contact), now);
                Failed::Removed
            }
            Loss::Absent => {
                self.dead.insert(*node, None, now);
                Failed::Stranger
            }
        };
        self.buckets.retain(|_, b| !b.is_empty());
        failed
    }

    /// Forgets all failures and returns the contacts that were removed for them.
    ///
    /// For the moment after a sleep or a change of network: what failed meanwhile was our side, not theirs.
    pub fn forgive(&mut self) -> Vec<Contact> {
        self.buckets.values_mut().for_each(Bucket::forgive);
        self.dead.drain()
    }

    /// Returns the `n` contacts of the table that are nearest to `key`, the nearest first; a third of one network prefix is
    /// passed over while there are others ([`super::replicas`]).
    pub fn closest(&self, key: &Key, n: usize) -> Vec<Contact> {
        let mut found: Vec<&Entry> = Vec::new();
        // Nearest is the bucket that the key would be in, then all nearer to us than that one, which are equally far
        // from the key in their highest bit, then those farther from us, one by one.
        let own = self.me.key().distance(key).log2();
        let inner = own.map_or(0, |index| {
            found.extend(self.buckets.get(&index).into_iter().flat_map(Bucket::live));
            if found.len() < n {
                found.extend(self.buckets.range(..index).flat_map(|(_, b)| b.live()));
            }
            u16::from(index) + 1
        });
        for (_, bucket) in self.buckets.iter().filter(|(index, _)| u16::from(**index) >= inner) {
            if found.len() >= n {
                break;
            }
            found.extend(bucket.live());
        }
        let mut found: Vec<(Distance, &Entry)> = found.into_iter().map(|e| (e.contact.node.distance(key), e)).collect();
        // Distances of different nodes differ.
        found.sort_unstable_by_key(|(distance, _)| *distance);
        let near: Vec<Contact> = found.into_iter().take(n).map(|(_, e)| e.contact.clone()).collect();
        if !is_crowded(&near) {
            return near;
        }
        // Rare: who may take the place of a third of one prefix can be anywhere in the table.
        let mut all: Vec<Contact> = self.buckets.values().flat_map(|b| b.live()).map(|e| e.contact.clone()).collect();
        all.sort_by_cached_key(|contact| contact.node.distance(key));
        preferred(&all, n)
    }

    /// Returns all contacts, bucket by bucket, nearest bucket first, the oldest of a bucket first.
    pub fn contacts(&self) -> Vec<ContactInfo> {
        let info = |(bucket, e): (u8, &Entry)| ContactInfo {
            contact: e.contact.clone(),
            bucket,
            rtt: e.rtt,
            last_seen: e.last_seen,
        };
        self.live().map(info).collect()
    }

    /// Returns what is known of every contact, with its bucket, in the same order.
    pub fn live(&self) -> impl Iterator<Item = (u8, &Entry)> {
        self.buckets.iter().flat_map(|(index, b)| b.live().iter().map(move |e| (*index, e)))
    }

    /// Returns whom to ping: contacts that were silent for long, longest first.
    ///
    /// That is a quarter of the time that the contact has been there: who has stayed for long will stay. It is at least the first
    /// of `soonest` and at most the first of `longest` in the buckets up to the one with the k-th nearest contact, whose nodes are
    /// in replica sets with this one; the second in the bucket behind, and the third beyond. One that asked us something a while ago (`heard`) need not be asked, but for every third time: it may not hear us.
    pub fn silent(
        &self,
        now: Duration,
        soonest: [Duration; 3],
        longest: [Duration; 3],
        heard: impl Fn(&NodeId) -> Option<Duration>,
    ) -> Vec<Contact> {
        let (mut nearer, mut behind) = (0, 0);
        let mut found: Vec<(Duration, &Contact)> = Vec::new();
        for bucket in self.buckets.values() {
            let (soonest, latest) = (soonest[behind], longest[behind]);
            nearer += bucket.live().len();
            behind = if nearer < self.k { 0 } else { (behind + 1).min(2) };
            for entry in bucket.live() {
                let patience = (entry.last_seen.saturating_sub(entry.since) / 4).clamp(soonest, latest);
                let silent = now.saturating_sub(entry.last_seen);
                let is_heard = || heard(&entry.contact.node).is_some_and(|ago| ago < patience);
                if silent >= patience && (silent >= 3 * patience || !is_heard()) {
                    found.push((entry.last_seen, &entry.contact));
                }
            }
        }
        found.sort_by_key(|(last_seen, contact)| (*last_seen, contact.node));
        found.into_iter().map(|(_, contact)| contact.clone()).collect()
    }

    /// Returns the contact of a node that is in the table.
    pub fn contact(&self, node: &NodeId) -> Option<&Contact> {
        let bucket = self.buckets.get(&self.index(node)?)?;
        bucket.live().iter().map(|e| &e.contact).find(|c| c.node == *node)
    }

    /// Tells whether a node is in the table.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.contact(node).is_some()
    }

    /// Returns the number of contacts.
    pub fn len(&self) -> usize {
        self.buckets.values().map(|b| b.live().len()).sum()
    }

    /// Tells whether there are no contacts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many nodes the network seems to have, this one included.
    ///
    /// Exact as long as no bucket is full. Otherwise from the density near this node, where all nodes are known: about
    /// 20 % off with k=20. Whoever makes nodes near this one can make the number larger.
    pub fn size_estimate(&self) -> u64 {
        let known = self.len() as u64;
        let full = self.buckets.iter().find(|(_, b)| b.live().len() >= self.k);
        let Some((&full, bucket)) = full else { return known + 1 };
        let near: usize = self.buckets.range(..full).map(|(_, b)| b.live().len()).sum();
        let others = spread(near, u32::from(full)).max(spread(near + bucket.live().len(), u32::from(full) + 1));
        others.max(known).saturating_add(1)
    }

    /// Notes that a lookup for `key` was made: its bucket is fresh.
    pub fn looked_up(&mut self, key: &Key, now: Duration) {
        match self.me.key().distance(key).log2() {
            Some(index) => drop(self.looked_up.insert(index, now)),
            None => self.looked_up_ourselves = Some(now),
        }
    }

    /// Returns keys to look up so that no bucket is older than `older_than`; none for an empty table, which has nobody to ask.
    ///
    /// Our own key stands for all that is nearer than the nearest contact; every bucket from that one outwards, the empty
    /// ones among them too, has a random key of its own.
    pub fn stale_buckets(&self, now: Duration, older_than: Duration, rng: &mut Rng) -> Vec<Key> {
        let stale = |at: Option<&Duration>| at.is_none_or(|at| now.saturating_sub(*at) >= older_than);
        let Some(nearest) = self.buckets.iter().find(|(_, b)| !b.live().is_empty()).map(|(index, _)| *index) else {
            return Vec::new();
        };
        let ourselves = stale(self.looked_up_ourselves.as_ref()).then(|| self.me.key());
        let buckets = (nearest..=255).filter(|index| stale(self.looked_up.get(index)));
        ourselves.into_iter().chain(buckets.map(|index| self.random_key(index, rng))).collect()
    }

    fn random_key(&self, index: u8, rng: &mut Rng) -> Key {
        let mut offset: [u8; 32] = rng.bytes();
        let (byte, bit) = (31 - usize::from(index / 8), index % 8);
        offset[..byte].fill(0);
        offset[byte] = (offset[byte] & ((1 << bit) - 1)) | 1 << bit;
        // XOR with the offset is the distance to it taken from our own place.
        Key(self.me.key().distance(&Key(offset)).0)
    }

    fn index(&self, node: &NodeId) -> Option<u8> {
        self.me.distance(&node.key()).log2()
    }
}

/// Returns how many nodes there are when `found` of them lie in 2^`bits` of the 2^256 places.
fn spread(found: usize, bits: u32) -> u64 {
    u64::try_from((found as u128) << (256 - bits).min(64)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
