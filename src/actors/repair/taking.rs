//! Fetching what a peer has and this node lacks, and sending what it lacks itself.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;

use super::holdings::Row;
use super::shared::Shared;
use crate::actors::call::{CallError, Patience};
use crate::actors::put::put_each;
use crate::actors::storage::read;
use crate::records::{Record, home, section_at};
use crate::repair::name_of;
use crate::types::{AccountId, Contact, Hash, Key, Section, SectionSet, Stretch, place_of};
use crate::wire::{
    Blob, Fetch, Fetched, MAX_FETCHED, MAX_MARKED, MAX_PUT_RECORDS, Put, Status, pack_names, unpack_keys,
};

/// Most records fetched in one meeting; the rest comes in the next.
const FETCHED: usize = 20_000;
/// Most records sent in one meeting: a minute's puts are not used up by it.
const SENT: usize = 5 * MAX_PUT_RECORDS;
/// Fetches that may bring nothing before a peer is taken for one that says it has what it has not.
const VAIN: usize = 8;
/// Most records kept until what proves them has come.
const UNPROVED: usize = 1_000;

/// Most accounts that are read anew after one meeting.
const BEHIND: usize = 8;

/// What one meeting moves.
pub(super) struct Taking<'a> {
    pub shared: &'a Rc<Shared>,
    pub peer: &'a Contact,
    /// Records that came and were taken.
    pub fetched: usize,
    /// Records that were sent and taken.
    pub sent: usize,
    offered: usize,
    /// Whether this node's disk did not take what came.
    short: bool,
    vain: usize,
    /// Records that came before what proves them, at most [`UNPROVED`].
    unproved: Vec<(Key, Bytes)>,
    /// Accounts of which the peer knows that they took something back, at most [`BEHIND`].
    behind: BTreeSet<AccountId>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(shared: &'a Rc<Shared>, peer: &'a Contact) -> Self {
        Self {
            shared,
            peer,
            fetched: 0,
            sent: 0,
            offered: 0,
            short: false,
            vain: 0,
            unproved: Vec::new(),
            behind: BTreeSet::new(),
        }
    }

    /// Tells whether the peer named so much that it does not have that nothing more is asked of it.
    pub(super) fn is_vain(&self) -> bool {
        self.vain >= VAIN
    }

    /// Tells whether this node's disk did not take what came.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    /// Tells whether as much was moved as one meeting may.
    pub(super) fn is_full(&self) -> bool {
        self.fetched >= FETCHED || self.offered >= SENT
    }

    /// Fetches records of a stretch by their names, and says which ones this node has collected. False when not all could be asked for.
    pub(super) async fn fetch(
        &mut self,
        stretch: Stretch,
        lacking: &BTreeSet<Hash>,
        collected: &BTreeSet<Hash>,
    ) -> Result<bool, CallError> {
        let (me, now) = (self.shared.node.me, self.shared.clock());
        let declined = |name: &&Hash| self.shared.declined.borrow().is(me, **name, now);
        let mut left: Vec<Hash> = lacking.iter().filter(|name| !declined(name)).copied().collect();
        let mut marked: Vec<Hash> = collected.iter().take(MAX_MARKED).copied().collect();
        while !left.is_empty() || !marked.is_empty() {
            if self.is_vain() || self.is_full() {
                return Ok(false);
            }
            let want: BTreeSet<Hash> = left.iter().take(MAX_FETCHED).copied().collect();
            let came = self.fetch_some(stretch, &want, std::mem::take(&mut marked)).await?;
            if self.short {
                return Ok(false);
            }
            if came.is_empty() && !want.is_empty() {
                // Gone meanwhile, or never there.
                self.vain += 1;
                left.retain(|hash| !want.contains(hash));
            }
            left.retain(|hash| !came.contains(hash));
        }
        Ok(true)
    }

    /// Fetches some records; returns those that came, whether or not they were taken.
    async fn fetch_some(
        &mut self,
        stretch: Stretch,
        want: &BTreeSet<Hash>,
        marked: Vec<Hash>,
    ) -> Result<BTreeSet<Hash>, CallError> {
        let request =
            Fetch { stretch: stretch.to_bytes().to_vec(), want: pack_names(want), marked: pack_names(&marked) };
        let Fetched { keys, records, proofs } = self.shared.node.call(self.peer, &request, Patience::Disk).await?;
        let keys = unpack_keys(&keys, MAX_FETCHED).filter(|keys| keys.len() == records.len());
        let keys = keys.ok_or(CallError::Malformed)?;
        if proofs.len() > 2 * MAX_FETCHED {
            return Err(CallError::Malformed);
        }
        let proofs: Vec<Bytes> = proofs.into_iter().map(Blob::into_bytes).collect();
        let (mut came, mut by_key) = (BTreeSet::new(), BTreeMap::<Key, Vec<Bytes>>::new());
        for (key, blob) in keys.into_iter().zip(records) {
            let bytes = blob.into_bytes();
            let Ok(record) = Record::decode(bytes.clone()) else { continue };
            let name = name_of(&key, &record.hash());
            let asked_for = want.contains(&name) && stretch.contains(place_of(&key, &record.hash()));
            let durable = section_at(&record, &key).is_some_and(|section| !section.in_memory());
            if asked_for && durable && came.insert(name) {
                by_key.entry(key).or_default().push(bytes);
            }
        }
        let before = self.fetched;
        for (key, records) in by_key {
            self.take(key, records, proofs.clone(), true).await;
        }
        // Whoever sends what nobody takes is no better than whoever sends nothing.
        if self.fetched == before && !came.is_empty() && self.unproved.is_empty() && !self.short {
            self.vain += 1;
        }
        Ok(came)
    }

    /// Takes in what came for one key.
    async fn take(&mut self, key: Key, records: Vec<Bytes>, proofs: Vec<Bytes>, again: bool) {
        let node = &self.shared.node;
        let failures = node.unkept();
        let statuses = node.doors().storage.receive(self.peer.node, key, records.clone(), proofs).await;
        // What met a full disk is wanted as before: nothing about it is settled.
        let failed = node.unkept() != failures;
        self.short |= failed;
        for (bytes, status) in records.into_iter().zip(statuses) {
            match status {
                Status::NeedProof if again && self.unproved.len() < UNPROVED => self.unproved.push((key, bytes)),
                Status::Stored => self.fetched += 1,
                Status::StoreFailed => self.short = true,
                Status::Quota | Status::AnchorFull if failed => {}
                // Known and superseded ones included: the peer has them for a reason of its own.
                _ => self.decline(&key, bytes),
            }
        }
    }

    fn decline(&self, key: &Key, bytes: Bytes) {
        if let Ok(record) = Record::decode(bytes) {
            let shared = self.shared;
            shared.declined.borrow_mut().note(shared.node.me, name_of(key, &record.hash()), shared.clock());
        }
    }

    /// Tries once more to take what came before its proof.
    pub(super) async fn take_rest(&mut self) {
        let mut by_key = BTreeMap::<Key, Vec<Bytes>>::new();
        std::mem::take(&mut self.unproved)
            .into_iter()
            .for_each(|(key, bytes)| by_key.entry(key).or_default().push(bytes));
        for (key, records) in by_key {
            self.take(key, records, Vec::new(), false).await;
        }
    }

    /// Reads the accounts anew of which the peer knows a later state than this node, beside the caller: what is void by that
    /// state goes here as well.
    pub(super) fn catch_up(&mut self) {
        for account in std::mem::take(&mut self.behind) {
            let node = self.shared.node.clone();
            node.clone().spawn(async move {
                read(&node, home(&account), SectionSet::of(&[Section::Account, Section::Device])).await;
            });
        }
    }

    /// Sends what the peer lacks. False when not all could be sent.
    pub(super) async fn send(&mut self, rows: Vec<Row>) -> Result<bool, CallError> {
        let (peer, now) = (self.peer.node, self.shared.clock());
        let declined = |row: &Row| self.shared.declined.borrow().is(peer, row.name, now);
        let mut by_key = BTreeMap::<Key, Vec<Row>>::new();
        rows.into_iter().filter(|row| !declined(row)).for_each(|row| by_key.entry(row.key).or_default().push(row));
        for (key, mut rows) in by_key {
            if self.offered >= SENT {
                return Ok(false);
            }
            // What proves the others comes first.
            rows.sort_by_key(|row| row.section);
            rows.truncate(SENT - self.offered);
            self.offered += rows.len();
            let records: Vec<Blob> = rows.iter().map(|row| Blob::from(&row.bytes)).collect();
            let put = Put { key, records, proofs: vec![], show: None };
            let statuses = put_each(&self.shared.node, self.peer, put, Patience::Disk).await?;
            for (row, status) in rows.iter().zip(statuses) {
                match status {
                    Status::Stored => self.sent += 1,
                    Status::RateLimited => return Ok(false),
                    Status::StoreFailed => {}
                    status => {
                        self.shared.declined.borrow_mut().note(peer, row.name, now);
                        if status == Status::Revoked && self.behind.len() < BEHIND {
                            self.behind.extend(Record::decode(row.bytes.clone()).ok().and_then(|r| r.account()));
                        }
                    }
                }
            }
        }
        Ok(true)
    }
}
