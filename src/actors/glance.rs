//! A glance at a place of the table: one holder is asked what it has, to see whether a whole read is worth its cost.
//!
//! What comes is the word of one peer: it is not verified, and nothing of it is kept.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::call::{CallError, Patience};
use super::context::Context;
use super::presence::Visit;
use super::put::put_and_look;
use crate::records::{Record, home};
use crate::types::{AccountId, Contact, Hash, SectionSet};
use crate::wire::{Blob, Get, Got, Put};

/// Records asked for: a place that has more is read as a whole.
const MOST: u32 = 500;

/// A place is read as a whole this often, whatever one holder shows.
const WHOLE: Duration = Duration::from_secs(3600);
/// Most records remembered of one place; where there are more, it is read as a whole every time.
const REMEMBERED: usize = 10_000;

/// What is known of an account's home, or of some sections of it, since it was last read as a whole.
#[derive(Default)]
pub struct Familiar {
    account: Option<AccountId>,
    /// At most [`REMEMBERED`].
    records: BTreeSet<Hash>,
    read_at: Option<Instant>,
    turn: u32,
}

impl Familiar {
    /// Notes what a whole reading brought, all of which is dealt with.
    pub fn read(&mut self, account: AccountId, records: &[Record]) {
        if self.account != Some(account) || self.records.len() > REMEMBERED {
            self.records.clear();
        }
        (self.account, self.read_at) = (Some(account), Some(Instant::now()));
        self.note(records);
    }

    /// Has the home read as a whole the next time.
    pub fn forget(&mut self) {
        self.read_at = None;
    }

    /// Notes what a holder showed; true when any of it was not known.
    fn note(&mut self, records: &[Record]) -> bool {
        let before = self.records.len();
        self.records.extend(records.iter().map(Record::hash));
        self.records.len() > before
    }

    fn is_fresh(&self, account: &AccountId) -> bool {
        let read = self.read_at.is_some_and(|at| at.elapsed() < WHOLE);
        read && self.account.as_ref() == Some(account) && self.records.len() <= REMEMBERED
    }
}

/// Tells whether an account's home has to be read as a whole: that was not done of late, or a holder shows something that is
/// not familiar, or none answers.
pub async fn is_news(
    node: &Rc<Context>,
    account: AccountId,
    sections: SectionSet,
    familiar: &RefCell<Familiar>,
) -> bool {
    let (turn, something) = {
        let mut familiar = familiar.borrow_mut();
        if !familiar.is_fresh(&account) {
            return true;
        }
        familiar.turn = familiar.turn.wrapping_add(1);
        (familiar.turn, !familiar.records.is_empty())
    };
    let visit = node.doors().presence.visiting(account).await;
    match glance(node, account, sections, in_turn(visit, turn), something).await {
        Some(records) => familiar.borrow_mut().note(&records),
        None => true,
    }
}

/// Asks holders of an account's home, one after the other, until one answers; `None` when none does, or it has more than one answer takes.
///
/// Where there was something before (`something`), a holder that has nothing at all came only now, and the next is asked; so it
/// is where one was away. Whom the holder knows nearer to the home is told to presence, which says who the holders are, and has
/// this node's interest brought along where that is due.
pub async fn glance(
    node: &Rc<Context>,
    account: AccountId,
    sections: SectionSet,
    visit: Visit,
    something: bool,
) -> Option<Vec<Record>> {
    for holder in visit.holders.iter().filter(|holder| !node.is_absent(holder)) {
        let record = visit.record.as_ref().filter(|_| visit.stale.contains(&holder.node));
        let Some(mut got) = ask(node, account, sections, holder, record).await else { continue };
        node.doors().presence.named(account, node.open_contacts(std::mem::take(&mut got.contacts)), false);
        if got.next.is_some() || got.split != SectionSet::default() {
            return None;
        }
        if got.unsynced || (got.records.is_empty() && something) {
            continue;
        }
        return Some(got.records.into_iter().filter_map(|r| Record::decode(Blob::into_bytes(r)).ok()).collect());
    }
    None
}

/// Asks one holder, and brings it a record where there is one; that takes no request more.
async fn ask(
    node: &Rc<Context>,
    account: AccountId,
    sections: SectionSet,
    holder: &Contact,
    record: Option<&Bytes>,
) -> Option<Got> {
    let key = home(&account);
    if let Some(record) = record {
        let put = Put { key, records: vec![Blob::from(record)], proofs: vec![], show: Some(sections) };
        let done = put_and_look(node, holder, put, Patience::Read).await;
        let took = matches!(done, Ok((None, _)));
        node.doors().presence.visited(account, holder.node, took);
        match done {
            Ok((_, Some(got))) => return Some(got),
            // It does not know how to show anything with a put, or has no time for it.
            Ok(_) | Err(CallError::Refused(_)) => {}
            Err(_) => return None,
        }
    }
    node.call(holder, &Get::all(key, sections, MOST, None), Patience::Read).await.ok()
}

/// Orders the holders of a visit so that each is the first one in its turn, twice in a row: the second time there is likely still
/// a connection to it, however many others are visited in between.
pub fn in_turn(mut visit: Visit, turn: u32) -> Visit {
    let n = visit.holders.len().max(1);
    visit.holders.rotate_left(turn as usize / 2 % n);
    visit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    #[test]
    fn every_holder_has_its_turn() {
        let contact = |n: u8| Contact::hint(NodeId([n; 32]), ([192, 0, 2, n], 9).into());
        let all = Visit { holders: (1..4).map(contact).collect(), ..Visit::default() };
        let first = |turn| in_turn(all.clone(), turn).holders.first().map(|c| c.node.0[0]);
        assert_eq!((0..8).filter_map(first).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3, 1, 1]);
        assert!(in_turn(Visit::default(), 5).holders.is_empty());
    }
}
