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
use super::patience::{Patience, Zone};
use super::replicas::{is_crowded, preferred};
use crate::types::{Contact, Key, NodeId, Rng};

mod outcome;

pub use self::outcome::{Failed, Reached};

/// Contacts are looked over at least so often; in between nobody can have become due, but for changes that are noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A bucket far away with fewer contacts than this is refreshed sooner than others.
const SPARSE: usize = 3;
/// So long after the first lookup of our own place it is looked at again: by then those that came with us have been found by
/// somebody near us.
const AGAIN: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(60)];

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
    patience: Patience,
    /// Until then nobody has been silent for too long.
    quiet_until: Duration,
    /// How often a contact came, went or moved.
    changes: u64,
    /// The last lookup in every bucket, at most 256.
    looked_up: BTreeMap<u8, Duration>,
    looked_up_ourselves: Option<Duration>,
    /// When our own place was looked up for the first time.
    joined: Option<Duration>,
}

impl RoutingTable {
    /// Makes an empty table for the node `me` with buckets of `k`, at least 1.
    pub fn new(me: NodeId, k: usize) -> Self {
        Self {
            me,
            k: k.max(1),
            buckets: BTreeMap::new(),
            dead: Dead::default(),
            patience: Patience::default(),
            quiet_until: Duration::ZERO,
            changes: 0,
            looked_up: BTreeMap::new(),
            looked_up_ourselves: None,
            joined: None,
        }
    }

    /// Tells whether a contact that somebody named is worth a probe; it stays out of the table until it is reached.
    ///
    /// Worth it are unknown nodes where there is room to hold them, and known ones that have signed newer addresses;
    /// not those that failed within the last 10 minutes at these addresses. Far away, where any few will do, half of a bucket is
    /// enough: the rest comes by itself, as lookups reach them.
    pub fn heard(&self, contact: &Contact, now: Duration) -> bool {
        self.wants(contact) && !self.dead.shuns(contact, now)
    }

    /// Returns those of the contacts named near a key that are worth a probe, as many as there is room for in their buckets.
    ///
    /// Far away nobody is, but for newer addresses: those that named them are in the table by now, and few are enough there.
    pub fn lacking(&self, named: Vec<Contact>, now: Duration) -> Vec<Contact> {
        let mut room: BTreeMap<u8, usize> = BTreeMap::new();
        let border = self.border();
        let mut is_worth = |contact: &Contact| {
            let Some(index) = self.index(&contact.node).filter(|_| self.heard(contact, now)) else { return false };
            let bucket = self.buckets.get(&index);
            if bucket.is_some_and(|bucket| bucket.seq_of(&contact.node).is_some()) {
                return true;
            }
            let free = || match zone(index, border) {
                Zone::Beyond => 0,
                _ => self.k - bucket.map_or(0, |bucket| bucket.live().len()).min(self.k),
            };
            let left = room.entry(index).or_insert_with(free);
            let fits = *left > 0;
            *left -= usize::from(fits);
            fits
        };
        named.into_iter().filter(|contact| is_worth(contact)).collect()
    }

    /// Tells the same of one that asked us something, so that it is there whatever failed before.
    pub fn wants(&self, contact: &Contact) -> bool {
        let Some(index) = self.index(&contact.node) else { return false };
        let Some(bucket) = self.buckets.get(&index) else { return true };
        let enough = || bucket.is_enough(contact, self.k) && self.zone(index) == Zone::Beyond;
        bucket.wants(contact, self.k) && !enough()
    }

    /// Tells whether a node is, or would be, in replica sets with this one.
    pub fn is_near(&self, node: &NodeId) -> bool {
        self.index(node).is_some_and(|index| self.zone(index) == Zone::Near)
    }

    /// Returns the bucket with the k-th nearest contact; `None` when there are fewer.
    fn border(&self) -> Option<u8> {
        let mut nearer = 0;
        let border = self.buckets.iter().find(|(_, bucket)| {
            nearer += bucket.live().len();
            nearer >= self.k
        });
        border.map(|(index, _)| *index)
    }

    /// Tells how near a bucket is. All of those that are not beyond have to be known as well as can be: the replica sets that
    /// this node belongs to reach that far.
    fn zone(&self, index: u8) -> Zone {
        zone(index, self.border())
    }

