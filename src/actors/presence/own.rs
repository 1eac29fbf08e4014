//! This node's own presence and interest as records, sending them, and reading who is interested in its account.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::messages::Follower;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::put::put;
use crate::actors::storage::{read, read_at};
use crate::keys::SecretKey;
use crate::records::{InterestBody, PresenceBody, Record, Signed, countersign, home};
use crate::types::{AccountId, Contact, DeviceId, Hlc, Key, Section, SectionSet};
use crate::wire::{Blob, Put};

/// Who is logged in here.
#[derive(Clone)]
pub struct Own {
    /// The account.
    pub account: AccountId,
    /// The device's key.
    pub device: SecretKey,
    /// Set when the goodbye is said: what is on its way by then must not be sent after it.
    over: Rc<Cell<bool>>,
}

/// The number of a record, and its stamp: one says what wins, the other how long it lives.
#[derive(Clone, Copy)]
pub struct Mark {
    /// The number.
    pub seq: u64,
    /// The stamp.
    pub hlc: Hlc,
}

impl Own {
    /// Notes who is logged in.
    pub fn new(account: AccountId, device: SecretKey) -> Self {
        Self { account, device, over: Rc::default() }
    }

    /// Notes that the goodbye is said.
    pub fn end(&self) {
        self.over.set(true);
    }

    /// Tells whether the goodbye is said.
    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Returns the device.
    pub fn device_id(&self) -> DeviceId {
        DeviceId(self.device.public().0)
    }

    /// Makes the presence (no author) or interest record of this moment.
    pub fn record(&self, node: &Context, author: Option<AccountId>, online: bool, Mark { seq, hlc }: Mark) -> Bytes {
        let contact = node.contact().proof.as_ref().map(|proof| proof.0.to_vec()).unwrap_or_default();
        let device = self.device_id();
        match author {
            None => {
                let body = PresenceBody { account: self.account, device, seq, hlc, online, contact };
                let record = Signed::sign(body, &self.device, &node.network.id);
                countersign(record, &node.key, &node.network.id).bytes().clone()
            }
            Some(author) => {
                let body = InterestBody { follower: self.account, device, author, seq, hlc, online, contact };
                let record = Signed::sign(body, &self.device, &node.network.id);
                countersign(record, &node.key, &node.network.id).bytes().clone()
            }
        }
    }

    /// Returns the home at which the record of an author, or the own presence, is held.
    pub fn place(&self, author: Option<AccountId>) -> Key {
        home(&author.unwrap_or(self.account))
    }
}

/// Sends a record to its holders; returns those that took it.
pub async fn send(node: &Rc<Context>, key: Key, record: &Bytes, holders: Vec<Contact>) -> Vec<Contact> {
    let sends = holders.iter().map(|to| {
        let request = Put { key, records: vec![Blob::from(record)], proofs: vec![], show: None };
        put(node, to, request, Patience::Read)
    });
    let outcomes = join_all(sends).await;
    let taken = |(holder, outcome)| match outcome {
        Ok(None) => Some(holder),
        outcome => {
            tracing::debug!(?outcome, "a holder did not take a presence record");
            None
        }
    };
    holders.into_iter().zip(outcomes).filter_map(taken).collect()
}

/// Reads who is interested in an account now, as far as the first page of the list tells, and whether there are more; those that
/// said goodbye are no longer known to be online.
pub async fn read_followers(node: &Rc<Context>, account: AccountId) -> (Vec<Follower>, bool) {
    let reading = read(node, home(&account), SectionSet::of(&[Section::Interest])).await;
    (here(node, &reading.records), reading.split.contains(Section::Interest))
}

/// Asks one holder who is interested in an account now, where it says that this has changed; `None` when that takes more.
pub async fn ask_followers(node: &Rc<Context>, account: AccountId, holder: &Contact) -> Option<Vec<Follower>> {
    let records = read_at(node, home(&account), SectionSet::of(&[Section::Interest]), holder).await?;
    Some(here(node, &records))
}

fn here(node: &Context, records: &[Record]) -> Vec<Follower> {
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for record in records {
        match follower(node, record) {
            Some(follower) => here.push(follower),
            None => gone.extend(record.device()),
        }
    }
    gone.into_iter().for_each(|device| node.doors().presence.gone(device));
    here
}

/// Returns the follower that an interest record names, unless it says goodbye.
pub fn follower(node: &Context, record: &Record) -> Option<Follower> {
    let Record::Interest(interest) = record else { return None };
    let contact = named(node, record)?;
    let (account, device) = (interest.body.follower, interest.body.device);
    interest.body.online.then_some(Follower { account, device, contact })
}

/// Returns the contact in a record that was verified, its signatures included.
pub fn named(node: &Context, record: &Record) -> Option<Contact> {
    let contact = match record {
        Record::Presence(presence) => &presence.body.contact,
        Record::Interest(interest) => &interest.body.contact,
        _ => return None,
    };
    node.open_contacts(vec![Blob::from(contact.clone())]).pop()
}
