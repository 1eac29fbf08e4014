//! Reading a part of one page of an interest list from its few nearest holders: for those who bring a post on.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Holder, PAGE, PAGE_HOLDS, Page, collect};
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Goal, Named, SPARE, search};
use crate::actors::storage::answer_get;
use crate::records::{Page as OfList, Part, Record};
use crate::seam::Later;
use crate::types::{Contact, Section, SectionSet};
use crate::wire::{Blob, Get, Got};

/// How many of the nearest hold what is held in memory.
const HOLDERS: usize = 3;
/// Answers that are enough: one of the holders may be gone, and all are told the same.
const ENOUGH: usize = 2;
/// When there are enough, the rest get so much longer.
const REST: Duration = Duration::from_millis(300);
/// What did not come within this is not waited for: somebody waits for what comes of it.
const WITHIN: Duration = Duration::from_millis(2500);

/// What is asked for.
#[derive(Clone, Copy)]
pub struct PartOf {
    /// Of which page.
    pub page: OfList,
    /// Which part.
    pub part: Part,
    /// At most so many, spread evenly.
    pub spread: Option<u32>,
}

/// What a page says of a part of a list.
#[derive(Default)]
pub struct PartRead {
    /// Verified and merged records of the part.
    pub records: Vec<Record>,
    /// Whether more lies on the pages below.
    pub split: bool,
    /// About how many are interested in all, where that was asked and anybody says.
    pub interested: Option<u64>,
    /// How many holders answered.
    pub answered: usize,
}

/// Reads a part of a page: from `holders` where they are known and enough of them answer, else from those that a lookup finds.
pub async fn read_part(node: &Rc<Context>, wanted: PartOf, holders: Vec<Contact>) -> PartRead {
    let direct = ask_each(node, wanted, &holders).await;
    let got = if direct.len() >= ENOUGH { direct } else { look_up(node, wanted).await };
    let own = answer_get(node, None, request(wanted)).await;
    let answers = || got.iter().map(|(_, got)| got).chain([&own]);
    let read = PartRead {
        records: Vec::new(),
        split: answers().any(|got| got.split.contains(Section::Interest)),
        // The most that anybody knows of: who came only now was told of few.
        interested: answers().filter_map(|got| got.interested).max().map(u64::from),
        answered: got.len(),
    };
    let mut pages: Vec<Holder> = got.into_iter().map(|(contact, got)| (Some(contact), Rc::new(page(got)))).collect();
    pages.push((None, Rc::new(page(own))));
    let mut records = collect(node, wanted.page.key(), &pages).await;
    records.retain(|record| match record {
        Record::Interest(interest) => wanted.part.contains(&interest.body.follower),
        _ => false,
    });
    PartRead { records, ..read }
}

fn request(PartOf { page, part, spread }: PartOf) -> Get {
    let part = (part != Part::WHOLE).then_some(part);
    Get { part, spread, ..Get::all(page.key(), SectionSet::of(&[page.section]), PAGE, None) }
}

fn page(got: Got) -> Page {
    let records: Vec<Bytes> = got.records.into_iter().map(Blob::into_bytes).collect();
    Page { records, proofs: got.proofs, split: got.split, ..Page::default() }
}

async fn ask(node: Rc<Context>, holder: Contact, wanted: PartOf) -> Option<(Contact, Got)> {
    let got = ask_one(&node, &holder, wanted).await.ok()?;
    Some((holder, got))
}

async fn ask_one(node: &Rc<Context>, holder: &Contact, wanted: PartOf) -> Result<Got, CallError> {
    let got = node.call(holder, &request(wanted), Patience::Read).await?;
    let fits = got.records.len() <= PAGE_HOLDS && got.proofs.len() <= PAGE_HOLDS;
    if fits { Ok(got) } else { Err(CallError::Malformed) }
}

/// Asks holders that are known.
async fn ask_each(node: &Rc<Context>, wanted: PartOf, holders: &[Contact]) -> Vec<(Contact, Got)> {
    let asks = holders.iter().take(HOLDERS).map(|holder| ask(node.clone(), holder.clone(), wanted));
    let mut asking: FuturesUnordered<_> = asks.collect();
    let (mut got, mut deadline) = (Vec::new(), Instant::now() + WITHIN);
    while let Ok(Some(answer)) = timeout_at(deadline, asking.next()).await {
        got.extend(answer);
        if got.len() >= ENOUGH {
            deadline = deadline.min(Instant::now() + REST);
        }
    }
    got
}

/// Asks on the way to the page, until its nearest holders have answered.
async fn look_up(node: &Rc<Context>, wanted: PartOf) -> Vec<(Contact, Got)> {
    let key = wanted.page.key();
    let named = Rc::new(RefCell::new(Named::begin(node, key).await));
    let brought: Rc<RefCell<Vec<(Contact, Got)>>> = Rc::default();
    let heard = Rc::new(Notify::new());
    let (asker, noted, kept, told) = (node.clone(), named.clone(), brought.clone(), heard.clone());
    let asks = move |contact: Contact| -> Later<Asked<()>> {
        let (node, named, kept, told) = (asker.clone(), noted.clone(), kept.clone(), told.clone());
        Box::pin(async move {
            let asked = ask_one(&node, &contact, wanted).await.map(|mut got| {
                let contacts = node.open_contacts(std::mem::take(&mut got.contacts));
                kept.borrow_mut().push((contact.clone(), got));
                ((), contacts)
            });
            named.borrow_mut().note(&node, &contact.node, asked.as_ref().ok().map(|((), contacts)| &contacts[..]));
            told.notify_one();
            asked
        })
    };
    let goal = Goal { width: HOLDERS + SPARE, ..Goal::of(|(): &()| named.borrow().is_settled(HOLDERS), 1) };
    let enough = async {
        loop {
            heard.notified().await;
            if named.borrow().answered(HOLDERS) >= ENOUGH {
                sleep(REST).await;
                // Others may have been named meanwhile who are nearer.
                if named.borrow().answered(HOLDERS) >= ENOUGH {
                    return;
                }
            }
        }
    };
    tokio::select! {
        biased;
        _ = search(node, key, goal, asks) => {}
        () = enough => {}
        () = sleep(WITHIN) => tracing::debug!("a page of interest was not read in time"),
    }
    brought.take()
}