    /// Takes in a peer that answered a request of ours, and forgives its failures.
    ///
    /// A newer `seq` replaces the addresses we know, an older one never does.
    pub fn reached(&mut self, contact: Contact, rtt: Duration, now: Duration) -> Reached {
        let Some(index) = self.index(&contact.node) else { return Reached::Ourselves };
        self.dead.remove(&contact.node);
        let bucket = self.buckets.entry(index).or_default();
        let (before, seq) = (bucket.seq_of(&contact.node), contact.seq);
        let taken = bucket.reached(contact, rtt, now, self.k);
        self.changes += u64::from(before.is_none_or(|before| before < seq));
        self.patience.stayed(taken.stayed);
        if let Some(out) = taken.gave_way {
            self.lose(index, now);
            self.dead.insert(out.node, Some(out), now);
        }
        taken.reached
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
                self.lose(index, now);
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

    fn lose(&mut self, index: u8, now: Duration) {
        self.changes += 1;
        self.quiet_until = Duration::ZERO;
        self.patience.lost(self.zone(index), now);
    }

    /// Returns a number that is another one whenever a contact came, went, or has newer addresses.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Forgets all failures and returns the contacts that were removed for them.
    ///
    /// For the moment after a sleep or a change of network: what failed meanwhile was our side, not theirs.
    pub fn forgive(&mut self) -> Vec<Contact> {
        self.buckets.values_mut().for_each(Bucket::forgive);
        (self.patience, self.quiet_until) = (Patience::default(), Duration::ZERO);
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
        // The first bits tell nearly all distances apart; those of different nodes differ.
        let head = NodeId(key.0).head();
        let mut found: Vec<(u64, &Entry)> = found.into_iter().map(|e| (e.contact.node.head() ^ head, e)).collect();
        found.sort_unstable_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| one.contact.node.distance(key).cmp(&other.contact.node.distance(key)))
        });
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
            rtt: e.rtt(),
            last_seen: e.last_seen(),
        };
        self.live().map(info).collect()
    }

    /// Returns what is known of every contact, with its bucket, in the same order.
    pub fn live(&self) -> impl Iterator<Item = (u8, &Entry)> {
        self.buckets.iter().flat_map(|(index, b)| b.live().iter().map(move |e| (*index, e)))
    }

    /// Returns whom to ping: contacts that were silent for too long (see `overlay::patience`), longest first; `heard` says when one
    /// asked us something, on the clock of `now`.
    pub fn silent(&mut self, now: Duration, heard: impl Fn(&NodeId) -> Option<Duration>) -> Vec<Contact> {
        if now < self.quiet_until {
            return Vec::new();
        }
        let border = self.border();
        let mut next = now.saturating_add(LOOK_AGAIN);
        let mut found: Vec<(Duration, &Contact)> = Vec::new();
        for (index, bucket) in &self.buckets {
            let zone = zone(*index, border);
            for entry in bucket.live() {
                let times = (entry.since(), entry.last_seen());
                let mut due = self.patience.due(zone, times, None, now);
                if due <= now {
                    // What was heard only puts it off, and is looked up only where that matters.
                    due = self.patience.due(zone, times, heard(&entry.contact.node), now);
                }
                next = next.min(due);
                if due <= now {
                    found.push((entry.last_seen(), &entry.contact));
                }
            }
        }
        found.sort_by_key(|(last_seen, contact)| (*last_seen, contact.node));
        let found = found.into_iter().map(|(_, contact)| contact.clone()).collect();
        self.quiet_until = next;
        found
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
        self.live().next().is_none()
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
            None => {
                self.looked_up_ourselves = Some(now);
                self.joined.get_or_insert(now);
            }
        }
    }

    /// Returns keys to look up so that no bucket is older than `older_than`, and none far away with few contacts older than
    /// `sparse`; none for an empty table, which has nobody to ask.
    ///
    /// Our own key stands for all that is nearer than the k-th nearest contact; every bucket from that one outwards has a random
    /// key of its own. Soon after the first time our own key has its turn again: those that start at the same time do not all
    /// find each other at once, and later on newcomers find us.
    pub fn stale_buckets(&self, now: Duration, older_than: Duration, sparse: Duration, rng: &mut Rng) -> Vec<Key> {
        let nearest = self.buckets.iter().find(|(_, bucket)| !bucket.live().is_empty()).map(|(index, _)| *index);
        let Some(nearest) = nearest else { return Vec::new() };
        let stale = |at: Option<&Duration>, after| at.is_none_or(|at| now.saturating_sub(*at) >= after);
        let again = |at: Duration| {
            let turns = AGAIN.iter().filter_map(|after| Some(self.joined?.saturating_add(*after)));
            turns.into_iter().any(|turn| at < turn && turn <= now)
        };
        let ourselves =
            stale(self.looked_up_ourselves.as_ref(), older_than) || self.looked_up_ourselves.is_some_and(again);
        let buckets = (self.border().unwrap_or(nearest)..=255).filter(|index| {
            let few = self.zone(*index) == Zone::Beyond
                && self.buckets.get(index).is_none_or(|bucket| bucket.live().len() < SPARSE);
            stale(self.looked_up.get(index), if few { sparse } else { older_than })
        });
        let ourselves = ourselves.then(|| self.me.key());
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

/// Tells how near a bucket is, given the one with the k-th nearest contact.
fn zone(index: u8, border: Option<u8>) -> Zone {
    match border {
        Some(border) if index > border.saturating_add(2) => Zone::Beyond,
        Some(border) if index > border => Zone::Behind,
        _ => Zone::Near,
    }
}

/// Returns how many nodes there are when `found` of them lie in 2^`bits` of the 2^256 places.
fn spread(found: usize, bits: u32) -> u64 {
    u64::try_from((found as u128) << (256 - bits).min(64)).unwrap_or(u64::MAX)
}

mod filled;
#[cfg(test)]
mod tests;
