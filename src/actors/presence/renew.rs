//! The sequences around this node's own records: finding holders, renewing, heartbeats, checks, goodbyes.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::liveness::HOLDERS;
use super::messages::{Beaten, Renewed, Told};
use super::nearest::nearest;
use super::own::{Mark, Own, send};
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::types::{AccountId, Contact, Key, NodeId};
use crate::wire::{CheckOnline, Heard, Heartbeat, MAX_CHECKED, OnlineStanding};

/// An own record that is to be at its holders.
pub struct Errand {
    /// Which: an author, or none for the own presence.
    pub author: Option<AccountId>,
    /// Number and stamp of the record to send.
    pub mark: Mark,
    /// Who holds it already; nobody at first.
    pub holders: Vec<Contact>,
    /// Those of them that need it anew.
    pub stale: Vec<Contact>,
    /// Whether it is time for it.
    pub due: bool,
    /// Whether the holders are the right ones, as far as is known.
    pub settled: bool,
    /// The nearest that this node knows of.
    pub known: Vec<NodeId>,
}

/// Returns the nearest to a place that this node knows of.
pub async fn nearest_known(node: &Rc<Context>, place: Key) -> Vec<Contact> {
    node.doors().routing.closest(place, HOLDERS).await
}

/// Tells whether others should hold a record than do: one of them is gone, or somebody new is known who is nearer than they are.
pub fn is_displaced(node: &Context, place: &Key, errand: &Errand, nearest: &[Contact]) -> bool {
    let farthest = errand.holders.iter().map(|holder| holder.node.distance(place)).max();
    let farthest = farthest.filter(|_| errand.holders.len() >= HOLDERS);
    let nearer = |new: &Contact| farthest.is_none_or(|farthest| new.node.distance(place) < farthest);
    errand.holders.iter().any(|holder| node.is_absent(holder))
        || nearest.iter().any(|contact| !errand.known.contains(&contact.node) && nearer(contact))
}

/// Returns who they are.
pub fn ids(contacts: &[Contact]) -> Vec<NodeId> {
    contacts.iter().map(|contact| contact.node).collect()
}

/// Sends a record to its holders: where they are known, to those that need it anew; else at first to the nearest known at once,
/// then to those that a lookup finds.
pub async fn renew(node: Rc<Context>, own: Own, errand: Errand, lookups: Rc<Semaphore>) {
    let Errand { author, mark, holders, stale, settled, known, .. } = errand;
    let place = own.place(author);
    let record = own.record(&node, author, true, mark);
    let nothing = Renewed { author, ..Renewed::default() };
    // Told before it is sent, so that a goodbye meanwhile goes to all that may have it.
    let renewed = async |renewed: Renewed| node.doors().presence.renewed(renewed).await && !own.is_over();
    let old = ids(&stale);
    let mut have: BTreeSet<NodeId> = ids(&holders).into_iter().filter(|node| !old.contains(node)).collect();
    // The semaphore is never closed, so acquiring only waits.
    let turn = lookups.acquire().await.ok();
    if settled && !own.is_over() {
        let sent = stale.len();
        let took = ids(&send(&node, place, &record, stale).await);
        if took.len() == sent {
            renewed(Renewed { known, taken: Some(true), took, ..nothing }).await;
            return;
        }
        // One of them did not take it: somebody else has to.
        have.extend(&took);
        if !renewed(Renewed { known: known.clone(), took, ..nothing.clone() }).await {
            return;
        }
    }
    if holders.is_empty() && !own.is_over() {
        let first = nearest_known(&node, place).await;
        if !renewed(Renewed { told: first.clone(), known: known.clone(), ..nothing.clone() }).await {
            return;
        }
        let first = send(&node, place, &record, first).await;
        let took = ids(&first);
        have = took.iter().copied().collect();
        if !renewed(Renewed { holders: Some(first), known, took, ..nothing.clone() }).await {
            return;
        }
    }
    let found = nearest(&node, place, HOLDERS).await;
    // A holder that is silent keeps no other lookup waiting.
    drop(turn);
    let known = ids(&nearest_known(&node, place).await);
    let lacking: Vec<Contact> = found.iter().filter(|holder| !have.contains(&holder.node)).cloned().collect();
    let told = lacking.clone();
    if !renewed(Renewed { holders: Some(found.clone()), told, known: known.clone(), ..nothing.clone() }).await {
        return;
    }
    let sent = lacking.len();
    let took = ids(&send(&node, place, &record, lacking).await);
    let taken = took.len() == sent && !found.is_empty();
    renewed(Renewed { known, taken: Some(taken), took, looked_up: taken, ..nothing }).await;
}

/// Says goodbye to the holders of a record.
pub async fn goodbye(node: &Rc<Context>, own: &Own, author: Option<AccountId>, mark: Mark, holders: Vec<Contact>) {
    let record = own.record(node, author, false, mark);
    send(node, own.place(author), &record, holders).await;
}

/// Shows a holder that the device is there; once more when it does not answer, as connections break without notice.
pub async fn beat(node: Rc<Context>, own: Own, holder: Contact) {
    let request = Heartbeat { account: own.account, device: own.device_id() };
    let mut heard = Err(CallError::Malformed);
    for _ in 0..2 {
        if own.is_over() {
            return;
        }
        heard = node.call(&holder, &request, Patience::Read).await;
        if !heard.as_ref().is_err_and(CallError::is_unreachable) {
            break;
        }
    }
    let heard = match heard {
        // Whoever does not know of heartbeats holds the record all the same.
        Err(CallError::Refused(_)) => Some(Heard { known: true, seq: None, interest: 0 }),
        heard => heard.ok(),
    };
    node.doors().presence.beaten(Beaten { device: own.device_id(), holder, heard });
}

/// Asks a node whose heartbeat is missing which accounts are logged in there.
pub async fn check(node: Rc<Context>, contact: Contact, accounts: Vec<AccountId>) {
    let asks = accounts.chunks(MAX_CHECKED).map(|some| async {
        let request = CheckOnline { accounts: some.to_vec(), here: true };
        let standings = node.call(&contact, &request, Patience::Read).await.ok()?.standings;
        if standings.len() != some.len() {
            return None;
        }
        let here = standings.into_iter().map(|standing| standing.state == OnlineStanding::ONLINE);
        let accounts = some.iter().copied().zip(here).collect();
        node.doors().presence.told(Told { node: contact.node, accounts });
        Some(())
    });
    join_all(asks).await;
}
