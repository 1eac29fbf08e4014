//! Presence and interest that others put here: in memory, bounded, shared out fairly, ended by time.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;

use super::liveness::Moment;
use crate::keys::hash;
use crate::records::{Merged, Part, Record, merge, section_at, slot};
use crate::timeline::fan::Sketch;
use crate::types::{AccountId, DeviceId, Key, NodeId, Section, SectionSet, WallTime};

/// Most records held: 200 bytes of place and 512 of record each make 14 MiB.
const MOST: usize = 20_000;
/// Most records of one account at one key: as many as it may have devices, so that no follower crowds out the others.
const MOST_OF_ACCOUNT: usize = 64;
/// Most records that name one node: the followees an account may have, and its presence, with room for a change of login.
const MOST_OF_NODE: usize = 6_000;
/// Most pages of which it is estimated how much lies below: 12 KiB each.
const SKETCHES: usize = 256;
/// Those whom a page sends on come again within this, or are gone.
const SENT_ON: Duration = Duration::from_secs(3600);
/// Most records that make room at once, so that a full memory is not searched for each newcomer.
const AT_ONCE: usize = 256;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is held now; these presence records had to go for it.
    Merged(Vec<(AccountId, DeviceId)>),
    /// It cannot be read, or what is held wins over it.
    Superseded,
    /// There is no room.
    NoRoom,
}

type Place = (Key, Section, Bytes);

#[derive(Debug)]
struct Entry {
    bytes: Bytes,
    /// When it ends by the stamp in it.
    ends: WallTime,
    /// When it is forgotten: its lifetime after it came, by no clock but this node's running time.
    until: Moment,
    account: AccountId,
    device: DeviceId,
    /// The node that it names, and which signed it.
    node: NodeId,
    /// What of it matters to who reads a list of interest.
    print: u64,
}

/// The records, and how many there are of each source: an account has to be certified, a node had to sign.
#[derive(Debug)]
pub struct HeldRecords {
    most: usize,
    records: BTreeMap<Place, Entry>,
    of_account: BTreeMap<AccountId, usize>,
    of_node: BTreeMap<NodeId, usize>,
    /// Who was sent on to the pages below which page; at most [`SKETCHES`].
    below: BTreeMap<Key, Sketch>,
}

impl Default for HeldRecords {
    fn default() -> Self {
        let (records, of_account, of_node, below) = Default::default();
        Self { most: MOST, records, of_account, of_node, below }
    }
}

impl HeldRecords {
    /// Merges a verified record in, which names `node`.
    pub fn put(&mut self, key: Key, record: &Record, node: NodeId, now: Moment) -> Taken {
        let (Some(account), Some(device)) = (record.account(), record.device()) else { return Taken::Superseded };
        let Some(section) = section_at(record, &key).filter(|s| s.in_memory()) else { return Taken::Superseded };
        let place = (key, section, slot(record, section));
        let held: Vec<Bytes> = self.records.get(&place).map(|e| e.bytes.clone()).into_iter().collect();
        if merge(section, &held, record.bytes()) == Merged::Superseded {
            return Taken::Superseded;
        }
        let mut gone = Vec::new();
        if held.is_empty() {
            let others = |of: Option<&usize>| of.copied().unwrap_or_default();
            if self.of_account_at(&place, account) >= MOST_OF_ACCOUNT || others(self.of_node.get(&node)) >= MOST_OF_NODE
            {
                return Taken::NoRoom;
            }
            if self.records.len() >= self.most {
                let weight = 1 + others(self.of_account.get(&account)).max(others(self.of_node.get(&node)));
                gone = self.make_room(weight);
                if self.records.len() >= self.most {
                    return Taken::NoRoom;
                }
            }
        }
        let entry = Entry {
            bytes: record.bytes().clone(),
            ends: record.expires_at(),
            until: now + record.hlc().map_or(Duration::ZERO, |hlc| record.expires_at().since(hlc.wall())),
            account,
            device,
            node,
            print: print(record, &place.2, &node),
        };
        self.remove(&place);
        *self.of_account.entry(account).or_default() += 1;
        *self.of_node.entry(node).or_default() += 1;
        self.records.insert(place, entry);
        Taken::Merged(gone)
    }

    fn of_account_at(&self, (key, section, _): &Place, account: AccountId) -> usize {
        // In the slots of interest the follower comes first; presence is of the one account whose home it is.
        let first = match section {
            Section::Interest => Bytes::copy_from_slice(&account.0),
            _ => Bytes::new(),
        };
        let of_account = self.records.range((*key, *section, first.clone())..);
        of_account.take_while(|((k, s, slot), _)| k == key && s == section && slot.starts_with(&first)).count()
    }

    fn remove(&mut self, place: &Place) -> Option<Entry> {
        let entry = self.records.remove(place)?;
        release(&mut self.of_account, entry.account);
        release(&mut self.of_node, entry.node);
        Some(entry)
    }

