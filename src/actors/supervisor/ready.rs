//! A node as it is after hours in a network, without these hours: for networks of very many that are set up ready-made.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::actors::context::Context;
use crate::actors::feed::Followee;
use crate::actors::storage::keep_held;
use crate::records::Record;
use crate::types::{AccountId, Contact, Hlc, Key, Username};
use crate::wire::Status;

/// So long everything that comes with time rests.
const REST: Duration = Duration::from_secs(600);

/// A way to set a node up; cheap to clone.
#[derive(Clone)]
pub struct Ready(Rc<Context>);

/// What a node holds of a page of interest.
#[derive(Clone)]
pub struct HeldPage {
    /// The page.
    pub key: Key,
    /// Its records.
    pub records: Vec<Bytes>,
    /// What proves them.
    pub proofs: Vec<Bytes>,
    /// Slots that were sent on to the pages below.
    pub sent_on: Vec<Bytes>,
}

impl Ready {
    /// Begins with a running node.
    pub fn of(node: &Rc<Context>) -> Self {
        Self(node.clone())
    }

    /// Fills the table as if these peers had been reached just now; there is nothing to compare with anybody for a while.
    pub async fn fill_table(&self, contacts: Vec<Contact>, round_trip: Duration) {
        let node = &self.0;
        node.set_synced(true);
        node.doors().repair.rest(REST).await;
        node.doors().routing.filled(contacts, round_trip).await;
    }

    /// Lets an account live on the node and follow others, whose homes were read just now; it says nobody that it is there.
    /// `proofs` are of those it follows.
    pub async fn let_read(&self, who: (AccountId, Username), authors: &[(AccountId, Username)], proofs: &[Bytes]) {
        let node = &self.0;
        self.learn(proofs);
        node.account.set(Some(who.0));
        let followee = |(account, name): &(AccountId, Username)| {
            let since = node.now();
            Followee { met: true, ..Followee::new(*account, name.clone(), since, Hlc::new(since, 0)) }
        };
        let followees = authors.iter().map(followee).collect();
        let (_, known) = node.doors().routing.seeds(node.me.key(), 0).await;
        let anchors = node.doors().routing.anchors().await.len();
        node.doors().feed.begin_read(who, followees, (known, anchors)).await;
    }

    /// Lets the node hold a page of interest.
    pub async fn let_hold(&self, page: HeldPage) {
        let node = &self.0;
        let HeldPage { key, records, proofs, sent_on } = page;
        self.learn(&proofs);
        keep_held(node, key, &records, !sent_on.is_empty()).await;
        node.doors().presence.hold(key, records);
        node.doors().presence.sent_on(key, sent_on);
    }

    /// Lets the node keep records, as if somebody had put them there.
    pub async fn let_keep(&self, key: Key, records: Vec<Bytes>) {
        let node = &self.0;
        node.doors().storage.receive(node.me, key, records, Vec::new()).await;
    }

    /// Lets the account that is logged in on the node follow others too, as far as feed and presence know.
    pub async fn let_follow(&self, authors: &[(AccountId, Username)]) {
        let node = &self.0;
        for (account, name) in authors {
            let since = node.now();
            node.doors().feed.followed(Followee::new(*account, name.clone(), since, Hlc::new(since, 0))).await;
            node.doors().presence.interested(*account, true).await;
        }
    }

    /// Brings a post to the node, as its author would.
    pub async fn let_arrive(&self, post: Bytes, proofs: Vec<Bytes>) -> Status {
        self.0.doors().feed.push(post, proofs).await
    }

    fn learn(&self, proofs: &[Bytes]) {
        let proofs: Vec<Record> = proofs.iter().filter_map(|bytes| Record::decode(bytes.clone()).ok()).collect();
        self.0.learn(&proofs);
    }
}
