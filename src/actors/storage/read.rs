//! Reading mutable records from the network: ask several holders, verify, merge, repair those that lag.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join;

use self::anchors::{Ahead, Anchors, ask_anchors};
use super::answer::answer_get;
use super::gone::{Gone, collected, hint, leave_out, listed};
use super::list::add;
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Found, Goal, Named, SPARE, search};
use crate::records::{AccountChain, ProofNeed, Record, admit, home, name_key, section_at, slot};
use crate::seam::Later;
use crate::types::{AccountId, Contact, DeviceId, Hash, Key, NodeId, Section, SectionSet, Username};
use crate::wire::{Blob, Cursor, Get, Got, MAX_MARKS, MAX_PUT_RECORDS, Mark, Put};

mod anchors;
mod one;
mod owner;
mod part;

pub use self::one::{One, find_one};
pub use self::owner::owner_of;
pub use self::part::{PartOf, PartRead, read_part};

/// How many of the closest holders a read asks: 7, and 10 for account records (all where there are fewer).
const ASKED: usize = 7;
const ASKED_FOR_ACCOUNTS: usize = 10;
/// Most pages of one list read from one holder.
const PAGES: usize = 40;
/// Records asked for at once.
const PAGE: u32 = 500;
/// Most records, and most proofs, that an honest page has: those held in memory come on top, and each record may need two.
const PAGE_HOLDS: usize = 2 * PAGE as usize;

/// What a read brought.
#[derive(Debug, Default)]
pub struct Reading {
    /// Verified and merged records, by section and slot.
    pub records: Vec<Record>,
    /// Numbers of posts that most of those who answered have collected.
    pub collected: Vec<(DeviceId, u64)>,
    /// Whether enough holders answered to believe that what is not here does not exist.
    pub complete: bool,
    /// Sections of which any holder says that more lie elsewhere.
    pub split: SectionSet,
    /// The nearest to the key that are known and were not found dead or late, the nearest first.
    pub nearest: Vec<Contact>,
}

impl Reading {
    /// Returns the account chain that the reading brought.
    pub fn chain(&self) -> Option<&AccountChain> {
        self.records.iter().find_map(|r| match r {
            Record::Account(chain) => Some(chain),
            _ => None,
        })
    }
}

/// One holder's records.
#[derive(Default)]
struct Page {
    records: Vec<Bytes>,
    proofs: Vec<Blob>,
    split: SectionSet,
    /// What the holder has collected.
    marks: Vec<Mark>,
    /// Whether the holder was away, and may lack what it should have.
    unsynced: bool,
}

/// A holder, `None` for this node, and what it has.
type Holder = (Option<Contact>, Rc<Page>);

/// Reads some sections of a key from the network and from this node's own store.
///
/// Never fails for want of a majority: what answered is merged, and `complete` tells.
pub async fn read(node: &Rc<Context>, key: Key, sections: SectionSet) -> Reading {
    // Nothing promises how long a list is: where those nearest were busy when an entry was put, others have it, and of
    // those that are asked nobody seems to lag. Anchors have all of them, and what they know is put right by the repair.
    let ahead = if is_list(sections) { Ahead::begin(node, key, sections).await } else { Ahead::default() };
    let (found, ()) = join(ask_near(node, key, sections, &ahead), ahead.finish()).await;
    conclude(node, key, sections, found, &ahead).await
}

/// Tells whether a page makes another holder's needless: whoever was away may help, and does not.
fn counts(page: &Page, key: &Key) -> bool {
    !page.unsynced && page.records.iter().any(|bytes| is_of(bytes, key))
}

/// Tells whether a read is one of durable lists.
fn is_list(sections: SectionSet) -> bool {
    !sections_in_memory(sections) && Section::ALL.iter().any(|s| s.is_paged() && sections.contains(*s))
}

