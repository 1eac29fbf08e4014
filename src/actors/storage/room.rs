//! Whether there is room for a record that is new here: on its page, among the devices, in an inbox, on this node.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::coming::Coming;
use super::intake::{Refused, rivals};
use super::splits::mark;
use crate::actors::context::Context;
use crate::records::{MAX_PAGE_DEPTH, Record, home};
use crate::seam::{Op, Space, Stored, Usage};
use crate::types::{AccountId, Hash, Hlc, Key, RecordKind, Section, SectionSet, WallTime};
use crate::wire::Status;

/// Most bytes of a page: it travels in one answer.
pub(super) const PAGE_BYTES: u64 = 128 * 1024;
/// Certificates and retirements looked at: an account that made more has other troubles.
const DEVICES_LOOKED_AT: usize = 1024;
/// Mentions of one sender looked at: no page has more entries.
const MENTIONS_LOOKED_AT: usize = 1000;
/// The window of the limit on mentions, and the age from which they come late.
const HOUR: Duration = Duration::from_secs(3600);
/// An anchor takes no more newcomers when less than this part of its quota is left, so that those it knows still fit.
const LAST_PART: u64 = 16;

/// Where a record that is new would lie.
pub struct Spot<'a> {
    /// The node.
    pub node: &'a Rc<Context>,
    /// What is on its way to the disk.
    pub coming: &'a Coming,
    /// The key.
    pub key: &'a Key,
    /// The section of it.
    pub section: Section,
    /// The slot of it.
    pub slot: &'a Bytes,
    /// The record.
    pub record: &'a Record,
}

impl Spot<'_> {
    /// Checks the limits of the list that the record would lie in; returns what has to be noted together with it.
    pub fn fits(&self) -> Result<Option<Op>, Refused> {
        match (self.section, self.record) {
            (Section::Inbox, Record::Mention(mention)) => {
                self.mentions(&mention.body.account, mention.body.hlc)?;
                self.page()
            }
            (section, _) if section.is_paged() => self.page(),
            (Section::Device, _) => self.devices().map(|()| None).map_err(Refused::from),
            (Section::Directory, _) => self.directory().map(|()| None),
            _ => Ok(None),
        }
    }

    fn read(&self, sections: &[Section], after: &[u8], limit: usize) -> Result<Vec<Stored>, Status> {
        let after = (self.section, Bytes::copy_from_slice(after), Hash([0; 32]));
        let after = (!after.1.is_empty()).then_some(&after);
        let rows = self.node.store.read(self.key, SectionSet::of(sections), after, limit, self.node.horizon());
        rows.map_err(|_| Status::StoreFailed)
    }

    /// Measures what lies in the section, as a page keeps one record in each slot.
    fn measure(&self, below: Option<&[u8]>) -> Result<Usage, Status> {
        let held = self.node.store.measure(self.key, self.section, below, self.node.horizon());
        held.map_err(|_| Status::StoreFailed)
    }

    /// Returns those slots in which nothing lies.
    fn not_held(&self, slots: BTreeMap<Bytes, usize>) -> Result<BTreeMap<Bytes, usize>, Status> {
        let mut left = BTreeMap::new();
        for (slot, bytes) in slots {
            if rivals(self.node, self.key, self.section, &slot)?.is_empty() {
                left.insert(slot, bytes);
            }
        }
        Ok(left)
    }

    fn page(&self) -> Result<Option<Op>, Refused> {
        let most = u64::from(self.node.network.limits().page_entries);
        let held = self.measure(None)?;
        let mut coming = self.coming.slots(self.key, self.section);
        let is_coming = coming.contains_key(self.slot);
        let with = |coming: &BTreeMap<Bytes, usize>| {
            let bytes = coming.values().sum::<usize>() + self.record.bytes().len();
            (held.records + coming.len() as u64, held.bytes + bytes as u64 <= PAGE_BYTES)
        };
        let (mut entries, mut short) = with(&coming);
        if entries + 1 >= most || !short {
            // Close to the limits it matters which of those on their way replace one that is held.
            coming = self.not_held(coming)?;
            (entries, short) = with(&coming);
        }
        let mark = || mark(self.node, self.key, self.section, self.record.expires_at());
        if (entries < most && short) || is_coming {
            // Noted before anybody is refused: one that took a page over from others knows of no refusals.
            return Ok(if entries + 1 >= most { mark() } else { None });
        }
        if self.record.page_at(self.key).is_none_or(|page| page.depth >= MAX_PAGE_DEPTH) {
            return Err(Status::Quota.into());
        }
        Err(Refused { status: Status::Split, first: mark().map(Box::new) })
    }

    fn devices(&self) -> Result<(), Status> {
        let most = self.node.network.limits().devices as usize;
        let held = self.read(&[Section::Device, Section::Retirement], &[], DEVICES_LOOKED_AT)?;
        let all = |section: Section| -> BTreeSet<Bytes> {
            let stored = held.iter().filter(|s| s.section == section).map(|s| s.slot.clone());
            stored.chain(self.coming.slots(self.key, section).into_keys()).collect()
        };
        let (certified, retired) = (all(Section::Device), all(Section::Retirement));
        let live = certified.difference(&retired).count();
        let renewed = certified.contains(self.slot);
        if live >= most && !renewed { Err(Status::TooManyDevices) } else { Ok(()) }
    }

    /// Checks how many mentions a sender has brought: stamped within the same hour, and, of those that come late, within the
    /// last hour by arrival. Who was away brings the others later.
    fn mentions(&self, sender: &AccountId, hlc: Hlc) -> Result<(), Status> {
        let most = self.node.network.limits().mentions_per_hour as usize;
        let held = self.read(&[self.section], &sender.0, MENTIONS_LOOKED_AT)?;
        let coming = self.coming.slots(self.key, self.section).into_keys().filter(|s| s.starts_with(&sender.0)).count();
        let held = held.iter().take_while(|row| row.slot.starts_with(&sender.0)).filter_map(|row| {
            let stamped = Record::decode(row.bytes.clone()).ok()?.hlc()?.wall();
            Some((stamped, row.stored_at))
        });
        let (now, made) = (self.node.now(), hlc.wall());
        let hour = |at: WallTime| at.0 / HOUR.as_millis() as u64;
        let late = |stamped: WallTime, stored: WallTime| stored.since(stamped) >= HOUR;
        let counts = |(stamped, stored): &(WallTime, WallTime)| {
            hour(*stamped) == hour(made) || (late(made, now) && late(*stamped, *stored) && now.since(*stored) < HOUR)
        };
        let so_far = coming + held.filter(counts).count();
        if so_far >= most { Err(Status::RateLimited) } else { Ok(()) }
    }

    /// Of a full directory page those with the smallest accounts stay; whoever is refused or put out is found under a longer
    /// prefix.
    fn directory(&self) -> Result<(), Refused> {
        let most = u64::from(self.node.network.limits().page_entries).max(1);
        if self.measure(Some(self.slot))?.records < most {
            return Ok(());
        }
        let first = mark(self.node, self.key, self.section, WallTime::NEVER);
        Err(Refused { status: Status::Superseded, first: first.map(Box::new) })
    }
}