    /// Takes from the account or node that has the most, and more than the newcomer, those of its records that end first.
    fn make_room(&mut self, weight: usize) -> Vec<(AccountId, DeviceId)> {
        let account = self.of_account.iter().max_by_key(|(_, n)| **n).map(|(id, n)| (*id, *n));
        let node = self.of_node.iter().max_by_key(|(_, n)| **n).map(|(id, n)| (*id, *n));
        let (Some((account, by_account)), Some((node, by_node))) = (account, node) else { return Vec::new() };
        let of_account = by_account >= by_node;
        let spare = by_account.max(by_node).saturating_sub(weight).min(AT_ONCE);
        let of_heaviest = |entry: &&Entry| if of_account { entry.account == account } else { entry.node == node };
        let heaviest = self.records.iter().filter(|(_, entry)| of_heaviest(entry));
        // Presence last: it is one record, and heartbeats would bring it back.
        let order = |place: &Place, entry: &Entry| (place.1 == Section::Presence, entry.until, place.clone());
        let mut places: Vec<_> = heaviest.map(|(place, entry)| order(place, entry)).collect();
        places.sort_unstable();
        places.into_iter().take(spare).filter_map(|(_, _, place)| self.remove_presence(&place)).collect()
    }

    /// Removes a record; returns whose it was where it was presence.
    fn remove_presence(&mut self, place: &Place) -> Option<(AccountId, DeviceId)> {
        let entry = self.remove(place)?;
        (place.1 == Section::Presence).then_some((entry.account, entry.device))
    }

    /// Returns what is held at a key.
    pub fn at(&self, key: &Key, sections: SectionSet, now: WallTime) -> Vec<Bytes> {
        let held = sections.iter().filter(|s| s.in_memory()).flat_map(|section| self.section(key, section));
        held.filter(|entry| entry.ends > now).map(|entry| entry.bytes.clone()).collect()
    }

    /// Returns the interest held at a key that belongs to a part of the list, at most so many, spread evenly over it.
    pub fn interest(&self, key: &Key, part: Part, most: usize, now: WallTime) -> Vec<Bytes> {
        let from = (*key, Section::Interest, Bytes::new());
        let held = self.records.range(from..).take_while(|((k, s, _), _)| k == key && *s == Section::Interest);
        let held = held.map(|(_, entry)| entry).filter(|entry| entry.ends > now && part.contains(&entry.account));
        let mut entries: Vec<&Entry> = held.collect();
        if entries.len() > most {
            entries = spread(&entries, part, most);
        }
        entries.into_iter().map(|entry| entry.bytes.clone()).collect()
    }

    /// Notes that a page was full for a record, which goes to the pages below.
    pub fn sent_on(&mut self, key: Key, slot: &[u8], now: Moment) {
        if self.below.len() >= SKETCHES && !self.below.contains_key(&key) {
            self.below.retain(|_, sketch| !sketch.forget(now));
            if self.below.len() >= SKETCHES {
                return;
            }
        }
        let head = hash(slot).0[..8].try_into().map_or(0, u64::from_be_bytes);
        self.below.entry(key).or_default().note(head, now + SENT_ON);
    }

    /// Returns about how many are interested: those held at a key, and those that were sent on to the pages below.
    pub fn interested(&mut self, key: &Key, now: Moment) -> u64 {
        let below = self.below.get_mut(key).map_or(0, |sketch| {
            sketch.forget(now);
            sketch.count()
        });
        self.section(key, Section::Interest).count() as u64 + below
    }

    /// Returns a number that changes when the interest held at a key does, but for renewals.
    pub fn interest_print(&self, key: &Key) -> u64 {
        self.section(key, Section::Interest).fold(0, |print, entry| print ^ entry.print)
    }

    fn section<'a>(&'a self, key: &'a Key, section: Section) -> impl Iterator<Item = &'a Entry> {
        let from = (*key, section, Bytes::new());
        self.records.range(from..).take_while(move |((k, s, _), _)| k == key && *s == section).map(|(_, entry)| entry)
    }

    /// Tells whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Removes what is past its time; returns whose presence was among it.
    pub fn expire(&mut self, now: Moment) -> Vec<(AccountId, DeviceId)> {
        let past = self.records.iter().filter(|(_, entry)| entry.until <= now);
        let past: Vec<Place> = past.map(|(place, _)| place.clone()).collect();
        past.iter().filter_map(|place| self.remove_presence(place)).collect()
    }
}

/// Chooses some of the entries of a part: one from each small part of it in turn, so that as many of these as can be have one.
fn spread<'a>(entries: &[&'a Entry], part: Part, most: usize) -> Vec<&'a Entry> {
    let mut turns: BTreeMap<Part, usize> = BTreeMap::new();
    let mut chosen: Vec<(usize, &Entry)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let turn = turns.entry(Part::of(&entry.account, part.depth() + SMALL)).or_default();
        chosen.push((*turn, entry));
        *turn += 1;
    }
    chosen.sort_by_key(|(turn, _)| *turn);
    chosen.into_iter().take(most).map(|(_, entry)| entry).collect()
}