/// Merges what the nearest brought, asks the anchors where that may not be all, and repairs those that lag.
async fn conclude(
    node: &Rc<Context>,
    key: Key,
    sections: SectionSet,
    found: Found<Rc<Page>>,
    ahead: &Ahead,
) -> Reading {
    let brought = found.closest.iter().filter(|(_, page)| counts(page, &key)).count();
    let (mut complete, nearest) = (found.complete, found.nearest);
    let mut holders: Vec<Holder> = found.closest.into_iter().map(|(c, p)| (Some(c), p)).collect();
    complete &= holders.iter().any(|(c, _)| c.is_some()) || node.is_anchor();
    holders.push((None, Rc::new(own(node, key, sections).await)));
    let (mut merged, mut gone) = what_is(node, key, &holders).await;
    let nothing = merged.is_empty();
    // Few holders may all have missed the same change, as those of a small replica set that were away together.
    // Pages full of nothing that holds count for nothing.
    let lags = || is_list(sections) || lags(sections, &holders, &merged, &gone);
    if !sections_in_memory(sections) && (nothing || brought < ASKED || lags()) {
        let (anchors, more) = ask_anchors(node, key, sections, &holders, ahead).await;
        // That there is nothing is believed only of somebody who would have it.
        complete &= anchors != Anchors::Silent || !nothing;
        if !more.is_empty() {
            holders.extend(more);
            (merged, gone) = what_is(node, key, &holders).await;
        }
    }
    let (others, own): (Vec<_>, Vec<_>) = holders.iter().partition(|(contact, _)| contact.is_some());
    let own = own.iter().flat_map(|(_, page)| &page.records).filter_map(|bytes| Record::decode(bytes.clone()).ok());
    hint(node, others.iter().flat_map(|(_, page)| &page.marks), own);
    repair(node, key, &holders, &merged, &nearest);
    let split = holders.iter().fold(SectionSet::default(), |all, (_, page)| all.with(page.split));
    let collected = gone.into_iter().map(|(device, seq, _)| (device, seq)).collect();
    Reading { records: merged, collected, complete, split, nearest }
}

/// Reads some sections of a key from one holder alone, verified; `None` where it does not answer or the list goes on elsewhere.
pub async fn read_at(node: &Rc<Context>, key: Key, sections: SectionSet, holder: &Contact) -> Option<Vec<Record>> {
    let (page, _) = ask_holder(node.clone(), holder.clone(), key, sections).await.ok()?;
    let whole = page.split == SectionSet::default();
    whole.then_some(())?;
    Some(collect(node, key, &[(Some(holder.clone()), Rc::new(page))]).await)
}

/// Asks holders near a key until enough brought something that counts; those asked ahead are not asked again.
///
/// What is held in memory is at the few nearest and never mended: others keep what was put there while nobody nearer was
/// known. So it is asked of the nearest, and those who brought something are not counted.
async fn ask_near(node: &Rc<Context>, key: Key, sections: SectionSet, ahead: &Ahead) -> Found<Rc<Page>> {
    let want = if sections.contains(Section::Account) { ASKED_FOR_ACCOUNTS } else { ASKED }.min(node.network.k());
    if !sections_in_memory(sections) {
        let goal = Goal { guarded: is_guarded(sections), ..Goal::of(|page: &Rc<Page>| counts(page, &key), want) };
        return search(node, key, goal, |contact| ahead.ask(node, contact, key, sections)).await;
    }
    let named = Rc::new(RefCell::new(Named::begin(node, key).await));
    let (asker, noted) = (node.clone(), named.clone());
    let ask = move |contact: Contact| -> Later<Asked<Rc<Page>>> {
        let (node, named) = (asker.clone(), noted.clone());
        Box::pin(async move {
            let asked = ask_holder(node.clone(), contact.clone(), key, sections).await;
            let asked = asked.map(|(page, contacts)| (Rc::new(page), contacts));
            let contacts = asked.as_ref().ok().map(|(_, contacts)| &contacts[..]);
            named.borrow_mut().note(&node, &contact.node, contacts);
            asked
        })
    };
    let goal = Goal { width: want + SPARE, ..Goal::of(|_: &Rc<Page>| named.borrow().is_settled(want), 1) };
    search(node, key, goal, ask).await
}

/// Tells whether bytes look like a record that is kept at this key.
fn is_of(bytes: &Bytes, key: &Key) -> bool {
    Record::decode(bytes.clone()).is_ok_and(|record| section_at(&record, key).is_some())
}

/// Tells whether a read goes over disjoint paths: those of names, bundles and homes, on which everything else rests, and
/// not those of long lists.
fn is_guarded(sections: SectionSet) -> bool {
    [Section::Account, Section::Bundle, Section::Device, Section::Heads].iter().any(|s| sections.contains(*s))
}