/// Checks this node's own quota. What it owes stays and is renewed; what certifies an account and says how far its logs go,
/// and whatever is of those who live here or are followed from here, is always taken.
pub fn has_room(node: &Rc<Context>, key: &Key, record: &Record) -> Result<(), Status> {
    let always = matches!(
        record.kind(),
        RecordKind::Account
            | RecordKind::Bundle
            | RecordKind::Device
            | RecordKind::Retirement
            | RecordKind::Edge
            | RecordKind::Heads
            | RecordKind::Tombstone
            | RecordKind::Directory
    );
    let refused = is_full(node) || (is_nearly_full(node) && is_newcomer(node, key, record));
    if always || !refused || is_own(node, record) {
        return Ok(());
    }
    Err(if node.is_anchor() { Status::AnchorFull } else { Status::Quota })
}

/// Tells whether a record is of somebody who lives here or is followed from here, or is for them.
pub fn is_own(node: &Context, record: &Record) -> bool {
    let owners = record.lists().into_iter().map(|(_, owner, _)| owner);
    record.account().into_iter().chain(owners).any(|account| {
        let rows = node.store.local(Space::Followees, &account.0, None, 1);
        rows.is_ok_and(|rows| !rows.is_empty())
    })
}

/// Tells whether this node takes no more records of strangers.
pub fn is_full(node: &Context) -> bool {
    let little_free = node.store.free_bytes().is_some_and(|free| free < node.settings.store_min_free);
    little_free || node.store.usage().bytes >= node.settings.store_quota
}

/// Tells whether an anchor takes no more accounts that it knows nothing of.
fn is_nearly_full(node: &Context) -> bool {
    let quota = node.settings.store_quota;
    node.is_anchor() && node.store.usage().bytes >= quota - quota / LAST_PART
}

/// Tells whether nothing but its proof is here of a record's account, neither at its home nor where the record goes.
fn is_newcomer(node: &Context, key: &Key, record: &Record) -> bool {
    let Some(account) = record.account() else { return false };
    let sections = SectionSet::of(&[Section::Post, Section::Profile, Section::Private]);
    let nothing = |key: &Key| node.store.read(key, sections, None, 1, node.horizon()).is_ok_and(|rows| rows.is_empty());
    nothing(&home(&account)) && (*key == home(&account) || nothing(key))
}
