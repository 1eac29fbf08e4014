//! An interest list as it is when all have put themselves on it: pages filled from the top, each at its nearest holders.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;

use super::tables::Everybody;
use crate::actors::HeldPage;
use crate::records::{MAX_PAGE_DEPTH, Page, Record, slot};
use crate::sim::Simulation;
use crate::types::{AccountId, Key, Section};

/// Bytes of a page, as `docs/PROTOCOL.md` says.
const PAGE_BYTES: usize = 131_072;
/// The nodes nearest to a page that hold it.
const HOLDERS: usize = 3;

/// The pages of a list.
pub(super) struct List {
    owner: AccountId,
    pages: BTreeMap<Key, (HeldPage, usize)>,
}

impl List {
    pub(super) fn new(owner: AccountId) -> Self {
        Self { owner, pages: BTreeMap::new() }
    }

    /// Adds an entry of a follower at the first page on its way down that has room.
    pub(super) fn add(&mut self, entries: usize, follower: &AccountId, record: &Record, proofs: &[Bytes]) {
        for depth in 0..=MAX_PAGE_DEPTH {
            let key = Page::of(Section::Interest, self.owner, follower, depth).key();
            let empty = || {
                let (records, proofs, sent_on) = Default::default();
                (HeldPage { key, records, proofs, sent_on }, 0)
            };
            let (page, bytes) = self.pages.entry(key).or_insert_with(empty);
            let size = record.bytes().len();
            if page.records.len() < entries && *bytes + size <= PAGE_BYTES {
                *bytes += size;
                page.records.push(record.bytes().clone());
                page.proofs.extend(proofs.iter().cloned());
                return;
            }
            page.sent_on.push(slot(record, Section::Interest));
        }
    }

    /// Lays all pages at their holders.
    pub(super) async fn lay_out(self, sim: &Simulation, everybody: &Everybody) {
        let numbers: BTreeMap<_, usize> = (0..sim.count()).map(|number| (sim.id(number), number)).collect();
        let at_holders = |(key, (page, _)): (Key, (HeldPage, usize))| {
            let holders = everybody.nearest(&key, HOLDERS).into_iter();
            holders.map(|holder| (sim.ready(numbers[&holder.node]), page.clone())).collect::<Vec<_>>()
        };
        let laying = self.pages.into_iter().flat_map(at_holders);
        join_all(laying.map(|(holder, page)| async move { holder.let_hold(page).await })).await;
    }
}
