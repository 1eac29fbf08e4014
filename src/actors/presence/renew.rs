//! Making and sending this node's own presence and interest, and reading who is interested in its account.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::messages::Follower;
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::put::put;
use crate::actors::storage::read_list;
use crate::keys::SecretKey;
use crate::records::{InterestBody, PresenceBody, Record, Signed, countersign, countersigned, home};
use crate::types::{AccountId, Contact, DeviceId, Hlc, Key, Section};
use crate::wire::{Blob, Put};

/// Who is logged in here.
#[derive(Clone)]
pub struct Own {
    /// The account.
    pub account: AccountId,
    /// The device's key.
    pub device: SecretKey,
}

impl Own {
    fn device_id(&self) -> DeviceId {
        DeviceId(self.device.public().0)
    }

    /// Makes the presence (no author) or interest record of this moment.
    pub fn record(&self, node: &Context, author: Option<AccountId>, online: bool, hlc: Hlc) -> Bytes {
        let contact = node.contact().proof.map(|proof| proof.0.to_vec()).unwrap_or_default();
        let (device, seq) = (self.device_id(), hlc.0);
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

/// Sends a record to its holders; true when all took it.
pub async fn send(node: Rc<Context>, key: Key, record: Bytes, holders: Vec<Contact>) -> bool {
    let sends = holders.iter().map(|to| {
        let request = Put { key, records: vec![Blob::from(&record)], proofs: vec![] };
        put(&node, to, request, Patience::Read)
    });
    let taken = join_all(sends).await;
    for outcome in &taken {
        if !matches!(outcome, Ok(None)) {
            tracing::debug!(?outcome, "a holder did not take a presence record");
        }
    }
    taken.iter().all(|outcome| matches!(outcome, Ok(None)))
}

/// Reads who is interested in an account now.
pub async fn read_followers(node: &Rc<Context>, account: AccountId) -> Vec<Follower> {
    let reading = read_list(node, Section::Interest, account).await;
    reading.records.iter().filter_map(|record| follower(node, record)).collect()
}

/// Returns the follower that an interest record names, unless it says goodbye.
pub fn follower(node: &Context, record: &Record) -> Option<Follower> {
    let Record::Interest(interest) = record else { return None };
    let contact = countersigned(interest, &node.network.id)?;
    let (account, device) = (interest.body.follower, interest.body.device);
    interest.body.online.then_some(Follower { account, device, contact })
}
