//! How much each account keeps at its home on this node, what is on its way to the disk included.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::actors::context::Context;
use crate::records::{Record, home};
use crate::types::{AccountId, Key, Section, SectionSet};

/// Most accounts counted; beyond that one that has nothing on its way is read from the store again when it comes.
const ACCOUNTS: usize = 4096;
/// Records read at once.
const READ: usize = 1000;

#[derive(Clone, Copy, Default)]
struct Count {
    held: u64,
    coming: u64,
}

/// Bytes at accounts' homes, as counted since they were last read from the store.
#[derive(Clone, Default)]
pub struct Quotas(Rc<RefCell<BTreeMap<AccountId, Count>>>);

/// A record's share of its account's quota, given back unless it is kept.
pub struct Share {
    of: Quotas,
    account: AccountId,
    bytes: u64,
}

/// The account's quota is used up.
pub struct UsedUp;

impl Quotas {
    /// Takes a record's share; `None` for records that quotas do not hold for.
    ///
    /// What ended or was replaced is still counted: only an account that seems to be over its quota is read anew.
    pub fn take(
        &self,
        node: &Rc<Context>,
        key: &Key,
        section: Section,
        record: &Record,
    ) -> Result<Option<Share>, UsedUp> {
        let counts = matches!(section, Section::Post | Section::Following);
        let Some(account) = record.account().filter(|account| counts && home(account) == *key) else { return Ok(None) };
        let (bytes, quota) = (record.bytes().len() as u64, node.network.limits().account_quota);
        let mut all = self.0.borrow_mut();
        if all.len() >= ACCOUNTS
            && !all.contains_key(&account)
            && let Some(idle) = all.iter().find(|(_, count)| count.coming == 0).map(|(account, _)| *account)
        {
            all.remove(&idle);
        }
        let count = all.entry(account).or_insert_with(|| Count { held: stored(node, key), coming: 0 });
        let over = |count: &Count| count.held.saturating_add(count.coming).saturating_add(bytes) > quota;
        if over(count) && count.coming == 0 {
            count.held = stored(node, key);
        }
        if over(count) {
            return Err(UsedUp);
        }
        count.coming += bytes;
        Ok(Some(Share { of: self.clone(), account, bytes }))
    }
}

impl Share {
    /// Notes that the record is on disk.
    pub fn keep(&self) {
        if let Some(count) = self.of.0.borrow_mut().get_mut(&self.account) {
            count.held = count.held.saturating_add(self.bytes);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(count) = self.of.0.borrow_mut().get_mut(&self.account) {
            count.coming = count.coming.saturating_sub(self.bytes);
        }
    }
}

/// Adds up what lies at a home.
fn stored(node: &Rc<Context>, key: &Key) -> u64 {
    let sections = SectionSet::of(&[Section::Post, Section::Following]);
    let (mut sum, mut after) = (0, None);
    loop {
        let some = node.store.read(key, sections, after.as_ref(), READ, node.horizon()).unwrap_or_default();
        sum += some.iter().map(|s| s.bytes.len() as u64).sum::<u64>();
        match some.into_iter().nth(READ - 1) {
            Some(last) => after = Some((last.section, last.slot, last.hash)),
            None => return sum,
        }
    }
}