/// How many bits more than a part its small parts have: as many as an author's forwarders.
const SMALL: u8 = 6;

fn release<K: Ord + Copy + Debug>(counts: &mut BTreeMap<K, usize>, of: K) {
    if let Some(count) = counts.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

fn print(record: &Record, slot: &Bytes, node: &NodeId) -> u64 {
    let Record::Interest(interest) = record else { return 0 };
    let text = [slot.as_ref(), node.as_bytes(), &interest.body.contact, &[u8::from(interest.body.online)]].concat();
    hash(&text).0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fixtures::{TestNet, secret};
    use crate::records::{countersign, home};

    fn interest(net: &TestNet, account: &str, device: &str, author: u8, node: &str) -> (Key, Record, NodeId) {
        let author = AccountId([author; 32]);
        let node = secret(node);
        let record = net.account(account).device(net, device).interest(1, author, &node);
        (home(&author), Record::Interest(countersign(record, &node, &net.id())), node.public().node_id())
    }

    fn small(most: usize) -> HeldRecords {
        HeldRecords { most, ..HeldRecords::default() }
    }

    fn put(held: &mut HeldRecords, (key, record, node): &(Key, Record, NodeId)) -> bool {
        let taken = matches!(held.put(*key, record, *node, Moment::ZERO), Taken::Merged(_));
        assert!(held.records.len() <= held.most);
        assert_eq!(held.of_account.values().sum::<usize>(), held.records.len());
        assert_eq!(held.of_node.values().sum::<usize>(), held.records.len());
        taken
    }

    fn holds(held: &HeldRecords, (key, record, _): &(Key, Record, NodeId)) -> bool {
        held.at(key, SectionSet::all(), WallTime(0)).contains(record.bytes())
    }

    #[test]
    fn one_account_that_fills_the_memory_makes_room_for_others() {
        let (net, mut held) = (TestNet::new("held", 1), small(20));
        for author in 1..60 {
            // By as many nodes as it likes.
            put(&mut held, &interest(&net, "mallory", "1", author, &format!("node {author}")));
        }
        assert_eq!(held.records.len(), 20);
        let honest: Vec<_> =
            (0..9).map(|i| interest(&net, &format!("user{i}"), "1", 100, &format!("own {i}"))).collect();
        honest.iter().for_each(|one| assert!(put(&mut held, one)));
        for author in 60..120 {
            put(&mut held, &interest(&net, "mallory", "1", author, &format!("node {author}")));
        }
        assert!(honest.iter().all(|one| holds(&held, one)));
    }

    #[test]
    fn many_accounts_at_one_node_make_room_for_others() {
        let (net, mut held) = (TestNet::new("held", 1), small(12));
        for account in 0..14 {
            put(&mut held, &interest(&net, &format!("sock{account}"), "1", 1, "one node"));
        }
        let honest = interest(&net, "carol", "1", 1, "another node");
        assert!(put(&mut held, &honest) && holds(&held, &honest));
        // Nobody is driven out for somebody who has as much.
        let mut even = small(4);
        let all: Vec<_> = (0..5).map(|i| interest(&net, &format!("user{i}"), "1", 1, &format!("own {i}"))).collect();
        let taken: Vec<bool> = all.iter().map(|one| put(&mut even, one)).collect();
        assert_eq!(taken, [true, true, true, true, false]);
    }

    #[test]
    fn records_end_by_their_lifetime_and_presence_is_named() {
        let (net, mut held) = (TestNet::new("held", 1), small(12));
        let (alice, node) = (net.account("alice"), secret("node"));
        let device = alice.device(&net, "1");
        let presence = Record::Presence(countersign(device.presence(1, &node), &node, &net.id()));
        assert!(put(&mut held, &(home(&alice.id()), presence, node.public().node_id())));
        assert!(put(&mut held, &interest(&net, "bob", "1", 1, "node")));
        assert_eq!(held.expire(Duration::from_millis(599_999)), []);
        assert_eq!(held.expire(Duration::from_secs(600)), [(alice.id(), device.id())]);
        assert_eq!(held.records.len(), 1);
        assert_eq!(held.expire(Duration::from_secs(3600)), []);
        assert_eq!((held.records.len(), held.of_node.len()), (0, 0));
    }

    #[test]
    fn the_print_of_interest_changes_with_who_is_there_and_where() {
        let (net, mut held) = (TestNet::new("held", 1), small(12));
        let at = home(&AccountId([7; 32]));
        let mut prints = vec![held.interest_print(&at)];
        for (account, node) in [("alice", "a"), ("bob", "b")] {
            put(&mut held, &interest(&net, account, "1", 7, node));
            prints.push(held.interest_print(&at));
        }
        put(&mut held, &interest(&net, "carol", "1", 8, "c"));
        assert_eq!(held.interest_print(&at), prints[2], "that is another author");
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 3);
    }
}
