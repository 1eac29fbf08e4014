//! The door to presence.

use bytes::Bytes;

use super::actor::PresenceActor;
use super::messages::{
    Beat, Beaten, Begin, Check, End, Follower, FoundHolders, Gone, Held, HeldInterest, Hold, Holders, Interested,
    Known, Learned, NamedNear, Online, PeersChanged, Renew, Renewed, SentOn, Told, Visit, Visited, Visiting,
};
use crate::actors::door::Door;
use crate::keys::SecretKey;
use crate::records::Part;
use crate::types::{AccountId, Contact, DeviceId, Key, NodeId, SectionSet};
use crate::wire::{Heard, OnlineStanding};

/// A handle to the presence actor.
#[derive(Clone)]
pub struct PresenceHandle(pub(in crate::actors) Door<PresenceActor>);

impl PresenceHandle {
    /// Keeps verified records in memory.
    pub fn hold(&self, key: Key, records: Vec<Bytes>) {
        self.0.hint(Hold { key, records });
    }

    /// Returns what is held at a key.
    pub async fn held(&self, key: Key, sections: SectionSet) -> Vec<Bytes> {
        self.0.ask(Held { key, sections }).await.unwrap_or_default()
    }

    /// Returns interest held at a page that belongs to a part of the list, at most so many records, spread evenly; and about how
    /// many are interested in all, on this page and those below.
    pub async fn held_interest(&self, key: Key, part: Part, most: usize) -> (Vec<Bytes>, u64) {
        self.0.ask(HeldInterest { key, part, most }).await.unwrap_or_default()
    }

    /// Notes that a page of interest was full for these slots.
    pub fn sent_on(&self, key: Key, slots: Vec<Bytes>) {
        self.0.hint(SentOn { key, slots });
    }

    /// Starts to say that a device is here, and what it is interested in.
    pub async fn begin(&self, account: AccountId, device: SecretKey, authors: Vec<AccountId>) {
        if self.0.ask(Begin { account, device, authors }).await.is_err() {
            tracing::debug!("presence was rebuilt during a login");
        }
    }

    /// Notes that the account follows one more, or one less.
    pub async fn interested(&self, author: AccountId, follows: bool) {
        if self.0.ask(Interested { author, follows }).await.is_err() {
            tracing::debug!("presence was rebuilt during a follow");
        }
    }

    /// Says anew that the device is here, and asks anew who else is: the node did not run for a while.
    pub fn renew(&self) {
        self.0.hint(Renew);
    }

    /// Says goodbye; ready when it is said, or a second has passed.
    pub async fn end(&self) {
        if self.0.ask(End).await.is_err() {
            tracing::debug!("no goodbye was said");
        }
    }

    /// Returns the nearest live nodes to an account's home that hold this node's word there: that it is interested, or
    /// online where the account is its own. Nobody before the first of them was found.
    pub async fn holders(&self, account: AccountId) -> Vec<Contact> {
        self.0.ask(Holders(account)).await.unwrap_or_default()
    }

    /// Returns where an account's home may be looked at, and the interest in it where that is to be brought along.
    pub async fn visiting(&self, account: AccountId) -> Visit {
        self.0.ask(Visiting(account)).await.unwrap_or_default()
    }

    /// Notes whether a holder took the interest that was brought along.
    pub fn visited(&self, account: AccountId, holder: NodeId, took: bool) {
        self.0.hint(Visited { account, holder, took });
    }

    /// Returns the followers known to be online, without asking anybody; and whether there are many more.
    pub async fn known(&self) -> (Vec<Follower>, bool) {
        self.0.ask(Known).await.unwrap_or_default()
    }

    /// Notes what a fresh read of the interest list brought; `more` says that its first page is not all.
    pub fn learned(&self, followers: Vec<Follower>, whole: bool, more: bool) {
        self.0.hint(Learned { followers, whole, more });
    }

    /// Notes that a follower's contact does not answer.
    pub fn gone(&self, device: DeviceId) {
        self.0.hint(Gone(device));
    }

    /// Says of each account whether it is online: for lists. In the order of the accounts, at most 10,000 of them.
    ///
    /// Takes at most 2 s, usually a round trip, and no message for what was asked in the last 2 s. `Some(true)` when a
    /// device was heard from within 60 s; `Some(false)` when its devices said goodbye or fell silent, also long ago;
    /// `None` when too few holders answered to say. The account logged in here is online.
    pub async fn online(&self, accounts: Vec<AccountId>) -> Vec<(AccountId, Option<bool>)> {
        let unknown = accounts.iter().map(|account| (*account, None)).collect();
        self.0.ask(Online(accounts)).await.unwrap_or(unknown)
    }

    /// Takes in who is nearest to an account's home, the nearest first, so that the next question whether it is online needs
    /// no lookup.
    pub fn found(&self, account: AccountId, nearest: Vec<Contact>) {
        self.0.hint(FoundHolders(account, nearest));
    }

    /// Takes a heartbeat of a peer.
    pub(in crate::actors) async fn heartbeat(&self, from: NodeId, account: AccountId, device: DeviceId) -> Heard {
        let unknown = Heard { known: false, seq: None, interest: 0 };
        self.0.ask(Beat { from, account, device }).await.unwrap_or(unknown)
    }

    /// Says what is judged of accounts here; `here`: whether they are logged in on this node. One answer for each.
    pub(in crate::actors) async fn check(&self, accounts: Vec<AccountId>, here: bool) -> Vec<OnlineStanding> {
        self.0.ask(Check { accounts, here }).await.unwrap_or_default()
    }

    /// Notes whom a holder of an account's home knows near it: where the nearest are others than those that hold this node's
    /// word there, it is brought to them. `whole`: many were asked, and these are the nearest.
    pub fn named(&self, account: AccountId, contacts: Vec<Contact>, whole: bool) {
        self.0.hint(NamedNear { account, contacts, whole });
    }

    pub(super) fn told(&self, told: Told) {
        self.0.hint(told);
    }

    pub(super) fn peers_changed(&self) {
        self.0.hint(PeersChanged);
    }

    pub(super) fn beaten(&self, beaten: Beaten) {
        self.0.hint(beaten);
    }

    pub(super) async fn renewed(&self, renewed: Renewed) -> bool {
        self.0.ask(renewed).await.unwrap_or(false)
    }
}