/// Tells whether those that were asked may lack something: one of them has nothing at all, as one that came only now, or
/// together they have less than the heads promise.
fn lags(sections: SectionSet, holders: &[Holder], merged: &[Record], gone: &Gone) -> bool {
    let is_new = |page: &Page| page.records.is_empty() && page.marks.is_empty() && !page.unsynced;
    let newcomer = holders.iter().any(|(contact, page)| contact.is_some() && is_new(page));
    let mut promised: BTreeMap<DeviceId, (u64, u64)> = BTreeMap::new();
    let mut held: BTreeMap<DeviceId, BTreeSet<u64>> = BTreeMap::new();
    for record in merged {
        match record {
            Record::Heads(r) => {
                let (floor, last) = promised.entry(r.body.device).or_default();
                (*floor, *last) = ((*floor).max(r.body.floor), (*last).max(r.body.last_seq));
            }
            Record::Post(r) => drop(held.entry(r.body.device).or_default().insert(r.body.seq)),
            // One that was deleted is not promised any more.
            Record::Tombstone(r) => drop(held.entry(r.body.of).or_default().insert(r.body.seq)),
            _ => {}
        }
    }
    for (device, seq, _) in gone {
        let (_, ranges) = listed(merged, device);
        if !ranges.iter().any(|(first, last)| (*first..=*last).contains(seq)) {
            held.entry(*device).or_default().insert(*seq);
        }
    }
    let has = |device: &DeviceId, floor: u64| {
        held.get(device).map_or(0, |h| h.range((Bound::Excluded(floor), Bound::Unbounded)).count()) as u64
    };
    // Whoever was mended with the account alone looks like somebody who has it all; without any heads nothing is promised.
    let unkept = |(device, (floor, last)): (&DeviceId, &(u64, u64))| {
        let ranges = listed(merged, device).1.iter().filter(|(first, _)| first > floor);
        let gone =
            ranges.map(|(first, last)| last.saturating_sub(*first).saturating_add(1)).fold(0, u64::saturating_add);
        last.saturating_sub(*floor) > has(device, *floor).saturating_add(gone)
    };
    newcomer || sections.contains(Section::Post) && (promised.is_empty() || promised.iter().any(unkept))
}

/// Reads who owns a name. `Ok(None)` when nobody does, as far as enough holders know.
///
/// # Errors
/// `Err(())` when too few holders answered to say so.
pub async fn read_account(node: &Rc<Context>, name: &Username) -> Result<Option<Rc<AccountChain>>, ()> {
    if let Some(chain) = node.with_proofs(|p| p.named(name).map(|proof| proof.chain.clone())) {
        return Ok(Some(chain));
    }
    let reading = read(node, name_key(name), SectionSet::of(&[Section::Account])).await;
    match reading.chain() {
        Some(chain) if chain.username() == name => Ok(Some(Rc::new(chain.clone()))),
        _ if reading.complete => Ok(None),
        _ => Err(()),
    }
}

/// Makes an account known here, reading it from the network where needed.
pub async fn account_of(node: &Rc<Context>, account: AccountId) -> Option<Rc<AccountChain>> {
    node.evidence(&ProofNeed::Account(account));
    if let Some(chain) = node.with_proofs(|p| p.account(&account).map(|proof| proof.chain.clone())) {
        return Some(chain);
    }
    read(node, home(&account), SectionSet::of(&[Section::Account, Section::Device])).await;
    node.with_proofs(|p| p.account(&account).map(|proof| proof.chain.clone()))
}

async fn ask_holder(node: Rc<Context>, contact: Contact, key: Key, sections: SectionSet) -> Asked<Page> {
    let mut page = Page::default();
    let (mut after, mut reached) = (None, None);
    let mut contacts = Vec::new();
    for round in 0..PAGES {
        let get = Get { brief: round > 0, ..Get::all(key, sections, PAGE, after.take()) };
        let got = match node.call(&contact, &get, Patience::Read).await {
            Ok(got) => got,
            // What came so far is worth having.
            Err(_) if round > 0 => break,
            Err(error) => return Err(error),
        };
        if got.records.len() > PAGE_HOLDS || got.proofs.len() > PAGE_HOLDS {
            return Err(CallError::Malformed);
        }
        let empty = got.records.is_empty();
        page.records.extend(got.records.into_iter().map(Blob::into_bytes));
        page.proofs.extend(got.proofs);
        page.split = page.split.with(got.split);
        page.unsynced |= got.unsynced;
        if round == 0 {
            page.marks = got.marks;
            page.marks.truncate(MAX_MARKS);
            contacts = node.open_contacts(got.contacts);
        }
        // One that does not lead on leads round and round.
        let next = got.next.filter(|next| !empty && reached.as_ref().is_none_or(|before| place(next) > *before));
        let Some(next) = next else { break };
        reached = Some(place(&next));
        after = Some(next);
    }
    Ok((page, contacts))
}

/// Returns where a cursor points, in the order of lists.
fn place(cursor: &Cursor) -> (u8, Vec<u8>, Hash) {
    (cursor.section, cursor.slot.clone(), cursor.hash)
}

