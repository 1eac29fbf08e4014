//! How much each account keeps at its home on this node, and how many posts it made when; what is on its way to the disk
//! included.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::actors::context::Context;
use crate::records::{PostBody, Record, Signed, home};
use crate::seam::Stored;
use crate::types::{AccountId, Key, Limits, Section, SectionSet};
use crate::wire::Status;

/// Most accounts counted; beyond that one that has nothing on its way is read from the store again when it comes.
const ACCOUNTS: usize = 4096;
/// Records read at once.
const READ: usize = 1000;
/// Sections of a home that grow with what the account itself says.
const SAID: [Section; 4] = [Section::Post, Section::Following, Section::Private, Section::Profile];
/// Sections that grow with its devices.
const DEVICES: [Section; 3] = [Section::Device, Section::Retirement, Section::Heads];
/// This part of the quota is for devices alone, so that nobody who said too much is locked out.
const RESERVE: u64 = 16;
/// Minutes of an hour, and milliseconds of a minute.
const MINUTES: u64 = 60;
const MINUTE_MS: u64 = 60_000;

#[derive(Default)]
struct Count {
    held: u64,
    coming: u64,
    /// Posts stamped within each minute since 1970; no more entries than the quota lets posts in.
    minutes: BTreeMap<u64, u32>,
}

impl Count {
    /// Tells whether the limits allow another post stamped within this minute.
    ///
    /// The windows are fixed: whoever keeps within every minute and hour that goes by keeps within these. As stamps count
    /// and not arrival, posts that come late are in nobody's way.
    fn allows(&self, minute: u64, limits: &Limits) -> bool {
        let hour = minute - minute % MINUTES;
        let within_hour: u64 = self.minutes.range(hour..hour + MINUTES).map(|(_, n)| u64::from(*n)).sum();
        let within_minute = self.minutes.get(&minute).copied().unwrap_or_default();
        within_minute < limits.posts_per_minute && within_hour < u64::from(limits.posts_per_hour)
    }

    fn read(&mut self, row: &Stored) {
        self.held += row.bytes.len() as u64;
        if row.section == Section::Post
            && let Ok(post) = Signed::<PostBody>::decode(row.bytes.clone())
        {
            *self.minutes.entry(minute(&post)).or_default() += 1;
        }
    }
}

fn minute(post: &Signed<PostBody>) -> u64 {
    post.body.hlc.wall().0 / MINUTE_MS
}

/// What accounts have at their homes, as counted since they were last read from the store.
#[derive(Clone, Default)]
pub struct Quotas(Rc<RefCell<BTreeMap<AccountId, Count>>>);

/// A record's share of its account's limits, given back unless it is kept.
pub struct Share {
    of: Quotas,
    account: AccountId,
    bytes: u64,
    minute: Option<u64>,
    kept: bool,
}

impl Quotas {
    /// Takes a record's share; `None` for records that these limits do not hold for. One that is held, or whose place a
    /// deleted post leaves, is not to be asked for.
    ///
    /// What ended or was replaced is still counted: only an account that seems to be over its quota is read anew.
    ///
    /// # Errors
    /// `RateLimited` for a post stamped within a minute or hour that has enough, `Quota` when there is no room.
    pub fn take(
        &self,
        node: &Rc<Context>,
        key: &Key,
        section: Section,
        record: &Record,
    ) -> Result<Option<Share>, Status> {
        let counts = SAID.contains(&section) || DEVICES.contains(&section);
        let Some(account) = record.account().filter(|account| counts && home(account) == *key) else { return Ok(None) };
        let (bytes, limits) = (record.bytes().len() as u64, node.network.limits());
        let mut all = self.0.borrow_mut();
        if all.len() >= ACCOUNTS
            && !all.contains_key(&account)
            && let Some(idle) = all.iter().find(|(_, count)| count.coming == 0).map(|(account, _)| *account)
        {
            all.remove(&idle);
        }
        let count = all.entry(account).or_insert_with(|| stored(node, key));
        let quota = limits.account_quota;
        let quota = if DEVICES.contains(&section) { quota } else { quota - quota / RESERVE };
        let over = |count: &Count| count.held.saturating_add(count.coming).saturating_add(bytes) > quota;
        if over(count) && count.coming == 0 {
            *count = stored(node, key);
        }
        let minute = match record {
            Record::Post(post) => Some(minute(post)),
            _ => None,
        };
        if minute.is_some_and(|minute| !count.allows(minute, limits)) {
            return Err(Status::RateLimited);
        }
        if over(count) {
            return Err(Status::Quota);
        }
        count.coming += bytes;
        if let Some(minute) = minute {
            *count.minutes.entry(minute).or_default() += 1;
        }
        Ok(Some(Share { of: self.clone(), account, bytes, minute, kept: false }))
    }
}

impl Share {
    /// Notes that the record is on disk.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.0.borrow_mut();
        let Some(count) = all.get_mut(&self.account) else { return };
        count.coming = count.coming.saturating_sub(self.bytes);
        if self.kept {
            count.held = count.held.saturating_add(self.bytes);
        } else if let Some(posts) = self.minute.and_then(|minute| count.minutes.get_mut(&minute)) {
            *posts = posts.saturating_sub(1);
        }
    }
}

/// Adds up what lies at a home.
fn stored(node: &Rc<Context>, key: &Key) -> Count {
    let (mut count, mut after) = (Count::default(), None);
    let sections = SectionSet::of(&SAID).with(SectionSet::of(&DEVICES));
    loop {
        let some = node.store.read(key, sections, after.as_ref(), READ, node.horizon()).unwrap_or_default();
        some.iter().for_each(|row| count.read(row));
        match some.into_iter().nth(READ - 1) {
            Some(last) => after = Some((last.section, last.slot, last.hash)),
            None => return count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_hours_have_their_own_limits_whenever_posts_come() {
        let limits = Limits { posts_per_minute: 2, posts_per_hour: 3, ..Limits::default() };
        let mut count = Count::default();
        let mut post = |minute: u64| {
            let allowed = count.allows(minute, &limits);
            if allowed {
                *count.minutes.entry(minute).or_default() += 1;
            }
            allowed
        };
        let hour = 60 * 1000;
        assert!(post(hour) && post(hour) && !post(hour));
        assert!(post(hour + 59) && !post(hour + 30));
        // What is older, or later, has room of its own.
        assert!(post(hour - 1) && post(hour + 60));
    }
}