async fn own(node: &Rc<Context>, key: Key, sections: SectionSet) -> Page {
    let (mut records, mut marks) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let get = Get { brief: true, ..Get::all(key, sections, PAGE, after) };
        let got: Got = answer_get(node, None, get).await;
        records.extend(got.records.into_iter().map(Blob::into_bytes));
        marks.extend(got.marks);
        after = got.next;
        if after.is_none() {
            return Page { records, split: got.split, marks, ..Page::default() };
        }
    }
}

/// Returns what there is by the word of all holders, and what most of them have collected.
async fn what_is(node: &Rc<Context>, key: Key, holders: &[Holder]) -> (Vec<Record>, Gone) {
    let speaks = |(c, page): &&Holder| c.is_some() && !page.records.is_empty();
    // Whoever was away does not know what was collected meanwhile; where all were, they are all there is.
    let any_synced = holders.iter().filter(speaks).any(|(_, page)| !page.unsynced);
    let heard = holders.iter().filter(|(_, page)| !page.unsynced || !any_synced);
    let gone = collected(heard.map(|holder| (speaks(&holder), &holder.1.marks[..])));
    let mut merged = collect(node, key, holders).await;
    leave_out(&mut merged, &gone);
    (merged, gone)
}

/// Verifies and merges what holders sent.
async fn collect(node: &Rc<Context>, key: Key, holders: &[Holder]) -> Vec<Record> {
    let decode = |bytes: &Bytes| Record::decode(bytes.clone()).ok();
    let mut seen: BTreeSet<Bytes> = BTreeSet::new();
    let mut records: Vec<Record> = Vec::new();
    for (_, page) in holders {
        let proofs: Vec<Record> = page.proofs.iter().filter_map(|b| decode(&Bytes::copy_from_slice(&b.0))).collect();
        node.learn(&proofs);
        records.extend(page.records.iter().filter(|b| seen.insert((*b).clone())).filter_map(decode));
    }
    node.learn(&records);
    let mut slots: BTreeMap<(Section, Bytes), Vec<Record>> = BTreeMap::new();
    for record in records {
        let Some(section) = section_at(&record, &key) else { continue };
        if admit(&record, node.now(), node.network.limits()).is_err() || node.verify(&record).is_err() {
            continue;
        }
        add(slots.entry((section, slot(&record, section))).or_default(), section, record);
    }
    slots.into_values().flatten().collect()
}

/// Sends each holder what it lacks, beside the caller; those who only were on the way to the key need nothing.
fn repair(node: &Rc<Context>, key: Key, holders: &[Holder], merged: &[Record], nearest: &[Contact]) {
    let owed: BTreeSet<NodeId> = nearest.iter().map(|contact| contact.node).chain(node.anchors()).collect();
    let holders = holders.iter().filter_map(|(c, p)| c.as_ref().map(|c| (c, p)));
    for (contact, page) in holders.filter(|(contact, _)| owed.contains(&contact.node)) {
        let held: Vec<Record> = page.records.iter().filter_map(|b| Record::decode(b.clone()).ok()).collect();
        let has: BTreeSet<Hash> = held.iter().map(Record::hash).collect();
        let place = |r: &Record| section_at(r, &key).map(|section| (section, slot(r, section)));
        let slots: BTreeSet<Option<(Section, Bytes)>> = held.iter().map(place).collect();
        // A full page takes news of those in it, and nobody else.
        let takes = |r: &Record| match place(r) {
            Some((section, _)) if section.in_memory() => false,
            Some((section, _)) if page.split.contains(section) => slots.contains(&place(r)),
            place => place.is_some(),
        };
        // Nobody is sent what it has collected.
        let marked: BTreeSet<Hash> = page.marks.iter().map(|mark| mark.hash).collect();
        let lacks: Vec<&Record> = merged
            .iter()
            .filter(|r| !has.contains(&r.hash()) && !marked.contains(&r.hash()) && takes(r))
            .take(MAX_PUT_RECORDS)
            .collect();
        if lacks.is_empty() {
            continue;
        }
        let mut proofs: Vec<Bytes> = lacks.iter().flat_map(|r| node.evidence(&r.need())).collect();
        proofs.sort_unstable();
        proofs.dedup();
        let put = Put {
            key,
            records: lacks.iter().map(|r| Blob::from(r.bytes())).collect(),
            proofs: proofs.iter().map(Blob::from).collect(),
            show: None,
        };
        let (node, contact) = (node.clone(), contact.clone());
        node.clone().spawn(async move {
            if let Err(error) = node.call(&contact, &put, Patience::Disk).await {
                tracing::debug!(peer = %contact.node.short(), %error, "read repair failed");
            }
        });
    }
}

fn sections_in_memory(sections: SectionSet) -> bool {
    sections.iter().all(Section::in_memory)
}
